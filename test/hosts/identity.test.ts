/**
 * What a host is called and which time it has, on real hosts.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { edit, hostname, timezone } from '../../lib/index.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, undoOn } from '../support/converge.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { freshHost, onEach, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('what hosts are called')

const on = (title: string, work: (host: SandboxHost) => Promise<void>): void => test(title, () => onEach(hosts, work))
const named =
  (props: Parameters<typeof hostname>[0]): (() => void) =>
  () =>
    void hostname(props)
/** As programs see it: the kernel's, that of the next boot, and the one that resolves. */
const names = (host: SandboxHost): Promise<string> =>
  sshOk(host, 'uname -n; cat /etc/hostname; hostname --fqdn; hostnamectl hostname')
const entries = (host: SandboxHost): Promise<string> => sshOk(host, 'cat /etc/hosts')
const REF = 'hostname:name'

on('a host gets its name at once and for the next boot, and resolves it', async (host) => {
  const before = await entries(host)
  await convergeAsPlanned(host, named({ name: 'web-1', domain: 'example.com' }), SCOPED)
  assert.is(await names(host), 'web-1\nweb-1\nweb-1.example.com\nweb-1\n')
  assert.is(await entries(host), before.replace(/^127\.0\.1\.1.*$/m, '127.0.1.1\tweb-1.example.com web-1'))
  assert.is(await sshOk(host, "stat -c '%a %U' /etc/hostname"), '644 root\n')
})

on('a name set by hand is drift, wherever it was set', async (host) => {
  for (const [by, field] of [
    ['hostname other', 'running'],
    ['echo other > /etc/hostname', 'atBoot'],
    ["sed -i '/^127.0.1.1/d' /etc/hosts", 'hosts'],
  ] as const) {
    await sshOk(host, by)
    const { plan } = await convergeAsPlanned(host, named({ name: 'web-1', domain: 'example.com' }), SCOPED)
    const { cause, fields } = changeOf(plan, REF)
    assert.equal([cause, fields.map((each) => each.field)], ['drift', [field]], by)
    assert.is(await names(host), 'web-1\nweb-1\nweb-1.example.com\nweb-1\n', by)
  }
})

on('each field is changed', async (host) => {
  await convergeAsPlanned(host, named({ name: 'web-2', domain: 'example.org', aliases: ['www'] }), SCOPED)
  assert.is(await names(host), 'web-2\nweb-2\nweb-2.example.org\nweb-2\n')
  assert.match(await entries(host), '127.0.1.1\tweb-2.example.org web-2 www\n')
  await sshOk(host, "sed -i 's/^127.0.1.1.*/& # ours/' /etc/hosts")
  await convergeAsPlanned(host, named({ name: 'web-3', address: '192.0.2.7' }), SCOPED)
  const text = await entries(host)
  assert.match(text, '192.0.2.7\tweb-3\n')
  assert.match(text, '127.0.1.1\tweb-2.example.org web-2 www # ours\n')
})

on('what the recipe does not mention of a line of somebody else stays', async (host) => {
  await sshOk(
    host,
    "hostname web-4; echo web-4 > /etc/hostname; sed -i 's/^127.0.1.1.*/127.0.1.1 web-4.example.com web-4 mail/' /etc/hosts",
  )
  await sshOk(host, 'rm -rf /var/lib/keelson')
  const { plan } = await convergeAsPlanned(host, named({ name: 'web-4' }), SCOPED)
  assert.is(changeOf(plan, REF).kind, 'adopt')
  assert.match(await entries(host), '127.0.1.1 web-4.example.com web-4 mail\n')
})

on('a host without its files gets them', async (host) => {
  await sshOk(host, 'rm /etc/hosts /etc/hostname')
  await convergeAsPlanned(host, named({ name: 'web-5', domain: 'example.com' }), SCOPED)
  assert.is(await names(host), 'web-5\nweb-5\nweb-5.example.com\nweb-5\n')
  assert.match(await entries(host), /^127\.0\.0\.1\tlocalhost\n127\.0\.1\.1\tweb-5\.example\.com web-5\n::1\tlocalhost/)
})

on('a name and lines of /etc/hosts by another hand come in one run', async (host) => {
  await convergeAsPlanned(
    host,
    () => {
      edit({ path: '/etc/hosts', line: '10.0.0.5 db.internal' })
      hostname({ name: 'web-6', domain: 'example.com' })
      edit({ path: '/etc/hosts', line: '10.0.0.6 cache.internal' })
    },
    SCOPED,
  )
  const text = await entries(host)
  for (const line of ['10.0.0.5 db.internal', '10.0.0.6 cache.internal', '127.0.1.1\tweb-6.example.com web-6'])
    assert.match(text, `${line}\n`)
})

on('undo gives back the name it had', async (host) => {
  await convergeAsPlanned(host, named({ name: 'web-7', domain: 'example.net' }), SCOPED)
  const { summary, changes } = await undoOn(host, named({ name: 'web-7', domain: 'example.net' }))
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.is(await names(host), 'web-6\nweb-6\nweb-6.example.com\nweb-6\n')
})

on('a name that nobody declares any more stays', async (host) => {
  const { changes } = await planOn(host, () => {}, { allowRemove: 9 })
  assert.not(changes.some(({ ref, kind }) => ref === REF && kind === 'remove'))
  assert.is(await sshOk(host, 'uname -n'), 'web-6\n')
})

const ZONE = 'timezone:zone'
const zoned = (name: string) => (): void => void timezone({ name })
const zone = (host: SandboxHost): Promise<string> =>
  sshOk(
    host,
    "date -d @0 '+%Z %H'; readlink /etc/localtime; timedatectl show -p Timezone --value; cat /etc/timezone || :",
  )

on('a host gets its time zone at once, as programs and systemd see it', async (host) => {
  await sshOk(host, 'ls -l /etc/localtime; rm -f /etc/timezone; [ ! -e /usr/share/doc/tzdata-legacy ]')
  await convergeAsPlanned(host, zoned('Europe/Berlin'), SCOPED)
  assert.is(await zone(host), 'CET 01\n/usr/share/zoneinfo/Europe/Berlin\nEurope/Berlin\n')
})

on('a zone set by hand is drift, and taken back where /etc/timezone says it too', async (host) => {
  await sshOk(host, 'echo Etc/UTC > /etc/timezone; timedatectl set-timezone America/Lima')
  const { plan } = await convergeAsPlanned(host, zoned('Europe/Berlin'), SCOPED)
  assert.equal(
    changeOf(plan, ZONE).fields.map(({ field, before }) => [field, before]),
    [
      ['zone', 'America/Lima'],
      ['file', 'Etc/UTC'],
    ],
  )
  assert.is(changeOf(plan, ZONE).cause, 'drift')
  assert.is(await zone(host), 'CET 01\n/usr/share/zoneinfo/Europe/Berlin\nEurope/Berlin\nEurope/Berlin\n')
})

on('a zone that the host does not have is told with those that are meant, and nothing changes', async (host) => {
  const before = await zone(host)
  const report = await convergeOn(host, zoned('Europe/berlin'), SCOPED)
  assert.match(changeOf(report, ZONE).failure?.said ?? '', 'no time zone Europe/berlin; it has Europe/Berlin')
  assert.is(await zone(host), before)
})

on('undo gives back the time zone', async (host) => {
  await convergeAsPlanned(host, zoned('Asia/Tokyo'), SCOPED)
  const { summary, changes } = await undoOn(host, zoned('Asia/Tokyo'), SCOPED)
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.match(await zone(host), 'Europe/Berlin\nEurope/Berlin\n')
})

const REFUSED: readonly [declare: () => void, said: string][] = [
  [() => void hostname({ name: 'web-1.example.com' }), 'what comes after a dot is the domain'],
  [() => void hostname({ name: '-x' }), 'such as "web-1"'],
  [() => void hostname({ name: "web'; reboot" }), 'such as "web-1"'],
  [() => void hostname({ name: 'x'.repeat(64) }), 'up to 63'],
  [() => void hostname({ name: 'web', domain: 'a b' }), 'such as "example.com"'],
  [() => void hostname({ name: 'web', address: '300.1.1.1' }), 'address: must be an IP address'],
  [() => void hostname({ name: 'web', domain: `${'x'.repeat(62)}.`.repeat(4).slice(0, -1) }), '253'],
  [() => void timezone({ name: 'Berlin time' }), 'such as "Europe/Berlin"'],
  [() => void timezone({ name: '../../shadow' }), 'such as "Europe/Berlin"'],
]
for (const [declare, said] of REFUSED) {
  test(`refused by the recipe's line: ${String(declare).slice(11)}`, async () => {
    const error = await rejects(planOn(hosts[0], declare), RecipeError)
    assert.match(String(error), said)
    assert.match(String(error), /test\/hosts\/identity\.test\.ts:\d+: (hostname|timezone)/)
  })
}

test.run()
