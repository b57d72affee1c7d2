/** Refs are made from names of types that there are. An expected error that does not come fails `tsc --noEmit`. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import * as door from '../../lib/index.ts'
import { refOf, type ResourceType, type TypedRef, under } from '../../lib/kit/index.ts'
import { anything } from '../../lib/kit/form.ts'
import { KNOWN_TYPES } from '../../lib/kit/ref.ts'

const test = suite('ref')

/** As a type written elsewhere is: it is in no list. */
const own: ResourceType<{ name: string }, { on: string }> = {
  type: 'own-thing',
  schema: { type: 'object', additionalProperties: false, required: ['name'], properties: { name: { type: 'string' } } },
  name: ({ name }) => name,
  desired: ({ name }) => ({ on: name }),
  needs: (name, { on }) => [refOf(own, on), refOf('user', name), 'package:nginx', under('/etc/own')],
  brings: (name) => [refOf('directory', `/srv/${name}`)],
  state: anything,
  read: { command: () => ':', parse: () => new Map() },
  steps: () => [],
  remove: () => [],
}

/** Compiled, never run. */
export function refused(): unknown {
  const misspelt: Partial<typeof own> = {
    // @ts-expect-error a misspelt type
    needs: () => ['flie:/etc/motd'],
    // @ts-expect-error a misspelt type
    brings: () => ['dircetory:/srv'],
    rights: {
      // @ts-expect-error a misspelt type
      beyond: (_name, _desired, _observed, declared) => declared('grop').map(({ name }) => name),
      without: (_name, desired) => desired,
    },
  }
  // @ts-expect-error a type that is not there
  refOf('flie', '/etc/motd')
  // @ts-expect-error a type elsewhere, by its name
  refOf('own-thing', 'a')
  // @ts-expect-error text that nobody checked
  const unchecked: TypedRef = `${misspelt.type}:a`
  // @ts-expect-error a misspelt type in a template
  const template: TypedRef = `usre:${unchecked}`
  return template
}

test('the known types are those of the front door, in the order of their names', () => {
  assert.ok(Object.keys(door).length > 0)
  assert.equal([...KNOWN_TYPES], [...types.keys()].sort())
})

test('a ref is made from the name of a known type, or from a type itself', () => {
  assert.is(refOf('ufw-rule', '*'), 'ufw-rule:*')
  assert.is(refOf(own, 'a'), 'own-thing:a')
  assert.equal(own.needs?.('x', { on: 'y' }), ['own-thing:y', 'user:x', 'package:nginx', 'under:/etc/own'])
})

test.run()
