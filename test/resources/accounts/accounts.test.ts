/**
 * Users, groups, keys, sudo, sysctls and cron jobs: what is refused, what is written, what is read.
 */
import { execFileSync } from 'node:child_process'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Unknown } from '../../../lib/kit/resourceType.ts'
import { authorizedKeys, type AuthorizedKeys } from '../../../lib/resources/accounts/authorizedKeys.ts'
import { scheduleMistake } from '../../../lib/resources/cron/schedule.ts'
import { cronJob } from '../../../lib/resources/cron/cronJob.ts'
import { group } from '../../../lib/resources/accounts/group.ts'
import { hashMistake } from '../../../lib/resources/accounts/crypt.ts'
import { sudoers } from '../../../lib/resources/accounts/sudoers.ts'
import { sysctl } from '../../../lib/resources/kernel/sysctl.ts'
import { user } from '../../../lib/resources/accounts/user.ts'
import { ufwRule } from '../../../lib/resources/ufw/ufwRule.ts'

const test = suite('accounts, settings and rules')
const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
const output = (stdout: string) => ({ stdout, stderr: '', exit: 0 })
const HOSTILE = [
  "'",
  '"',
  '`id`',
  '$(id)',
  '-rf',
  '--',
  'a\nb',
  'a\u0000b',
  '../x',
  'a b',
  '%',
  ':',
  ',',
  '\u001b[31m',
  '\u2028',
]

test('hostile names are refused by every schema', () => {
  const cases = [
    [user.schema, (name: string) => ({ name })],
    [group.schema, (name: string) => ({ name })],
    [sudoers.schema, (name: string) => ({ name, content: 'x\n' })],
    [cronJob.schema, (name: string) => ({ name, schedule: '@daily', command: 'true' })],
    [authorizedKeys.schema, (name: string) => ({ user: name, keys: [] })],
    [sysctl.schema, (key: string) => ({ key, value: 1 })],
    [ufwRule.schema, (name: string) => ({ action: 'allow', interface: name })],
  ] as const
  for (const [schema, props] of cases) {
    const valid = ajv.compile(schema)
    for (const name of HOSTILE) assert.not(valid(props(name)), JSON.stringify(name))
  }
})

test('what is no address is refused by a ufw rule', () => {
  const valid = ajv.compile(ufwRule.schema)
  for (const from of [
    ...HOSTILE,
    '010.0.0.1',
    '10.1',
    '10.0.0.0/33',
    '::ffff:1.2.3.4/129',
    'fe80::1%eth0',
    '0.0.0.0/0',
  ]) {
    const props = { action: 'allow', from } as const
    assert.not(valid(props) && ufwRule.check!(props).length === 0, JSON.stringify(from))
  }
})

test('a ufw rule has one name, however it is written', () => {
  const name = (props: object): string => ufwRule.name(props)
  assert.is(name({ port: 22, protocol: 'tcp' }), '22/tcp')
  assert.is(name({ port: [443, 80], protocol: 'tcp', from: '10.1.2.3/8' }), '80,443/tcp from 10.0.0.0/8')
  assert.is(
    name({ port: 53, from: 'FD00:0::1/64', direction: 'out', interface: 'eth0' }),
    'out 53 from fd00::/64 on eth0',
  )
  assert.is(name({ from: '192.0.2.1/32' }), 'any from 192.0.2.1')
})

test('a user is read with its groups, and its hash only as a digest', () => {
  // Recorded: Debian 12, `getent passwd`, `group` and `shadow` of a user made by this type; the hash shortened.
  const states = user.read.parse(
    output(
      'user:ada:4501:4500:Ada:/home/ada:/bin/sh:yes\nprimary:4500:crew\nmember:ada:ops\nshadow:ada:$6$salt$hash:22340\n',
    ),
    [],
  )
  if (states instanceof Unknown) throw new Error(states.because)
  const { password, ...rest } = Object(states.get('ada'))
  assert.equal(rest, {
    uid: 4501,
    group: 'crew',
    groups: ['ops'],
    home: '/home/ada',
    homeThere: true,
    shell: '/bin/sh',
    comment: 'Ada',
    locked: false,
    expires: '2031-03-02',
  })
  assert.match(String(password), /^[0-9a-f]{64}$/)
})

test('a comment reaches the shell as one word, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (comment) => {
      const props = { name: 'ada', comment }
      if (!ajv.validate(user.schema, props)) return
      const after = user.desired(props)!
      const [step] = user.steps({ kind: 'create', name: 'ada', before: null, after, fields: [] }, { reveal: String })
      const line = step!.run.split('\n').find((each) => each.startsWith('usermod') && each.includes('--comment'))!
      const stub = `usermod() { printf '%s\\0' "$@"; }\n${line}`
      assert.ok(execFileSync('sh', ['-c', stub]).toString().split('\0').includes(comment))
    }),
    { numRuns: 40 },
  )
})

test('a cron command comes back from cron as it was written', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('%', '\\', 'a', "'", '$', ' ') }), (command) => {
      const props = { name: 'x', schedule: '@daily', command: `a${command}a` }
      const content = cronJob.desired(props)!.content
      const written = content.slice(content.lastIndexOf('\t') + 1, -1)
      assert.is(asCronReads(written), props.command)
    }),
  )
})

test('what cron would cut off or take away is refused, by bytes and not by letters', () => {
  const mistakes = (command: string, V = ''): readonly string[] =>
    cronJob.check!({ name: 'x', schedule: '@daily', command, environment: { V } })
  assert.equal(mistakes('é'.repeat(400), 'é'.repeat(400)), [])
  assert.match(mistakes('é'.repeat(500))[0] ?? '', 'longer than cron reads')
  assert.match(mistakes(':', 'é'.repeat(500))[0] ?? '', 'environment V is longer than cron reads')
  for (const quoted of ['"a"', "'a'", '""', "''"]) assert.match(mistakes(':', quoted)[0] ?? '', 'takes both away')
  for (const kept of ['"', "'", 'a"b"', '"a" b', '"a"b']) assert.equal(mistakes(':', kept), [], kept)
})

/** As Debian's cron takes a command apart (seen on 12 and 13); a bare `%` would end it. */
function asCronReads(written: string): string {
  assert.not.match(written.replaceAll(/\\[\\%]/g, ''), '%')
  return written.replaceAll(/\\([\\%])/g, '$1')
}

test('schedules that cron does not know, or that never come round, are refused', () => {
  const wrong = [
    '0 0 31 2 *',
    '0 0 30 feb *',
    '60 * * * *',
    '* * * *',
    '5/10 * * * *',
    '*/0 * * * *',
    '? * * * *',
    '0 0 L * *',
    '10-5 * * * *',
    '@sometimes',
    '* * * * mon-fri',
    '* * * * 8',
  ]
  for (const schedule of wrong) assert.is(scheduleMistake(schedule).length, 1, schedule)
  const right = [
    '30 3 * * *',
    '*/5 0-6/2,8 1,15 * 1-5',
    '0 0 29 2 *',
    '0 0 31 2 mon',
    '@reboot',
    '0 4 * jan sun',
    '0 0 31 4,5 *',
  ]
  for (const schedule of right) assert.equal(scheduleMistake(schedule), [], schedule)
})

test('special characters in a sudo command are escaped, patterns refused', () => {
  const { content } = sudoers.desired({
    name: 'x',
    user: 'bob',
    group: 'ops',
    commands: ['/bin/a b=c,d:e', 'ALL'],
    noPassword: true,
  })!
  assert.is(
    content,
    'bob ALL=(root) NOPASSWD: /bin/a b\\=c\\,d\\:e, ALL\n%ops ALL=(root) NOPASSWD: /bin/a b\\=c\\,d\\:e, ALL\n',
  )
  const valid = ajv.compile(sudoers.schema)
  for (const command of ['/bin/cat *', 'cat', '/bin/a\n', '/bin/a #x', '/bin/a\\', '!/bin/a']) {
    assert.not(valid({ name: 'x', user: 'bob', commands: [command] }), command)
  }
})

test('a sudo command that allows more than itself is refused', () => {
  const mistakes = (command: string): readonly string[] =>
    sudoers.check!({ name: 'x', user: 'bob', commands: [command] })
  for (const folder of ['/usr/bin/', '/usr/bin/ x', '/', '/usr/bin/. x', '/usr/bin/..'])
    assert.match(mistakes(folder)[0] ?? '', 'is a folder to sudo')
  assert.match(mistakes('/usr/bin/sudoedit /etc/motd')[0] ?? '', "sudo's own sudoedit")
  for (const fine of ['/bin/ls', '/bin/ls /tmp/', '/bin/x sudoedit', 'ALL']) assert.equal(mistakes(fine), [], fine)
})

test('the last file of sysctl.d decides about the next boot', () => {
  // Recorded: Debian 12, where /etc/sysctl.conf is linked as 99-sysctl.conf; the value added.
  const states = sysctl.read.parse(
    output(
      '/proc/sys/net/ipv4/tcp_rmem:4096\t131072\t33554432\n\0/etc/sysctl.d/60-keelson-net.ipv4.tcp_rmem.conf:net/ipv4/tcp_rmem = 1 2 3\n/etc/sysctl.d/99-sysctl.conf:net.ipv4.tcp_rmem=4 5\t6\n',
    ),
    [{ name: 'net.ipv4.tcp_rmem', desired: null }],
  )
  if (states instanceof Unknown) throw new Error(states.because)
  assert.equal(states.get('net.ipv4.tcp_rmem'), {
    running: '4096 131072 33554432',
    atBoot: '4 5 6',
    file: '/etc/sysctl.d/60-keelson-net.ipv4.tcp_rmem.conf',
    seen: { by: '/etc/sysctl.d/99-sysctl.conf' },
  })
})

test('a sysctl has one name, however its key is written', () => {
  assert.is(sysctl.name({ key: 'net/ipv4/conf/eth0.100/rp_filter' }), 'net.ipv4.conf.eth0/100.rp_filter')
  assert.is(sysctl.name({ key: 'net/ipv4/ip_forward' }), 'net.ipv4.ip_forward')
})

test('a key that is cut off, or listed twice, is refused', () => {
  const key = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36)]).toString('base64')}`
  const check = (props: AuthorizedKeys): string[] => authorizedKeys.check!(props)
  assert.equal(check({ user: 'bob', keys: [key] }), [])
  assert.is(check({ user: 'bob', keys: [key, { key: `${key} again` }] }).length, 1)
  assert.is(check({ user: 'bob', keys: [key.replace('ssh-ed25519', 'ssh-rsa')] }).length, 1)
})

test('a hash of each method that crypt(5) has is accepted, and no part of it is', () => {
  const x = (count: number): string => 'aZ./'.repeat(22).slice(0, count)
  const hashes = [
    `$y$j9T$${x(22)}$${x(43)}`,
    `$gy$j9T$${x(22)}$${x(43)}`,
    `$7$CU..../....${x(22)}$${x(43)}`,
    `$2b$12$${x(53)}`,
    `$6$${x(16)}$${x(86)}`,
    `$6$rounds=656000$${x(16)}$${x(86)}`,
    `$5$rounds=5000$${x(8)}$${x(43)}`,
    `$1$${x(8)}$${x(22)}`,
  ]
  for (const hash of hashes) {
    assert.is(hashMistake(hash), undefined, hash)
    for (const wrong of [hash.slice(0, -1), `${hash}a`, hash.slice(0, hash.lastIndexOf('$')), `${hash}\n`])
      assert.match(hashMistake(wrong) ?? '', 'not a whole hash', wrong)
  }
  assert.match(hashMistake(`!${hashes[0]}`) ?? '', 'locked: true')
  for (const none of ['', 'clear text', 'abJnggxhB/yWI', '$secret', '$pbkdf2-sha256$29000$aaa$bbb'])
    assert.match(hashMistake(none) ?? '', 'is not a hash', none)
})

test('a key that is cut and an option that sshd would not understand are told in plain words', () => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrSp5wqE/QGEgyAnFzUEE+VeU2O4qoUinJCx626Z3FX'
  const mistakes = (one: string | { key: string; options: string[] }): string[] =>
    authorizedKeys.check!({ user: 'ada', keys: [one] })
  for (const cut of [key.slice(0, -4), key.slice(0, -20), `${key}AAAA`])
    assert.match(mistakes(`${cut} ada@laptop`)[0] ?? '', 'is cut off or not a key of its type', cut)
  const words = (option: string): string => mistakes({ key, options: [option] })[0] ?? ''
  assert.match(words('from=10.0.0.0/8'), 'write from="10.0.0.0/8", one option')
  assert.match(words('command=/usr/bin/borg serve'), 'write command="/usr/bin/borg serve", one option')
  for (const odd of ['from="10.0.0.0/8",no-pty', 'command="say "hi""', 'no pty', 'command="x\\', '=x'])
    assert.match(words(odd), /write NAME or NAME="VALUE"/, odd)
  for (const right of ['restrict', 'from="10.0.0.0/8"', 'command="say \\"hi\\""', 'environment="A=b c"'])
    assert.equal(mistakes({ key, options: [right] }), [], right)
})

test.run()
