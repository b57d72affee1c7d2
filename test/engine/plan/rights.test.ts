import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { LedgerEntry } from '../../../lib/engine/host/ledger.ts'
import { rightsWarnings, type Wish, wishOf } from '../../../lib/engine/plan/rights.ts'
import { Unknown } from '../../../lib/kit/resourceType.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('rights that nobody declared')

const list = (state: unknown): string[] => {
  const rights: unknown = typeof state === 'object' && state !== null ? Reflect.get(state, 'has') : undefined
  return Array.isArray(rights) ? rights.map(String) : []
}
const type = toyType('role', {
  rights: {
    beyond: (_name, _desired, observed) => list(observed),
    without: (_name, _desired, rights) => ({ without: [...rights] }),
  },
})
const declared = resource('role:a', { x: 1 })
const { catalog } = planningOf([declared], [type], {})
const entry = (about: Partial<LedgerEntry>): LedgerEntry => ({
  type: 'role',
  name: 'a',
  made: true,
  desired: { x: 1 },
  digest: '',
  needs: [],
  protect: false,
  run: '1',
  ...about,
})
const wish = (has: string[], known?: LedgerEntry): Wish => wishOf(type, declared, { has }, known, catalog)

test('of what Keelson made, none stays', () => {
  assert.equal(wish(['super'], entry({})), { desired: { without: ['super'] } })
  assert.equal(wish([], entry({})), { desired: { x: 1 } })
})

test('of what is taken over, all stay and are named', () => {
  const fresh = wish(['super'])
  assert.equal(fresh, { desired: { x: 1 }, kept: ['super'], fresh: true })
  assert.equal(rightsWarnings([{ shown: { ref: 'role:a' }, wish: fresh }]), [
    'role a has super, which is not declared; it was there before Keelson, and stays',
  ])
  assert.equal(rightsWarnings([{ shown: { ref: 'role:a' }, wish: wish([]) }]), [])
})

test('of what was taken over, those it had stay, and those that came later do not', () => {
  const known = entry({ made: false, rights: ['super'] })
  assert.equal(wish(['super'], known), { desired: { x: 1 }, kept: ['super'] })
  assert.equal(wish(['super', 'more'], known), { desired: { without: ['more'] }, kept: ['super'] })
  assert.equal(wish(['super'], entry({ made: false })), { desired: { x: 1 }, kept: ['super'] })
})

test('nothing is said of what is not there, or cannot be read', () => {
  assert.equal(wishOf(type, declared, null, undefined, catalog), { desired: { x: 1 } })
  assert.equal(wishOf(type, declared, new Unknown('x'), undefined, catalog), { desired: { x: 1 } })
})

test.run()
