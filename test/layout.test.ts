import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as library from '../build/library.ts'
import * as door from '../lib/index.ts'

const test = suite('layout')

/** What each room may import, besides itself. Throw-away hosts stand apart: only the command line boots them. */
const ROOMS: { readonly [room: string]: readonly string[] } = {
  cli: ['render', 'secrets', 'forge', 'dsl', 'engine', 'kit', 'transport', 'sandbox'],
  render: ['engine', 'kit'],
  secrets: ['engine', 'kit'],
  forge: ['engine', 'kit'],
  dsl: ['engine', 'kit'],
  resources: ['kit'],
  engine: ['kit', 'transport'],
  kit: [],
  transport: [],
  sandbox: [],
}

/** Rooms within a room, each of which may import those after it, and the vocabulary that lies beside them. */
const INNER: { readonly [room: string]: readonly string[] } = {
  engine: ['undo', 'apply', 'verify', 'logs', 'onHost', 'plan', 'host', 'catalog'],
  render: ['html', 'markdown', 'text', 'view'],
}

const FRONT = 'lib/index.ts'
/** What nothing within lib/ imports. */
const DOORS = [FRONT, 'lib/kit/index.ts']

type Import = { from: string; to: string }

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

function foldersOf(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.flatMap((each) => (each.isDirectory() ? [each.name] : [])).sort()
}

/** Relative imports of a file, as paths from the top: static, dynamic, and of types. */
function importsOf(file: string, text = readFileSync(file, 'utf8')): Import[] {
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)
  return [...found].map(([, path = '']) => ({ from: file, to: normalize(join(dirname(file), path)) }))
}

function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}

/** The room within a room; undefined for what lies beside such rooms. */
function innerOf(file: string): string | undefined {
  const parts = file.split('/')
  return parts.length > 3 ? parts[2] : undefined
}

function isAllowed({ from, to }: Import): boolean {
  const [here, there] = [roomOf(from), roomOf(to)]
  if (!to.startsWith('lib/')) return false
  if (DOORS.includes(to)) return false
  if (from === FRONT) return true
  if (here !== there) return ROOMS[here]?.includes(there) ?? false
  const [inner, other] = [innerOf(from), innerOf(to)]
  if (inner === other) return true
  const order = INNER[here]
  if (order === undefined) return here !== 'resources'
  // The vocabulary beside the rooms of the engine speaks of what is declared.
  if (inner === undefined) return here === 'engine' && other === 'catalog'
  return other === undefined || order.indexOf(inner) < order.indexOf(other)
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

test('every room is known', () => {
  assert.equal(foldersOf('lib'), Object.keys(ROOMS).sort())
  for (const [room, order] of Object.entries(INNER)) assert.equal(foldersOf(`lib/${room}`), [...order].sort())
})

/** Imports that a rule forbids, one for each of them. */
const FORBIDDEN: readonly [from: string, to: string][] = [
  ['lib/engine/plan/x.ts', '../../resources/files/file.ts'],
  ['lib/engine/plan/x.ts', '../../cli/main.ts'],
  ['lib/resources/files/x.ts', '../../engine/report.ts'],
  ['lib/resources/files/x.ts', '../../transport/connection.ts'],
  ['lib/resources/files/x.ts', '../nginx/tree.ts'],
  ['lib/kit/x.ts', '../engine/report.ts'],
  ['lib/kit/files/x.ts', '../../resources/files/file.ts'],
  ['lib/dsl/x.ts', '../render/clean.ts'],
  ['lib/dsl/x.ts', '../secrets/secretStore.ts'],
  ['lib/forge/x.ts', '../render/clean.ts'],
  ['lib/render/x.ts', '../forge/github.ts'],
  ['lib/render/x.ts', '../cli/main.ts'],
  ['lib/render/text/x.ts', '../../transport/connection.ts'],
  ['lib/render/view/x.ts', '../text/page.ts'],
  ['lib/render/view/x.ts', '../markdown/inert.ts'],
  ['lib/render/x.ts', './view/planView.ts'],
  ['lib/transport/x.ts', '../kit/shell.ts'],
  ['lib/engine/apply/x.ts', '../../sandbox/sandbox.ts'],
  ['lib/engine/catalog/x.ts', '../host/ledger.ts'],
  ['lib/engine/host/x.ts', '../plan/plan.ts'],
  ['lib/engine/plan/x.ts', '../apply/session.ts'],
  ['lib/engine/onHost/x.ts', '../undo/undo.ts'],
  ['lib/engine/report.ts', './plan/plan.ts'],
  ['lib/cli/x.ts', '../index.ts'],
  ['lib/resources/files/x.ts', '../../kit/index.ts'],
  ['lib/cli/x.ts', '../../test/support/host.ts'],
]

test('an import against the direction is found', () => {
  for (const [from, path] of FORBIDDEN) {
    const [statically] = importsOf(from, `import { y } from '${path}'`)
    const [dynamically] = importsOf(from, `const y = await import('${path}')`)
    assert.not(isAllowed(statically!), `${from} may import ${path}`)
    assert.equal(dynamically, statically)
  }
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
  const source = readFileSync(FRONT, 'utf8')
  const types = filesIn('lib/resources').filter((file) =>
    /^export const \w+: ResourceType</m.test(readFileSync(file, 'utf8')),
  )
  assert.ok(types.length > 20)
  assert.equal(
    types.filter((file) => !source.includes(`./${file.slice('lib/'.length)}`)),
    [],
  )
})

test('lib/ compiled gives out every name of the front door', () => {
  assert.equal(Object.keys(library).sort(), Object.keys(door).sort())
})

/** Statements that are neither an import, an export of names, nor a constant made by a call of `resource`. */
function logicIn(source: string): string[] {
  const plain = /^(import .*|export (type )?\{[^}]*\}( from '[^']+')?|export const \w+ = resource\(\w+Type\)|)$/
  return source
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => !plain.test(line))
}

test('the front door has no logic', () => {
  assert.equal(logicIn(readFileSync(FRONT, 'utf8')), [])
  assert.equal(logicIn('export const file = isFast ? fast : resource(fileType)'), [
    'export const file = isFast ? fast : resource(fileType)',
  ])
})

test.run()
