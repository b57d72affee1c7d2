/**
 * ufw on real hosts: what is declared is what the kernel enforces.
 */
import { createConnection } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/dsl/declare.ts'
import { ufwDefaults as ufwDefaultsType } from '../../lib/resources/ufw/ufwDefaults.ts'
import { type UfwRule, ufwRule as ufwRuleType } from '../../lib/resources/ufw/ufwRule.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const ufwRule = resource(ufwRuleType)
const ufwDefaults = resource(ufwDefaultsType)

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('ufw on real hosts')

const SSH: UfwRule = { action: 'allow', port: 22, protocol: 'tcp' }
const WEB: UfwRule = { action: 'deny', port: 443, protocol: 'tcp' }
const RULES: UfwRule[] = [
  SSH,
  { action: 'limit', port: 2222, protocol: 'tcp', comment: 'admin "é" $(id) `x` \\ #%' },
  { action: 'allow', port: [443, 80], protocol: 'tcp' },
  { action: 'allow', port: '6000:6100', protocol: 'udp', log: 'new' },
  { action: 'allow', port: 5432, protocol: 'tcp', interface: 'eth9', from: '10.1.2.3/8' },
  { action: 'deny', port: 25, protocol: 'tcp', direction: 'out' },
  { action: 'allow', port: 53, from: 'FD00:0::1/64' },
  { action: 'reject', from: '192.0.2.1' },
  { action: 'allow', protocol: 'esp', to: '192.0.2.2' },
  { action: 'allow', route: true, interface: 'eth9', outInterface: 'eth8', port: 80, protocol: 'tcp' },
  { action: 'allow', fromPort: '1024:65535', port: 99, protocol: 'tcp', log: 'all' },
]

const declare =
  (rules: readonly UfwRule[], defaults: Parameters<typeof ufwDefaults>[0] = {}): (() => void) =>
  () => {
    for (const rule of rules) ufwRule(rule)
    ufwDefaults(defaults)
  }

/** `tcp 22 …` of each rule of one family, in order. */
async function order(host: SandboxHost, file = 'user.rules'): Promise<string[]> {
  const text = await sshOk(host, `sed -n 's/^### tuple ### //p' /etc/ufw/${file}`)
  return text.split('\n').filter(Boolean)
}

/** True when a new connection is answered. */
function answers({ address, port }: SandboxHost): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: 5000 })
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('connect', end(true)).on('error', end(false)).on('timeout', end(false))
  })
}

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)

  on('without ufw a plan lists every rule, and applying says what to declare', async () => {
    const plan = await planOn(host, declare([SSH]))
    assert.is(changeOf(plan, 'ufw-rule:22/tcp').kind, 'create')
    const report = await convergeOn(host, declare([SSH]))
    assert.match(changeOf(report, 'ufw-rule:22/tcp').failure?.said ?? '', 'declare the package ufw first')
    await sshOk(
      host,
      'export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get install -y -qq ufw >/dev/null 2>&1',
    )
  })

  on('all kinds of rules come out as declared, and ssh still answers', async () => {
    await convergeAsPlanned(host, declare(RULES))
    assert.ok(await answers(host))
    assert.match(await sshOk(host, 'ufw status'), 'Status: active')
    assert.match(await sshOk(host, 'ufw show added'), 'ufw allow from fd00::/64 to any port 53')
  })

  on('a rule deleted, changed or lost by the kernel is drift', async () => {
    await sshOk(
      host,
      'ufw delete allow 80,443/tcp; ufw reject 2222/tcp; iptables -D ufw-user-output -p tcp --dport 25 -j DROP',
    )
    const { plan } = await convergeAsPlanned(host, declare(RULES))
    assert.equal(
      plan.changes.map(({ ref, kind, cause }) => `${kind} ${cause} ${ref}`),
      [
        'change drift ufw-rule:2222/tcp',
        'create drift ufw-rule:80,443/tcp',
        'change drift ufw-rule:out 25/tcp',
        'change drift ufw-defaults:defaults',
      ],
    )
    await sshOk(host, 'iptables -C ufw-user-output -p tcp --dport 25 -j DROP')
  })

  on('one twin missing is drift', async () => {
    await sshOk(host, 'ufw delete allow from ::/0 to ::/0 port 22 proto tcp')
    const { plan } = await convergeAsPlanned(host, declare(RULES))
    assert.equal(changeOf(plan, 'ufw-rule:22/tcp').fields, [
      { field: 'families', form: 'value', before: 'ipv4', after: 'both' },
    ])
  })

  on('allow becoming deny is one change of one rule, at its place', async () => {
    const rules = RULES.map((rule) =>
      rule.port === '6000:6100' ? { ...rule, action: 'deny' as const, log: 'no' as const } : rule,
    )
    const { plan } = await convergeAsPlanned(host, declare(rules))
    assert.equal(
      plan.changes.map(({ ref }) => ref),
      ['ufw-rule:6000:6100/udp'],
    )
    assert.is(plan.changes[0]?.consequence, 'safe')
  })

  on('only a rule about the port of sshd can lock anybody out', async () => {
    const consequences = async (...closing: UfwRule[]) => {
      const { changes } = await planOn(host, declare([...RULES, ...closing]))
      return changes.flatMap(({ kind, consequence }) => (kind === 'create' ? [consequence] : []))
    }
    assert.equal(await consequences({ action: 'deny', port: 3000, protocol: 'tcp' }), ['safe'])
    assert.equal(await consequences({ action: 'deny', port: 22, protocol: 'udp' }), ['safe'])
    assert.equal(await consequences({ action: 'deny', port: '20:30', protocol: 'tcp' }), ['lockout'])
    assert.equal(await consequences({ action: 'reject', from: '192.0.2.0/24' }), ['lockout'])
  })

  on('a comment can be changed and taken away', async () => {
    const rule = { action: 'allow', port: 7000, protocol: 'tcp' } as const
    await convergeAsPlanned(host, declare([...RULES, { ...rule, comment: 'one' }]))
    await convergeAsPlanned(host, declare([...RULES, { ...rule, comment: 'two' }]))
    await convergeAsPlanned(host, declare([...RULES, rule]))
  })

  on('an exception declared before a rule stands before it in both families', async () => {
    const late: UfwRule[] = [
      { action: 'deny', port: 22, protocol: 'tcp', from: '198.51.100.0/24' },
      { action: 'deny', port: 22, protocol: 'tcp', from: '2001:db8::/32' },
    ]
    await convergeAsPlanned(host, declare([...late, ...RULES]))
    const position = async (file: string, text: string): Promise<number> =>
      (await order(host, file)).findIndex((line) => line.includes(text))
    assert.ok((await position('user.rules', '198.51.100.0/24')) < (await position('user.rules', 'allow tcp 22 ')))
    assert.ok((await position('user6.rules', '2001:db8::/32')) < (await position('user6.rules', 'allow tcp 22 ')))
  })

  on('a rule moved by hand behind one it must come before is put back', async () => {
    await sshOk(
      host,
      'ufw delete deny from 198.51.100.0/24 to any port 22 proto tcp; ufw deny from 198.51.100.0/24 to any port 22 proto tcp',
    )
    const exception: UfwRule = { action: 'deny', port: 22, protocol: 'tcp', from: '198.51.100.0/24' }
    const { plan } = await convergeAsPlanned(host, declare([exception, ...RULES]), { allowRemove: 1 })
    assert.equal(changeOf(plan, 'ufw-rule:22/tcp from 198.51.100.0/24').fields, [
      { field: 'order', form: 'value', before: 'after 22/tcp', after: 'as declared' },
    ])
  })

  on('the order of rules that do not meet is left alone', async () => {
    const exception: UfwRule = { action: 'deny', port: 22, protocol: 'tcp', from: '198.51.100.0/24' }
    const at = RULES.findIndex(({ action }) => action === 'reject')
    const rules = [...RULES.slice(0, at).reverse(), RULES[at]!, ...RULES.slice(at + 1).reverse()]
    const plan = await planOn(host, declare([exception, ...rules]))
    assert.equal(plan.changes, [])
  })

  on('a rule that is no longer declared goes, a foreign one stays', async () => {
    await sshOk(host, 'ufw allow 1234/tcp')
    await convergeAsPlanned(host, declare([SSH]), { allowRemove: RULES.length })
    assert.equal(await order(host), [
      'allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in',
      'allow tcp 1234 0.0.0.0/0 any 0.0.0.0/0 in',
    ])
    await convergeAsPlanned(host, declare([SSH, { action: 'allow', port: 1234, protocol: 'tcp', ensure: 'absent' }]))
    assert.equal(await order(host), ['allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in'])
  })

  on('each default can be changed', async () => {
    await convergeAsPlanned(
      host,
      declare([SSH], { incoming: 'reject', routed: 'allow', outgoing: 'allow', logging: 'off' }),
    )
    await sshOk(host, 'sed -i s/IPV6=yes/IPV6=no/ /etc/default/ufw; ufw logging low')
    await convergeAsPlanned(host, declare([SSH], { logging: 'medium' }))
    assert.match(
      await sshOk(host, 'ufw status verbose'),
      /Logging: on \(medium\)\nDefault: deny \(incoming\), allow \(outgoing\), (deny|disabled) \(routed\)/,
    )
  })

  on('rules the kernel lost as a whole are loaded again', async () => {
    await sshOk(host, 'iptables -P INPUT ACCEPT; iptables -F INPUT; ip6tables -F ufw6-user-input')
    const { plan } = await convergeAsPlanned(host, declare([SSH], { logging: 'medium' }))
    assert.equal(changeOf(plan, 'ufw-defaults:defaults').fields, [
      { field: 'loaded', form: 'value', before: false, after: true },
    ])
  })

  on('what logs is known for each level, and loaded again where the kernel lost some of it', async () => {
    for (const logging of ['low', 'high', 'full', 'medium'] as const)
      await convergeAsPlanned(host, declare([SSH], { logging }))
    await sshOk(host, 'iptables -A ufw-after-logging-input -s 192.0.2.1 -j LOG')
    assert.equal((await planOn(host, declare([SSH], { logging: 'medium' }))).changes, [])
    await sshOk(host, 'iptables -D ufw-after-logging-input 1')
    const { plan } = await convergeAsPlanned(host, declare([SSH], { logging: 'medium' }))
    assert.equal(changeOf(plan, 'ufw-defaults:defaults').fields, [
      { field: 'loaded', form: 'value', before: false, after: true },
    ])
    assert.match(await sshOk(host, 'iptables -S ufw-after-logging-input'), '[UFW BLOCK]')
  })

  on('rules by application profiles are no drift, and hide none that is declared', async () => {
    const limited = declare([SSH, { action: 'limit', port: 8022, protocol: 'tcp' }, WEB], { logging: 'medium' })
    await sshOk(
      host,
      `printf '[%s]\\ntitle=%s\\ndescription=%s\\nports=%s\\n\\n' Shell Shell Shell 8022/tcp 'Web Full' Web Web '80,443/tcp|8080/udp' > /etc/ufw/applications.d/own
ufw insert 1 deny from 203.0.113.9; ufw allow Shell; ufw allow 'Web Full'`,
    )
    assert.equal((await planOn(host, declare([SSH], { logging: 'medium' }))).changes, [])
    await sshOk(host, 'ufw limit 8022/tcp')
    const { plan } = await convergeAsPlanned(host, limited)
    assert.equal(
      plan.changes.map(({ kind, ref }) => `${kind} ${ref}`),
      ['change ufw-rule:8022/tcp', 'create ufw-rule:443/tcp'],
    )
    assert.equal(changeOf(plan, 'ufw-rule:8022/tcp').fields, [
      { field: 'order', form: 'value', before: 'after 8022/tcp by profile Shell', after: 'as declared' },
    ])
    const kept = [
      'deny any any 0.0.0.0/0 any 203.0.113.9 in',
      'allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in',
      'limit tcp 8022 0.0.0.0/0 any 0.0.0.0/0 in',
      'allow tcp 8022 0.0.0.0/0 any 0.0.0.0/0 Shell - in',
      'deny tcp 443 0.0.0.0/0 any 0.0.0.0/0 in',
      'allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Web%20Full - in',
      'allow udp 8080 0.0.0.0/0 any 0.0.0.0/0 Web%20Full - in',
    ]
    assert.equal(await order(host), kept)
    await sshOk(host, 'ufw delete limit 8022/tcp')
    await convergeAsPlanned(host, limited)
    assert.equal(await order(host), kept)
    // Behind a profile of two tuples, which ufw numbers as one rule.
    await sshOk(host, 'ufw allow 1234/tcp')
    const absent = { action: 'allow', port: 1234, protocol: 'tcp', ensure: 'absent' } as const
    await convergeAsPlanned(host, declare([SSH, absent], { logging: 'medium' }))
    // The limit was there before it was declared.
    assert.equal(
      await order(host),
      kept.filter((rule) => !rule.startsWith('deny tcp')),
    )
    await sshOk(
      host,
      "ufw delete limit 8022/tcp; ufw delete allow Shell; ufw delete allow 'Web Full'; ufw delete deny from 203.0.113.9",
    )
  })

  on('turned off it is off', async () => {
    await convergeAsPlanned(host, declare([SSH], { enabled: false }))
    assert.match(await sshOk(host, 'ufw status'), 'Status: inactive')
    assert.is((await ssh(host, 'iptables-save | grep -q "INPUT DROP"')).exit, 1)
  })
}

test.run()
