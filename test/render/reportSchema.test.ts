/** What commands say under --json, against the schema that is published. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { firstProblem } from '../../lib/dsl/validate.ts'
import type { StoredRun } from '../../lib/engine/host/storedRun.ts'
import { jsonLine, renderJson } from '../../lib/render/json.ts'
import { REPORT_SCHEMA } from '../../lib/render/reportSchema.ts'
import { anyError, anyPlan, anyReport } from './anything.ts'

const test = suite('schema of reports')

const problemIn = (line: string): string | undefined => firstProblem(REPORT_SCHEMA, JSON.parse(line))

test('the published schema is the one that is tried here', () => {
  const { $schema, $id, title, ...published } = JSON.parse(readFileSync('schemas/report-1.json', 'utf8'))
  assert.equal(published, JSON.parse(JSON.stringify(REPORT_SCHEMA)))
  assert.is($schema, 'https://json-schema.org/draft/2020-12/schema')
  assert.ok($id)
  assert.ok(title)
})

test('every report that the engine can make fits', () => {
  fc.assert(
    fc.property(anyReport, anyPlan, fc.option(anyError), (report, plan, error) => {
      const whole = { ...report, run: '3', ...(error === null ? {} : { error }) }
      assert.is(problemIn(renderJson('converge', [{ report: whole, plan }], 'partial')), undefined)
    }),
    { numRuns: 40 },
  )
})

const run: StoredRun = {
  run: '4',
  unit: 'keelson-4-0123ab',
  startedAt: '2026-11-28T16:30:00.000Z',
  plan: '0'.repeat(64),
  who: { user: 'ada', host: 'laptop' },
  outcome: 'partial',
  changes: [{ ref: 'file:/etc/motd', kind: 'create', cause: 'intent', outcome: 'applied' }],
}

test('runs fit, and a line without its format, or of another command, does not', () => {
  const line = jsonLine('runs', { hosts: [{ host: 'web-1', address: '192.0.2.1', runs: [run] }] })
  assert.is(problemIn(line), undefined)
  const { format: _, ...rest } = JSON.parse(line)
  assert.ok(problemIn(JSON.stringify(rest)))
  assert.ok(problemIn(jsonLine('secrets list', { secrets: [{ name: 'x', state: 'lost', usedAt: [] }] })))
})

test('a mistake that ends a command at once leaves a line that fits', () => {
  assert.is(problemIn(renderJson('plan', [], 'usage')), undefined)
})

test.run()
