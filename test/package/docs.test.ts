/**
 * What an editor shows of the package: each name that a user calls has a doc comment with an example, and the examples
 * compile against the package's own types.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keelson, newFolder, PACKAGE, typecheck } from '../support/packed.ts'

const test = suite('docs')

const DOORS = new Map([
  ['keelson', 'dist/lib/index.d.ts'],
  ['keelson/kit', 'dist/lib/kit/index.d.ts'],
  ['keelson/recipes', 'dist/recipes/index.d.ts'],
])

/** An exported value. */
type Name = { door: string; name: string; doc: string; examples: string[]; isCalled: boolean }

const files = [...DOORS.values()].map((file) => join(PACKAGE, file))
const program = ts.createProgram(files, { module: ts.ModuleKind.NodeNext, skipLibCheck: true })
const checker = program.getTypeChecker()

function namesOf(door: string, module: ts.Symbol, prefix = ''): Name[] {
  return checker.getExportsOfModule(module).flatMap((exported): Name[] => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    const name = prefix + exported.name
    if (symbol.flags & ts.SymbolFlags.ValueModule) return namesOf(door, symbol, `${name}.`)
    if (!(symbol.flags & ts.SymbolFlags.Value)) return []
    const type = checker.getTypeOfSymbol(symbol)
    const isCalled = type.getCallSignatures().length + type.getConstructSignatures().length > 0
    const doc = ts.displayPartsToString(symbol.getDocumentationComment(checker))
    const tags = symbol.getJsDocTags(checker).filter((tag) => tag.name === 'example')
    const spans = [...doc.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)
    const examples = [...tags.map(({ text }) => ts.displayPartsToString(text)), ...spans]
    const mentions = new RegExp(`(^|[^\\w.])${name.replace('.', '\\.')}\\b`)
    // A slot's value is named in an example, what is called is called in one.
    return [
      { door, name, doc, isCalled, examples: examples.filter((text) => mentions.test(text) && /[(`{]/.test(text)) },
    ]
  })
}

/** Values that a door gives out: a class may stand there as a type only. */
async function valuesOf(file: string): Promise<string[]> {
  const door: object = await import(join(PACKAGE, file.replace(/\.d\.ts$/, '.js')))
  return Object.keys(door)
}

const names = await Promise.all(
  [...DOORS].map(async ([door, file]) => {
    const values = await valuesOf(file)
    const found = namesOf(door, checker.getSymbolAtLocation(program.getSourceFile(join(PACKAGE, file))!)!)
    return found.filter(({ name }) => values.includes(name.replace(/\..*/, '')))
  }),
).then((doors) => doors.flat())

test('every value of a door has a doc comment, and what is called has an example', () => {
  assert.ok(names.length > 90, `only ${names.length} names were found`)
  const silent = names.filter(({ doc }) => doc === '')
  assert.equal(
    silent.map(({ name }) => name),
    [],
  )
  const bare = names.filter(({ isCalled, examples }) => isCalled && examples.length === 0)
  assert.equal(
    bare.map(({ name }) => name),
    [],
  )
})

/** What examples take as given. */
const GIVEN = `
declare const host: Host
declare const output: Output
declare const hostsEntryType: ResourceType<{ address: string }, { names: string[] }>
`

test('the examples compile', async () => {
  const folder = newFolder()
  assert.is((await keelson(folder, 'init')).code, 0)
  const imports = [...DOORS.keys()].map((door) => {
    const own = names.filter((each) => each.door === door).map(({ name }) => name.replace(/\..*/, ''))
    return `import { ${[...new Set(own)].join(', ')} } from '${door}'`
  })
  const examples = names.flatMap((each) => each.examples)
  const text = [
    ...imports,
    "import type { Host } from 'keelson'",
    "import type { Output, ResourceType } from 'keelson/kit'",
    "import { inventory as machines } from './inventory.ts'",
    GIVEN,
    ...examples.map((example) => {
      const [, site] = /^export default (.*)/s.exec(example) ?? []
      if (site !== undefined) return `;(inventory: typeof machines) => (${site})`
      return `{\n${example}\n}`
    }),
  ]
  writeFileSync(join(folder, 'examples.ts'), text.join('\n'))
  assert.equal(await typecheck(folder), { code: 0, stdout: '', stderr: '' })
})

test('every example of a resource or a recipe is one that a host can have', async () => {
  const folder = newFolder()
  assert.is((await keelson(folder, 'init')).code, 0)
  const declared = names.filter(
    ({ door, examples: [example = ''] }) => door !== 'keelson/kit' && /^\w+\(/.test(example),
  )
  const all = declared
    .flatMap(({ examples }) => examples)
    .filter((text) => !/^(inventory|secret|conf|resource)\(/.test(text))
  const hosts = all.map((_, index) => [
    `h${index}`,
    { address: `192.0.2.${index + 1}`, os: 'debian-13', server: 'CX22', roles: [`r${index}`] },
  ])
  const imports = ['keelson', 'keelson/recipes'].map((door) => {
    const own = names.filter((each) => each.door === door).map(({ name }) => name)
    return `import { ${own.join(', ')} } from '${door}'`
  })
  const roles = all.map((example, index) => `  r${index}(host) {\n${example.replaceAll('AAAA…', KEY)}\n  },`)
  const text = `${imports.join('\n')}
const hosts = inventory({ hosts: ${JSON.stringify(Object.fromEntries(hosts))} })
export default site(hosts, {
${roles.join('\n')}
})
`
  writeFileSync(join(folder, 'site.ts'), text)
  const { code, stderr } = await keelson(folder, 'graph')
  assert.equal([code, stderr], [0, ''])
  assert.ok(all.length > 35)
})

test('the resource type that the README writes compiles, in under 80 lines, and a recipe can declare it', async () => {
  const [, type = ''] = /## Add a resource type[^]*?```ts\n([^]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []
  assert.ok(type !== '' && type.split('\n').length < 80)
  const folder = newFolder()
  assert.is((await keelson(folder, 'init')).code, 0)
  writeFileSync(join(folder, 'hostsEntry.ts'), type)
  const siteWith = (prop: string): string => `import { absent, site } from 'keelson'
import { hostsEntry } from './hostsEntry.ts'
import { inventory } from './inventory.ts'
export default site(inventory, {
  server() {
    hostsEntry({ address: 'FE80::5', ${prop}: ['db.internal', 'db'] })
    absent(hostsEntry, { address: '10.0.0.6' })
  },
})
`
  writeFileSync(join(folder, 'site.ts'), siteWith('names'))
  assert.equal(await typecheck(folder), { code: 0, stdout: '', stderr: '' })
  assert.match((await keelson(folder, 'graph')).stdout, 'hosts entry fe80::5')
  writeFileSync(join(folder, 'site.ts'), siteWith('name'))
  assert.match((await typecheck(folder)).stdout, "'name' does not exist in type")
  assert.match((await keelson(folder, 'graph')).stderr, 'did you mean "names"?')
})

const KEY = 'AAAAC3NzaC1lZDI1NTE5AAAAIGmCzkBRVUBQ6vGMIyGvGgBkKXG1qUdWJ+S0fSNjgQQ2'

test.run()
