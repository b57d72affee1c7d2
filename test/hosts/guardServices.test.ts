/**
 * More that locks an operator out, on a real host: its network, its services, its rights, and a client that never comes
 * back.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { file, service, sudoers, sysctl, ufwRule, user } from '../../lib/index.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { runOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { ALLOWED, assertNoClock, assertTakenBack, LOCKED_OUT, waysIn } from '../support/takenBack.ts'

const test = suite('lock-out guard, services')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ufw sudo >/dev/null
   ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null`,
)
const SSH = { action: 'allow', port: 22, protocol: 'tcp' } as const

test('a network that leads nowhere is taken back, and what runs of it', async () => {
  const network = () => sshOk(host, 'cat /etc/systemd/network/*.network; ip -4 -o address show dev host0; ip route')
  const before = await network()
  await assertTakenBack(host, () => {
    const away = file({
      path: '/etc/systemd/network/05-away.network',
      content: '[Match]\nName=host0\n[Network]\nAddress=192.0.2.9/24\n',
    })
    service({ name: 'systemd-networkd', running: true, restartOn: [away] })
  })
  assert.is(await network(), before)
})

test('services that are stopped and turned off, and settings of the kernel, are as they were', async () => {
  const state = () =>
    sshOk(host, 'systemctl is-active ssh; systemctl is-enabled ssh; cat /proc/sys/net/ipv4/conf/host0/rp_filter')
  const before = await state()
  await assertTakenBack(host, () => {
    sysctl({ key: 'net.ipv4.conf.host0.rp_filter', value: 1 - (Number(before.split('\n')[2]) % 2) })
    service({ name: 'ssh', running: false, enabled: false })
  })
  assert.is(await state(), before)
  assert.is(await sshOk(host, 'ls /etc/sysctl.d | grep keelson | cat'), '')
})

test('a host whose client is gone for good goes back by itself', async () => {
  const before = await waysIn(host)
  const run = runOn(host, () => void ufwRule({ ...SSH, action: 'reject' }), ALLOWED)
  const client = new AbortController()
  let logins = 0
  const connect = () => {
    logins += 1
    if (logins > 1) client.abort()
    return logins > 1 ? Promise.reject(new Error('the client is gone')) : run.connect()
  }
  const gone = convergeHost({ ...run, connect, signal: client.signal, confirm: () => Promise.resolve(true) })
  assert.is((await rejects(gone, Error)).name, 'AbortError')
  assert.is((await ssh(host, 'true')).exit, 255, 'the change was not made')
  // It lets in before it is done.
  const isDone =
    '[ -e /var/lib/keelson/guard/reverted ] && [ "$(systemctl is-active keelson-guard.service)" != activating ]'
  while ((await ssh(host, isDone)).exit !== 0);
  assert.is(await waysIn(host), before)
  await assertNoClock(host)
})

test('an operator whose sudo is taken away gets it back', async () => {
  await sshOk(
    host,
    `useradd -m ops && install -d -m 700 -o ops /home/ops/.ssh && install -m 600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/
     printf 'ops ALL=(ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/ops && chmod 440 /etc/sudoers.d/ops`,
  )
  const before = await waysIn(host)
  const { address, port, identityFile, hostKey } = host
  const declare = (): void => {
    sudoers({ name: 'ops', user: 'ops', commands: ['/bin/true'], noPassword: true, after: user({ name: 'ops' }) })
  }
  const connect = () => connectSsh({ address, port, user: 'ops', identityFile, hostKey }, {})
  const report = await convergeHost({
    ...runOn(host, declare, LOCKED_OUT),
    connect,
    confirm: () => Promise.resolve(true),
  })
  assert.is(report.error?.exit, 'refused')
  assert.is(await waysIn(host), before)
  await assertNoClock(host)
})

test.run()
