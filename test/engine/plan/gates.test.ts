/** What gates make of what a host said, by itself; test/hosts/lockout.test.ts has them say it on a real one. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Gate, GateView, Operator } from '../../../lib/kit/resourceType.ts'
import type { Touch } from '../../../lib/kit/touch.ts'
import { ufwDefaults } from '../../../lib/resources/ufw/ufwDefaults.ts'
import { ufwRule, type UfwRule } from '../../../lib/resources/ufw/ufwRule.ts'
import { UFW_GATE } from '../../../lib/resources/ufw/gate.ts'
import { SSHD_GATE } from '../../../lib/engine/plan/gates/sshd.ts'

const test = suite('ways in')

const operator: Operator = { account: 'ops', from: '10.1.2.3', to: '10.1.2.1', port: 22, keys: ['AAAAown'] }

function viewOf(touches: Touch[], more: Partial<GateView> = {}): GateView {
  return { operator, reveal: String, touches, declared: touches, ...more }
}

function judge(gate: Gate, stdout: string, view: GateView): string | undefined {
  return gate.judge({ stdout, stderr: '', exit: 0 }, view)
}

const rule = (props: UfwRule): Touch => {
  const [name, after] = [ufwRule.name(props), ufwRule.desired(props)!]
  return ufwRule.touches!({ kind: 'create', name, before: null, after, fields: [] })[0]!
}
const denied = ufwDefaults.desired({ incoming: 'deny' })!
const deny = ufwDefaults.touches!({ kind: 'create', name: 'defaults', before: null, after: denied, fields: [] })[0]!

/** Of Debian 13, ufw 0.36.2. */
const STOCK = `-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-output -o lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT`

function ufwSays({ rules4 = '', rules6 = '', conf = 'ENABLED=no', kernel = '', accepted = STOCK }): string {
  return ['IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"', conf, rules4, rules6, kernel, '', accepted].join('\0')
}
const ufw = (changes: Touch[], said = {}, who = operator): string | undefined =>
  judge(UFW_GATE, ufwSays(said), viewOf(changes, { operator: who }))

const SSH = { action: 'allow', port: 22, protocol: 'tcp' } as const

test('ufw turned on without a rule for the port keeps out, also where it is there for others', () => {
  const because =
    'ufw would let nothing from 10.1.2.3 reach port 22: no rule allows it, and incoming is deny by default'
  assert.is(ufw([deny]), because)
  for (const other of [{ from: '10.2.0.0/16' }, { to: '10.1.2.2' }, { port: 222 }, { protocol: 'udp' as const }])
    assert.is(ufw([rule({ ...SSH, ...other }), deny]), because)
})

test('a rule that may let the operator in is enough, whatever it wants to know besides', () => {
  const rules = [{}, { from: '10.1.0.0/16' }, { interface: 'eth0' }, { fromPort: 1022 }, { action: 'limit' as const }]
  for (const more of rules) assert.is(ufw([rule({ ...SSH, ...more }), deny]), undefined)
  assert.is(ufw([deny], { rules4: '### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in' }), undefined)
})

test('the first rule that fits decides, in the order in which they will stand', () => {
  const wide = rule({ action: 'deny', port: '1:1000', protocol: 'tcp' })
  assert.match(ufw([wide, rule(SSH), deny]) ?? '', 'the rule 1:1000/tcp says deny')
  assert.is(ufw([rule(SSH), wide, deny]), undefined)
  const on = {
    conf: 'ENABLED=yes',
    kernel: '-A INPUT -j ufw-before-input',
    rules4: '### tuple ### deny tcp 22 0.0.0.0/0 any 10.1.0.0/16 in',
  }
  const later = rule({ ...SSH, port: '20:30' })
  assert.match(ufw([later], { ...on, rules6: '### tuple ### deny tcp 22 ::/0 any ::/0 in' }) ?? '', 'says deny')
  // It may come in by IPv6.
  assert.is(ufw([later], on), undefined)
})

test('nothing is certain where others have rules, ufw is off, or the operator comes from the host itself', () => {
  const before = { accepted: `${STOCK}\n-A ufw-before-input -p tcp --dport 22 -j ACCEPT` }
  assert.is(ufw([deny], before), undefined)
  assert.is(ufw([deny], { accepted: '-A INPUT -s 10.0.0.0/8 -j ACCEPT' }), undefined)
  assert.is(ufw([rule({ ...SSH, action: 'deny' })]), undefined)
  assert.is(ufw([deny], {}, { ...operator, from: '127.0.0.1' }), undefined)
})

/** As a Debian 13 host said it, shortened. */
const DAEMON = 'pid=59 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups '
const LISTENERS = 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=59,fd=6))\n'
const SETTINGS: { [keyword: string]: string } = {
  listenaddress: '0.0.0.0:22',
  permitrootlogin: 'without-password',
  pubkeyauthentication: 'yes',
  authenticationmethods: 'any',
  authorizedkeysfile: '.ssh/authorized_keys .ssh/authorized_keys2',
  authorizedkeyscommand: 'none',
}

function sshd(
  settings: { [keyword: string]: string },
  { changes = [], daemon = DAEMON, listeners = LISTENERS, keys2 = '', who = operator }: Partial<Host> = {},
): string | undefined {
  const text = Object.entries({ ...SETTINGS, ...settings }).map(([keyword, value]) => `${keyword} ${value}\n`)
  const parts = [text.join(''), '0', listeners, daemon, 'ops sudo', '2026-11-26\n', keys2]
  return judge(SSHD_GATE, parts.join('\0'), viewOf(changes, { operator: who }))
}
type Host = { changes: Touch[]; daemon: string; listeners: string; keys2: string; who: Operator }

test('sshd settings that name the operator, or fit nobody, keep out', () => {
  const shut: [keyword: string, value: string][] = [
    ['allowusers', 'deploy'],
    ['allowusers', 'ops@10.2.0.0/16'],
    ['denyusers', 'o?s'],
    ['allowgroups', 'ssh wheel'],
    ['denygroups', 'su*'],
    ['listenaddress', '0.0.0.0:2222'],
    ['listenaddress', '127.0.0.1:22'],
    ['pubkeyauthentication', 'no'],
    ['authenticationmethods', 'publickey,password keyboard-interactive'],
    ['forcecommand', 'internal-sftp'],
  ]
  for (const [keyword, value] of shut) assert.match(sshd({ [keyword]: value }) ?? '(open)', 'sshd would')
})

test('sshd settings that may let the operator in are not judged', () => {
  const open: [keyword: string, value: string][] = [
    ['allowusers', 'deploy op*'],
    ['allowusers', 'ops@10.1.0.0/16'],
    ['allowusers', 'ops@*.example.org'],
    ['denyusers', 'ops@*.example.org'],
    ['allowgroups', 'wheel !nobody'],
    ['denygroups', 'wheel'],
    ['listenaddress', '10.1.2.1:22'],
    ['authenticationmethods', 'publickey,password publickey'],
    ['permitrootlogin', 'no'],
    ['forcecommand', '/usr/bin/logged'],
  ]
  for (const [keyword, value] of open) assert.is(sshd({ [keyword]: value }), undefined, `${keyword} ${value}`)
})

test('an sshd that is not the one of the service, or has options, may do as it likes', () => {
  const no = { pubkeyauthentication: 'no' }
  assert.ok(sshd(no))
  assert.is(sshd(no, { daemon: 'pid=59 sshd: /usr/sbin/sshd -D -f /etc/other [listener] 0 of 10-100' }), undefined)
  assert.is(sshd(no, { listeners: 'LISTEN 0 4096 *:22 *:* users:(("systemd",pid=1,fd=40))\n' }), undefined)
  assert.is(sshd(no, { listeners: '' }), undefined)
})

const keys = (lines: string[], all = true): Touch => ({ account: 'ops', keys: { lines, all } })

test('a list of keys without one of the operator keeps it out, unless some other file may have it', () => {
  const changes = [keys(['ssh-ed25519 AAAAother x'])]
  assert.match(sshd({}, { changes }) ?? '', 'ops would have none of the keys that you log in with')
  assert.is(sshd({}, { changes: [keys(['ssh-ed25519 AAAAown me'])] }), undefined)
  assert.is(sshd({}, { changes: [keys([], false)] }), undefined)
  assert.is(sshd({}, { changes, keys2: 'ssh-ed25519 AAAAown\n' }), undefined)
  assert.is(sshd({ authorizedkeysfile: '/etc/ssh/keys/%u' }, { changes }), undefined)
  assert.is(sshd({ authorizedkeyscommand: '/usr/bin/keys' }, { changes }), undefined)
  const { keys: _, ...unknown } = operator
  assert.is(sshd({}, { changes, who: unknown }), undefined)
})

test.run()
