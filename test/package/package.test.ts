/** The package, packed and unpacked in folders outside the repository. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keelson, newFolder, node, PACKAGE, typecheck } from '../support/packed.ts'

const test = suite('package')

const INVENTORY = `import { inventory as machines } from 'keelson'
export const inventory = machines({
  hosts: { 'web-1': { address: '192.0.2.1', os: 'debian-13', server: 'CX22', roles: ['server'] } },
})
`
const SITE = `import { file, site } from 'keelson'
import { inventory } from './inventory.ts'
export default site(inventory, {
  server() {
    file({ path: '/etc/motd', content: 'hello' })
  },
})
`

/** @param site In place of the small site.ts. */
function siteFolder(site = SITE): string {
  const folder = newFolder()
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n')
  writeFileSync(join(folder, 'inventory.ts'), INVENTORY)
  writeFileSync(join(folder, 'site.ts'), site)
  return folder
}

const packed = readdirSync(PACKAGE, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name))

test('it holds what was built and nothing else, and no path of the machine that built it', () => {
  const kinds = packed.filter(
    (name) => !/^(dist\/(.*(\.d\.ts|\.c?js|\.py)|types\.json)|package\.json|README\.md)$/.test(name),
  )
  assert.equal(kinds, [])
  assert.equal(
    packed.filter((name) => /(^|\/)(test|bench|sandbox)\//.test(name)),
    [],
  )
  const here = process.cwd()
  for (const name of packed) assert.not.ok(readFileSync(join(PACKAGE, name), 'utf8').includes(here), name)
})

test('help, of the whole and of a command, says keelson and needs no site', async () => {
  const folder = newFolder()
  const whole = await keelson(folder, '--help')
  assert.is(whole.code, 0)
  assert.match(whole.stdout, 'Usage: keelson ')
  assert.match(whole.stdout, /^ {2}init /m)
  const { stdout } = await keelson(folder, 'plan', '--help')
  assert.match(stdout, 'Usage: keelson plan ')
  assert.match(stdout, 'Examples:\n  keelson plan\n')
})

test('--version is that of package.json', async () => {
  const { version }: { version: string } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))
  const { code, stdout } = await keelson(newFolder(), '--version')
  assert.equal([code, stdout], [0, `${version}\n`])
})

test('a site is loaded by the bin, from elsewhere too, and by itself', async () => {
  const folder = siteFolder()
  const shown = 'web-1  debian-13  1 resource\n\n1 on its own:\n  file /etc/motd  site.ts:5\n'
  assert.is((await keelson(folder, 'graph')).stdout, shown)
  assert.is((await keelson(newFolder(), 'graph', '--site', join(folder, 'site.ts'))).stdout, shown)
  assert.is((await keelson(newFolder(), `--site=${join(folder, 'site.ts')}`, 'graph')).stdout, shown)
  assert.is((await node(folder, '--import', 'tsx', 'site.ts', 'graph')).stdout, shown)
  assert.match((await node(folder, '--import', 'tsx', 'site.ts', '--help')).stdout, 'Usage: npx tsx site.ts ')
})

test('the site of the repository works with the package: its recipes find their files, and tell the line of the site', async () => {
  const from = (text: string): string =>
    text.replaceAll("'#keelson'", "'keelson'").replaceAll("'./recipes/index.ts'", "'keelson/recipes'")
  const folder = siteFolder(from(readFileSync('site.ts', 'utf8')))
  writeFileSync(join(folder, 'inventory.ts'), from(readFileSync('inventory.ts', 'utf8')))
  const { code, stdout, stderr } = await keelson(folder, 'graph')
  assert.equal([code, stderr], [0, ''])
  assert.match(stdout, / file \/srv\/web\/web\.cjs {2}site\.ts:\d+\n/)
  assert.not.match(stdout, 'node_modules')
})

/** What a folder's broken site is answered with: a sentence with its place, and never a stack. */
async function refusal(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await keelson(folder, 'plan', ...args)
  assert.is.not(code, 0)
  assert.is(stdout, '')
  assert.not.match(stderr, /^ +at /m)
  assert.match(stderr, /^ {2}next {7}\S/m)
  return stderr
}

test('a folder without site.ts is told how to get one', async () => {
  const folder = newFolder()
  assert.match(await refusal(folder), `there is no site.ts in ${folder}\n  next `)
  assert.match(await refusal(folder, '--site', 'other.ts'), 'there is no other.ts in ')
  assert.match(await refusal(folder, '--site'), '--site takes a file\n')
  const { code, stdout } = await keelson(folder, 'plan', '--json')
  assert.is(code, 64)
  assert.is(stdout, '{"format":"1.0","command":"plan","hosts":[],"exit":{"code":64,"name":"usage"}}\n')
})

test('a file that is no site is told so', async () => {
  assert.match(await refusal(siteFolder('export const a = 1\n')), 'site.ts has no site\n  next ')
  assert.match(await refusal(siteFolder('export default { hosts: [] }\n')), 'site.ts has no site\n  next ')
})

test('a syntax error is told with its line, in the site and in what it imports', async () => {
  const wrong = SITE.replace(", content: 'hello'", " content: 'hello'")
  assert.match(await refusal(siteFolder(wrong)), /^site\.ts:5:\d+: Expected .*\n/)
  const folder = siteFolder()
  writeFileSync(join(folder, 'inventory.ts'), 'export const inventory = (\n')
  assert.match(await refusal(folder), /^inventory\.ts:\d:\d+: /)
})

test('a misspelt import is told with its line and the nearest name: a file, a package, a name of each', async () => {
  const wrong = (from: string, to: string): Promise<string> => refusal(siteFolder(SITE.replace(from, to)))
  assert.match(
    await wrong('./inventory.ts', './inventry.ts'),
    /^site\.ts:2: there is no file inventry\.ts in .*; did you mean inventory\.ts\?\n/,
  )
  assert.match(await wrong("'keelson'", "'keelsn'"), /^site\.ts:1: there is no package keelsn here\n/)
  assert.match(
    // Without the other place, esbuild drops the import, which nothing would use.
    await refusal(siteFolder(SITE.replace('{ inventory }', '{ inventry }').replace('site(inventory', 'site(inventry'))),
    /^site\.ts:2: \.\/inventory\.ts exports no inventry; did you mean inventory\?\n/,
  )
  assert.match(
    await refusal(siteFolder(SITE.replace('{ file, site }', '{ fiel, site }').replace('file({', 'fiel({'))),
    /^site\.ts:1: keelson exports no fiel; did you mean file\?\n/,
  )
})

test('an error that a site throws while it is loaded is told with its line', async () => {
  const { code, stderr } = await keelson(siteFolder(`${SITE}\nthrow new Error('no such region')\n`), 'plan')
  assert.equal([code, stderr], [1, 'site.ts:9: no such region\n'])
})

test('init writes a site that type-checks and that a misspelt key makes fail to', async () => {
  const folder = newFolder()
  const { code, stdout } = await keelson(folder, 'init')
  assert.equal([code, stdout], [0, 'wrote site.ts, inventory.ts, package.json, tsconfig.json, .gitignore\n'])
  assert.equal(await typecheck(folder), { code: 0, stdout: '', stderr: '' })
  assert.is((await keelson(folder, 'graph')).code, 0)
  const site = readFileSync(join(folder, 'site.ts'), 'utf8')
  writeFileSync(join(folder, 'site.ts'), site.replace('content:', 'contnt:'))
  assert.match((await typecheck(folder)).stdout, "'contnt' does not exist in type")
})

test('init refuses where one of its files is, and writes none', async () => {
  for (const name of ['site.ts', 'inventory.ts', 'package.json', 'tsconfig.json', '.gitignore']) {
    const folder = newFolder()
    writeFileSync(join(folder, name), 'mine\n')
    const { code, stderr } = await keelson(folder, 'init')
    assert.is(code, 64)
    assert.match(stderr, `${name} already in this folder; nothing was written\n`)
    assert.equal(readdirSync(folder), [name])
    assert.is(readFileSync(join(folder, name), 'utf8'), 'mine\n')
  }
})

test('init completes the package.json that npm made when it installed the package', async () => {
  const folder = newFolder()
  writeFileSync(
    join(folder, 'package.json'),
    '{"dependencies":{"keelson":"file:../keelson.tgz"},"scripts":{"plan":"mine"}}',
  )
  assert.is((await keelson(folder, 'init')).code, 0)
  const made: { type: string; scripts: object; dependencies: object } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  assert.is(made.type, 'module')
  assert.equal(made.dependencies, { keelson: 'file:../keelson.tgz' })
  assert.equal(made.scripts, { plan: 'mine', converge: 'keelson converge', typecheck: 'tsc' })
})

test('what is kept between runs stands beside the package, not in it', async () => {
  const folder = siteFolder(SITE.replace("'hello'", '5'))
  const { stderr } = await keelson(folder, 'plan')
  assert.match(stderr, /^site\.ts:5: file \/etc\/motd: /)
  assert.ok(existsSync(join(PACKAGE, '../.cache/keelson/schemas')))
  assert.not.ok(existsSync(join(PACKAGE, 'node_modules')))
})

test.run()
