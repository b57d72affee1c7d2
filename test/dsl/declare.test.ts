import { inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { collect, resource, types } from '../../lib/dsl/declare.ts'
import { secret } from '../../lib/kit/secret.ts'
import { evaluate, here, messagesOf, thing, thingType } from './thing.ts'

const test = suite('declare')

test('a resource outside a role is an error with its line', () => {
  let line = 0
  const outside = (): void => {
    line = here() + 1
    thing({ path: '/x' })
  }
  assert.throws(outside, (error: Error) =>
    new RegExp(`^test/dsl/declare\\.test\\.ts:${line}: small thing is declared outside a role$`, 'm').test(
      error.message,
    ),
  )
})

test('a handle tells its ref, type, natural key and props, and cannot be altered', () => {
  collect('/', () => {
    const { ref, type, name, props } = thing({ path: '/x', mode: '0640', tags: ['a'] })
    assert.equal([ref, type, name, props], ['small-thing:/x', 'small-thing', '/x', { path: '/x', mode: '0640' }])
    assert.throws(() => Object.assign(thing({ path: '/y' }), { name: '/z' }), /read only/)
  })
})

test('a handle in JSON is its ref', () => {
  collect('/', () => assert.is(JSON.stringify(thing({ path: '/x' })), '{"$ref":"small-thing:/x"}'))
})

test('a handle that is shown does not show a secret', () => {
  collect('/', () => {
    assert.match(inspect(thing({ path: '/x', content: secret('db') })), `content: secret("db")`)
  })
})

test('every type that a function was made for is known, used or not', () => {
  assert.is(types.get('small-thing')?.type, 'small-thing')
})

test('two types of one name are a mistake', () => {
  assert.throws(() => resource({ ...thingType }), 'two resource types are called small-thing')
})

test('after that is not a handle is refused, and so are tags and protect of the wrong kind', async () => {
  const wrong = { after: 'small-thing:/a', tags: ['two words'], protect: 'yes' }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a recipe without types may pass
  const messages = await messagesOf(() => void thing({ path: '/x', ...(wrong as object) }))
  assert.equal(messages, [
    'small thing /x: after: takes handles, which resource functions return',
    'small thing /x: tags: takes a list of words',
    'small thing /x: protect: must be true or false',
  ])
})

test('after a role that threw, the next evaluation starts afresh', async () => {
  await messagesOf(() => {
    thing({ path: '/x' })
    throw new Error('stop')
  })
  assert.is((await evaluate(() => void thing({ path: '/y' }))).resources.length, 1)
})

test('a recipe that calls many functions deep still knows its line', async () => {
  let line = 0
  const deep = (left: number): void => {
    if (left > 0) return deep(left - 1)
    line = here() + 1
    thing({ path: '/x' })
  }
  const { resources } = await evaluate(() => deep(40))
  assert.is(resources[0]?.source.line, line)
})

test('a resource of another copy of the library is told so', async () => {
  // A copy of its own, for its address.
  const address = '../../lib/dsl/declare.ts?another'
  const other: { resource: typeof resource } = await import(address)
  const strange = other.resource(thingType)
  assert.throws(
    () => collect('/', () => strange({ path: '/x' })),
    "small thing is declared with another copy of Keelson than the site's",
  )
  assert.throws(() => strange({ path: '/x' }), 'small thing is declared outside a role')
})

test.run()
