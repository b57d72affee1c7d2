/** What is shown, before any form of output. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cleanLine } from '../../lib/render/clean.ts'
import { viewFleet } from '../../lib/render/view/fleet.ts'
import { viewPlan } from '../../lib/render/view/planView.ts'
import { viewResult } from '../../lib/render/view/result.ts'
import { viewRun, viewRuns } from '../../lib/render/view/runs.ts'
import { applied } from '../../lib/render/view/standing.ts'
import type { PlanView } from '../../lib/render/view/view.ts'
import { anyError, anyPlan, anyReport, anyRun, anyStays, hostile } from './anything.ts'
import { everyKind, paper, planOf, planText } from './fixture.ts'
import { renderMarkdown } from './markdown.ts'

const test = suite('views')

const shown = fc.record({ plan: anyPlan, undo: anyStays }, { requiredKeys: ['plan'] }).map(({ plan, undo }) => {
  const whole = undo === undefined ? plan : { ...plan, undo }
  return { plan: whole, view: viewPlan(whole) }
})

const anyResult = fc
  .tuple(anyReport, fc.option(anyError), fc.option(anyStays))
  .map(([report, error, undo]) => ({ ...report, ...(error && { error }), ...(undo && { undo, changes: [] }) }))

const anyView = fc.oneof(
  shown.map(({ view }) => view),
  anyResult.map(viewResult),
  fc.array(anyResult).map((reports) => viewFleet(reports, applied)),
  fc.tuple(hostile, fc.array(anyRun), fc.array(hostile)).map((all) => viewRuns(...all)),
  fc.tuple(hostile, anyRun).map((all) => viewRun(...all)),
)

test('a view is data: JSON out, the same in', () => {
  fc.assert(fc.property(anyView, (view) => assert.equal(JSON.parse(JSON.stringify(view)), view)))
})

/** Every string at any depth, with the name that it stands under. */
function strings(value: unknown, name = ''): [name: string, text: string][] {
  if (typeof value === 'string') return [[name, value]]
  if (Array.isArray(value)) return value.flatMap((item) => strings(item, name))
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => strings(inner, key))
    : []
}

test('no string of a view can steer anything, start a line or reorder one', () => {
  fc.assert(
    fc.property(anyView, (view) => {
      for (const [name, text] of strings(view)) {
        const rest = name === 'lines' || name === 'text' ? text.replaceAll('\t', '') : text
        const allowed = name === 'text' ? rest.replaceAll('\n', '') : rest
        assert.not.match(allowed, /\p{Cc}|\p{Bidi_Control}|\p{Cs}|[\u2028\u2029]/u, name)
      }
    }),
    { numRuns: 500 },
  )
})

const rowsIn = ({ rows, gathered, followUps }: PlanView): string[] => [
  ...rows.map(({ kind, label }) => `${kind} ${label}`),
  ...gathered.flatMap(({ kind, labels }) => labels.map((label) => `${kind} ${label}`)),
  ...followUps.map(({ label }) => `follow-up ${label}`),
]

test('every change of a plan is in its view exactly once', () => {
  fc.assert(
    fc.property(shown, ({ plan, view }) => {
      assert.equal(rowsIn(view).sort(), plan.changes.map(({ kind, label }) => `${kind} ${cleanLine(label)}`).sort())
    }),
  )
})

test('a secret has no value in a view, whether new or changed', () => {
  const fields = viewPlan(planOf(everyKind)).rows.flatMap((row) => row.fields)
  assert.equal(
    fields.filter(({ form }) => form === 'secret'),
    [
      { form: 'secret', name: 'content' },
      { form: 'secret', name: 'password' },
    ],
  )
})

const MARKDOWN = String.raw`
## takeclient-1: 69 resources and 2 no longer declared: 57 in sync, 8 to change, 1 to reload or restart, 3 to record, 2 to check again
> warning: it has 8000 MiB of memory
- **guarded** ufw rule 22/tcp from 10.0.0.0/8 (recipes/firewall.ts:12) **guarded: reverts by itself unless a new login works**
  - from any → 10.0.0.0/8
- **change** nginx vhost api.takeclient.com (recipes/proxy.ts:41)
  - proxy\_read\_timeout 60s → 120s
  - server\_name +c.example,-b.example
  - http2 (not set) → true
  - reload, because nginx vhost api.takeclient.com
- **change** file /etc/redis/redis.conf (recipes/redis.ts:9) drift: mode changed, edited after run 41
  - mode 0666 → 0640
  - content differs
    ~~~~~~diff
     port 0
    -maxmemory 1gb
    +maxmemory 256mb
    ~~~~~~
- **change** file /etc/app.env (recipes/app.ts:20) declared otherwise, and content changed after run 40
  - content (secret)
- **create** postgres role takeclient\_ro (recipes/postgres.ts:30) not known yet: postgresql is not installed
  - login true
  - password (secret)
- **create** file /etc/motd (recipes/base.ts:7)
  - mode 0644
  - owner root
  - content 2 lines
- **opaque** command warm the cache (recipes/app.ts:60) cannot be checked: runs each time
- **forget** postgres database old (no longer declared) released; left in place: it was there before Keelson
- **remove** cron job old-report (no longer declared; made by run 12)
- **recheck** 2 resources checked again, because package nginx comes first: file /etc/nginx/mime.types, file /etc/nginx/nginx.conf
- **adopt** 2 resources already as declared; only recorded: user deploy, package curl
- **follow-up** restart api.service, because file /etc/app.env changed
Plan: 3 create, 4 change, 1 remove, 2 adopt, 1 forget, 2 to check again · 1 to restart · 57 unchanged.
`

test('Markdown has the same rows as text, in the same order, of the view alone', () => {
  const plan = planOf(everyKind, { warnings: ['it has 8000 MiB of memory'] })
  assert.is(`\n${renderMarkdown(viewPlan(plan))}`, MARKDOWN)
  fc.assert(
    fc.property(shown, ({ plan: any, view }) => {
      const items = renderMarkdown(view)
        .split('\n')
        .filter((line) => line.startsWith('- '))
      const lines = planText(any, paper)
        .split('\n')
        // The heading starts with the host's name, which may be anything.
        .slice(1)
        .filter((line) => /^ {2}[^ ] /.test(line))
      const starts = [
        ...view.rows.map(({ label }) => label),
        ...view.gathered.map(({ text }) => text),
        ...view.followUps.map(({ what }) => what),
      ]
      const stays = view.undo?.stays.length ?? 0
      assert.is(items.length, starts.length)
      assert.is(lines.length, starts.length + stays)
      starts.forEach((start, index) => {
        assert.ok(lines[index]!.slice(4).startsWith(start), start)
        assert.ok(items[index]!.replaceAll(/\\([\\`*_[\]<>|])/g, '$1').includes(start), start)
      })
    }),
  )
})

test.run()
