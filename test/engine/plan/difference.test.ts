import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { staleBy } from '../../../lib/engine/errors.ts'
import { differenceOf } from '../../../lib/engine/plan/difference.ts'
import type { Moved, Plan, PlanChange, PlanDifference } from '../../../lib/engine/report.ts'
import { describeError } from '../../../lib/cli/errors.ts'
import { renderDifference } from '../../../lib/render/text/differenceText.ts'
import { viewDifference } from '../../../lib/render/view/differenceView.ts'
import { change, everyKind, paper, planOf } from '../../render/fixture.ts'

const test = suite('difference of plans')

const print = (observed: string, declared = 'd'.repeat(32)) => ({ observed: observed.repeat(32), declared })
const motd = change('file:/etc/motd', {
  source: { file: 'site.ts', line: 3, column: 1 },
  fields: [
    { field: 'mode', form: 'mode', before: '0600', after: '0644' },
    { field: 'content', form: 'text', before: 'one\n', after: 'two\n' },
  ],
})
const hidden = change('file:/etc/key', { fields: [{ field: 'content', form: 'secret' }] })
const plan = planOf([motd, hidden], {
  machine: { id: 'a'.repeat(32), hostKey: 'SHA256:a' },
  ledgerSerial: 3,
  fingerprints: { [motd.ref]: print('1'), [hidden.ref]: print('2') },
})

const copyOf = (one: Plan): Plan => JSON.parse(JSON.stringify(one))
const withMotd = (about: Partial<PlanChange>): Plan => ({ ...plan, changes: [{ ...motd, ...about }, hidden] })

function difference(now: Plan): PlanDifference {
  const found = differenceOf(plan, now)
  assert.ok(found)
  return found
}

/** What moved of the only change that did. */
function movedIn(now: Plan): Moved[] {
  const { about, gone, added, moved } = difference(now)
  assert.equal([about, gone, added, moved.length], [[], [], [], 1])
  return moved[0]!.differences
}

test('a plan is the same as itself, also through JSON', () => {
  assert.is(differenceOf(plan, plan), undefined)
  assert.is(differenceOf(plan, copyOf(plan)), undefined)
  const every = planOf(everyKind)
  assert.is(differenceOf(copyOf(every), every), undefined)
})

test('what is not about the changes may differ', () => {
  const other: Plan = {
    ...copyOf(plan),
    warnings: ['its clock is 6 minutes behind'],
    machine: { id: 'a'.repeat(32), hostKey: 'SHA256:b' },
    holder: { run: '5', unit: 'keelson-5', text: 'run 5', alone: false },
  }
  assert.is(differenceOf(plan, other), undefined)
})

test('changes that are gone and new are listed', () => {
  const fresh = change('user:ada', { kind: 'create' })
  const { gone, added, moved } = difference({ ...plan, changes: [motd, fresh] })
  assert.equal([gone, added, moved], [[hidden], [fresh], []])
})

test('a field tells whether the host or what is declared has moved', () => {
  const [mode, content] = motd.fields
  assert.equal(movedIn(withMotd({ fields: [mode!, { ...content!, before: 'three\n' }] })), [
    { side: 'observed', field: 'content', form: 'text', was: 'one\n', now: 'three\n' },
  ])
  assert.equal(movedIn(withMotd({ fields: [{ ...mode!, after: '0640' }, content!] })), [
    { side: 'declared', field: 'mode', form: 'mode', was: '0644', now: '0640' },
  ])
  assert.equal(movedIn(withMotd({ fields: [content!] })), [
    { side: 'observed', field: 'mode', form: 'mode', was: '0600' },
    { side: 'declared', field: 'mode', form: 'mode', was: '0644' },
  ])
})

test('what no plan shows is told by its side only', () => {
  const fingerprints = { ...plan.fingerprints, [hidden.ref]: print('3') }
  const something = { field: 'something not shown', form: 'secret' } as const
  assert.equal(movedIn({ ...plan, fingerprints }), [{ side: 'observed', ...something }])
  const other = { ...plan.fingerprints, [hidden.ref]: print('2', 'e'.repeat(32)) }
  assert.equal(movedIn({ ...plan, fingerprints: other }), [{ side: 'declared', ...something }])
  const { fingerprints: _none, ...without } = plan
  assert.ok(differenceOf(plan, without))
})

test('anything else that a reader saw is compared', () => {
  const others: Partial<PlanChange>[] = [
    { kind: 'create' },
    { consequence: 'lockout' },
    { certainty: 'predicted', because: 'x' },
    { cause: 'drift' },
    { opens: ['lets root in'] },
    { locksOut: true },
    { label: 'file /etc/motd2' },
    { source: { file: 'site.ts', line: 4, column: 1 } },
  ]
  for (const about of others) {
    const sides = movedIn(withMotd(about)).map(({ side, field }) => [side, field])
    assert.equal(
      sides,
      Object.keys(about).map((key) => ['plan', key]),
    )
  }
  const followUp = { field: 'mode', form: 'mode', before: '0600', after: '0644', opaque: true } as const
  assert.is(movedIn(withMotd({ fields: [followUp, motd.fields[1]!] }))[0]?.side, 'plan')
})

test('another order is a difference', () => {
  assert.match(difference({ ...plan, changes: [hidden, motd] }).about.join(), 'in another order')
})

test('another host, another machine and a run in between are named', () => {
  const others: [Partial<Plan>, RegExp][] = [
    [{ host: { ...plan.host, address: '192.0.2.9' } }, /its address was "95\.216\.1\.123" and is "192\.0\.2\.9"/],
    [{ machine: { id: 'b'.repeat(32) } }, /another machine/],
    [{ machine: {} }, /another machine/],
    [{ ledger: '2'.repeat(64), ledgerSerial: 4 }, /its last run was 3 and is 4/],
    [{ ledger: '2'.repeat(64) }, /its ledger was changed/],
  ]
  for (const [about, sentence] of others) assert.match(difference({ ...plan, ...about }).about.join(), sentence)
})

test('a change with the name of something that every object has is compared as any other', () => {
  const odd = planOf([change('__proto__', {}), change('constructor', {})])
  assert.is(differenceOf(odd, copyOf(odd)), undefined)
  assert.ok(differenceOf(odd, planOf([change('__proto__', {})])))
})

test('the error says what moved, in text and in JSON', () => {
  const [mode, content] = motd.fields
  const now = {
    ...withMotd({
      fields: [
        { ...mode!, before: '0666' },
        { ...content!, before: 'three\x1b[2J\n' },
      ],
    }),
    ledger: '2'.repeat(64),
    ledgerSerial: 4,
  }
  const fresh = change('user:ada', { kind: 'create', fields: [{ field: 'shell', form: 'value', after: '/bin/sh' }] })
  const moved = difference({ ...now, changes: [now.changes[0]!, fresh] })
  const problem = describeError(staleBy(moved))
  assert.equal(problem.moved, moved)
  assert.is(problem.exit, 'stale')
  assert.is(
    renderDifference(viewDifference('web-1', moved), paper),
    `Since that plan, on web-1:
  it was converged since: its last run was 3 and is 4
  no longer to be made: ~ file /etc/key
  new: + user ada
      shell /bin/sh
  moved: file /etc/motd
      mode on the host  0600 → 0666
      content on the host
      @@ -1 +1 @@
      -one
      +three\\u001b[2J

`,
  )
})

test.run()
