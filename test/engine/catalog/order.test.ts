import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CatalogResource } from '../../../lib/engine/catalog/catalog.ts'
import { type Diagnostic, RecipeError } from '../../../lib/engine/catalog/evaluate.ts'
import { order } from '../../../lib/engine/catalog/order.ts'
import type { Ref } from '../../../lib/kit/ref.ts'
import { resource } from '../fixture.ts'

const test = suite('order')

/** Refs in the order of their declaration; each with what it needs. */
function ordered(...resources: CatalogResource[]): Ref[] {
  return order(resources).ordered.map(({ ref }) => ref)
}

function at(path: string, needs: Ref[] = []): CatalogResource {
  return { ...resource(`file:${path}`, {}, needs), claims: [`path:${path}`] }
}

function circlesOf(...resources: CatalogResource[]): readonly Diagnostic[] {
  const numbered = resources.map((each, index) => ({
    ...each,
    source: { file: 'site.ts', line: index + 1, column: 1 },
  }))
  try {
    order(numbered)
  } catch (error) {
    if (error instanceof RecipeError) return error.diagnostics
    throw error
  }
  throw new Error('there is no circle')
}

test('without needs it is the order of declaration', () => {
  assert.equal(ordered(resource('b:1', {}), resource('a:1', {}), resource('c:1', {})), ['b:1', 'a:1', 'c:1'])
})

test('what needs a later one waits for it, and the others keep their order', () => {
  assert.equal(ordered(resource('a:1', {}, ['c:1']), resource('b:1', {}), resource('c:1', {}), resource('d:1', {})), [
    'b:1',
    'c:1',
    'a:1',
    'd:1',
  ])
})

test('what is not declared binds to nothing, and nothing needs itself', () => {
  const { needsOf } = order([resource('a:1', {}, ['a:1', 'user:root', 'a:*', 'under:/etc'])])
  assert.equal([...needsOf], [['a:1', []]])
})

test('type:* is every declared resource of that type', () => {
  const { needsOf } = order([resource('rule:1', {}, ['pkg:*']), resource('pkg:a', {}), resource('pkg:b', {})])
  assert.equal(needsOf.get('rule:1'), ['pkg:a', 'pkg:b'])
})

test('under:/path is every one that claims a path there or below, and not one whose name begins alike', () => {
  const { needsOf } = order([
    resource('service:nginx', {}, ['under:/etc/nginx']),
    at('/etc/nginx'),
    at('/etc/nginx/sites/a'),
    at('/etc/nginx-old/b'),
    { ...resource('other:/etc/nginx/c', {}), claims: ['port:80'] },
  ])
  assert.equal(needsOf.get('service:nginx'), ['file:/etc/nginx', 'file:/etc/nginx/sites/a'])
})

test('under:/ is every path', () => {
  const { needsOf } = order([resource('service:x', {}, ['under:/']), at('/a'), at('/a/b')])
  assert.equal(needsOf.get('service:x'), ['file:/a', 'file:/a/b'])
})

test('a path may need all that is below its own folder', () => {
  assert.equal(ordered(at('/etc/a/last', ['under:/etc/a']), at('/etc/a/first')), [
    'file:/etc/a/first',
    'file:/etc/a/last',
  ])
})

test('a file that needs the service that needs its folder is a circle', () => {
  const [circle, ...others] = circlesOf(
    resource('service:nginx', {}, ['under:/etc/nginx']),
    at('/etc/nginx/x', ['service:nginx']),
  )
  assert.is(circle?.message, 'dependency cycle: service nginx → file /etc/nginx/x → service nginx')
  assert.equal([circle?.source?.line, circle?.also?.map(({ line }) => line)], [1, [2]])
  assert.is(others.length, 0)
})

test('a circle names its own members only, from the one declared first', () => {
  const [circle] = circlesOf(
    resource('x:before', {}, ['x:b']),
    resource('x:a', {}, ['x:c']),
    resource('x:b', {}, ['x:a']),
    resource('x:c', {}, ['x:b', 'x:free']),
    resource('x:free', {}),
  )
  assert.is(circle?.message, 'dependency cycle: x a → x c → x b → x a')
  assert.equal([circle?.source?.line, circle?.also?.map(({ line }) => line)], [2, [4, 3]])
})

test('circles that have nothing to do with each other are all told', () => {
  const circles = circlesOf(
    resource('a:1', {}, ['a:2']),
    resource('a:2', {}, ['a:1']),
    resource('b:1', {}, ['b:2', 'a:1']),
    resource('b:2', {}, ['b:1']),
  )
  assert.equal(
    circles.map(({ source }) => source?.line),
    [1, 3],
  )
})

test('ten thousand in a chain, declared the wrong way round, are ordered', () => {
  const chain = Array.from({ length: 10_000 }, (_, index) => resource(`x:${index}`, {}, [`x:${index + 1}`]))
  assert.equal(ordered(...chain), chain.map(({ ref }) => ref).reverse())
})

/** Needs without circles: each resource may need those with a lower number, and they are declared in any order. */
const acyclic = fc.nat({ max: 12 }).chain((size) =>
  fc
    .tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.subarray(Array.from({ length: index }, (__, need) => `x:${need}`)),
      ),
    )
    .map((needs) => needs.map((each, index) => resource(`x:${index}`, {}, each)))
    .chain((all) => fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
)

test('everything comes once, and after all it needs', () => {
  fc.assert(
    fc.property(acyclic, (resources) => {
      const refs = ordered(...resources)
      assert.equal(refs.toSorted(), resources.map(({ ref }) => ref).toSorted())
      for (const { ref, needs } of resources) {
        for (const need of needs) assert.ok(refs.indexOf(need) < refs.indexOf(ref), `${ref} before ${need}`)
      }
    }),
  )
})

test('of those whose needs are met, the one declared first comes first', () => {
  fc.assert(
    fc.property(acyclic, (resources) => {
      const met = new Set<Ref>()
      for (const ref of ordered(...resources)) {
        const first = resources.find((each) => !met.has(each.ref) && each.needs.every((need) => met.has(need)))
        assert.is(ref, first?.ref)
        met.add(ref)
      }
    }),
  )
})

test.run()
