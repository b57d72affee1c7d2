/**
 * Plans that are certain to lock their operator out, on a real host: they say so and are refused, and what might work is
 * not.
 */
import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { Refused } from '../../lib/engine/errors.ts'
import {
  aptPackage,
  authorizedKeys,
  edit,
  file,
  service,
  sudoers,
  ufwDefaults,
  ufwRule,
  user,
} from '../../lib/index.ts'
import { changedFiles } from '../../lib/sandbox/sandbox.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { planned, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

const test = suite('certain lock-outs')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ufw sudo >/dev/null
   useradd -m ops && install -d -m 700 -o ops /home/ops/.ssh && install -m 600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/
   printf 'ops ALL=(ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/ops && chmod 440 /etc/sudoers.d/ops`,
)
const own = (await readFile(`${host.identityFile}.pub`, 'utf8')).trim()
const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA other'
const SSH = { action: 'allow', port: 22, protocol: 'tcp' } as const

const { address, port, identityFile, hostKey } = host
const NETWORK = `${address.replace(/\d+$/, '0')}/24`
const runAs = (account: string, declare: () => void) => ({
  ...runOn(host, declare, { only: () => true }),
  connect: () => connectSsh({ address, port, user: account, identityFile, hostKey }, {}),
})

async function lockoutsOf(declare: () => void, account = 'root'): Promise<string[]> {
  const { plan, report } = await planned(runAs(account, declare))
  assert.is(report.error?.exit, plan.lockouts === undefined ? undefined : 'refused')
  assert.is(
    plan.changes.some(({ locksOut }) => locksOut === true),
    plan.lockouts !== undefined,
  )
  return plan.lockouts ?? []
}

async function assertRefused(declare: () => void, because: string, account = 'root'): Promise<void> {
  const lockouts = await lockoutsOf(declare, account)
  assert.is(lockouts.length, 1, `${because}: not refused`)
  assert.match(lockouts[0]!, because)
}

async function assertLeftToTheGuard(declare: () => void, account = 'root'): Promise<void> {
  const { plan, report } = await planned(runAs(account, declare))
  assert.ok(
    plan.changes.some(({ consequence }) => consequence === 'lockout'),
    'nothing of it is guarded',
  )
  assert.equal(plan.lockouts, undefined)
  assert.is(report.error, undefined)
}

const turnOn =
  (...rules: Parameters<typeof ufwRule>[0][]) =>
  (): void => {
    ufwDefaults({ incoming: 'deny', after: rules.map((rule) => ufwRule(rule)) })
  }

test('a firewall without a rule for the port in use is refused before anything is written', async () => {
  const deny = turnOn({ ...SSH, port: 2222 })
  const before = await changedFiles(host.name, { ignore: ['/var/log'] })
  await assertRefused(deny, 'reach port 22: no rule allows it, and incoming is deny by default')
  const refused = await rejects(convergeHost({ ...runAs('root', deny), confirm: neverAsked }), Refused)
  assert.match(refused.message, 'this would lock you out: ufw would let nothing from ')
  assert.match(refused.next, '--allow lockout')
  assert.equal(await changedFiles(host.name, { ignore: ['/var/log'] }), before)
})

function neverAsked(): Promise<boolean> {
  throw new Error('it was asked about')
}

test('a firewall with a rule for the operator is left to the guard', async () => {
  await assertLeftToTheGuard(turnOn(SSH))
  await assertLeftToTheGuard(turnOn({ ...SSH, action: 'limit', from: NETWORK }))
  await assertLeftToTheGuard(turnOn({ action: 'allow', port: '20:30', protocol: 'tcp', interface: 'host0' }))
})

test('a rule for others, or one that another keeps from counting, does not let the operator in', async () => {
  await assertRefused(turnOn({ ...SSH, from: '192.0.2.0/24' }), 'no rule allows it')
  // By which address of that family it would come is not known.
  await assertLeftToTheGuard(turnOn({ ...SSH, from: '2001:db8::/32' }))
  await assertRefused(turnOn({ ...SSH, protocol: 'udp' }), 'no rule allows it')
  await assertRefused(turnOn({ action: 'deny', port: '1:1000', protocol: 'tcp' }, SSH), 'the rule 1:1000/tcp says deny')
  await assertLeftToTheGuard(turnOn(SSH, { action: 'deny', port: '1:1000', protocol: 'tcp' }))
})

test('what the host has and nobody declares counts', async () => {
  await sshOk(host, 'ufw allow OpenSSH >/dev/null')
  await assertLeftToTheGuard(turnOn())
  await sshOk(host, 'ufw delete allow OpenSSH >/dev/null; ufw allow 22/tcp >/dev/null')
  await assertLeftToTheGuard(turnOn())
  await assertRefused(turnOn({ ...SSH, action: 'reject' }), 'the rule 22/tcp says reject')
  await sshOk(host, 'ufw delete allow 22/tcp >/dev/null')
  await sshOk(host, 'iptables -I INPUT -p tcp --dport 22 -j ACCEPT')
  await assertLeftToTheGuard(turnOn())
  await sshOk(host, 'iptables -D INPUT -p tcp --dport 22 -j ACCEPT')
  await assertRefused(turnOn(), 'no rule allows it')
})

const sshd = (content: string) => (): void => {
  const settings = file({ path: '/etc/ssh/sshd_config.d/00-x.conf', content })
  service({ name: 'ssh.service', running: true, reloadOn: [settings] })
}

test('sshd settings that shut this login out are refused, in whatever file and block they stand', async () => {
  const before = await changedFiles(host.name, { ignore: ['/var/log'] })
  await assertRefused(sshd('AllowUsers nobody deploy@*\n'), 'AllowUsers nobody deploy@*')
  await assertRefused(sshd('AllowUsers root@192.0.2.1\n'), 'AllowUsers root@192.0.2.1')
  await assertRefused(sshd(`Match Address ${NETWORK}\n  DenyUsers r?ot\n`), 'DenyUsers r?ot')
  await assertRefused(sshd('AllowGroups ssh\n'), 'AllowGroups ssh')
  await assertRefused(sshd('DenyGroups root\n'), 'DenyGroups root')
  await assertRefused(sshd('PermitRootLogin no\n'), 'PermitRootLogin no')
  await assertRefused(sshd('PubkeyAuthentication no\n'), 'PubkeyAuthentication no')
  await assertRefused(sshd('AuthenticationMethods publickey,password\n'), 'AuthenticationMethods publickey,password')
  await assertRefused(sshd('Port 2222\n'), `no longer listen on ${address} port 22, but on`)
  await assertRefused(sshd('ListenAddress 127.0.0.1\n'), 'but on 127.0.0.1:22')
  await assertRefused(
    () => void edit({ path: '/etc/ssh/sshd_config', line: 'PermitRootLogin no', position: 'top' }),
    'PermitRootLogin no',
  )
  assert.equal(await changedFiles(host.name, { ignore: ['/var/log'] }), before)
})

test('sshd settings that may let this login in are left to the guard', async () => {
  await assertLeftToTheGuard(sshd('AllowUsers deploy root\n'))
  await assertLeftToTheGuard(sshd(`AllowUsers root@${NETWORK}\n`))
  await assertLeftToTheGuard(sshd('AllowUsers root@*.example.org\n'))
  await assertLeftToTheGuard(sshd('Match Address 192.0.2.0/24\n  DenyUsers root\n'))
  await assertLeftToTheGuard(sshd('PermitRootLogin no\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n'))
  await assertLeftToTheGuard(sshd('Port 22\nPort 2222\n'))
  await assertLeftToTheGuard(sshd('NoSuchKeyword yes\n'))
})

test('keys that leave none of the operator are refused', async () => {
  await assertRefused(() => void authorizedKeys({ user: 'root', keys: [OTHER] }), 'none of the keys')
  await assertLeftToTheGuard(() => void authorizedKeys({ user: 'ops', keys: [OTHER] }))
  await assertLeftToTheGuard(() => void authorizedKeys({ user: 'root', keys: [OTHER, `${own} me`] }))
})

test('the account of the operator cannot go', async () => {
  await assertRefused(() => void user({ name: 'ops', ensure: 'absent' }), 'the account ops would be gone', 'ops')
  await assertRefused(() => void user({ name: 'ops', shell: '/usr/sbin/nologin' }), 'no shell', 'ops')
  await assertRefused(() => void user({ name: 'ops', expires: '2020-01-01' }), 'would have expired', 'ops')
  await assertLeftToTheGuard(() => void user({ name: 'ops', ensure: 'absent' }))
})

test('nor its way to root', async () => {
  const little = (): void => void sudoers({ name: 'ops', user: 'ops', commands: ['/bin/true'], noPassword: true })
  await assertRefused(little, 'sudo would no longer let ops become root', 'ops')
  await assertLeftToTheGuard(little)
  await assertLeftToTheGuard(() => void sudoers({ name: 'ops', user: 'ops', commands: ['ALL'] }), 'ops')
  await assertRefused(() => void file({ path: '/etc/sudoers.d/ops', ensure: 'absent' }), 'no longer let ops', 'ops')
  await assertRefused(() => void aptPackage({ name: 'sudo', ensure: 'absent' }), 'without sudo, ops', 'ops')
})

test('an sshd that is stopped lets nobody in', async () => {
  await assertRefused(() => void service({ name: 'ssh', running: false }), 'nothing would listen on port 22')
  await assertRefused(() => void aptPackage({ name: 'openssh-server', ensure: 'absent' }), 'nothing would listen')
  await assertLeftToTheGuard(() => void service({ name: 'ssh', enabled: false }))
})

test.run()
