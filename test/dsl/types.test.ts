/** What the compiler refuses. An expected error that does not come fails `tsc --noEmit`. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inventory } from '../../lib/dsl/inventory.ts'
import { secret } from '../../lib/kit/secret.ts'
import { defineSite } from '../../lib/dsl/site.ts'
import { absent, forget, resource, type Handle } from '../../lib/dsl/declare.ts'
import { directory } from '../../lib/index.ts'
import { conf } from '../../lib/dsl/conf.ts'
import { anything } from '../../lib/kit/form.ts'
import type { ResourceType } from '../../lib/kit/resourceType.ts'
import { host, thing, type Thing } from './thing.ts'

const test = suite('types')

type Door = { colour: string }
const doorType: ResourceType<Door, Door> = {
  type: 'door',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['colour'],
    properties: { colour: { type: 'string' } },
  },
  name: ({ colour }) => colour,
  desired: (props) => props,
  state: anything,
  read: { command: () => ':', parse: () => new Map() },
  steps: () => [],
  remove: () => [],
}
const door = resource(doorType)

const machines = inventory<{ shop: string }>({ hosts: { one: { ...host, roles: [], data: { shop: 'x' } } } })
const defineOne = (role: Parameters<typeof defineSite<{ shop: string }>>[2][string]): unknown =>
  defineSite('/site.ts', machines, { role })

/** Compiled, never run. */
export function recipes(): void {
  thing({ path: '/x', content: secret('a'), after: [thing({ path: '/y' }), door({ colour: 'red' })] })
  // @ts-expect-error a key that is misspelt
  thing({ path: '/x', mdoe: '0640' })
  // @ts-expect-error a key that is missing
  thing({ mode: '0640' })
  // @ts-expect-error a word that is not allowed
  thing({ path: '/x', ensure: 'abcent' })
  // @ts-expect-error a secret where the prop takes plain text only
  thing({ path: secret('a') })
  // @ts-expect-error the handle of another type
  thing({ path: '/x', parts: [door({ colour: 'red' })] })
  // @ts-expect-error a need by name
  thing({ path: '/x', after: 'door:red' })
  absent(thing, { path: '/x', after: thing({ path: '/y' }), tags: ['old'] })
  forget(thing, { path: '/x', tags: ['old'] })
  forget(door, { colour: 'red' })
  // @ts-expect-error what it was like is not what tells which one is meant
  absent(thing, { path: '/x', mode: '0640' })
  // @ts-expect-error without the key
  absent(thing, {})
  // @ts-expect-error a type that cannot be absent
  absent(door, { colour: 'red' })
  // @ts-expect-error how it goes is of no interest where it stays
  forget(directory, { path: '/x', recursive: true })
  absent(directory, { path: '/x', recursive: true })
  // @ts-expect-error a type by its name
  absent('file', { path: '/x' })
  // @ts-expect-error what is absent cannot be protected
  absent(thing, { path: '/x', protect: true })
  // @ts-expect-error what is forgotten is nothing to come after
  thing({ path: '/x', after: forget(thing, { path: '/y' }) })
  // @ts-expect-error nothing instead of a value
  void conf`${undefined}`
  // @ts-expect-error an object without a text
  void conf`${{ port: 80 }}`
  // @ts-expect-error a truth value
  void conf`${true}`

  defineOne(() => {})
  defineOne(() => thing({ path: '/x' }))
  defineOne(({ data }) => ({ shop: thing({ path: data.shop }) }))
  // @ts-expect-error a promise, of nothing
  defineOne(async () => {})
  // @ts-expect-error a promise, of a handle
  defineOne(async () => thing({ path: '/x' }))
  // @ts-expect-error data the inventory does not have
  defineOne(({ data }) => void data.till)
  // @ts-expect-error writing to the host
  defineOne((one) => void (one.os = 'debian-13'))
  // @ts-expect-error a server nobody sells
  inventory({ hosts: { one: { ...host, server: 'CCX99', roles: [] } } })
  // @ts-expect-error a key that is misspelt
  inventory({ hosts: { one: { ...host, adress: '192.0.2.1', roles: [] } } })
}

test('a handle may stand for any handle, so that recipes can take several kinds', () => {
  const take = (handles: readonly Handle[]): number => handles.length
  const both = (one: Handle<Thing>, other: Handle<Door>): number => take([one, other])
  assert.is(both.length, 2)
})

test.run()
