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
import type { ChangeRow, PlanView } from '../../lib/render/view/view.ts'
import { anyError, anyPlan, anyReport, anyRun, anyStays, hostile } from './anything.ts'
import { everyKind, paper, planOf, planText } from './fixture.ts'

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

test('text has the rows of the view, in their order', () => {
  fc.assert(
    fc.property(shown, ({ plan: any, view }) => {
      const lines = planText(any, paper)
        .split('\n')
        // The heading starts with the host's name, which may be anything.
        .slice(1)
        .filter((line) => /^ [ !][^ ] /.test(line))
      const isDrift = ({ cause }: ChangeRow): boolean => cause === 'drift'
      const starts = [
        ...view.rows.filter((row) => !isDrift(row)).map(({ label }) => label),
        ...view.gathered.map(({ text }) => text),
        ...view.rows.filter(isDrift).map(({ label }) => label),
        ...view.followUps.map(({ what }) => what),
      ]
      const stays = view.undo?.stays.length ?? 0
      assert.is(lines.length, starts.length + stays)
      starts.forEach((start, index) => assert.ok(lines[index]!.slice(4).startsWith(start), start))
    }),
  )
})

test.run()
