/** What a plan tells of what it does not show. */
import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import type { Planning } from '../../../lib/engine/plan/planned.ts'
import { summarize } from '../../../lib/engine/plan/summarize.ts'
import type { Fingerprint, Plan } from '../../../lib/engine/report.ts'
import { type Json, Unknown } from '../../../lib/kit/resourceType.ts'
import { revealFrom } from '../../../lib/kit/value.ts'
import { guessed } from '../../support/guess.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('fingerprints')

const type = toyType('toy')
const KEY = 'c0ffee'.padEnd(64, '1')

type Story = { observed?: Json | Unknown; secret?: string; desired?: Json; more?: Partial<Planning> }

function planOf({
  observed = { text: 'old', secret: 'old' },
  secret = 'hunter2',
  desired = { text: 'new', secret: { $secret: 'weak' } },
  more = {},
}: Story): Omit<Plan, 'ledger'> {
  const planning = planningOf(
    [resource('toy:a', desired)],
    [type],
    { toy: new Map([['a', observed]]) },
    {
      secrets: new Map([['weak', secret]]),
      context: { reveal: revealFrom(new Map([['weak', secret]])) },
      key: KEY,
      ...more,
    },
  )
  return summarize(planning, planItems(planning))
}

const printOf = (story: Story): Fingerprint | undefined => planOf(story).fingerprints?.['toy:a']

test('what was observed and what is declared each have their own', () => {
  const one = printOf({})!
  assert.equal(printOf({}), one)
  const moved = printOf({ observed: { text: 'old', secret: 'odd' } })!
  assert.is(moved.declared, one.declared)
  assert.is.not(moved.observed, one.observed)
  for (const other of [printOf({ secret: 'hunter3' })!, printOf({ desired: { text: 'new' } })!]) {
    assert.is(other.observed, one.observed)
    assert.is.not(other.declared, one.declared)
  }
})

test('what could not be read has none of what was observed', () => {
  assert.equal(Object.keys(printOf({ observed: new Unknown('it is not installed') })!), ['declared'])
})

test('without a key there are none', () => {
  const { fingerprints } = summarize(planningOf([resource('toy:a', { text: 'new' })], [type], {}), [])
  assert.is(fingerprints, undefined)
})

test('another key gives others: nobody can guess what they were made of', () => {
  const other = printOf({ more: { key: '2'.repeat(64) } })!
  const one = printOf({})!
  assert.is.not(other.observed, one.observed)
  assert.is.not(other.declared, one.declared)
})

test('a weak secret, declared or on the host, can be guessed from nothing in a plan', () => {
  const around = (word: string): string[] => [
    `PASS=${word}`,
    JSON.stringify({ text: word }),
    JSON.stringify([{ secret: { $secret: 'weak' }, text: 'new' }, [['weak', word]]]),
  ]
  const observed = { text: 'PASS=hunter2', secret: createHash('sha256').update('unrelated').digest('hex') }
  const plan = planOf({ observed })
  assert.equal(guessed(JSON.stringify(plan), ['hunter2'], around), [])
  assert.equal(
    plan.changes[0]?.fields.map(({ before }) => before),
    ['PASS=(secret)', undefined],
  )
})

/** Everything is in the plan but the masked word, so a digest of the text before would tell it. */
test('the digest of a plan is of what it shows', () => {
  const plan = planOf({ observed: { text: 'PASS=hunter2', secret: '' } })
  const other = planOf({ observed: { text: 'PASS=letmein', secret: '' }, secret: 'letmein' })
  assert.is(plan.digest, other.digest)
})

test.run()
