import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CostInput, costOf } from '../../lib/dsl/cost.ts'
import { inventory } from '../../lib/dsl/inventory.ts'
import { PRICES } from '../../lib/dsl/prices.ts'
import { SERVER_NAMES } from '../../lib/dsl/servers.ts'
import { defineSite } from '../../lib/dsl/site.ts'
import site from '../../site.ts'
import { renderCost } from '../../lib/render/text/costText.ts'
import { viewCost } from '../../lib/render/view/cost.ts'
import { host, mistakesOf } from './thing.ts'
import { paper } from '../render/fixture.ts'

const test = suite('cost')

const day = '2026-11-28'
/** Round prices, so that the sums can be checked by eye. */
const prices = {
  servers: { CCX23: { euro: 20, asOf: day }, CX22: { euro: 4, asOf: day, withIPv4: true } },
  ipv4: { euro: 0.5, asOf: day },
  backups: { percent: 20, asOf: day },
  volumeGB: { euro: 0.05, asOf: day },
  trafficTB: { euro: 1, asOf: day },
} as const
const one = (bought: Partial<CostInput['hosts'][number]>, phases: CostInput['phases'] = {}): CostInput => ({
  hosts: [{ name: 'one', server: 'CCX23', ...bought }],
  phases,
  prices,
})
const rowsOf = (input: CostInput) => costOf(input).machines[0]!.rows.map(({ what, cents }) => [what, cents])

test('a server costs its price and its address', () => {
  assert.equal(rowsOf(one({})), [
    ['server CCX23', 2000],
    ['IPv4 address', 50],
  ])
})

test('backups are a part of the server alone, volumes go by GB, traffic by each TB above what is included', () => {
  const input = one({ backups: true, volumesGB: [100, 50], trafficTB: 22.5 })
  assert.equal(rowsOf(input).slice(2), [
    ['backups, 20 % of the server', 400],
    ['volumes, 150 GB', 750],
    ['traffic, 2.5 TB above what is included', 300],
  ])
  assert.is(costOf(input).cents, 2000 + 50 + 400 + 750 + 300)
})

test('traffic that is included costs nothing', () => {
  assert.is(costOf(one({ trafficTB: 20 })).cents, 2050)
})

test('a price with an address in it has the address once', () => {
  assert.equal(rowsOf(one({ server: 'CX22' })), [['server CX22', 400]])
})

test('a missing price is said, and the sum is not whole', () => {
  const cost = costOf(one({ server: 'CX99', backups: true }))
  assert.is(cost.isWhole, false)
  assert.is(cost.cents, 50)
  const text = renderCost(viewCost(cost), paper)
  assert.match(text, 'server CX99                     ?  no price is known; give one under prices in the inventory')
  assert.match(text, 'more than 0.50')
})

test('the machines of a phase count as often as there are of them', () => {
  const { phases } = costOf(one({}, { later: { app: { server: 'CCX23', count: 3 }, cache: { server: 'CX22' } } }))
  assert.equal(
    phases.map(({ name, cents }) => [name, cents]),
    [['later', 3 * 2050 + 400]],
  )
})

test('every row is whole cents, so that the rows add up to the sum', () => {
  const cost = costOf({
    hosts: [{ name: 'one', server: 'CCX13', volumesGB: [33], backups: true }],
    phases: {},
    prices: {},
  })
  const rows = cost.machines[0]!.rows.map(({ cents = 0 }) => cents)
  assert.ok(rows.every(Number.isInteger), rows.join())
  assert.is(
    rows.reduce((sum, cents) => sum + cents, 0),
    cost.cents,
  )
})

test('every price has its day, and only servers that a recipe can name have one', () => {
  const { servers, includedTB: _included, backups, ...others } = PRICES
  for (const { asOf } of [...Object.values(servers), ...Object.values(others), backups])
    assert.match(asOf, /^20\d\d-[01]\d-[0-3]\d$/)
  assert.equal(
    Object.keys(servers).filter((name) => !SERVER_NAMES.includes(name)),
    [],
  )
})

test('every price of the list above in TakeClient and its phases is known', async () => {
  const cost = costOf((await site.bought?.())!)
  assert.ok(cost.isWhole && cost.phases.every(({ isWhole }) => isWhole))
})

test('mistakes in what is bought, in phases and in prices are told in words', async () => {
  const given = {
    hosts: { one: { ...host, roles: ['web'], volumesGB: [0] } },
    phases: { later: { app: { server: 'CCX23', counts: 2 } } },
    prices: { ipv4: { euro: 1, asOf: 'today' } },
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what an inventory without types may hold
  const wrong = defineSite(import.meta.filename, inventory(given as never), { web: () => {} })
  const messages = (await mistakesOf(wrong.bought!())).map(({ message }) => message)
  assert.is(messages.length, 3, messages.join('\n'))
  assert.match(messages.join('\n'), 'hosts.one.volumesGB[0]: must be at least 1, not 0')
  assert.match(messages.join('\n'), 'unknown key "counts"; did you mean "count"?')
  assert.match(messages.join('\n'), 'prices.ipv4.asOf: "today"')
})

test.run()
