/**
 * Kernel settings on real hosts. A container has a network of its own, so those of the network can be set in one.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { edit, file, sysctl } from '../../lib/index.ts'
import { changeOf, convergeAsPlanned, convergeOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const KEY = 'net.ipv4.tcp_fin_timeout'
const REF = `sysctl:${KEY}` as const

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('sysctl on real hosts')

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)
  const running = (key: string) => sshOk(host, `cat /proc/sys/${key.replaceAll('.', '/')}`)
  /** What a boot sets last, as systemd-sysctl would read it. */
  const atBoot = (key: string) =>
    sshOk(host, `/lib/systemd/systemd-sysctl --cat-config | sed -n 's/^-\\?${key} *= *//p' | tail -n 1`)

  on('a setting is in force at once, and at the next boot', async () => {
    await convergeAsPlanned(host, () => void sysctl({ key: KEY, value: 31 }), SCOPED)
    assert.is(await running(KEY), '31\n')
    assert.is(await atBoot(KEY), '31\n')
  })

  on('several numbers are one value, however they are spaced', async () => {
    const declare = (value: string) => (): void => void sysctl({ key: 'net.ipv4.ip_local_port_range', value })
    await convergeAsPlanned(host, declare('20000  61000'), SCOPED)
    assert.is(await running('net.ipv4.ip_local_port_range'), '20000\t61000\n')
    const { plan } = await convergeAsPlanned(host, declare('20000\t61000'), SCOPED)
    assert.equal(
      plan.changes.filter(({ kind }) => kind !== 'adopt'),
      [],
    )
  })

  on('another value is set in both places', async () => {
    const { plan } = await convergeAsPlanned(host, () => void sysctl({ key: KEY, value: 32 }), SCOPED)
    assert.equal(changeOf(plan, REF).fields, [
      { field: 'running', form: 'value', before: '31', after: '32' },
      { field: 'atBoot', form: 'value', before: '31', after: '32' },
    ])
    assert.is(await running(KEY), '32\n')
    assert.is(await atBoot(KEY), '32\n')
  })

  on('a running value set by hand is drift, and is taken back', async () => {
    await sshOk(host, `sysctl -qw ${KEY}=77`)
    const { plan } = await convergeAsPlanned(host, () => void sysctl({ key: KEY, value: 32 }), SCOPED)
    const { cause, fields } = changeOf(plan, REF)
    assert.is(cause, 'drift')
    assert.equal(fields, [{ field: 'running', form: 'value', before: '77', after: '32' }])
    assert.is(await running(KEY), '32\n')
  })

  on('a later file that says something else is drift of the next boot', async () => {
    await sshOk(host, `echo '${KEY} = 99' > /etc/sysctl.d/99-zz.conf`)
    const report = await convergeOn(host, () => void sysctl({ key: KEY, value: 32 }), SCOPED)
    const { outcome, failure } = changeOf(report, REF)
    // Another one's file is not taken away: it is named.
    assert.is(outcome, 'failed')
    assert.match(failure?.said ?? '', '99')
    await sshOk(host, 'rm /etc/sysctl.d/99-zz.conf')
  })

  on('what is only for the next boot leaves the running value alone', async () => {
    const before = await running('net.ipv4.tcp_keepalive_time')
    const declare = (): void => void sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 1234, now: false })
    await convergeAsPlanned(host, declare, SCOPED)
    assert.is(await running('net.ipv4.tcp_keepalive_time'), before)
    assert.is(await atBoot('net.ipv4.tcp_keepalive_time'), '1234\n')
  })

  on('a key that this kernel does not have, and a value it does not take, are told in its words', async () => {
    const nosuch = await convergeOn(host, () => void sysctl({ key: 'net.ipv4.nosuch', value: 1 }), SCOPED)
    assert.is(changeOf(nosuch, 'sysctl:net.ipv4.nosuch').outcome, 'failed')
    assert.match(changeOf(nosuch, 'sysctl:net.ipv4.nosuch').failure?.said ?? '', 'nosuch')
    const wrong = await convergeOn(host, () => void sysctl({ key: KEY, value: 'often' }), SCOPED)
    assert.is(changeOf(wrong, REF).outcome, 'failed')
    assert.match(changeOf(wrong, REF).failure?.said ?? '', 'Invalid argument')
    assert.is(await atBoot(KEY), '32\n')
  })

  on('an absent setting has no file any more, and runs on until the next boot', async () => {
    await convergeAsPlanned(host, () => void sysctl({ key: KEY, value: 32, ensure: 'absent' }), SCOPED)
    assert.is(await atBoot(KEY), '')
    assert.is(await running(KEY), '32\n')
  })

  on('a file of another hand that comes later is named, and a later name settles it', async () => {
    const declare = (value: number, name?: string) => (): void =>
      void sysctl({ key: KEY, value, ...(name === undefined ? {} : { file: name }) })
    const own = () => sshOk(host, `cd /etc/sysctl.d; grep -lF ${KEY.replaceAll('.', '/')} *.conf | tr '\\n' ' '`)
    await sshOk(host, `echo '${KEY} = 77' > /etc/sysctl.d/99-local.conf`)
    const report = await convergeOn(host, declare(33), SCOPED)
    assert.match(
      JSON.stringify(changeOf(report, REF).failure),
      `/etc/sysctl.d/99-local.conf sets it to 77 after /etc/sysctl.d/60-keelson-${KEY}.conf`,
    )
    await convergeAsPlanned(host, declare(33, '99-zz.conf'), SCOPED)
    assert.is(await atBoot(KEY), '33\n')
    assert.is(await own(), '99-zz.conf ')
    await convergeAsPlanned(host, declare(34), SCOPED)
    assert.is(await own(), '99-zz.conf ')
    // As a run leaves it that is cut off before it removes the previous name.
    await sshOk(host, 'sed s/34/35/ /etc/sysctl.d/99-zz.conf > /etc/sysctl.d/99-zzz.conf')
    await convergeAsPlanned(host, declare(35, '99-zzz.conf'), SCOPED)
    assert.is(await own(), '99-zzz.conf ')
    await convergeAsPlanned(host, () => void sysctl({ key: KEY, value: 35, ensure: 'absent' }), SCOPED)
    assert.is(await sshOk(host, 'rm /etc/sysctl.d/99-local.conf; grep -rl tcp_fin_timeout /etc/sysctl.d || :'), '')
  })

  on('a file of sysctl.d and a setting come in one run', async () => {
    await convergeAsPlanned(
      host,
      () => {
        file({ path: '/etc/sysctl.d/70-mine.conf', content: 'net.ipv4.tcp_keepalive_time = 7100\n' })
        sysctl({ key: KEY, value: 36 })
        edit({ path: '/etc/sysctl.d/80-more.conf', line: 'net.ipv4.tcp_keepalive_probes = 7', create: true })
      },
      SCOPED,
    )
    assert.is(await atBoot(KEY), '36\n')
  })
}

test.run()
