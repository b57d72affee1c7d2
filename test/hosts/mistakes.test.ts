/**
 * Deliberate mistakes, as a person meets them: a site.ts of its own for each, run by its command line against a real
 * host. Each gets the recipe's line, what the host said and what to do next, and leaves nothing half done.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXIT_CODES, type ExitName, type HostReport } from '../../lib/engine/report.ts'
import { changedFiles } from '../../lib/sandbox/sandbox.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { type Ended, type Place, ROLE_LINE, runSiteFile, writeSite } from '../support/siteFile.ts'

const test = suite('mistakes')
const host = await freshHost('debian-13')
const { address, port, user, identityFile, hostKey, os } = host
const HERE: Place = { address, port, user, identityFile, hostKey, os }
/** nginx, up and serving, is what a mistake must not take away. */
await sshOk(
  host,
  'apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends curl nginx sudo >/dev/null',
)
await sshOk(host, "systemctl stop '*.timer'")

const converge = (role: string, place: Place = HERE): Promise<Ended> =>
  runSiteFile(writeSite({ one: place }, role), ['converge', '--yes'])

/** Fails unless a converge of the role ends so, says all of this, and leaves the host's disk as it was. */
async function refused(role: string, exit: ExitName, said: readonly (string | RegExp)[]): Promise<void> {
  const before = await changedFiles(host.name, LIVING)
  const { code, stdout, stderr } = await converge(role)
  const all = stdout + stderr
  for (const words of said) assert.match(all, words)
  assert.is(code, EXIT_CODES[exit], all)
  assert.equal([...(await changedFiles(host.name, LIVING)).keys()], [...before.keys()])
}

/** What the host itself writes, and Keelson's record of a run that failed. */
const LIVING = {
  ignore: ['/var/log', '/var/lib/keelson', '/var/lib/systemd', '/var/cache', '/var/lib/apt', '/var/lib/nginx'],
}

const line = `site.ts:${ROLE_LINE}`

for (const [what, role, said] of [
  [
    'an unknown key',
    `file({ path: '/etc/motd', contnet: 'x' })`,
    [line, 'unknown key "contnet"; did you mean "content"?'],
  ],
  [
    'port 70000',
    `ufwRule({ action: 'allow', port: 70000, protocol: 'tcp' })`,
    [line, 'port: must be at most 65535, not 70000'],
  ],
  ['a missing field', `nginxVhost({ name: 'a' })`, [line, 'nginx vhost a', 'give serverNames']],
  [
    'two vhosts with one name',
    `nginxVhost({ name: 'a', serverNames: ['a.example'], locations: [{ path: '/', root: '/srv' }] })
nginxVhost({ name: 'b', serverNames: ['a.example'], locations: [{ path: '/', root: '/srv' }] })`,
    [`site.ts:${ROLE_LINE + 1}`, line, 'a.example', 'take it away from one of them'],
  ],
  [
    'one file declared as two',
    `file({ path: '/etc/motd', content: 'a' })
file({ path: '/etc/motd', content: 'b' })`,
    [`site.ts:${ROLE_LINE + 1}`, `also at site.ts:${ROLE_LINE}`, 'declared twice with different props'],
  ],
  [
    'a circle',
    `const a = { path: '/srv/a', content: 'a' }, b = { path: '/srv/b', content: 'b' }
const first = file(a)
const second = file({ ...b, after: first })
file({ ...a, after: second })`,
    ['file /srv/a', 'file /srv/b'],
  ],
  ['a recipe that throws', `throw new Error('no such customer')`, [line, 'no such customer']],
  ['a recipe that looks at the clock', `file({ path: '/etc/motd', content: String(Date.now()) })`, [line, 'Date.now']],
] as const) {
  test(`${what} is told by its line, and no host is touched`, () => refused(role, 'error', said))
}

test('a unit that dies a second after its start is told with its own words, and what needs it is left alone', async () => {
  const role = `const program = unit({ name: 'dies.service', service: { ExecStart: "/bin/sh -c 'echo no key to the cellar; sleep 1; exit 3'" } })
const running = service({ name: 'dies.service', running: true, settleMs: 3000, after: program })
file({ path: '/srv/after', content: 'x', after: running })`
  const { code, stdout, stderr } = await converge(role)
  const all = stdout + stderr
  assert.is(code, EXIT_CODES.partial, all)
  for (const words of [`site.ts:${ROLE_LINE + 1}`, 'service dies.service', 'no key to the cellar', 'next  ']) {
    assert.match(all, words)
  }
  assert.match(all, /file \/srv\/after[^\n]*skipped|skipped[^\n]*file \/srv\/after/)
  assert.is(await sshOk(host, 'ls /srv'), '')
})

test('a snippet with a typo is told in the words of nginx, and the site that is up stays up', async () => {
  // What the test before declared is no longer of interest.
  await sshOk(host, 'rm -rf /var/lib/keelson')
  await refused(`nginxSnippet({ path: 'conf.d/typo.conf', content: 'clientt_max_body_size 1m;' })`, 'error', [
    line,
    'nginx snippet conf.d/typo.conf',
    'unknown directive "clientt_max_body_size"',
  ])
  assert.match(await sshOk(host, 'nginx -t 2>&1'), 'test is successful')
  assert.is(await sshOk(host, "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/"), '200')
})

test('a host that cannot be reached is told with where it was looked for', async () => {
  const { code, stdout } = await converge(`file({ path: '/srv/x', content: 'x' })`, { ...HERE, port: 1 })
  assert.is(code, EXIT_CODES.unreachable)
  assert.match(stdout, `one: ${address} port 1 cannot be reached`)
  assert.match(stdout, 'ECONNREFUSED')
  assert.match(stdout, 'next  ')
})

test('a name that no resolver knows is told as that', async () => {
  const { code, stdout } = await converge(`file({ path: '/srv/x', content: 'x' })`, {
    ...HERE,
    address: 'nosuch.invalid',
  })
  assert.is(code, EXIT_CODES.unreachable)
  assert.match(stdout, 'nosuch.invalid')
  assert.match(stdout, 'next  ')
})

test('a wrong password for sudo is told in the words of sudo, at a real terminal', async () => {
  await sshOk(
    host,
    `useradd --create-home --shell /bin/bash --password "$(openssl passwd -6 right)" ops
     install -d -m 700 -o ops /home/ops/.ssh && install -m 600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/
     echo 'ops ALL=(ALL) ALL' > /etc/sudoers.d/ops`,
  )
  const site = writeSite({ one: { ...HERE, user: 'ops' } }, `file({ path: '/srv/x', content: 'x' })`)
  const command = `${process.execPath} --import tsx ${site} converge --yes`
  // script(1) is the terminal.
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdout.once('data', () => child.stdin.write('wrong\n'))
  const [shown] = await Promise.all([text(child.stdout), once(child, 'close')])
  assert.match(shown, /[Pp]assword/)
  assert.match(shown, 'Sorry, try again')
  assert.is.not(child.exitCode, 0)
  assert.is((await sshOk(host, 'ls /srv')).includes('x'), false)
})

test('a mistake is in the report of --json as well', async () => {
  const site = writeSite({ one: { ...HERE, port: 1 } }, `file({ path: '/srv/x', content: 'x' })`)
  const { code, stdout } = await runSiteFile(site, ['plan', '--json'])
  assert.is(code, EXIT_CODES.unreachable)
  const { hosts }: { hosts: HostReport[] } = JSON.parse(stdout)
  assert.is(hosts[0]?.error?.exit, 'unreachable')
  assert.match(hosts[0]?.error?.next ?? '', 'address and port')
})

test.run()
