/** What is said of an undo, as text. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exitOfHost } from '../../lib/engine/exit.ts'
import { renderResult } from '../../lib/render/text/resultText.ts'
import { viewResult } from '../../lib/render/view/result.ts'
import type { HostReport, Staying } from '../../lib/engine/report.ts'
import { change, paper as page, planOf, planText } from './fixture.ts'

const test = suite('undo as text')
const STAYS: Staying[] = [
  { ref: 'postgres-database:crm', label: 'postgres database crm', because: 'a database holds data' },
  { ref: 'user:ada', label: 'user ada', because: 'its home', rest: true },
]

function reportOf(changes: HostReport['changes'], stays: Staying[]): HostReport {
  const trips = { connections: 1, execs: 1 }
  const undo = { run: '12', stays }
  return { host: 'h', address: 'a', summary: { ...planOf([]).summary, failed: 0 }, changes, trips, seconds: 1, undo }
}

test('the plan names the run, what stays and why, and what the site still wants', () => {
  const source = { file: 'run 12', line: 0, column: 0 }
  const text = planText(
    { ...planOf([{ ...change('file:/etc/motd', {}), kind: 'remove', source }]), undo: { run: '12', stays: STAYS } },
    page,
  )
  assert.match(text, /undo of run 12: 1 planned$/m)
  assert.match(text, /^ {2}- file \/etc\/motd {2}run 12$/m)
  assert.match(
    text,
    /^Not fully undone:\n {2}\. postgres database crm {2}left in place: a database holds data\n {2}\. user ada {15}partly restored \(not its home\)$/m,
  )
  assert.match(text, 'revert the commit')
})

test('what could go back went and the rest stays: applied in part; nothing could: refused', () => {
  const done = { ...change('file:/x', {}), outcome: 'changed' } as const
  assert.is(exitOfHost(reportOf([done], STAYS)), 'partial')
  assert.is(exitOfHost(reportOf([done], STAYS.slice(1))), 'ok')
  assert.is(exitOfHost(reportOf([], STAYS)), 'refused')
  assert.is(exitOfHost(reportOf([], [])), 'ok')
})

test('an operator who says no leaves it as it is', () => {
  assert.is(exitOfHost(reportOf([{ ...change('file:/x', {}), outcome: 'skipped' }], STAYS)), 'ok')
})

test('nothing to undo is said, with what stays', () => {
  assert.match(renderResult(viewResult(reportOf([], [])), page), 'h has nothing to undo: all is as before run 12.')
  const text = renderResult(viewResult(reportOf([], STAYS)), page)
  assert.match(text, 'a database holds data')
  assert.match(text, 'h is left as it is: nothing more of run 12 can go back.')
})

test.run()
