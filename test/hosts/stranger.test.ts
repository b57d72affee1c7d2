/**
 * What the README has strangers write, outside of the repository, with the packed package and nothing else. A resource type
 * is type-checked, planned, converged, found to drift, removed and undone on throw-away hosts; a program opens one.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshOk } from '../support/host.ts'
import { keelson, newFolder, typecheck } from '../support/packed.ts'

const test = suite('a type of a stranger')

const [, TYPE = ''] = /## Add a resource type[^]*?```ts\n([^]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []

const [, PROGRAM = ''] = /A program of your own[^]*?```ts\n([^]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []

const site = (role: string): string => `import { absent, site } from 'keelson'
import { hostsEntry } from './hostsEntry.ts'
import { inventory } from './inventory.ts'

export default site(inventory, {
  server() {
    ${role}
  },
})
`
const DATABASE = "hostsEntry({ address: '10.0.0.5', names: ['db.internal', 'db'] })"
const CACHE = "hostsEntry({ address: 'FE80::5', names: ['cache'] })"

for (const os of ['debian-12', 'debian-13'] as const) {
  const folder = newFolder()
  const host = await freshHost(os)

  /** What a command on a site with that role prints. */
  const run = async (role: string, command: string, ...more: string[]): Promise<{ code: number; stdout: string }> => {
    writeFileSync(join(folder, 'site.ts'), site(role))
    const { code, stdout, stderr } = await keelson(folder, command, '--sandbox', host.name, ...more)
    assert.not.match(stderr, /error|next {7}/)
    return { code, stdout }
  }
  const converge = (role: string): Promise<{ code: number; stdout: string }> => run(role, 'converge', '--yes')
  const hosts = (): Promise<string> => sshOk(host, 'cat /etc/hosts')
  const entries = async (): Promise<string[]> =>
    (await hosts()).split('\n').filter((line) => /^(10\.0\.0\.5|fe80::5) /.test(line))

  test(`${os}: it type-checks, in under 80 lines, and a misspelt key does not`, async () => {
    assert.ok(TYPE.split('\n').length < 80, `${TYPE.split('\n').length} lines`)
    assert.is((await keelson(folder, 'init')).code, 0)
    const inventory = readFileSync(join(folder, 'inventory.ts'), 'utf8')
    writeFileSync(join(folder, 'inventory.ts'), inventory.replace('debian-13', os))
    writeFileSync(join(folder, 'hostsEntry.ts'), TYPE)
    writeFileSync(join(folder, 'site.ts'), site(DATABASE))
    assert.equal(await typecheck(folder), { code: 0, stdout: '', stderr: '' })
    writeFileSync(join(folder, 'site.ts'), site(DATABASE.replace('names', 'name')))
    assert.match((await typecheck(folder)).stdout, "'name' does not exist in type")
  })

  test(`${os}: it is planned and converged, beside what stood there, and then a plan has nothing to do`, async () => {
    const before = await hosts()
    const planned = await run(`${DATABASE}\n    ${CACHE}`, 'plan', '--detailed-exitcode')
    assert.is(planned.code, 2)
    assert.match(planned.stdout, /\+ hosts entry 10\.0\.0\.5 +site\.ts:7/)
    assert.is(await hosts(), before)
    assert.is((await converge(`${DATABASE}\n    ${CACHE}`)).code, 0)
    assert.is(await hosts(), `${before}10.0.0.5 db.internal db\nfe80::5 cache\n`)
    assert.is((await run(`${DATABASE}\n    ${CACHE}`, 'plan', '--detailed-exitcode')).code, 0)
  })

  test(`${os}: what another hand changed is drift, and is put right`, async () => {
    await sshOk(host, "sed -i 's/db.internal/db.elsewhere/' /etc/hosts")
    const { stdout } = await run(`${DATABASE}\n    ${CACHE}`, 'plan')
    assert.match(stdout, /~ hosts entry 10\.0\.0\.5 +site\.ts:7 +names changed$/m)
    assert.is((await converge(`${DATABASE}\n    ${CACHE}`)).code, 0)
    assert.equal(await entries(), ['fe80::5 cache', '10.0.0.5 db.internal db'])
  })

  test(`${os}: it is removed when it is no longer declared, and brought back by undo`, async () => {
    const { stdout } = await run(DATABASE, 'plan')
    assert.match(stdout, '- hosts entry fe80::5')
    assert.is((await converge(DATABASE)).code, 0)
    assert.equal(await entries(), ['10.0.0.5 db.internal db'])
    assert.is((await run(DATABASE, 'undo', '3', '--yes')).code, 0)
    assert.equal(await entries(), ['10.0.0.5 db.internal db', 'fe80::5 cache'])
  })

  test(`${os}: it is taken away by absent, whoever made it`, async () => {
    await sshOk(host, 'echo 10.9.9.9 foreign >> /etc/hosts')
    assert.is((await converge(`${DATABASE}\n    ${CACHE}\n    absent(hostsEntry, { address: '10.9.9.9' })`)).code, 0)
    assert.not.match(await hosts(), '10.9.9.9')
    assert.equal((await entries()).length, 2)
  })

  test(`${os}: a program plans and applies, and then has nothing to do`, async () => {
    writeFileSync(
      join(folder, 'site.ts'),
      site(`${DATABASE}\n    hostsEntry({ address: '10.0.0.6', names: ['queue'] })`),
    )
    const sandboxed = PROGRAM.replace("site.open('web-1')", `site.open('web-1', { sandbox: '${host.name}' })`)
    assert.is.not(sandboxed, PROGRAM)
    writeFileSync(join(folder, 'program.ts'), PROGRAM)
    assert.equal(await typecheck(folder), { code: 0, stdout: '', stderr: '' })
    writeFileSync(join(folder, 'program.ts'), sandboxed)
    assert.equal(await programIn(folder), 'web-1: 2 changes, 0 failed\n')
    assert.match(await hosts(), '10.0.0.6 queue\n')
    assert.equal(await programIn(folder), 'web-1: 0 changes, 0 failed\n')
  })
}

/** What a program prints that is run as the README says, in a folder that has the package. */
async function programIn(folder: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'program.ts'], { cwd: folder })
  return stdout
}

test.run()
