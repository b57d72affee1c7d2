import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { causeOf, leftBy } from '../../../lib/engine/plan/causes.ts'
import { emptyLedger, type Ledger, type LedgerEntry, ledgerDigest } from '../../../lib/engine/host/ledger.ts'

const test = suite('causes')
const REF = 'file:/a'
const ONE = { x: 1 }
const TWO = { x: 2 }
const secrets = new Map<string, string>()

/** A ledger in which the first declaration was applied. */
function ledgerOf(more: Partial<LedgerEntry> = {}, whole: Partial<Ledger> = {}): Ledger {
  const ledger = { ...emptyLedger(), ...whole }
  const digest = ledgerDigest(ledger.key, ONE, secrets)
  const entry = { type: 'file', name: '/a', made: true, desired: ONE, digest, needs: [], protect: false, run: '1' }
  ledger.entries[REF] = { ...entry, ...more }
  return ledger
}

const causeIn = (ledger: Ledger | undefined, desired = ONE, moved = true): string =>
  causeOf({ ledger, secrets }, { ref: REF, desired }, () => moved)

test('what the ledger knows as declared was changed by another hand', () => {
  assert.is(causeIn(ledgerOf()), 'drift')
  assert.equal(leftBy({ ledger: ledgerOf() }, REF), {})
})

test('what no run has applied is intent', () => {
  assert.is(causeIn(undefined), 'intent')
  assert.is(causeIn(emptyLedger()), 'intent')
})

test('another declaration is intent, and both where the host has moved as well', () => {
  assert.is(causeIn(ledgerOf(), TWO, false), 'intent')
  assert.is(causeIn(ledgerOf(), TWO, true), 'both')
})

test('drift that a run left stays drift, whether it had begun or not', () => {
  const left = { run: '2', cause: 'drift' } as const
  assert.is(causeIn(ledgerOf({ left })), 'drift')
  assert.is(causeIn(ledgerOf({ left, pending: true, run: '2' })), 'drift')
  assert.is(causeIn(ledgerOf({ left, pending: true, run: '2' }), TWO), 'both')
  assert.equal(leftBy({ ledger: ledgerOf({ left }) }, REF), { leftBy: '2' })
})

test('what a run left for another cause is never drift', () => {
  const left = { run: '2', cause: 'intent' } as const
  assert.is(causeIn(ledgerOf({ left })), 'intent')
  assert.is(causeIn(ledgerOf({ left }), TWO), 'intent')
  assert.is(causeIn(ledgerOf({ left, pending: true, run: '2' })), 'intent')
  assert.is(causeIn(ledgerOf({ pending: true })), 'intent')
})

test('what differs after a run was cut off in a command may be its own doing', () => {
  assert.is(causeIn(ledgerOf({}, { begun: '2' })), 'intent')
  assert.equal(leftBy({ ledger: ledgerOf({}, { begun: '2' }) }, REF), { leftBy: '2' })
})

test.run()
