/** What is guarded, found from what a change touches and not from its type. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../../lib/dsl/declare.ts'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import type { Answer } from '../../../lib/engine/host/read.ts'
import type { Operator } from '../../../lib/kit/resourceType.ts'
import { revealFrom } from '../../../lib/kit/value.ts'
import { isWayIn, ownWays, parseWays } from '../../../lib/engine/host/ways.ts'
import { FILES, HOME_FILES, isKeptSetting, isKeptUnit, unitAt, UNITS } from '../../../lib/engine/host/waysIn.ts'
import type { WaysContext } from '../../../lib/engine/plan/touches.ts'
import * as door from '../../../lib/index.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('what a change touches')

const operator: Operator = { account: 'ops', from: '192.0.2.7', to: '192.0.2.1', port: 22 }
const answer = (stdout: string): Answer => ({ stdout, stderr: '', exit: 0, bytes: Buffer.from(stdout) })
/** As grep(1) says it on Debian 13. */
const SAID = `/etc/ssh/sshd_config:Include /etc/ssh/sshd_config.d/*.conf
/etc/ssh/sshd_config:AuthorizedKeysFile\t/etc/keys/%u .ssh/more_keys
/etc/ssh/sshd_config.d/50-cloud.conf:  TrustedUserCAKeys "/opt/ca/user.pub"
/etc/ssh/sshd_config:AuthorizedKeysCommand /usr/local/bin/keys --for %u
/etc/ssh/sshd_config:HostCertificate=/srv/host-cert.pub
/etc/ssh/sshd_config:Match Group sftp
/etc/nftables.conf:include "/opt/fw/*.nft"
/etc/sudoers:@includedir /etc/sudoers.d
/etc/sudoers.d/more:#includedir /etc/rights
/etc/sudo.conf:Plugin sudoers_policy sudoers.so sudoers_file=/opt/sudoers
/etc/pam.d/sshd:auth required pam_listfile.so item=user sense=allow file=/etc/who-may onerr=fail
/etc/pam.d/sshd:session optional pam_motd.so motd=/run/motd.dynamic
/etc/network/interfaces:source interfaces.more/*
/etc/passwd:root:x:0:0:root:/root:/bin/bash
/etc/passwd:ops:x:1000:1000:Ops:/srv/people/ops:/bin/bash
/etc/passwd:other:x:1001:1001::/home/other:/bin/bash
`
const ways = parseWays(answer(SAID))
const context: WaysContext = { reveal: revealFrom(new Map()), operator, ways }

const writer = toyType('pretender', { claims: (name) => [`path:${name}`] })

function consequencesOf(names: readonly string[], type = writer, said = ways): string[] {
  const planning = planningOf(
    names.map((name) => resource(`${type.type}:${name}`, {})),
    [type],
    {},
    { context: { ...context, ways: said } },
  )
  return planItems(planning).map(({ shown }) => shown.consequence)
}

const isGuarded = (path: string): boolean => consequencesOf([path])[0] === 'lockout'

test('a type that writes where a login passes through is guarded without saying a word', () => {
  assert.equal(consequencesOf(['/etc/ssh/sshd_config.d/x.conf', '/etc/motd']), ['lockout', 'safe'])
  const byPath = toyType('pretender', { paths: (name) => [`/etc/pam.d/${name}`], consequence: () => 'reload' })
  assert.equal(consequencesOf(['sshd'], byPath), ['lockout'])
})

test('every path of the table is guarded, and so is what it lies in', () => {
  const rows = FILES.flatMap(({ paths }) => paths)
  assert.ok(rows.length > 50)
  for (const path of rows) {
    assert.ok(isGuarded(path), path)
    assert.ok(isGuarded(path.slice(0, path.lastIndexOf('/')) || '/'), `above ${path}`)
  }
  for (const path of ['/etc/ssh/sshrc', '/etc/iptables/rules.v6', '/etc/profile.d/x.sh', '/usr/bin/sudo', '/usr/bin'])
    assert.ok(isGuarded(path), path)
  for (const path of ['/etc/nginx/nginx.conf', '/etc/sshx', '/etc/systemd/system/api.service', '/usr/bin/vim', '/srv'])
    assert.is(isGuarded(path), path === '/srv', path)
})

test('the table needs no word of the host', () => {
  const silent = parseWays(answer(''))
  for (const path of ['/etc/sudoers.d/x', '/etc/ssh/sshd_config.d/x.conf', '/etc/pam.d/sshd', '/etc/nftables.conf'])
    assert.equal(consequencesOf([path], writer, silent), ['lockout'], path)
})

test("the homes of the operator and of root are guarded, and nobody else's", () => {
  for (const home of ['/srv/people/ops', '/root'])
    for (const { folder, names } of HOME_FILES)
      for (const name of names) assert.ok(isGuarded([home, folder, name].filter(Boolean).join('/')), `${home} ${name}`)
  for (const path of ['/srv/people/ops', '/srv/people', '/root', '/root/.ssh', '/root/.ssh/config'])
    assert.ok(isGuarded(path), path)
  for (const path of ['/home/other/.bashrc', '/home/other', '/root/notes', '/srv/people/ops/app/.profile'])
    assert.is(isGuarded(path), false, path)
})

test('what the configuration of the host names is guarded', () => {
  const named = [
    '/etc/keys/ops',
    '/etc/keys/root',
    '/etc/keys',
    '/srv/people/ops/.ssh/more_keys',
    '/opt/ca/user.pub',
    '/usr/local/bin/keys',
    '/srv/host-cert.pub',
    '/opt/fw/any.nft',
    '/opt/fw',
    '/etc/rights/ops',
    '/opt/sudoers',
    '/etc/who-may',
    '/etc/network/interfaces.more/x',
  ]
  for (const path of named) assert.ok(isGuarded(path), path)
  for (const path of ['/etc/keys/other', '/opt/fw/any.txt', '/opt/ca/host.pub', '/run/motd.dynamic'])
    assert.is(isGuarded(path), false, path)
})

test('an account that no file knows is taken to live where accounts do', () => {
  assert.ok(isWayIn('/home/ada', ownWays(parseWays(answer('')), 'ada')))
  assert.ok(isWayIn('/root/.ssh', ownWays(parseWays(answer('')), 'ada')))
  assert.ok(isWayIn('/home/ada/.ssh/rc', ownWays(parseWays(answer('')), 'ada')))
})

test('units count by their files, drop-ins and links, wherever systemd looks for them', () => {
  assert.ok(UNITS.flatMap(({ units }) => Object.keys(units)).every(isKeptUnit))
  for (const path of [
    '/etc/systemd/system/ssh.service.d/x.conf',
    '/run/systemd/system/nftables.service',
    '/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service',
    '/usr/local/lib/systemd/system/ssh.socket',
    '/etc/systemd/system/ssh@.service',
    '/etc/systemd/system/service.d/x.conf',
  ])
    assert.ok(isGuarded(path), path)
  assert.is(unitAt('/etc/systemd/system/api.service.d/x.conf'), 'api.service')
  assert.is(unitAt('/etc/api.service'), undefined)
})

test('a setting of the kernel counts by its name where that is known', () => {
  const named = toyType('setting', {
    claims: () => ['path:/etc/sysctl.d/x.conf'],
    touches: ({ name }) => [{ setting: name }],
  })
  assert.equal(consequencesOf(['net.ipv4.ip_default_ttl', 'vm.swappiness'], named), ['lockout', 'safe'])
  assert.ok(isGuarded('/etc/sysctl.d/x.conf'))
  for (const key of [
    'net.ipv4.conf.eth0/100.rp_filter',
    'net.ipv6.conf.all.disable_ipv6',
    'net.netfilter.nf_conntrack_max',
  ])
    assert.ok(isKeptSetting(key), key)
  for (const key of ['net.ipv4.conf.all.log_martians', 'net.ipv4.tcp_keepalive_time', 'kernel.sysrq'])
    assert.is(isKeptSetting(key), false, key)
})

test('the login of the operator and of root counts, and no other', () => {
  const account = toyType('login', { touches: ({ name }) => [{ account: name }] })
  assert.equal(consequencesOf(['ops', 'root', 'other'], account), ['lockout', 'lockout', 'safe'])
})

const unitType = toyType('service', { touches: ({ name }) => [{ unit: name }] })
const commandType = toyType('command', { touches: () => [{ program: true }] })

function planned(...resources: ReturnType<typeof resource>[]): { [ref: string]: string } {
  const planning = planningOf(resources, [writer, unitType, commandType], {}, { context })
  return Object.fromEntries(planItems(planning).map(({ shown }) => [shown.ref, shown.consequence]))
}

test('what a guarded unit is to load is guarded with it', () => {
  const files = ['/opt/rules', '/opt/other'].map((path) => resource(`pretender:${path}`, {}))
  assert.equal(planned(...files, resource('service:nftables.service', {}, ['pretender:/opt/rules'])), {
    'pretender:/opt/rules': 'lockout',
    'pretender:/opt/other': 'safe',
    'service:nftables.service': 'lockout',
  })
})

test('what may load a guarded file is guarded with it', () => {
  const rules = resource('pretender:/etc/nftables.d/x', {})
  const motd = resource('pretender:/etc/motd', {})
  assert.equal(
    planned(
      rules,
      motd,
      resource('service:own.service', {}, [rules.ref]),
      resource('service:web.service', {}, [motd.ref]),
      resource('command:load', {}, [rules.ref]),
      resource('command:later', {}, ['command:load']),
    ),
    {
      [rules.ref]: 'lockout',
      [motd.ref]: 'safe',
      'service:own.service': 'lockout',
      'service:web.service': 'safe',
      'command:load': 'lockout',
      'command:later': 'safe',
    },
  )
})

/** Types that change nothing a login passes through, and those that know by themselves what they may shut. */
const APART = ['package', 'redis-setting', 'ufw-defaults', 'ufw-rule', 'group']

test('every type tells by a path, a claim or what it touches where it may shut somebody out', () => {
  assert.ok('file' in door && types.size > 20)
  const silent = [...types.values()].filter(
    (one) => !('claims' in one) && !('paths' in one) && !('touches' in one) && !one.type.startsWith('postgres-'),
  )
  assert.equal(
    silent.map(({ type }) => type).filter((type) => !APART.includes(type)),
    [],
  )
})

test.run()
