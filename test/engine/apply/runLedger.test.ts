import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Outcome, OutcomesSoFar } from '../../../lib/engine/report.ts'
import { RunLedger } from '../../../lib/engine/apply/runLedger.ts'
import { emptyLedger, type Ledger, type LedgerEntry, ledgerDigest } from '../../../lib/engine/host/ledger.ts'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import { summarize } from '../../../lib/engine/plan/summarize.ts'
import type { Json } from '../../../lib/kit/resourceType.ts'
import { nextStage } from '../../../lib/engine/plan/stage.ts'
import type { HostPlan } from '../../../lib/engine/plan/planHost.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('bookkeeping')
const REF = 'file:/a'
const KEY = { x: { $secret: 'key' } }
const NONE = { x: 'none' }

/** A plan of a host that has `was` of the file, by an entry of its own, and is to have `desired`. */
function hostPlanOf(was: Json, desired: Json, more: Partial<LedgerEntry> = {}): HostPlan {
  const ledger = emptyLedger()
  const digest = ledgerDigest(ledger.key, was, new Map([['key', 'k']]))
  ledger.entries[REF] = {
    type: 'file',
    name: '/a',
    made: true,
    desired: was,
    digest,
    needs: [],
    protect: false,
    run: '7',
    ...more,
  }
  const file = toyType('file', { diff: () => [{ field: 'x', form: 'value', before: 1, after: 2 }] })
  const planning = planningOf([resource(REF, desired)], [file], { file: new Map([['/a', was]]) }, { ledger })
  const items = planItems(planning)
  return {
    plan: { ...summarize(planning, items, []), ledger: '' },
    planning,
    items,
    stage: nextStage(items),
    fingerprints: new Map(),
    ledgerDigest: '0',
  }
}

function entryIn(text: string): Partial<LedgerEntry> {
  const ledger: Ledger = JSON.parse(text)
  const { desired, pending, hides, run } = ledger.entries[REF]!
  return {
    desired,
    run,
    ...(pending === undefined ? {} : { pending }),
    ...(hides === undefined ? {} : { hides }),
  }
}

const soFar = (outcome?: Outcome): OutcomesSoFar => ({ of: () => (outcome === undefined ? undefined : { outcome }) })

test('a ledger is written as it always was: what acting needs stands beside what is compared', () => {
  const hostPlan = hostPlanOf(NONE, { x: 'wanted', how: { force: true } })
  const ledger = new RunLedger(hostPlan, '8')
  assert.equal(entryIn(ledger.begin(hostPlan.items)).desired, { x: 'wanted', force: true })
})

test('until it is confirmed that a secret is gone, its entry says that one may stand there', () => {
  const hostPlan = hostPlanOf(KEY, NONE)
  const ledger = new RunLedger(hostPlan, '8')
  assert.equal(entryIn(ledger.begin(hostPlan.items)), { desired: NONE, run: '8', pending: true, hides: true })
  assert.equal(entryIn(ledger.confirmed(soFar())), { desired: NONE, run: '8', pending: true, hides: true })
  assert.equal(entryIn(ledger.confirmed(soFar('changed'))), { desired: NONE, run: '8' })
})

test('what a run began that was cut off is still said by the next', () => {
  const hostPlan = hostPlanOf({ x: 'other' }, NONE, { pending: true, hides: true })
  const ledger = new RunLedger(hostPlan, '9')
  assert.equal(entryIn(ledger.begin(hostPlan.items)), { desired: NONE, run: '9', pending: true, hides: true })
})

test('where no secret was, none is said to be', () => {
  const hostPlan = hostPlanOf({ x: 'other' }, NONE)
  const ledger = new RunLedger(hostPlan, '8')
  assert.equal(entryIn(ledger.begin(hostPlan.items)), { desired: NONE, run: '8', pending: true })
})

test('what a run was to do and is not seen to do has its cause noted, until it is in order', () => {
  const hostPlan = hostPlanOf({ x: 'other' }, { x: 'other' })
  const ledger = new RunLedger(hostPlan, '8')
  const leftIn = (text: string): unknown => {
    const { entries }: Ledger = JSON.parse(text)
    return entries[REF]?.left
  }
  const left = { run: '8', cause: 'drift' }
  assert.equal(leftIn(ledger.begin([], hostPlan.items)), left)
  assert.equal(leftIn(ledger.confirmed(soFar('skipped'))), left)
  assert.equal(leftIn(ledger.begin(hostPlan.items)), left)
  assert.equal(leftIn(ledger.confirmed(soFar('failed'))), left)
  assert.is(leftIn(ledger.confirmed(soFar('changed'))), undefined)
})

test.run()
