import { readFileSync } from 'node:fs'
import picocolors from 'picocolors'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { firstProblem } from '../../../lib/dsl/validate.ts'
import { planDigest } from '../../../lib/engine/plan/digest.ts'
import { contradictionIn, type PlanFile } from '../../../lib/engine/plan/planFile.ts'
import { PLAN_FILE_SCHEMA } from '../../../lib/engine/plan/planSchema.ts'
import type { Plan } from '../../../lib/engine/report.ts'
import { isObject } from '../../../lib/kit/form.ts'
import { renderPlanFile } from '../../../lib/render/text/planFileText.ts'
import { viewPlanFile } from '../../../lib/render/view/planFileView.ts'
import { anyPlan } from '../../render/anything.ts'
import { change, everyKind, paper, planOf } from '../../render/fixture.ts'
import { digested, planFileOf, wholePlan } from '../../render/planFile.ts'

const test = suite('plan file')

const copyOf = (file: PlanFile): PlanFile => JSON.parse(JSON.stringify(file))

test('the published schema is the one that files are checked against', () => {
  const { $schema, $id, title, ...published } = JSON.parse(readFileSync('schemas/plan-1.json', 'utf8'))
  assert.equal(published, JSON.parse(JSON.stringify(PLAN_FILE_SCHEMA)))
  assert.is($schema, 'https://json-schema.org/draft/2020-12/schema')
  assert.ok($id)
  assert.ok(title)
})

test('every plan that the engine can make fits, and loses nothing', () => {
  fc.assert(
    fc.property(fc.oneof(anyPlan, fc.constant(wholePlan)), (plan) => {
      const file = planFileOf(JSON.parse(JSON.stringify(plan)))
      const before = copyOf(file)
      assert.is(firstProblem(PLAN_FILE_SCHEMA, file), undefined)
      assert.equal(file, before)
    }),
  )
})

test('a key of a later minor version is ignored, at any depth', () => {
  const file = planFileOf(wholePlan)
  const later = {
    ...copyOf(file),
    format: '1.7',
    later: true,
    hosts: file.hosts.map(({ plan, ...host }) => ({
      ...host,
      plan: { ...plan, later: 1, changes: plan.changes.map((each) => ({ ...each, later: [{}] })) },
    })),
  }
  assert.is(firstProblem(PLAN_FILE_SCHEMA, later), undefined)
  assert.equal(later, { ...file, format: '1.7' })
})

test('values that a plan shows are kept whole, whatever their keys', () => {
  const after = JSON.parse('{"__proto__": {"x": 1}, "constructor": 1, "deep": [{"toString": null}]}')
  const file = planFileOf(planOf([change('unit:a', { fields: [{ field: 'sections', form: 'value', after }] })]))
  const before = JSON.stringify(file)
  assert.is(firstProblem(PLAN_FILE_SCHEMA, file), undefined)
  assert.is(JSON.stringify(file), before)
})

for (const [what, make, sentence] of [
  ['no hosts', (file: PlanFile) => ({ ...file, hosts: [] }), 'hosts'],
  [
    'a host without a plan',
    (file: PlanFile) => ({ ...file, hosts: [{ inputsDigest: '2'.repeat(64) }] }),
    'hosts[0]: plan is missing',
  ],
  [
    'a change that is null',
    (file: PlanFile) => withChanges(file, [null]),
    'hosts[0].plan.changes[0]: must be an object with ref, label, kind, not null',
  ],
  [
    'an unknown kind',
    (file: PlanFile) => withChanges(file, [{ ...everyKind[0], kind: 'chmod' }]),
    'changes[0].kind: must be one of create,',
  ],
  [
    'a label without end',
    (file: PlanFile) => withChanges(file, [{ ...everyKind[0], label: 'x'.repeat(70_001) }]),
    'must not be longer than 70000 characters',
  ],
  [
    'a digest in another form',
    (file: PlanFile) => ({ ...file, hosts: [{ ...file.hosts[0], plan: { ...wholePlan, digest: 'x' } }] }),
    'hosts[0].plan.digest',
  ],
] as const)
  test(`refused: ${what}`, () => {
    assert.match(firstProblem(PLAN_FILE_SCHEMA, make(planFileOf(wholePlan))) ?? '', sentence)
  })

function withChanges(file: PlanFile, changes: unknown): unknown {
  return { ...file, hosts: file.hosts.map((host) => ({ ...host, plan: { ...host.plan, changes } })) }
}

test('a file as it was written contradicts itself nowhere', () => {
  assert.is(contradictionIn(planFileOf(wholePlan)), undefined)
})

test('a file that was changed to show less, or something else, contradicts itself', () => {
  const { changes, summary, followUps } = wholePlan
  const [first, ...rest] = changes
  const cases: [Partial<Plan>, string][] = [
    [{ changes: rest }, 'digest'],
    [{ changes: [{ ...first!, fields: [] }, ...rest] }, 'digest'],
    [{ changes: [{ ...first!, kind: 'adopt' }, ...rest] }, 'digest'],
    [{ digest: '0'.repeat(64) }, 'digest'],
    [{ summary: { ...summary, remove: 0 } }, 'summary'],
    [{ followUps: followUps.slice(1) }, 'summary'],
    [digested({ ...wholePlan, changes: [...changes, first!] }), 'two changes of one resource'],
  ]
  for (const [less, sentence] of cases)
    assert.match(contradictionIn(planFileOf({ ...wholePlan, ...less })) ?? '', sentence)
  assert.match(contradictionIn(planFileOf(wholePlan, wholePlan)) ?? '', 'two plans for takeclient-1')
})

test('the digest is of what is changed, not of the order, the recipe lines or the runs', () => {
  const other = wholePlan.changes.map(({ source: _source, run: _run, ...each }) => ({
    ...each,
    cause: 'drift' as const,
  }))
  assert.is(planDigest(other.toReversed()), wholePlan.digest)
  const [first, ...rest] = wholePlan.changes
  assert.is.not(planDigest(rest), wholePlan.digest)
  assert.is.not(planDigest([{ ...first!, kind: 'remove' }, ...rest]), wholePlan.digest)
})

/** Paths of all values in a JSON value. */
function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, [...path, key]))]
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) return value.map((item, index) => (String(index) === key ? replaced(item, rest, by) : item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === key ? replaced(inner, rest, by) : inner]),
  )
}

/** The schema has decided that. */
const isPlanFile = (value: unknown): value is PlanFile => isObject(value)

const page = { ...paper, colors: picocolors.createColors(false) }

test('whatever stands in a file, it is refused with a sentence or shown', () => {
  const file = planFileOf(wholePlan)
  const values = fc.oneof(
    fc.constantFrom(null, [], {}, [null], '', 0, -1, 1e300, true, '\x1b[2J', ['a', 1]),
    fc.json().map((json) => JSON.parse(json)),
  )
  let shown = 0
  fc.assert(
    fc.property(fc.constantFrom(...pathsIn(file)), values, (path, by) => {
      const input: unknown = JSON.parse(JSON.stringify(replaced(file, path, by)))
      const problem = firstProblem(PLAN_FILE_SCHEMA, input)
      if (problem !== undefined) return assert.ok(problem.length > 3)
      assert.ok(isPlanFile(input))
      assert.type(contradictionIn(input) ?? '', 'string')
      assert.not.match(renderPlanFile(viewPlanFile(input), page), '\x1b')
      shown += 1
    }),
    { numRuns: 3000 },
  )
  assert.ok(shown > 100, `only ${shown} were shown`)
})

test('as text, the head says from when the plan is and of which commit', () => {
  const text = renderPlanFile(viewPlanFile({ ...planFileOf(wholePlan), only: ['file:/etc/motd'] }), page)
  const [head] = text.split('\n')
  assert.is(
    head,
    'planned 2026-11-27 23:50:00 UTC (10 min ago), site takeclient, commit 3f2c1ab00000 with uncommitted changes, --only file:/etc/motd, keelson 0.1.0',
  )
  assert.match(text, `\ndigest ${wholePlan.digest}\n`)
})

test('a host that could not be planned is named', () => {
  const text = renderPlanFile(
    viewPlanFile({ ...planFileOf(wholePlan), unplanned: [{ host: 'db-1', because: 'it is \x1b[2Jdown' }] }),
    page,
  )
  assert.match(text, '\nnot planned  db-1: it is \\u001b[2Jdown\n')
})

test.run()
