/** What types promise, and how they judge what a host says of it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { certificate } from '../../lib/resources/certbot/certificate.ts'
import { cronJob } from '../../lib/resources/cron/cronJob.ts'
import { nginxVhost, type NginxVhost } from '../../lib/resources/nginx/nginxVhost.ts'
import { type Service, service } from '../../lib/resources/systemd/service.ts'
import { timer } from '../../lib/resources/systemd/timer.ts'
import { ufwRule } from '../../lib/resources/ufw/ufwRule.ts'
import type { Finding } from '../../lib/kit/verify.ts'

const test = suite('what types promise')

const MARK = 'keelson-0123'
const told = ({ state, said }: Finding): string => (state === 'ok' ? 'ok' : `${state}: ${said}`)

/** One `systemctl show` block of a service that runs since boot, at an uptime of 1,000 s. */
const UNIT = {
  Id: 'a.service',
  LoadState: 'loaded',
  ActiveState: 'active',
  SubState: 'running',
  Result: 'success',
  UnitFileState: 'enabled',
  NRestarts: '0',
  ActiveEnterTimestampMonotonic: '5000000',
}
const shown = (unit: object): string =>
  `${Object.entries(unit)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`

function serviceFinding(
  unit: Partial<typeof UNIT>,
  more: Partial<Service> = {},
  { listening = '', probes = '' }: { listening?: string; probes?: string } = {},
): string {
  const state = service.desired({ name: 'a', enabled: true, running: true, ...more })!
  const stdout = `${shown({ ...UNIT, ...unit })}\x001000.00 2000.00\n\0${listening}\0${probes}`
  const [finding, ...rest] = service.verify!.look!.parse(
    { stdout, stderr: '', exit: 0 },
    [{ name: 'a.service', state }],
    MARK,
  )
  assert.equal(rest, [])
  return told(finding!)
}

test('a service is settled when it runs, starts at boot, listens and answers', () => {
  assert.is(serviceFinding({}), 'ok')
  assert.is(serviceFinding({ ActiveState: 'inactive' }), 'wrong: it is inactive')
  assert.is(serviceFinding({ ActiveState: 'failed', Result: 'exit-code' }), 'wrong: it is failed (exit-code)')
  assert.is(serviceFinding({ LoadState: 'not-found' }), 'wrong: the host has no such unit')
  assert.is(serviceFinding({ UnitFileState: 'disabled' }), 'wrong: it does not start at boot (disabled)')
  assert.is(serviceFinding({}, { running: false }), 'wrong: it runs, and should not')
})

test('a restart loop is seen while the service waits and while it is up', () => {
  assert.is(
    serviceFinding({ ActiveState: 'activating', SubState: 'auto-restart', Result: 'exit-code' }),
    'wrong: it starts again and again (exit-code)',
  )
  assert.is(
    serviceFinding({ NRestarts: '7', ActiveEnterTimestampMonotonic: '998000000' }),
    'wrong: it was started again 7 times, the last time 2 s ago',
  )
  assert.is(serviceFinding({ NRestarts: '7', ActiveEnterTimestampMonotonic: '500000000' }), 'ok')
})

test('listeners and the probe count', () => {
  const listens = { listens: [80, '127.0.0.1:8000', '/run/a.sock'] }
  const all = '0.0.0.0:80\n127.0.0.1:8000\n/run/a.sock\n'
  assert.is(serviceFinding({}, listens, { listening: all }), 'ok')
  assert.is(
    serviceFinding({}, listens, { listening: '0.0.0.0:8000\n[::]:80\n' }),
    'wrong: nothing listens on 127.0.0.1:8000, /run/a.sock',
  )
  assert.is(serviceFinding({}, { probe: 'false' }, { probes: '0 1\n' }), 'wrong: its probe fails')
  assert.is(serviceFinding({}, { probe: 'sleep 9' }, { probes: '0 124\n' }), 'wrong: its probe did not end within 4 s')
  assert.equal(service.verify!.ports!('a', service.desired({ name: 'a', ...listens })!), [80])
})

test('an answer without a block for each unit is no answer', () => {
  const state = service.desired({ name: 'a', running: true })!
  const entries = [
    { name: 'a.service', state },
    { name: 'b.service', state },
  ]
  const output = { stdout: `${shown(UNIT)}\x001 1\n\0\0`, stderr: 'bus gone', exit: 1 }
  assert.throws(() => service.verify!.look!.parse(output, entries, MARK), 'bus gone')
})

test('a timer waits for its next time, at boot too, and what it starts did not fail', () => {
  const state = timer.desired({ name: 'report', onCalendar: 'daily' })!
  const of = (unit: object, started: object = {}) => {
    const blocks = [
      { Id: 'report.timer', LoadState: 'loaded', ActiveState: 'active', UnitFileState: 'enabled', ...unit },
      { Id: 'report.service', LoadState: 'loaded', ActiveState: 'inactive', Result: 'success', ...started },
    ]
    const output = { stdout: blocks.map(shown).join('\n'), stderr: '', exit: 0 }
    return told(timer.verify!.look!.parse(output, [{ name: 'report', state }], MARK)[0]!)
  }
  assert.is(of({}), 'ok')
  assert.is(of({ ActiveState: 'inactive' }), 'wrong: it does not wait for its next time')
  assert.is(of({ UnitFileState: 'disabled' }), 'wrong: it does not start at boot')
  assert.is(
    of({}, { ActiveState: 'failed', Result: 'exit-code' }),
    'wrong: report.service failed the last time (exit-code)',
  )
})

test('a job leaves something in time', () => {
  const leaves = { folder: '/var/backups/x', hours: 26 }
  const state = cronJob.desired({ name: 'x', schedule: '@daily', command: 'x', leaves })!
  const now = 1_800_000_000
  const of = (line: string, active = 'active') => {
    const output = { stdout: `${active}\n${now}\n${line}\n`, stderr: '', exit: 0 }
    return told(cronJob.verify!.look!.parse(output, [{ name: 'x', state }], MARK)[0]!)
  }
  assert.is(of(`${now - 9_000_000} ${now - 3600}.5`), 'ok')
  assert.is(
    of(`${now - 9_000_000} ${now - 27 * 3600}.5`),
    'wrong: the last of it in /var/backups/x is 26 h old'.replace('26', '27'),
  )
  assert.is(of(`${now - 9_000_000} `), 'wrong: there is nothing in /var/backups/x')
  assert.is(of(`${now - 600} `), 'unchecked: declared 10 min ago; it has not had to run yet')
  assert.is(of(' '), 'wrong: its file is not there')
  assert.is(of(`${now} `, 'inactive'), 'wrong: cron does not run')
})

const vhost = (more: Partial<NginxVhost>): ReturnType<typeof nginxVhost.desired> =>
  nginxVhost.desired({
    name: 'v',
    serverNames: ['A.example', '*.b.example', '~^x\\.c\\.example$'],
    tls: { certificate: '/c.pem', key: '/k.pem' },
    upstreams: [{ name: 'v', servers: ['127.0.0.1:3000'] }],
    locations: [{ path: '/', proxy: { to: 'http://v' } }],
    ...more,
  })
const probes = (more: Partial<NginxVhost>): string[] =>
  nginxVhost.verify!.outside!('v', vhost(more)!).map((one) => Object.values(one).join(' '))

test('a vhost promises its names, redirects and certificates', () => {
  assert.equal(probes({}), [
    'name a.example',
    'redirect a.example 80',
    'https a.example 443 /c.pem',
    'name keelson-verify.b.example',
    'redirect keelson-verify.b.example 80',
    'https keelson-verify.b.example 443 /c.pem',
    'none https ~^x\\.c\\.example$ a name for a regular expression is not known; give sampleNames',
  ])
  assert.equal(probes({ serverNames: ['~^x'], sampleNames: ['x.c.example'] }), [
    'name x.c.example',
    'redirect x.c.example 80',
    'https x.c.example 443 /c.pem',
  ])
  assert.equal(probes({ enabled: false }), [])
  assert.equal(
    nginxVhost.verify!.outside!('d', nginxVhost.desired({ name: 'd', defaultServer: true, refuse: true })!),
    [
      { probe: 'unknown', port: 80, tls: false },
      { probe: 'unknown', port: 443, tls: true },
    ],
  )
})

test('the access log tells which upstream answered', () => {
  const entries = [{ name: 'v', state: vhost({ serverNames: ['a.example', 'b.example'] })! }]
  const of = (stdout: string) =>
    nginxVhost.verify!.late!.parse({ stdout, stderr: '', exit: 0 }, entries, MARK).map(told)
  const line = (host: string, upstream: string) => `${JSON.stringify({ host, upstream })}\n`
  assert.equal(of(line('a.example', '127.0.0.1:3000') + line('b.example', '127.0.0.1:3000')), ['ok', 'ok'])
  assert.equal(of(`${line('a.example', '127.0.0.1:8000')}garbage\n{"host":1}\n`), [
    'wrong: 127.0.0.1:8000 answers in place of 127.0.0.1:3000',
    'unchecked: /var/log/nginx/access.log tells of no request with its host and upstream',
  ])
  assert.is(of(line('a.example', '127.0.0.1:1, 127.0.0.1:3000'))[0], 'ok')
})

test('a rule that denies a port to everybody promises that it is closed', () => {
  const of = (props: Parameters<typeof ufwRule.desired>[0]) =>
    ufwRule.verify!.outside!('r', ufwRule.desired(props)!).map((one) => ('port' in one ? one.port : 0))
  assert.equal(of({ action: 'deny', port: 5432, protocol: 'tcp' }), [5432])
  assert.equal(of({ action: 'reject', port: [80, 443], protocol: 'tcp' }), [80, 443])
  assert.equal(of({ action: 'deny', port: '6000:6002', protocol: 'tcp' }), [6000, 6001, 6002])
  assert.equal(of({ action: 'deny', port: 53, protocol: 'udp' }), [])
  assert.equal(of({ action: 'deny', port: 53, from: '10.0.0.0/8' }), [])
  assert.equal(of({ action: 'allow', port: 22 }), [])
  const allowed = ufwRule.desired({ action: 'allow', port: 22 })!
  assert.equal(ufwRule.verify!.ports!('r', allowed), [22])
})

test('a certificate promises its days, whether a vhost serves it or not', () => {
  const state = certificate.desired({ name: 'mail', names: ['mail.example'], challenge: { webroot: '/var/www/html' } })!
  const path = '/etc/letsencrypt/live/mail/fullchain.pem'
  assert.equal(certificate.verify!.outside!('mail', state), [{ probe: 'certificate', path }])
})

test.run()
