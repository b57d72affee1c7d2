/**
 * What is read of a host while it does not hold still: this machine stands in for one, and is only read.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Ref } from '../../../lib/kit/ref.ts'
import type { AnyType } from '../../../lib/kit/resourceType.ts'
import { planHost } from '../../../lib/engine/plan/planHost.ts'
import { connectLocal } from '../../../lib/transport/local.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('planHost')
const STEADY = toyType('steady')
const HERE = mkdtempSync(join(tmpdir(), 'plan-host-'))
test.after(() => rmSync(HERE, { recursive: true }))

/** How certain what is to be done is, by ref. */
async function planned(types: AnyType[], names: readonly Ref[]): Promise<{ [ref: string]: string }> {
  const resources = [...names, 'steady:s' as const].map((ref) => resource(ref, { value: 'wanted' }))
  const { catalog } = planningOf(resources, types, {})
  const connection = await connectLocal({})
  try {
    const known = new Map([...types, STEADY].map((type) => [type.type, type]))
    const { plan } = await planHost(connection, { catalog, types: known, secrets: new Map(), mark: 'keelson-5d1f' })
    return Object.fromEntries(plan.changes.map((change) => [change.ref, change.certainty]))
  } finally {
    await connection.close()
  }
}

test('an answer that is not understood costs the resources of its type only', async () => {
  const odd = toyType('odd', {
    read: {
      command: () => ':',
      parse: () => {
        throw new Error('it is odd')
      },
    },
  })
  assert.equal(await planned([odd], ['odd:a']), { 'odd:a': 'unknown', 'steady:s': 'exact' })
})

test('something else that changes at each look costs what changes only', async () => {
  const file = join(HERE, 'looks')
  let looks = 0
  // At each look another of them is other than before; those of the first looks are not those of the later ones.
  const restless = toyType('restless', {
    read: {
      command: () => `echo >> ${file}; wc -l < ${file}`,
      parse() {
        looks += 1
        return new Map([[looks <= 4 ? `n${looks % 2}` : `m${looks % 3}`, { value: 'other' }]])
      },
    },
  })
  const seen = await planned([restless], ['restless:n0', 'restless:n1', 'restless:m0', 'restless:m1', 'restless:m2'])
  assert.is(seen['steady:s'], 'exact')
  assert.equal(
    Object.entries(seen).flatMap(([ref, certainty]) => (certainty === 'unknown' ? [ref] : [])),
    ['restless:n0', 'restless:n1', 'restless:m0', 'restless:m1', 'restless:m2'],
  )
})

test.run()
