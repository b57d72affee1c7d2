/** `--only`: what a person reads in a plan or a recipe, and may ask for. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Asked, askedFor, checkOnly, functionOf } from '../../lib/cli/only.ts'
import * as frontDoor from '../../lib/index.ts'
import { KNOWN_TYPES } from '../../lib/kit/ref.ts'

const test = suite('only')

const at = (file: string, line: number) => ({ file, line, column: 1 })
const vhost: Asked = {
  ref: 'nginx-vhost:api',
  type: 'nginx-vhost',
  tags: ['greeting'],
  source: at('recipes/proxy.ts', 41),
  also: [at('site.ts', 3)],
}
const file: Asked = { ref: 'file:/etc/app/.env', type: 'file', tags: [], source: at('recipes/tls.ts', 9), also: [] }
const nginx: Asked = { ref: 'package:nginx', type: 'package', tags: [], source: at('site.ts', 1), also: [] }
const all = [vhost, file, nginx]
const found = (...words: string[]): string[] => all.filter(askedFor(words)).map(({ ref }) => ref)

for (const word of [
  'nginx-vhost:api',
  'nginx vhost api',
  'nginx-vhost',
  'nginx vhost',
  'nginxVhost',
  'greeting',
  'recipes/proxy.ts',
  './recipes/proxy.ts',
  'recipes/proxy.ts:41',
  'nginx-*',
  'nginx-vhost:*',
  'nginxV*',
  'greet*',
  'recipes/p*',
]) {
  test(`a vhost is found by ${word}`, () => {
    assert.equal(found(word), ['nginx-vhost:api'])
  })
}

test('a second place that declares the same counts as well', () => {
  assert.equal(found('site.ts'), ['nginx-vhost:api', 'package:nginx'])
})

test('a star matches slashes and leading dots', () => {
  for (const word of ['file:/etc/*', 'file:*', 'file:/etc/**', 'file:/etc/app/.?nv', '*.env'])
    assert.equal(found(word), ['file:/etc/app/.env'], word)
})

test('several words find what any of them finds', () => {
  assert.equal(found('greeting', 'aptPackage'), ['nginx-vhost:api', 'package:nginx'])
})

test('part of a name finds nothing, and nothing is negated', () => {
  assert.equal(found('/etc/app', 'vhost', 'greet', '!file', '', '+(a)', 'recipes'), [])
})

test('a name that has the characters of a pattern is found as it is', () => {
  const odd = { ...file, ref: 'file:/etc/a[1]*' }
  assert.ok(askedFor(['file:/etc/a[1]*'])(odd))
})

test('every type of the front door is found by the name of its function', () => {
  assert.equal(
    KNOWN_TYPES.filter((type) => !Object.hasOwn(frontDoor, functionOf(type))),
    [],
  )
})

const refusal = (word: string): string => {
  try {
    checkOnly([word], all)
    return ''
  } catch (error) {
    return String(error)
  }
}

test('a word that fits nothing is answered with the nearest', () => {
  assert.match(refusal('nginxVhots'), '--only nginxVhots fits no resource; did you mean nginxVhost?')
  assert.match(refusal('pacakge:nginx'), 'did you mean package:nginx?')
  assert.match(refusal('recipes/tsl.ts'), 'did you mean recipes/tls.ts?')
})

test('or with what contains it, three at the most', () => {
  assert.match(refusal('vhost'), 'fits no resource; did you mean nginx-vhost, or nginx-vhost:api?')
  assert.match(refusal('.env'), 'fits no resource; did you mean file:/etc/app/.env?')
})

test('and with a list of what can be asked for', () => {
  try {
    checkOnly(['xyzzy'], all)
    assert.unreachable()
  } catch (error) {
    assert.equal(
      String(Reflect.get(Object(error), 'next'))
        .split('\n')
        .slice(1),
      ['types: file, nginx-vhost, package', 'tags: greeting', 'files: recipes/proxy.ts, recipes/tls.ts, site.ts'],
    )
  }
})

test('the list stays short, however much is declared', () => {
  const many = Array.from({ length: 500 }, (_, index): Asked => ({ ...file, tags: [`tag-${index}`] }))
  try {
    checkOnly(['xyzzy'], many)
    assert.unreachable()
  } catch (error) {
    assert.match(String(Reflect.get(Object(error), 'next')), /tag-115 and 480 more\n/)
  }
})

test.run()
