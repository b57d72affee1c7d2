/**
 * A slice of the torture kind "hostile host", and that what judges it finds what it is for.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostileCase } from './cases.ts'
import { runBatch } from './index.ts'
import { judge, judgeRest, type Outcome, reportIn } from './judge.ts'
import { type Bait, plant } from './planted.ts'

const test = suite('hosts that lie')
const CASES = 300

test(`${CASES} changed answers of hosts end with a sentence, and take nothing`, async () => {
  const { problems, memory } = await runBatch(20_261_128, CASES)
  assert.is(problems.join('\n'), '')
  assert.ok(memory > 0 && memory < 300, `${memory} MiB`)
})

const one: HostileCase = { os: 'debian-12', command: 'plan', argv: ['plan'], changes: [], about: '' }
const well: Outcome = { code: 0, stdout: 'fine\n', stderr: '', sent: Buffer.alloc(0) }

test('what a client must not do is found', () => {
  const bait: Bait = plant()
  const secret = Object.values(bait.environment)[1] ?? ''
  const problem = (more: Partial<Outcome>): string => judge(one, { ...well, ...more }, bait, ['the-own-secret']) ?? ''
  assert.is(problem({}), '')
  assert.match(problem({ code: 13 }), /^it ended with 13/)
  assert.match(problem({ stdout: 'a\u001b[2J' }), /reaches the terminal/)
  assert.match(problem({ stderr: 'TypeError: x' }), /^it says TypeError/)
  assert.match(problem({ stdout: 'is undefined' }), /^it says undefined/)
  assert.match(problem({ stdout: 'the-own-secret' }), /^it shows a secret/)
  assert.match(problem({ code: 1 }), /without a sentence/)
  for (const form of ['utf8', 'hex', 'base64'] as const) {
    const leak = Buffer.from(`..${secret}..`).toString(form)
    assert.match(problem({ stdout: leak }), /^what is shown holds/, form)
    assert.match(problem({ sent: Buffer.from(leak) }), /^what the host was sent holds/, form)
  }
})

test('a record that costs another one is found', () => {
  const json = (refs: readonly string[]): string =>
    JSON.stringify({ hosts: [{ changes: refs.map((ref) => ({ ref, kind: 'change' })) }] })
  const before = reportIn(json(['a', 'b', 'c']))!
  const rest = (...refs: string[]): string =>
    judgeRest({ ...one, only: 'b' }, before, { ...well, stdout: json(refs) }) ?? ''
  assert.is(rest('a', 'b', 'c'), '')
  assert.is(rest('a', 'c'), '')
  assert.match(rest('a', 'b'), /without change c/)
})

test.run()
