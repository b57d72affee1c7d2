import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as door from '../lib/door.ts'
import * as index from '../lib/index.ts'

const test = suite('layout')

/** Each room may import itself and the rooms after it. Throw-away hosts stand apart: only the command line boots them. */
const ROOMS = ['cli', 'dsl', 'resources', 'engine', 'transport']

/** What index.ts gives out, as modules or compiled. */
const DOOR = 'lib/door.ts'

type Import = { from: string; to: string }

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

/** Relative imports of a file, as paths from the top: static, dynamic, and of types. */
function importsOf(file: string, text = readFileSync(file, 'utf8')): Import[] {
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)
  return [...found].map(([, path = '']) => ({ from: file, to: normalize(join(dirname(file), path)) }))
}

function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}

function isAllowed({ from, to }: Import): boolean {
  const [here, there] = [roomOf(from), roomOf(to)]
  if (!to.startsWith('lib/')) return false
  if (to === 'lib/index.ts') return false
  if (to === DOOR) return from === 'lib/index.ts' || from === 'lib/cli/compiled.ts'
  if (from === 'lib/index.ts' || from === DOOR || here === there) return true
  if (there === 'sandbox') return here === 'cli'
  if (here === 'sandbox') return false
  return ROOMS.indexOf(here) < ROOMS.indexOf(there)
}

/** Files that reach themselves, with the way. */
function circles(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>()
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to])
  const found: string[] = []
  const done = new Set<string>()
  const walk = (file: string, path: readonly string[]): void => {
    const seen = path.indexOf(file)
    if (seen !== -1) found.push([...path.slice(seen), file].join(' → '))
    if (seen !== -1 || done.has(file)) return
    for (const each of next.get(file) ?? []) walk(each, [...path, file])
    done.add(file)
  }
  for (const file of next.keys()) walk(file, [])
  return found
}

/** Loaded when first needed, so that starting stays cheap. */
const LAZY = ['ssh2', 'zx', 'zx/core', 'chokidar', 'age-encryption', 'nanotar']

test('imports point one way, from the command line to the transport', () => {
  const imports = filesIn('lib').flatMap((file) => importsOf(file))
  assert.ok(imports.length > 100, `only ${imports.length} imports were found`)
  assert.equal(
    imports.filter((each) => !isAllowed(each)).map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('an import against the direction is found', () => {
  const planted = importsOf(
    'lib/engine/x.ts',
    "import { y } from '../resources/y.ts'\nconst z = await import('../cli/z.ts')",
  )
  assert.equal(planted.map(isAllowed), [false, false])
})

test('no file imports itself by way of others', () => {
  assert.equal(circles(filesIn('lib').flatMap((file) => importsOf(file))), [])
  assert.equal(
    circles([
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
    ]),
    ['a → b → a'],
  )
})

test('heavy packages are loaded only where they are needed', () => {
  const eager = filesIn('lib').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^import (?!type )[^\n]*from '([^']+)'/gm)]
      .filter(([, name = '']) => LAZY.includes(name))
      .map(([, name]) => `${file} imports ${name}`),
  )
  assert.equal(eager, [])
})

test('every resource type is in the front door', () => {
  const source = readFileSync(DOOR, 'utf8')
  const types = filesIn('lib/resources').filter((file) =>
    /^export const \w+: ResourceType</m.test(readFileSync(file, 'utf8')),
  )
  assert.ok(types.length > 20)
  assert.equal(
    types.filter((file) => !source.includes(`./${file.slice('lib/'.length)}`)),
    [],
  )
})

test('index.ts gives out every name of the front door', () => {
  assert.equal(Object.keys(index).sort(), Object.keys(door).sort())
})

test.run()
