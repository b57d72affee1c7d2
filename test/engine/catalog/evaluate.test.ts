import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CatalogHost, CatalogResource } from '../../../lib/engine/catalog/catalog.ts'
import { buildCatalog, type Declaration, type Diagnostic, RecipeError } from '../../../lib/engine/catalog/evaluate.ts'
import { refOf, type TypedRef } from '../../../lib/kit/ref.ts'
import type { AnyType } from '../../../lib/kit/resourceType.ts'
import * as form from '../../../lib/kit/form.ts'
import { Secret, Text } from '../../../lib/kit/value.ts'
import { toyType } from '../fixture.ts'

const test = suite('evaluate')

const about: CatalogHost = {
  name: 'h',
  address: '192.0.2.1',
  os: 'debian-12',
  server: 'CX22',
  cpus: 2,
  memoryMiB: 4096,
}

/** Its name and its desired state are its props; `claims` and `needs` are taken as they stand. */
const box = toyType('box', {
  name: ({ name }) => String(name),
  check: ({ bad }) => (bad === undefined ? [] : [`bad: ${JSON.stringify(bad)}`]),
  desired: ({ ensure, throws, ...props }) => {
    if (throws !== undefined) throw new Error(JSON.stringify(throws))
    return ensure === 'absent' ? null : JSON.parse(JSON.stringify(props))
  },
  claims: (_name, state) => listOf(state, 'claims'),
  needs: (_name, state) => listOf(state, 'needs').map(typed),
})

function listOf(state: unknown, key: string): string[] {
  const list: unknown =
    typeof state === 'object' && state !== null ? Object.entries(state).find(([name]) => name === key)?.[1] : []
  return Array.isArray(list) ? list.map(String) : []
}

function typed(ref: string): TypedRef {
  const [type = '', name = ''] = ref.split(':')
  return refOf(toyType(type), name)
}

let lines = 0
function declared(props: { [name: string]: unknown }, more: Partial<Declaration> = {}): Declaration {
  lines += 1
  const source = { file: 'site.ts', line: lines, column: 1 }
  return { type: box, props, refs: [], tags: [], protect: false, source, mistakes: [], ...more }
}

test.before.each(() => {
  lines = 0
})

function build(...declarations: Declaration[]): CatalogResource[] {
  return buildCatalog(declarations, about, () => []).resources
}

function mistakesOf(...declarations: Declaration[]): readonly Diagnostic[] {
  try {
    build(...declarations)
  } catch (error) {
    if (error instanceof RecipeError) return error.diagnostics
    throw error
  }
  throw new Error('nothing is wrong with it')
}

test('needs of handles and natural keys stand together, sorted and once each', () => {
  const [resource] = build(
    declared({ name: 'a', needs: ['user:x', 'under:/etc', 'box:b'] }, { refs: ['box:z', 'box:b', 'box:z'] }),
  )
  assert.equal(resource?.needs, ['box:b', 'box:z', 'under:/etc', 'user:x'])
})

test('what should not be there needs only what is written out, and claims nothing', () => {
  const [resource] = build(
    declared({ name: 'a', ensure: 'absent', needs: ['user:x'], claims: ['path:/a'] }, { refs: ['box:b'] }),
  )
  assert.equal([resource?.desired, resource?.needs, resource?.claims], [null, ['box:b'], []])
})

test('what the recipe did not write is known: props that it left out, and fields of the type itself', () => {
  const text = { type: 'string' } as const
  const lamp = toyType('lamp', {
    schema: { type: 'object', additionalProperties: false, required: [], properties: { colour: text, watt: text } },
    name: ({ name }) => String(name),
    desired: ({ colour = 'white' }) => JSON.parse(JSON.stringify({ colour, watt: '5', kind: 'lamp', text: 'x' })),
    state: form.fields<{ colour: string; watt: string; kind: string; text: string }>({
      colour: form.line(),
      watt: form.line(),
      kind: form.inner(form.line()),
      text: form.shownAs('text', form.text()),
    }),
  })
  const implied = (props: { [name: string]: unknown }) => build(declared(props, { type: lamp }))[0]!.implied
  assert.equal(implied({ name: 'a', colour: 'red' }), ['watt', 'kind'])
  assert.equal(implied({ name: 'a', colour: undefined, watt: '5' }), ['colour', 'kind'])
  assert.is(build(declared({ name: 'b' }))[0]!.implied, undefined)
})

test('the same declared twice is one, with both lines, all needs and tags, and the stronger protection', () => {
  const resources = build(
    declared({ name: 'a', size: 1 }, { tags: ['x'], refs: ['box:b'] }),
    declared({ size: 1, name: 'a' }, { tags: ['y', 'x'], protect: true }),
  )
  const { source, also, tags, needs, protect } = resources[0]!
  assert.equal(
    { lines: [source.line, also.map(({ line }) => line)], tags, needs, protect },
    { lines: [1, [2]], tags: ['x', 'y'], needs: ['box:b'], protect: true },
  )
  assert.is(resources.length, 1)
})

test('one thing declared in two ways is a mistake that names both lines', () => {
  const [mistake, ...others] = mistakesOf(declared({ name: 'a', size: 1 }), declared({ name: 'a', size: 2 }))
  assert.is(mistake?.message, 'box a is declared twice with different props')
  assert.equal([mistake?.source?.line, mistake?.also?.map(({ line }) => line)], [2, [1]])
  assert.is(others.length, 0)
})

test('two resources that claim one thing are a mistake that names both lines', () => {
  const [mistake] = mistakesOf(
    declared({ name: 'a', claims: ['path:/x'] }),
    declared({ name: 'b', claims: ['path:/x'] }),
  )
  assert.is(mistake?.message, 'box b and box a both claim path /x')
  assert.equal([mistake?.source?.line, mistake?.also?.map(({ line }) => line)], [2, [1]])
})

test('a resource may claim a thing twice', () => {
  assert.equal(build(declared({ name: 'a', claims: ['port:1', 'port:1'] }))[0]?.claims, ['port:1'])
})

const circle: { [name: string]: unknown } = { name: 'a' }
circle['self'] = { circle }
const unfit: [string, { [name: string]: unknown }, string][] = [
  ['a NUL', { deep: [{ text: 'a\0b' }] }, 'deep[0].text: holds a NUL character, which no file name or argument can'],
  ['a NUL in a text', { text: new Text(['a', new Secret('s'), '\0'], []) }, 'text.$text[2]: holds a NUL character'],
  ['a NUL in a key', { deep: { 'a\0': 1 } }, 'key "a\\u0000": holds a NUL character'],
  ['half a surrogate pair', { text: 'a\ud800' }, 'text: holds half of a surrogate pair'],
  ['a noncharacter', { text: 'a\ufffe' }, 'text: holds U+FFFE, which Unicode will never make a character'],
  ['a function', { list: [() => 1] }, 'list[0]: a function is not plain data'],
  ['a bigint', { size: 1n }, 'size: a bigint is not plain data'],
  ['a Map', { map: new Map() }, 'map: a Map is not plain data'],
  ['a Uint8Array', { bytes: new Uint8Array(2) }, 'bytes: a Uint8Array is not plain data'],
  ['NaN', { size: Number.NaN }, 'size: NaN is not a number to be used'],
  ['a value that holds itself', circle, 'self.circle.self: holds itself'],
]
for (const [what, props, message] of unfit) {
  test(`${what} in props is refused by its name`, () => {
    const [mistake] = mistakesOf(declared({ name: 'a', ...props }))
    assert.match(mistake?.message ?? '', `box a: ${message}`)
    assert.is(mistake?.source?.line, 1)
  })
}

test('props may hold what has a JSON form of its own', () => {
  const [resource] = build(declared({ name: 'a', where: new URL('file:///x'), secret: new Secret('s') }))
  assert.equal(resource?.desired, { name: 'a', where: 'file:///x', secret: { $secret: 's' } })
})

test('all mistakes are told at once, in the order of their declarations', () => {
  const mistakes = mistakesOf(
    declared({ name: 'a', bad: 'one' }),
    declared({ name: 'b', throws: 'no such file' }),
    declared({ name: 'c' }, { mistakes: ['tags: takes a list of words'] }),
    declared({ name: 'd', claims: ['path:/x'] }),
    declared({ name: 'e', claims: ['path:/x'] }),
  )
  assert.equal(
    mistakes.map(({ message, source }) => `${source?.line} ${message}`),
    [
      '1 box a: bad: "one"',
      '2 box b: "no such file"',
      '3 box c: tags: takes a list of words',
      '5 box e and box d both claim path /x',
    ],
  )
})

test('a resource without a name is called by its type', () => {
  const nameless: AnyType = toyType('small-box', {
    name: () => {
      throw new TypeError('no name')
    },
    check: () => ['name: is missing'],
  })
  const [mistake] = mistakesOf(declared({}, { type: nameless }))
  assert.is(mistake?.message, 'small box: name: is missing')
})

test('a mistake is text with the place first, the other places and the way out below', () => {
  const error = new RecipeError(mistakesOf(declared({ name: 'a', size: 1 }), declared({ name: 'a', size: 2 })))
  assert.is(
    error.message,
    [
      'site.ts:2: box a is declared twice with different props',
      '  also at   site.ts:1',
      '  next      make them the same, or declare it once and pass its handle',
    ].join('\n'),
  )
})

test.run()
