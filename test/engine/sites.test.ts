/** Two sites on one host: each takes away only what is its own. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import { RunLedger } from '../../lib/engine/apply/runLedger.ts'
import { emptyLedger, joinedLedger, type Ledger, ledgerDigest, parseLedger } from '../../lib/engine/host/ledger.ts'
import { type Planned } from '../../lib/engine/plan/planned.ts'
import { planItems } from '../../lib/engine/plan/plan.ts'
import { summarize } from '../../lib/engine/plan/summarize.ts'
import { isObject } from '../../lib/kit/form.ts'
import { secretNames } from '../../lib/kit/value.ts'
import type { Ref } from '../../lib/kit/ref.ts'
import type { Json } from '../../lib/kit/resourceType.ts'
import { nextStage } from '../../lib/engine/plan/stage.ts'
import type { HostPlan } from '../../lib/engine/plan/planHost.ts'
import * as door from '../../lib/index.ts'
import { planningOf, resource, toyType } from './fixture.ts'

const test = suite('sites')
const NOTE = toyType('note')

/** A host as a test sees it: what stands there, and what it remembers. */
type Host = { there: Map<string, Json>; ledger: Ledger | undefined }

/** Converges refs for a site, as if every step went well. @returns What was done, and what the plan warned of. */
function converge(host: Host, site: string | undefined, refs: readonly Ref[]): { done: string[]; warnings: string[] } {
  const resources = refs.map((ref) => resource(ref, { text: 'x' }))
  const planning = planningOf(resources, [NOTE], { note: host.there }, { ledger: host.ledger })
  const catalog = site === undefined ? planning.catalog : { ...planning.catalog, site }
  const own = { ...planning, catalog }
  const items = planItems(own)
  const plan = { ...summarize(own, items), ledger: '' }
  const hostPlan: HostPlan = {
    plan,
    planning: own,
    items,
    stage: nextStage(items),
    fingerprints: new Map(),
    ledgerDigest: '',
  }
  const book = new RunLedger(hostPlan, '1')
  book.begin(items.filter(({ change }) => change !== undefined))
  host.ledger = JSON.parse(book.confirmed({ of: () => ({ outcome: 'changed' }) }))
  for (const item of items) act(host, item)
  return { done: items.map(({ shown: { kind, ref } }) => `${kind} ${ref}`), warnings: plan.warnings }
}

function act({ there }: Host, { change, name }: Planned): void {
  if (change?.kind === 'remove') there.delete(name)
  else if (change !== undefined) there.set(name, change.after)
}

const fresh = (): Host => ({ there: new Map(), ledger: undefined })

test('a site leaves what another has declared, and says so', () => {
  const host = fresh()
  assert.equal(converge(host, 'shop', ['note:a', 'note:b']).done, ['create note:a', 'create note:b'])
  const { done, warnings } = converge(host, 'mail', ['note:c'])
  assert.equal(done, ['create note:c'])
  assert.equal(warnings, ['note a, note b belong to site shop and stay; declare them here to take them over'])
  assert.equal(converge(host, 'shop', ['note:a', 'note:b']).done, [])
  assert.equal(converge(host, 'mail', ['note:c']).done, [])
  assert.equal(converge(host, 'shop', ['note:a']).done, ['remove note:b'])
  assert.equal([...host.there.keys()], ['a', 'c'])
})

test('what two sites declare goes with the last of them', () => {
  const host = fresh()
  converge(host, 'shop', ['note:a'])
  assert.equal(converge(host, 'mail', ['note:a']).done, ['adopt note:a'])
  assert.equal(converge(host, 'mail', ['note:a']).done, [])
  assert.equal(converge(host, 'shop', []).done, ['forget note:a'])
  assert.equal(converge(host, 'shop', []).done, [])
  assert.equal(converge(host, 'mail', []).done, ['remove note:a'])
})

test('a site without a name takes away nothing of one that has one', () => {
  const host = fresh()
  converge(host, 'shop', ['note:a'])
  assert.equal(converge(host, undefined, []).done, [])
  assert.equal(converge(host, undefined, ['note:a']).done, [])
  assert.equal(converge(host, 'shop', []).done, ['remove note:a'])
})

test('what was declared before sites had names is for whoever comes', () => {
  const host = fresh()
  converge(host, undefined, ['note:a', 'note:b'])
  assert.equal(converge(host, 'shop', ['note:a']).done, ['remove note:b'])
})

test('a ledger that an earlier version wrote is whole', () => {
  const stdout = readFileSync(new URL('recorded/ledger-of-ec59dda.json', import.meta.url), 'utf8')
  assert.ok(Object.keys(door).length > types.size)
  const { ledger, damaged } = parseLedger({ stdout, stderr: '', exit: 0, bytes: Buffer.from(stdout) }, types)
  assert.equal(damaged, [])
  assert.equal(joinedLedger(ledger!), JSON.parse(stdout))
  const entries = Object.entries(ledger!.entries)
  // Of those with a secret the digest is of its value as well.
  const open = entries.filter(([, entry]) => secretNames(entry.desired).length === 0)
  for (const [ref, { desired, digest }] of open)
    assert.is(ledgerDigest(ledger!.key, desired, new Map()), digest, `of a declaration that is the same: ${ref}`)
  const service = ledger?.entries['service:shop.service']?.desired
  assert.ok(isObject(service) && service['wishes'] === undefined && isObject(service['how']))
  assert.ok(Object.keys(ledger?.entries ?? emptyLedger().entries).length > 10)
})

test.run()
