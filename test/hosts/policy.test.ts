/** Policies of a site on a real host: what one denies is not written, by whatever way it is asked for. */
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshOk } from '../support/host.ts'
import { type Ended, runSiteFile, writeSite } from '../support/siteFile.ts'

const test = suite('policies on a host')
const host = await freshHost('debian-13')

const DENY = `policies: [
  policy('no motd', ({ changes }) => {
    const motd = changes.filter(({ ref, kind }) => ref === 'file:/srv/motd' && kind !== 'recheck')
    return motd.length === 0 ? [] : { deny: 'the message stays', changes: motd }
  }),
  limitRestarts(0),
]`
const ROLE = `
  file({ path: '/srv/motd', content: 'hello\\n', tags: ['early'] })
  file({ path: '/srv/other', content: 'other\\n' })`

const open = writeSite({ web: host }, ROLE)
const denying = writeSite({ web: host }, ROLE, `{ name: 'same', ${DENY} }`)
const broken = writeSite({ web: host }, ROLE, `{ policies: [policy('broken', () => { throw new Error('no idea') })] }`)
const warning = writeSite(
  { web: host },
  ROLE,
  `{ policies: [policy('size', () => ({ warn: 'look twice' })), keepData()] }`,
)

async function refused(site: string, ...args: string[]): Promise<Ended> {
  const ended = await runSiteFile(site, args)
  assert.is(ended.code, 4, ended.stdout + ended.stderr)
  assert.is(await sshOk(host, 'ls /srv; test ! -e /var/lib/keelson && echo none'), 'none\n')
  return ended
}

test('a plan that a policy denies is shown, says why, and exits 4', async () => {
  const { stdout, stderr } = await refused(denying, 'plan')
  assert.match(stdout, /^ {2}denied {2}no motd: the message stays \(file \/srv\/motd\) {2}site\.ts:\d+$/m)
  assert.match(stdout, /^ {2}policy passed: restarts$/m)
  assert.match(stderr, 'web: policy no motd: the message stays (file /srv/motd); nothing was written')
  assert.match(stderr, /next {7}change what is declared, or the policy at site\.ts:\d+/)
  const { stdout: json } = await refused(denying, 'plan', '--json')
  const report: { hosts: { plan: { checks: object[] } }[] } = JSON.parse(json.trimEnd().split('\n').at(-1)!)
  assert.equal(
    report.hosts[0]!.plan.checks.map((check) => Reflect.get(check, 'status')),
    ['fail', 'pass'],
  )
})

test('converge refuses it, whole or in part, and whatever else is agreed to', async () => {
  await refused(denying, 'converge', '--yes', '--allow', 'lockout')
  await refused(denying, 'converge', '--yes', '--only', 'early', '--json')
  const { stdout } = await refused(broken, 'converge', '--yes', '--only', 'file:/srv/other')
  assert.match(stdout, /policy broken: it failed at site\.ts:\d+: no idea; nothing was written/)
})

test('a plan that was saved or reviewed without the policy is refused', async () => {
  const path = join(dirname(open), 'plan.json')
  assert.is((await runSiteFile(open, ['plan', '--out', path])).code, 0)
  const { hosts }: { hosts: { plan: { digest: string } }[] } = JSON.parse(readFileSync(path, 'utf8'))
  const { stdout } = await refused(denying, 'converge', path, '--yes')
  assert.match(stdout, 'policy no motd')
  await refused(denying, 'converge', '--yes', '--digest', hosts[0]!.plan.digest)
  rmSync(path)
})

test('a warning is shown, and does not stop a converge', async () => {
  const { code, stdout } = await runSiteFile(warning, ['converge', '--yes'])
  assert.is(code, 0)
  assert.match(stdout, /^ {2}policy {2}size: look twice {2}site\.ts:\d+$/m)
  assert.is(await sshOk(host, 'cat /srv/motd'), 'hello\n')
})

test('what only turns out while a plan is applied is judged before it is done', async () => {
  const found = writeSite(
    { web: host },
    `
  const made = command({ name: 'make', check: 'test -e /srv/made', apply: 'echo edited > /srv/motd; touch /srv/made' })
  file({ path: '/srv/motd', content: 'hello\\n', after: made })`,
    `{ ${DENY} }`,
  )
  const { code, stderr, stdout } = await runSiteFile(found, ['converge', '--yes', '--allow-remove', '1'])
  assert.is(code, 4, stdout + stderr)
  assert.match(stdout + stderr, 'the message stays (file /srv/motd); what was found while applying is left undone')
  assert.is(await sshOk(host, 'cat /srv/motd; systemctl list-units --no-legend "keelson-*" | cat'), 'edited\n')
  const { stdout: runs } = await runSiteFile(found, ['runs'])
  assert.not.match(runs, 'running')
})

test.run()
