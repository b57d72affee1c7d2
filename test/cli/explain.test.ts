/** explain without a host: what the recipes alone tell, and where a line comes from. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitOf, parseBlame } from '../../lib/cli/blame.ts'
import { runSiteFile, writeSite } from '../support/siteFile.ts'

const test = suite('explain')

const folder = mkdtempSync(join(tmpdir(), 'keelson-blame-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfixturekey'
const site = writeSite(
  { one: { os: 'debian-13', address: '192.0.2.1', hostKey: KEY } },
  `const nginx = aptPackage({ name: 'nginx' })
const vhost = nginxVhost({ name: 'api', serverNames: ['api.example'], locations: [{ path: '/', root: '/srv' }], after: nginx })
service({ name: 'nginx', running: true, reloadOn: [vhost], after: nginx })
file({ path: '/etc/api.env', content: conf\`KEY=\${secret('api-key')}\nPORT=1\n\`, tags: ['env'] })
absent(file, { path: '/etc/old' })`,
)
const explain = (...args: string[]) => runSiteFile(site, ['explain', ...args])

/** The resource in the report of `--json`. */
async function explained(ref: string): Promise<{ [key: string]: unknown }> {
  const { code, stdout, stderr } = await explain(ref, '--offline', '--json')
  assert.is(code, 0, stderr)
  const report = JSON.parse(stdout)
  assert.is(report.command, 'explain')
  assert.is(report.format, 1)
  assert.equal(report.exit, { code: 0, name: 'ok' })
  assert.is(report.hosts.length, 1)
  return report.hosts[0].resource
}

test('a vhost is told with its line, its neighbours, what has to load it, and its commands', async () => {
  const about = await explained('nginx-vhost:api')
  assert.equal(about['needs'], ['package:nginx'])
  assert.equal(about['neededBy'], ['service:nginx.service'])
  assert.equal(about['triggers'], [{ action: 'reload', unit: 'nginx.service', by: 'service:nginx.service' }])
  assert.is(Reflect.get(Object(Reflect.get(Object(about['declared']), 'source')), 'line'), 5)
  assert.is(about['seen'], undefined)
  assert.is(about['commandsOf'], 'anew')
  assert.match(JSON.stringify(about['commands']), 'nginx -t with sites-available/api')
})

test('as text it says what is not known without a host', async () => {
  const { stdout } = await explain('nginx vhost api', '--offline')
  assert.match(stdout, /^nginx vhost api on one {2}nginx-vhost:api\n {2}declared {4}site\.ts:5\n/)
  assert.match(stdout, '\n  observed    not known: no host was asked\n  decision    not known: no host was asked\n')
  assert.match(stdout, '\n  triggers    reload nginx.service, if it runs\n  needs       package nginx\n')
  assert.match(stdout, '\n  to make it  nginx -t with sites-available/api, then put in place\n')
})

test('a host that does not answer leaves what the recipes tell, and exits 5', async () => {
  const { code, stdout, stderr } = await runSiteFile(
    writeSite(
      { one: { os: 'debian-13', address: '127.0.0.1', port: 1, hostKey: KEY } },
      `file({ path: '/a', content: '' })`,
    ),
    ['explain', 'file:/a'],
  )
  assert.is(code, 5, stderr)
  assert.match(stdout, /\n {2}observed {4}not known: 127\.0\.0\.1 port 1 cannot be reached/)
  assert.match(stdout, '\n  to make it  write /a\n')
})

test('a secret is known by its name, in commands too', async () => {
  const about = await explained('env')
  assert.equal(
    Reflect.get(Object(about['declared']), 'fields').find((one: { field: string }) => one.field === 'content'),
    {
      field: 'content',
      form: 'secret',
    },
  )
  assert.match(JSON.stringify(about['commands']), 'write /etc/api.env')
})

test('what must not be there has no value and nothing to make', async () => {
  const about = await explained('file:/etc/old')
  assert.is(Reflect.get(Object(about['declared']), 'absent'), true)
  assert.equal(about['commands'], [])
})

test('a line of a recipe names what it declares', async () => {
  assert.is((await explained('site.ts:7'))['ref'], 'file:/etc/api.env')
})

test('a word that fits several exits 64 and names them, one that fits none the nearest', async () => {
  const several = await explain('site.ts', '--offline')
  assert.is(several.code, 64)
  assert.match(several.stderr, 'explain tells of one resource, and site.ts fits 5\n  next       name one of them:\n')
  const none = await explain('file:/etc/api.nev', '--offline')
  assert.is(none.code, 64)
  assert.match(none.stderr, 'file:/etc/api.nev fits no resource; did you mean file:/etc/api.env?')
})

test('the commit of a line is found, a new line is not committed, and a subject is only text', async () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=A <b>', '-c', 'user.email=a@example.com', ...args])
  const file = join(folder, 'a file.ts')
  writeFileSync(file, 'one\ntwo\n')
  assert.is(await commitOf(folder, { file: 'a file.ts', line: 1, column: 1 }), undefined)
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'Say \u001b]0;x\u0007 hello')
  writeFileSync(file, 'one\nnew\ntwo\n')
  const at = (line: number) => commitOf(folder, { file: 'a file.ts', line, column: 1 })
  const known = await at(1)
  assert.is(known?.committed, true)
  assert.is(Reflect.get(Object(known), 'subject'), 'Say \u001b]0;x\u0007 hello')
  assert.match(String(Reflect.get(Object(known), 'commit')), /^[0-9a-f]{40}$/)
  assert.equal(await at(2), { committed: false })
  assert.equal(await at(3), known)
  assert.is(await at(9), undefined)
  assert.is(await at(0), undefined)
})

test('an answer of git that is none is no commit', () => {
  assert.is(parseBlame(''), undefined)
  assert.is(parseBlame('fatal: no such path'), undefined)
  assert.is(parseBlame(`${'a'.repeat(40)} 1 1 1\nauthor-time never\n`), undefined)
})

test.run()
