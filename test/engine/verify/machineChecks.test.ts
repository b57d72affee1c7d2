import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listeners } from '../../../lib/engine/verify/listeners.ts'
import { type Known, MACHINE_CHECKS } from '../../../lib/engine/verify/machineChecks.ts'
import { waysTo } from '../../../lib/engine/verify/program.ts'
import type { Finding } from '../../../lib/kit/verify.ts'

const test = suite('checks of every machine')

const known: Known = { ports: new Set([22, 443]), units: new Set(['api.service']), standIn: false }

function find(check: string, stdout: string, more: Partial<Known> = {}): Finding[] {
  const { parse } = MACHINE_CHECKS.find((one) => one.check === check)!
  return parse({ stdout, stderr: '', exit: 0 }, { ...known, ...more })
}
const wrong = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ about, state, said }) => (state === 'wrong' ? [`${about}: ${said}`] : []))

/** As df of Debian 13 prints it. */
const DF = `Filesystem         1-blocks        Used   Available Capacity Mounted on
/dev/vda     270373797888 235927826432 19876438016      93% /
tmpfs             1048576       4096      1044480       1% /mnt/a b
tmpfs             5242880    5242880            0     100% /run/lock
/dev/vda     270373797888 235927826432 19876438016      93% /srv/same
`
const INODES = `Filesystem       Inodes  IUsed    IFree IUse% Mounted on
/dev/vda       16777216 200000 16577216    2% /
tmpfs               100     99        1   99% /mnt/a b
`

test('a file system counts once, by space and by inodes, and those of the kernel do not', () => {
  const findings = find('disk', `${DF}\0${INODES}`)
  assert.equal(wrong(findings), ['/: 93 % in use', '/mnt/a b, inodes: 99 % in use'])
  assert.equal(
    findings.map(({ about }) => about),
    ['/', '/mnt/a b', '/, inodes', '/mnt/a b, inodes'],
  )
  assert.match(findings[0]!.next ?? '', 'du -xh /')
  assert.throws(() => find('disk', '\0'), 'df names no file system')
})

test('memory and swap are wrong when little is left', () => {
  const meminfo = (available: number, free: number) =>
    `MemTotal 1000\nMemAvailable ${available}\nSwapTotal 100\nSwapFree ${free}\n`
  assert.equal(wrong(find('memory', meminfo(500, 90))), [])
  assert.equal(wrong(find('memory', meminfo(79, 20))), ['memory: 7 % available', 'swap: 80 % in use'])
  assert.is(find('memory', 'MemTotal 1000\nMemAvailable 500\nSwapTotal 0\nSwapFree 0\n').length, 1)
  assert.throws(() => find('memory', ''), 'no MemTotal')
})

test('failed units and restart loops are named, but for those of declared resources', () => {
  const units = `api.service    loaded failed     failed       API
backup.service loaded failed     failed       Backup
loop.service   loaded activating auto-restart Loop
`
  assert.equal(wrong(find('failed units', units)), [
    'backup.service: it has failed',
    'loop.service: it starts again and again',
  ])
  assert.equal(
    find('failed units', 'api.service loaded failed failed API\n').map(({ state }) => state),
    ['ok'],
  )
})

test('a reboot is due for a package that asks for one, or a newer kernel', () => {
  const of = (text: string, standIn = false) => find('reboot', text, { standIn })[0]!
  assert.is(of('\x006.1.0-40-amd64\x006.1.0-40-amd64\n').state, 'ok')
  assert.equal(
    [of('required\nlibc6 \x006.1\x00').state, of('required\nlibc6 \x006.1\x00').said],
    ['warning', 'a reboot is due for libc6'],
  )
  assert.match(of('\x006.1.0-40-amd64\x006.1.0-41-amd64\n').said, 'kernel 6.1.0-41-amd64')
  assert.is(of('\x006.1.0-40-amd64\x006.1.0-41-amd64\n', true).state, 'ok')
})

test('security updates are pending by lists that are not old', () => {
  const now = 1_800_000_000
  const of = (pending: string, age: number, exit = 0) =>
    find('updates', `${pending}\0${now}\n${now - age}.25\n\0${exit}`)[0]!
  assert.is(of('', 3600).state, 'ok')
  assert.equal(
    [of('openssl\nlibssl3\n', 3600).state, of('openssl\nlibssl3\n', 3600).said],
    ['warning', '2 pending: openssl, libssl3'],
  )
  assert.match(of('', 9 * 86_400).said, 'the package lists are 9 days old')
  assert.is(find('updates', `\0${now}\n\x000`)[0]!.state, 'unchecked')
  assert.equal(
    [of('', 3600, 124).state, of('', 3600, 124).said],
    ['unchecked', 'apt could not tell within 8 s (exit 124)'],
  )
})

/** As ss of Debian 13 prints it, with a listener of each kind. */
const SS = `udp UNCONN 0 0 127.0.0.1:323 0.0.0.0:* users:(("chronyd",pid=1,fd=5))
udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:* users:(("dhclient",pid=1,fd=5))
udp UNCONN 0 0 10.0.0.2%eth0:5353 0.0.0.0:* users:(("avahi",pid=1,fd=5))
tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))
tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=1,fd=4))
tcp LISTEN 0 244 127.0.0.1:5432 0.0.0.0:* users:(("postgres",pid=1,fd=6))
tcp LISTEN 0 244 [::1]:5432 [::]:* users:(("postgres",pid=1,fd=5))
tcp LISTEN 0 5 0.0.0.0:9999 0.0.0.0:* users:(("python3",pid=1,fd=3))
tcp LISTEN 0 5 *:9100 *:* users:(("prometheus-node",pid=1,fd=3))
tcp LISTEN 0 5 127.0.0.53%lo:53 0.0.0.0:*
`

test('who listens for others on a port that nobody declared is named', () => {
  assert.equal(wrong(find('listeners', SS)), [
    '5353/udp: avahi listens on 10.0.0.2%eth0:5353, which nobody declared',
    '9100/tcp: prometheus-node listens on *:9100, which nobody declared',
    '9999/tcp: python3 listens on 0.0.0.0:9999, which nobody declared',
  ])
  assert.is(find('listeners', SS, { ports: new Set([22, 9100, 9999, 5353]) })[0]!.state, 'ok')
  assert.is(listeners(SS).filter(({ port }) => port === 22).length, 1)
})

test('a throw-away host does not answer for the clock', () => {
  assert.is(find('clock', 'yes\n')[0]!.state, 'ok')
  assert.is(find('clock', 'no\n')[0]!.state, 'wrong')
  assert.is(find('clock', 'no\n', { standIn: true })[0]!.state, 'unchecked')
})

test('a host is tried by its declared address and one of the other family that others reach', () => {
  const of = (declared: string, own: string[], standIn: boolean) =>
    waysTo(declared, own, standIn).map(({ address }) => address)
  assert.equal(of('192.0.2.1', ['10.0.0.1', 'fd00::1', '2001:db8::1'], false), ['192.0.2.1', '2001:db8::1'])
  assert.equal(of('192.0.2.1', ['10.0.0.1', 'fd00::1'], false), ['192.0.2.1'])
  assert.equal(of('10.0.0.1', ['10.0.0.1', 'fd00::1'], true), ['10.0.0.1', 'fd00::1'])
  assert.equal(of('host.example', [], false), [])
})

test.run()
