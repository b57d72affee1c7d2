/** A plan as a comment on a pull request. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { summaryOf } from '../../../lib/engine/plan/summary.ts'
import type { ChangeKind, Plan, PlanChange } from '../../../lib/engine/report.ts'
import { MOST_CHARACTERS, renderMarkdown } from '../../../lib/render/markdown/planMarkdown.ts'
import { type About, viewReview } from '../../../lib/render/view/review.ts'
import { aboutOf, hostile, infected, infectedPlan, LIVELY } from '../infected.ts'
import { change, everyKind, planOf } from '../fixture.ts'
import { KINDS } from '../anything.ts'
import { planFileOf } from '../planFile.ts'
import { manyChanges } from '../many.ts'
import { assertInert, type Element, elementsOf, type Parent, rendered, textOf } from '../github.ts'

const test = suite('plan as Markdown')

function markdown(plan: Plan, about: About = {}): string {
  return renderMarkdown(viewReview(plan, about))
}

const GOLDEN = `
<!-- keelson:plan host=takeclient-1 site=takeclient v1 -->
### \`takeclient-1\` · 3 to create, 4 to change, 1 to remove, 2 to adopt, 1 to release, 2 to check again · restarts \`api.service\` · reloads \`api.takeclient.com\`

commit \`3f2c1ab00000\` with uncommitted changes · read 2026-11-27 23:50 UTC · digest \`0000000000000000000000000000000000000000000000000000000000000000\` · \`95.216.1.123\` · \`debian-13\` · 69 resources and 2 no longer declared: 14 planned, 57 in sync

> [!CAUTION]
> - **May lock you out, auto-reverts unless a new login works** (1): ufw rule \`22/tcp\` from \`10.0.0.0/8\`
> - **Removes** (1): cron job old-report

> [!WARNING]
> - **Restarts** (1): \`api.service\` (file \`/etc/app.env\` changed)
> - **Reloads** (1): \`api.takeclient.com\` (nginx vhost \`api.takeclient.com\`)

> [!NOTE]
> - it has 8000 MiB of memory

**Changes** (9)

| | Resource | Effect | Why | Declared at |
|:--|:--|:--|:--|:--|
| \`~\` change | ufw rule \`22/tcp\` from \`10.0.0.0/8\` | guarded: auto-reverts unless a new login works |  | \`recipes/firewall.ts:12\` |
| \`↻\` follow-up | restart \`api.service\` |  | because file \`/etc/app.env\` changed |  |
| \`~\` change | nginx vhost \`api.takeclient.com\` | reload |  | \`recipes/proxy.ts:41\` |
| \`-\` remove | cron job old-report |  |  | no longer declared; made by run 12 |
| \`~\` change | file \`/etc/app.env\` |  | changed in the code and by hand: content changed since run 40 | \`recipes/app.ts:20\` |
| \`+\` create | postgres role \`takeclient_ro\` |  | not known yet: postgresql is not installed | \`recipes/postgres.ts:30\` |
| \`+\` create | file \`/etc/motd\` |  |  | \`recipes/base.ts:7\` |
| \`?\` create | command warm the cache |  | cannot be checked: runs each time | \`recipes/app.ts:60\` |
| \`.\` forget | postgres database old | only recorded | released, left in place: it was there before Keelson | no longer declared |

<details><summary>Changed by hand on the host, and set back (1)</summary>

| | Resource | Effect | Why | Declared at |
|:--|:--|:--|:--|:--|
| \`~\` change | file \`/etc/redis/redis.conf\` |  | mode changed, edited since run 41 (2026-11-27 21:57 UTC) | \`recipes/redis.ts:9\` |

</details>

- \`?\` 2 resources checked again after package nginx: file \`/etc/nginx/mime.types\`, file \`/etc/nginx/nginx.conf\`
- \`←\` adopt 2 resources (already correct, recorded only): user deploy, package curl

<details open><summary><code>ufw rule 22/tcp from 10.0.0.0/8</code> change, 2 lines</summary>

\`\`\`diff
- from  any
+ from  10.0.0.0/8
\`\`\`

</details>

<details><summary><code>nginx vhost api.takeclient.com</code> change, 6 lines</summary>

\`\`\`diff
- proxy_read_timeout  60s
+ proxy_read_timeout  120s
- server_name  b.example
+ server_name  c.example
- http2  (not set)
+ http2  true
\`\`\`

</details>

<details><summary><code>file /etc/app.env</code> change, 1 line</summary>

\`\`\`diff
! content  (secret, changed)
\`\`\`

</details>

<details><summary><code>postgres role takeclient_ro</code> create, 2 lines</summary>

\`\`\`diff
+ login  true
+ password  (secret)
\`\`\`

</details>

<details><summary><code>file /etc/motd</code> create, 5 lines</summary>

\`\`\`diff
+ mode  0644
+ owner  root
@@ content, 2 lines @@
+ Welcome.
+ Be kind.
\`\`\`

</details>

<details><summary><code>file /etc/redis/redis.conf</code> change, 6 lines</summary>

\`\`\`diff
- mode  0666
+ mode  0640
@@ content -1,2 +1,2 @@
  port 0
- maxmemory 1gb
+ maxmemory 256mb
\`\`\`

</details>
`

test('what restarts, opens, removes and may lock out comes first, then every change, then how each differs', () => {
  const plan = planOf(everyKind, { warnings: ['it has 8000 MiB of memory'] })
  const { hosts: _, ...about } = planFileOf()
  assert.is(`\n${markdown(plan, about)}`, GOLDEN)
})

test('a plan of nothing is two lines', () => {
  assert.is(
    markdown(planOf([]), { site: 'takeclient' }),
    `<!-- keelson:plan host=takeclient-1 site=takeclient v1 -->
### \`takeclient-1\` · nothing to do

digest \`${'0'.repeat(64)}\` · \`95.216.1.123\` · \`debian-13\` · 57 resources: all in sync
`,
  )
})

test('what opens or closes, and that nobody could log in, is in the heading', () => {
  const opening = change('ufw-rule:8443/tcp', { kind: 'create', opens: ['opens 8443/tcp'] })
  const closing = change('ufw-rule:80/tcp', { kind: 'remove', opens: ['closes 80/tcp'] })
  const [, heading] = markdown(planOf([opening, closing], { lockouts: ['no rule for port 22'] })).split('\n')
  assert.is(
    heading,
    '### `takeclient-1` · 1 to create, 1 to remove · **locks you out** · opens `8443/tcp`, closes `80/tcp`',
  )
})

test('hostile text of hosts and recipes is only text', () => {
  fc.assert(
    fc.property(infectedPlan, hostile, (plan, about) => assertInert(markdown(plan, aboutOf(about)))),
    { numRuns: 1000 },
  )
})

test('each hostile text is inert at every place, and is still there to be read', () => {
  for (const text of LIVELY) {
    const plan = infected(planOf(everyKind, { warnings: ['x'], lockouts: ['x'] }), [text])
    assertInert(markdown(plan))
  }
  const [row] = rows(rendered(markdown(planOf([change('file:/x', { label: '<b>@admin</b> a|b `c` \\| #1' })]))))
  assert.is(row![1], '<b>@admin</b> a|b `c` \\\\u007c #1')
})

test('lines of a text that begin with a sign are not changes', () => {
  const text = (last: string): string => `- old\n+ new\n--- a\n+++ b\n@@ -1 +1 @@\n${last}\n`
  const fields: PlanChange['fields'] = [{ field: 'content', form: 'text', before: text('was'), after: text('is') }]
  const [fence] = elementsOf(rendered(markdown(planOf([change('file:/x', { fields })]))), 'pre')
  const marked = textOf(fence!)
    .split('\n')
    .filter((line) => !line.startsWith('  '))
  assert.equal(marked, ['@@ content -3,4 +3,4 @@', '- was', '+ is', ''])
})

test('a fence in a text ends nothing', () => {
  const text = (last: string): string => `\`\`\`\n<img src=x>\n\`\`\`\`\`\n@admin\n${last}\n`
  const fields: PlanChange['fields'] = [{ field: 'content', form: 'text', before: text('was'), after: text('is') }]
  const shown = markdown(planOf([change('file:/x', { fields })]))
  assertInert(shown)
  const [fence] = elementsOf(rendered(shown), 'pre')
  assert.match(textOf(fence!), '  `````\n  @admin\n- was\n+ is\n')
})

function cells(row: Element): string[] {
  return elementsOf(row, 'td').map(textOf)
}

function rows(tree: Parent): string[][] {
  return elementsOf(tree, 'tr')
    .map(cells)
    .filter(({ length }) => length > 0)
}

const GATHERED: { readonly [kind in ChangeKind]?: RegExp } = {
  adopt: /^. (?:adopt:|adopt|confirm) (\d+) /,
  recheck: /^. (?:recheck: (\d+) more|(\d+) resources? checked again)/,
}

/** Resources of one kind that a comment lists, and those that it counts in place of a list. */
function listed(tree: Parent, kind: ChangeKind): number {
  const inTables = rows(tree).filter(([mark = '']) => mark.endsWith(` ${kind}`)).length
  const hidden = elementsOf(tree, 'p')
    .map(textOf)
    .filter((each) => each.startsWith('… and '))
    .flatMap((each) => [...each.matchAll(/(\d+) ([a-z-]+)(?=,|$)/g)].filter(([, , word]) => word === kind))
  const gathered = elementsOf(tree, 'li')
    .map((item) => GATHERED[kind]?.exec(textOf(item)) ?? null)
    .flatMap((found) => (found === null ? [] : [Number(found[1] ?? found[2])]))
  return [...hidden.map(([, count]) => Number(count)), ...gathered].reduce((sum, count) => sum + count, inTables)
}

function assertSums(plan: Plan, text: string): void {
  const [, heading = ''] = text.split('\n')
  const tree = rendered(text)
  for (const kind of KINDS) {
    const count = plan.changes.filter((each) => each.kind === kind).length
    assert.is(listed(tree, kind), count, kind)
    const words = kind === 'recheck' ? 'to check again' : kind === 'forget' ? 'to release' : `to ${kind}`
    const told = new RegExp(`[·,] (\\d+) ${words}(,| ·|$)`).exec(heading)?.[1]
    if (kind !== 'follow-up') assert.is(Number(told ?? 0), count, heading)
  }
}

function assertWhole(count: number, seed: number): void {
  const changes = manyChanges(count, seed)
  const summary = summaryOf(changes, count)
  const warnings = Array.from({ length: count % 97 }, (_, n) => `warning ${n} `.repeat(9))
  const plan = planOf(changes, { summary, warnings })
  const text = markdown(plan)
  assert.ok(text.length <= MOST_CHARACTERS, `${text.length} characters for ${count} resources`)
  assertInert(text)
  assertSums(plan, text)
}

test('from 1 to 50,000 resources it fits a comment, nothing stays open, and the lists add up to the heading', () => {
  for (const count of [1, 2, 10, 100, 300, 1000, 10_000, 50_000]) assertWhole(count, count)
  fc.assert(fc.property(fc.integer({ min: 1, max: 1500 }), fc.nat(1000), assertWhole), { numRuns: 20 })
})

test('hostile text of any length fits as well', () => {
  fc.assert(
    fc.property(
      fc.nat(400),
      fc.constantFrom('`', '|', '<', '` a ', '\ud83d\ude00', 'x'),
      fc.nat(100_000),
      (count, unit, length) => {
        const plan = infected(planOf(manyChanges(count, 1), { warnings: ['x'], lockouts: ['x'] }), [
          unit.repeat(length),
        ])
        const text = markdown(plan)
        assert.ok(text.length <= MOST_CHARACTERS, `${text.length}`)
        assertInert(text)
      },
    ),
    { numRuns: 15 },
  )
})

test('a difference is whole or counted, the gravest first, and then the shortest', () => {
  const text = (count: number): PlanChange['fields'] => [
    { field: 'content', form: 'text', after: 'a line of some length\n'.repeat(count) },
  ]
  const plan = planOf([
    change('file:/long', { kind: 'create', fields: text(3000) }),
    change('file:/short', { kind: 'create', fields: text(10) }),
    change('file:/middle', { kind: 'create', fields: text(200) }),
    change('file:/grave', { kind: 'create', consequence: 'lockout', fields: text(1000) }),
  ])
  const shown = markdown(plan)
  const titles = elementsOf(rendered(shown), 'summary').map(textOf)
  assert.equal(titles, [
    'file /grave create, 1001 lines',
    'file /short create, 11 lines',
    'file /middle create, 201 lines',
  ])
  assert.match(shown, '- file `/long`: 3001 lines hidden')
})

test('a partial plan says so in its heading, which stands in lists of comments too', () => {
  assert.match(markdown(planOf([], { partial: true })), /^### `takeclient-1` · PARTIAL: nothing to do$/m)
})

test.run()
