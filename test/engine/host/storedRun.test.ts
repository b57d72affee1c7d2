import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordedRun } from '../../../lib/engine/host/runRecord.ts'
import { parseRecords, parseRuns } from '../../../lib/engine/host/storedRun.ts'

const test = suite('runs')

function stored(run: string, more: Partial<RecordedRun>): RecordedRun {
  return {
    run,
    unit: `keelson-${run}-abcdef`,
    startedAt: '2026-11-23T21:55:02.000Z',
    plan: 'd',
    who: { user: 'ada', host: 'laptop' },
    outcome: 'ok',
    changes: [],
    ...more,
  }
}

const change = (ref: string, outcome: RecordedRun['changes'][number]['outcome']): RecordedRun['changes'][number] => ({
  ref,
  kind: 'create',
  cause: 'intent',
  outcome,
})

const output = (holder: string, records: RecordedRun[], notes = ''): string =>
  `${holder}\0${records.map((one) => `./${one.run}.json:${JSON.stringify(one)}\n`).join('')}\0${notes}`

test('a host that was never converged has none', () => {
  assert.equal(parseRuns(''), [])
  assert.equal(parseRuns('\0\0'), [])
})

test('a run at work, one that waits for its client, and one applied in part are told apart', () => {
  const cut = stored('3', { outcome: 'unfinished', changes: [change('file:/a', 'unfinished')] })
  const failed = stored('2', { outcome: 'failed', endedAt: '2026-11-23T21:56:02.000Z' })
  const outcomes = (holder: string, ...records: RecordedRun[]): string[] =>
    parseRuns(output(holder, records)).map(({ outcome }) => outcome)
  assert.equal(outcomes('keelson-3-abcdef', cut, failed), ['running', 'failed'])
  assert.equal(outcomes('keelson-3-abcdef waiting', cut, failed), ['waiting', 'failed'])
  assert.equal(outcomes('', cut, failed), ['unfinished', 'failed'])
  const changes = [change('file:/a', 'changed'), change('file:/b', 'failed')]
  assert.equal(outcomes('', { ...failed, changes }), ['partial'])
})

test('the latest comes first, by number', () => {
  const runs = parseRuns(
    output(
      '',
      ['9', '11', '10'].map((run) => stored(run, {})),
    ),
  )
  assert.equal(
    runs.map(({ run }) => run),
    ['11', '10', '9'],
  )
})

test('of a run that nobody saw end, what the worker noted is told', () => {
  const cut = stored('2', {
    outcome: 'unfinished',
    changes: ['a', 'b', 'c', 'd', 'e', 'f'].map((ref) => change(ref, 'unfinished')).concat(change('g', 'changed')),
    stages: { 1: [['g']], 2: [['a', 'b'], ['c'], ['d'], ['e']] },
  })
  const [run] = parseRuns(
    output('', [cut], './2.log:2/0 ok\n./2.log:2/1 failed\n./2.log:2/2 skipped\n./22.log:2/3 ok\n'),
  )
  assert.is(run!.outcome, 'unfinished')
  assert.equal(
    run!.changes.map(({ ref, outcome }) => [ref, outcome]),
    [
      ['a', 'applied'],
      ['b', 'applied'],
      ['c', 'failed'],
      ['d', 'skipped'],
      ['e', 'unfinished'],
      ['f', 'unfinished'],
      ['g', 'changed'],
    ],
  )
})

test('what was put back after it was applied has failed', () => {
  const cut = stored('2', { outcome: 'unfinished', changes: [change('a', 'unfinished')], stages: { 1: [['a']] } })
  const [run] = parseRuns(output('', [cut], './2.log:1/0 ok\n./2.log:1/0 undone\n'))
  assert.is(run!.changes[0]!.outcome, 'failed')
})

test('the one that holds the lock is running', () => {
  const [second, first] = parseRuns(
    output('keelson-2-abcdef', [stored('1', {}), stored('2', { outcome: 'unfinished' })]),
  )
  assert.is(second!.outcome, 'running')
  assert.is(first!.outcome, 'ok')
})

/** What a host may have in place of a record. */
const DAMAGED = [
  '{"run":',
  '[]',
  'null',
  '{"run":"1"}',
  JSON.stringify(stored('1', {})).replace('"changes":[]', '"changes":[null]'),
  JSON.stringify(stored('1', {})).replace('"changes":[]', '"changes":{"length":1}'),
  JSON.stringify(stored('1', {})).replace('"run":"1"', '"run":"\\u001b]52;c;aGk=\\u0007"'),
  JSON.stringify(stored('1', {})).replace('"outcome":"ok"', '"outcome":"\\u001b[2J"'),
  JSON.stringify(stored('1', {})).replace('"ada"', '{"toString":null}'),
  JSON.stringify(stored('1', {})).replace('"ada"', '"a\\nb"'),
  JSON.stringify(stored('2', {})),
  JSON.stringify({ ...stored('1', {}), stages: { 1: [null] } }),
  JSON.stringify({ ...stored('1', {}), startedAt: 'soon' }),
  JSON.stringify({ ...stored('1', {}), unit: 'keelson-1; reboot' }),
]

test('a record that is none costs only itself, and is named', () => {
  for (const text of DAMAGED) {
    const { runs, damaged } = parseRecords(`\0./3.json:${JSON.stringify(stored('3', {}))}\n./1.json:${text}\n\0`)
    assert.equal(
      runs.map(({ run }) => run),
      ['3'],
      text,
    )
    assert.equal(damaged.length, 1)
    assert.match(damaged[0]!, /^the record of run 1 is damaged: see \/var\/lib\/keelson\/runs\/1\.json on the host/)
  }
})

test.run()
