import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { gateSections, lockoutsIn, operatorOf } from '../../../lib/engine/plan/lockouts.ts'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import { summarize } from '../../../lib/engine/plan/summarize.ts'
import type { Answer } from '../../../lib/engine/host/read.ts'
import type { Gate, Operator } from '../../../lib/kit/resourceType.ts'
import type { Touch } from '../../../lib/kit/touch.ts'
import { revealFrom } from '../../../lib/kit/value.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('gates')

const operator: Operator = { account: 'ada', from: '192.0.2.7', to: '192.0.2.1', port: 22 }
const door: Gate = {
  name: 'door',
  reads: (touch) => 'path' in touch,
  command: ({ touches }) => `look at ${touches.map((touch) => ('path' in touch ? touch.path : '')).join()}`,
  judge: ({ stdout }, { operator: { account } }) => (stdout === 'shut' ? `${account} stands outside` : undefined),
}
const touches = ({ name }: { name: string }): Touch[] => [{ path: `/${name}` }]
const types = [
  toyType('lock', { gates: [door], touches, consequence: ({ name }) => (name === 'front' ? 'lockout' : 'safe') }),
  toyType('window', { touches }),
  toyType('step', { gates: [door] }),
]
const planned = (refs: string[], context = { reveal: revealFrom(new Map()), operator }) => {
  const planning = planningOf(
    refs.map((ref) => resource(ref, {})),
    types,
    {},
    { context },
  )
  return { planning, items: planItems(planning) }
}
const said = (stdout: string): ReadonlyMap<string, Answer> =>
  new Map([['gate-door', { stdout, stderr: '', exit: 0, bytes: Buffer.from(stdout) }]])

test('a gate is asked once, about all changes that touch what it reads, of whatever type', () => {
  const { planning, items } = planned(['lock:front', 'window:left', 'step:first'])
  assert.equal(gateSections(items, planning), [{ name: 'gate-door', text: 'look at /front,/left' }])
})

test('a gate is not asked where nothing is guarded, or where nobody came in from outside', () => {
  const safe = planned(['lock:back', 'window:left'])
  assert.equal(gateSections(safe.items, safe.planning), [])
  const local = planningOf([resource('lock:front', {})], types, {})
  assert.equal(gateSections(planItems(local), local), [])
})

test('what a gate says is in the plan, at the guarded changes alone', () => {
  const { planning, items } = planned(['lock:front', 'window:left'])
  const plan = summarize(planning, items, lockoutsIn(items, planning, said('shut')))
  assert.equal(plan.lockouts, ['ada stands outside'])
  assert.equal(
    plan.changes.map(({ ref, locksOut }) => [ref, locksOut]),
    [
      ['lock:front', true],
      ['window:left', undefined],
    ],
  )
  const open = summarize(planning, items, lockoutsIn(items, planning, said('open')))
  assert.is(open.lockouts, undefined)
  assert.is(open.changes[0]?.locksOut, undefined)
})

test('who is at this machine itself is no operator that could be locked out', () => {
  assert.is(operatorOf({}), undefined)
  const peer = { account: 'ada', localAddress: '192.0.2.7', remoteAddress: '192.0.2.1', remotePort: 22 }
  assert.equal(operatorOf(peer), operator)
})

test.run()
