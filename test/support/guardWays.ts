/**
 * Rows of the table of ways in on a real host: each change is guarded, all of them go back together, and a start of the host
 * afterwards lets people in.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { Refused } from '../../lib/engine/errors.ts'
import { authorizedKeys, directory, edit, file, service, sudoers, sysctl } from '../../lib/index.ts'
import type { SandboxOs } from '../../lib/sandbox/image.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { LOCK_OUTS } from '../torture/lockoutCases.ts'
import { lockOut, PREPARE } from '../torture/lockouts.ts'
import { planned, runOn } from './converge.ts'
import { freshHost, sshOk } from './host.ts'
import { rejects } from './rejects.ts'
import { assertNoClock, keptFiles, LOCKED_OUT, look } from './takenBack.ts'

const DENY_OPS = 'ops ALL=(ALL) PASSWD: ALL\n'

/** Of each kind some, at once: what is left in place of what was is seen afterwards. */
function everythingOfOps(): void {
  directory({ path: '/home', mode: '0711' })
  directory({ path: '/home/ops', owner: 'nobody', group: 'nogroup', mode: '0777' })
  directory({ path: '/home/ops/.ssh', owner: 'root', mode: '0755' })
  file({ path: '/home/ops/.bashrc', content: 'exit 1\n' })
  file({ path: '/etc/nologin', content: 'closed\n' })
  file({ path: '/run/nologin', content: 'closed\n' })
  file({ path: '/etc/sudo.conf', content: 'Plugin sudoers_policy none-such.so\n' })
  file({ path: '/etc/sudoers.d/yy', content: DENY_OPS, mode: '0440' })
  sudoers({ name: 'zz', user: 'ops', commands: ['ALL'] })
  file({ path: '/usr/bin/sudo', mode: '0755' })
  service({ name: 'systemd-user-sessions', running: false })
}

function everythingOfRoot(): void {
  directory({ path: '/root', mode: '0777', owner: 'nobody', group: 'nogroup' })
  directory({ path: '/root/.ssh', mode: '0777', only: ['known_hosts'] })
  file({ path: '/root/.profile', content: 'exit 1\n' })
  edit({ path: '/etc/bash.bashrc', line: 'exit 1', position: 'top' })
  edit({ path: '/etc/pam.d/sshd', line: 'account required pam_deny.so', position: 'top' })
  file({ path: '/etc/environment', content: 'PATH=/nowhere\n' })
  file({ path: '/etc/profile', content: 'exit 1\n' })
  file({ path: '/etc/profile.d/x.sh', content: 'exit 1\n' })
  file({ path: '/etc/security/access.conf', content: '-:ALL:ALL\n' })
  file({ path: '/etc/ld.so.preload', content: '' })
  file({ path: '/etc/update-motd.d/99-x', content: '#!/bin/sh\nsleep 1000\n', mode: '0755' })
  file({ path: '/etc/ssh/sshrc', content: 'sleep 1000\n' })
  sysctl({ key: 'net.ipv4.ip_default_ttl', value: 1 })
}

/** A user puts a link in place of what is in its home while the clock runs, and again whenever it is put back. */
const SWAP = `mkdir -p /etc/victim && chmod 700 /etc/victim && for name in authorized_keys rc config; do echo mine > "/etc/victim/$name"; done
ln -sf /etc/victim/rc /home/ops/.profile
systemd-run --quiet --unit=swapper --uid=ops --working-directory=/home/ops perl -e 'while (1) { next if -l ".ssh"; rename ".ssh", ".was" . $n++; symlink "/etc/victim", ".ssh" }'
until [ -L /home/ops/.ssh ]; do sleep 0.1; done`
const SWAP_BACK = `systemctl stop swapper; rm -r /etc/victim /home/ops/.ssh && install -d -m 700 -o ops -g ops /home/ops/.ssh
mv /home/ops/.was0/authorized_keys /home/ops/.ssh/ && rm -r /home/ops/.was*`
const NO_PENALTIES =
  "! sshd -T | grep -q ^persourcepenalties || { echo 'PerSourcePenalties no' > /etc/ssh/sshd_config.d/00-penalties.conf; systemctl reload ssh; }"
const VICTIM = "find /etc/victim -printf '%p %m %u:%g %s\\n' | sort; grep -r . /etc/victim | sort"

export async function testWays(os: SandboxOs): Promise<void> {
  const test = suite(`ways in, ${os}`)
  const host = await freshHost(os)
  await sshOk(host, PREPARE)
  const { address, port, identityFile, hostKey } = host
  const connectAs = (user: string) => () => connectSsh({ address, port, user, identityFile, hostKey }, {})
  const runAs = (user: string, declare: () => void) => ({
    ...runOn(host, declare, LOCKED_OUT),
    connect: connectAs(user),
    confirm: () => Promise.resolve(true),
  })

  test('what the configuration of this host makes a way in is guarded', async () => {
    const cases = LOCK_OUTS.filter(({ before }) => before !== undefined)
    assert.ok(cases.length >= 10)
    for (const { what, as, before = ':', after = ':', declare } of cases) {
      await look(host, before)
      await look(host, ':')
      const { plan } = await planned(runAs(as, declare))
      assert.ok(plan.changes.length > 0, `${what}: nothing is to be done`)
      const others = plan.changes.filter(({ consequence }) => consequence !== 'lockout').map(({ ref }) => ref)
      assert.equal(others, [], what)
      await look(host, `${after}; true`)
    }
  })

  for (const [as, everything] of [
    ['ops', everythingOfOps],
    ['root', everythingOfRoot],
  ] as const) {
    test(`all that shuts ${as} out goes back together, and stays so`, () =>
      lockOut(host, { what: 'everything', as, declare: everything }, 'plain'))
  }

  for (const what of ["iptables-persistent's rules.v4", 'a file that nftables.conf includes']) {
    test(`${what}: loaded before it is proved`, async () => {
      const found = LOCK_OUTS.find((one) => one.what === what)
      assert.ok(found)
      await lockOut(host, found, 'plain')
    })
  }

  test('what is large in a home is not kept, and nobody else is stopped by it', async () => {
    await sshOk(
      host,
      'truncate -s 2G /home/ops/.ssh/large /home/ops/.large; chown ops /home/ops/.ssh/large /home/ops/.large',
    )
    let bytes = 0
    let logins = 0
    const run = runAs(
      'ops',
      () => void sudoers({ name: 'fine', user: 'ops', commands: ['/bin/true'], noPassword: true }),
    )
    const connect = async () => {
      logins += 1
      if (logins > 1) bytes = Number(await sshOk(host, 'du -sb /var/lib/keelson/guard | cut -f 1'))
      return run.connect()
    }
    const report = await convergeHost({ ...run, connect })
    assert.is(report.error, undefined)
    assert.ok(bytes > 100_000 && bytes < 40_000_000, `${bytes} bytes were kept`)
    await sshOk(host, 'rm /home/ops/.ssh/large /home/ops/.large /etc/sudoers.d/fine')
  })

  test('too large a file of the operator is named, and nothing is changed or left', async () => {
    await sshOk(host, 'truncate -s 2G /home/ops/.ssh/environment; chown ops /home/ops/.ssh/environment')
    const declare = (): void => void sudoers({ name: 'fine', user: 'ops', commands: ['/bin/true'], noPassword: true })
    const error = await rejects(convergeHost(runAs('ops', declare)), Refused)
    assert.match(error.message, 'could not be guarded')
    assert.match(error.said, 'in /home/ops/.ssh larger: environment')
    assert.is(
      await sshOk(host, 'ls /etc/sudoers.d/fine 2>/dev/null; ls -d /var/lib/keelson/guard* 2>/dev/null; true'),
      '',
    )
    await assertNoClock(host)
    await sshOk(host, 'rm /home/ops/.ssh/environment; truncate -s 100M /etc/ufw/large')
    const large = await rejects(convergeHost(runAs('ops', declare)), Refused)
    assert.match(large.said, '/etc/ufw alone holds 100 MiB')
    await sshOk(host, 'rm /etc/ufw/large')
    await sshOk(
      host,
      'useradd -m big; install -d -o big /home/big/.ssh; cp /root/.ssh/authorized_keys /home/big/.ssh/; truncate -s 2G /home/big/.ssh/rc; chown -R big /home/big/.ssh',
    )
    // One that is not the operator, and makes its own large, is in nobody's way.
    const others = (): void => void authorizedKeys({ user: 'big', keys: [], ensure: 'absent' })
    assert.is((await convergeHost(runAs('root', others))).error, undefined)
    await sshOk(host, 'userdel -r big 2>/dev/null')
  })

  test('a link that a user puts in its home leads root nowhere', async () => {
    // Each failed login of the operator would add to the time in which sshd refuses this machine.
    await sshOk(host, NO_PENALTIES)
    const before = await keptFiles(host)
    await sshOk(host, 'mkdir /etc/victim')
    let logins = 0
    let victim = ''
    const run = runAs('ops', everythingOfOps)
    const connect = async () => {
      logins += 1
      if (logins === 2) victim = await sshOk(host, `${SWAP}; ${VICTIM}`)
      return run.connect()
    }
    const report = await convergeHost({ ...run, connect })
    assert.is(report.error?.exit, 'refused')
    assert.is(await sshOk(host, VICTIM), victim)
    await sshOk(host, SWAP_BACK)
    assert.is(await keptFiles(host), before)
  })

  test.run()
}
