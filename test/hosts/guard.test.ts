/**
 * Changes that lock their operator out, on a real host: it comes back by itself, exactly as it was.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { Refused } from '../../lib/engine/errors.ts'
import { parseRuns, READ_RUNS } from '../../lib/engine/host/storedRun.ts'
import { aptPackage, command, edit, file, service, sysctl, ufwDefaults, ufwRule } from '../../lib/index.ts'
import { boot, powerCut } from '../../lib/sandbox/sandbox.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { ALLOWED, assertNoClock, assertTakenBack, LOCKED_OUT, SCOPED, waysIn } from '../support/takenBack.ts'
import { Killer } from '../torture/kill.ts'

const test = suite('lock-out guard')
const host = await freshHost('debian-13')
await sshOk(
  host,
  'apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends sudo >/dev/null',
)

const SSH = { action: 'allow', port: 22, protocol: 'tcp' } as const

test('what is proven stays when a later stage of the same run is taken back', async () => {
  const declare = (): void => {
    const settings = file({ path: '/etc/ssh/sshd_config.d/00-tries.conf', content: 'MaxAuthTries 4\n' })
    const ssh = service({ name: 'ssh', running: true, reloadOn: [settings] })
    // What comes after a package is read anew when that is there.
    ufwDefaults({ enabled: true, incoming: 'deny', after: aptPackage({ name: 'ufw', after: ssh }) })
  }
  const report = await convergeOn(host, declare, ALLOWED)
  assert.is(report.error?.exit, 'refused')
  assert.match(report.error?.message ?? '', 'it went back to what it was')
  const outcomes = Object.fromEntries(report.changes.map(({ ref, outcome }) => [ref, outcome]))
  assert.equal(outcomes, {
    'file:/etc/ssh/sshd_config.d/00-tries.conf': 'changed',
    'service:ssh.service': 'changed',
    'package:ufw': 'changed',
    'ufw-defaults:defaults': 'failed',
  })
  assert.match(await sshOk(host, 'sshd -T'), 'maxauthtries 4')
  assert.match(await sshOk(host, 'ufw status'), 'inactive')
  await assertNoClock(host)
  const left = await planOn(host, declare, ALLOWED)
  assert.equal(
    left.changes.map(({ ref }) => ref),
    ['ufw-defaults:defaults'],
  )
})

test('a firewall that was never on, and lets nobody in, leaves nothing in the kernel', async () => {
  await assertTakenBack(host, () => void ufwDefaults({ enabled: true, incoming: 'deny' }))
  assert.not.match(await sshOk(host, 'iptables-save; ip6tables-save'), 'ufw')
})

test('a host that starts anew before a guarded stage is through has gone back, and the report says so', async () => {
  const declare = (): void => {
    const settings = file({ path: '/etc/ssh/sshd_config.d/00-rest.conf', content: 'MaxSessions 7\n' })
    command({ name: 'load', check: 'false', apply: 'sleep 1000', after: settings })
  }
  const running = convergeOn(host, declare, ALLOWED)
  await sshOk(host, 'timeout 60 sh -c \'until pgrep -x -f "sleep 1000" > /dev/null; do sleep 0.1; done\'')
  await powerCut(host.name)
  await boot(host.name)
  const report = await running
  assert.is(report.error?.exit, 'refused')
  assert.match(report.error?.message ?? '', 'the host went back to what it was')
  const { outcome, failure } = report.changes.find(({ ref }) => ref.startsWith('file:'))!
  assert.is(outcome, 'failed')
  assert.match(failure?.said ?? '', 'reverted')
  assert.not.match(await sshOk(host, 'ls /etc/ssh/sshd_config.d'), 'rest')
  await assertNoClock(host)
})

test('a firewall that lets the operator in is kept, and no clock is left', async () => {
  const report = await convergeOn(
    host,
    () => {
      ufwDefaults({ enabled: true, incoming: 'deny', after: ufwRule(SSH) })
    },
    SCOPED,
  )
  assert.is(report.error, undefined)
  assert.ok(report.trips.connections > 1, 'nobody came in anew')
  assert.match(await sshOk(host, 'ufw status'), 'Status: active')
  await assertNoClock(host)
  assert.is(await sshOk(host, 'ls -d /var/lib/keelson/guard 2>/dev/null | cat'), '')
})

test('a clock that a run left which was killed is stopped by the next one, whose client has come in', async () => {
  const declare = (): void => {
    ufwDefaults({ enabled: true, incoming: 'reject', after: ufwRule(SSH) })
  }
  const killer = new Killer(0)
  const run = runOn(host, declare, SCOPED)
  const connect = async () => killer.over(await run.connect())
  const cut = await convergeHost({ ...run, connect, confirm: () => Promise.resolve(true) })
  assert.is(cut.error?.exit, 'partial')
  assert.equal(
    cut.changes.map(({ outcome, failure }) => [outcome, failure?.said]),
    [['failed', 'the run ended while this was applied; it may be done in part']],
  )
  assert.is(await sshOk(host, 'ls /var/lib/keelson/guard/armed'), '/var/lib/keelson/guard/armed\n')
  assert.match((await planOn(host, declare, SCOPED)).warnings.join('\n'), 'auto-reverts within seconds')
  const report = await convergeOn(host, declare, SCOPED)
  assert.is(report.error, undefined)
  await assertNoClock(host)
  assert.equal(
    (await planOn(host, declare, SCOPED)).warnings.filter((warning) => warning.includes('auto-reverts within seconds')),
    [],
  )
  assert.match(await sshOk(host, 'ufw status verbose'), 'reject (incoming)')
})

test('a rule that shuts the operator out is taken back, and the plan has it again', async () => {
  const deny = (): void => void ufwRule({ ...SSH, action: 'deny' })
  // The same file, and not one with the same bytes: what is put in its place would be loaded again.
  const untouched = (): Promise<string> => sshOk(host, 'stat -c %i /etc/passwd /etc/ssh/sshd_config /etc/pam.d')
  const before = await untouched()
  const report = await assertTakenBack(host, deny)
  assert.equal(
    report.changes.map(({ ref, outcome }) => [ref, outcome]),
    [['ufw-rule:22/tcp', 'failed']],
  )
  assert.is(await untouched(), before)
  assert.equal(
    (await planOn(host, deny, SCOPED)).changes.map(({ ref, consequence }) => [ref, consequence]),
    [['ufw-rule:22/tcp', 'lockout']],
  )
})

test('a file that is made use of only in a later stage goes back with what makes use of it', async () => {
  const declare = (): void => {
    const settings = file({ path: '/etc/ssh/sshd_config.d/00-nobody.conf', content: 'AllowUsers nobody\n' })
    const line = edit({ path: '/etc/ssh/sshd_config', line: 'DenyUsers root', after: settings })
    // What comes after a command is planned when that has run.
    const between = command({
      name: 'between',
      check: 'test -e /run/between',
      apply: 'touch /run/between',
      after: line,
    })
    service({ name: 'ssh', running: true, reloadOn: [settings, line], after: between })
  }
  const report = await assertTakenBack(host, declare, 'partial')
  const outcomes = Object.fromEntries(report.changes.map(({ ref, outcome }) => [ref, outcome]))
  const { 'command:between': done, ...others } = outcomes
  assert.is(done, 'changed')
  assert.equal([...new Set(Object.values(others))], ['failed'])
  assert.is(Object.keys(others).length, 3)
  assert.is(await sshOk(host, 'ls -d /var/lib/keelson/guard-before 2>/dev/null | cat'), '')
})

test('an sshd that lets nobody in is taken back', async () => {
  await assertTakenBack(host, () => {
    const settings = file({ path: '/etc/ssh/sshd_config.d/00-nobody.conf', content: 'AllowUsers nobody\n' })
    service({ name: 'ssh.service', running: true, reloadOn: [settings] })
  })
})

test('what comes after a guarded change is not done when that was taken back', async () => {
  const report = await convergeOn(
    host,
    () => {
      const deny = ufwRule({ ...SSH, action: 'deny' })
      file({ path: '/srv/free', content: 'x' })
      file({ path: '/srv/after', content: 'x', after: deny })
    },
    LOCKED_OUT,
  )
  assert.equal(Object.fromEntries(report.changes.map(({ ref, outcome }) => [ref, outcome])), {
    'ufw-rule:22/tcp': 'failed',
    'file:/srv/free': 'changed',
    'file:/srv/after': 'skipped',
  })
  assert.is(await sshOk(host, 'ls /srv'), 'free\n')
})

test('a host that was cut off before anybody came in goes back when it starts', async () => {
  const before = await waysIn(host)
  const { address, port, identityFile, hostKey } = host
  let logins = 0
  const connect = async () => {
    logins += 1
    if (logins === 2) {
      await powerCut(host.name)
      await boot(host.name)
    }
    return connectSsh({ address, port, user: 'root', identityFile, hostKey }, {})
  }
  const declare = (): void => void ufwRule({ ...SSH, action: 'deny' })
  const run = { ...runOn(host, declare, ALLOWED), connect, confirm: () => Promise.resolve(true) }
  const report = await convergeHost(run)
  assert.is(report.error?.exit, 'refused')
  assert.is(await waysIn(host), before)
  await assertNoClock(host)
  // The guard itself has said so: the run died with the host.
  const [last] = parseRuns(await sshOk(host, READ_RUNS))
  assert.is(last?.outcome, 'unfinished')
  assert.equal(
    last?.changes.map(({ ref, outcome }) => [ref, outcome]),
    [['ufw-rule:22/tcp', 'failed']],
  )
})

test('a guard that is killed while it works begins again', async () => {
  // The first program of the firewall that the guard calls kills it.
  await sshOk(
    host,
    `cat > /usr/local/sbin/iptables-restore <<'END'
#!/bin/sh
case $(tr '\\0' ' ' < /proc/$PPID/cmdline) in
  */guard/revert*) [ -e /run/killed ] || { : > /run/killed; systemctl kill -s KILL keelson-guard.service; sleep 60; } ;;
esac
exec /usr/sbin/iptables-restore "$@"
END
     chmod 755 /usr/local/sbin/iptables-restore`,
  )
  try {
    await assertTakenBack(host, () => {
      const settings = file({ path: '/etc/ssh/sshd_config.d/00-nobody.conf', content: 'AllowUsers nobody\n' })
      service({ name: 'ssh.service', running: true, reloadOn: [settings] })
    })
    assert.is(await sshOk(host, 'ls /run/killed'), '/run/killed\n')
  } finally {
    await sshOk(host, 'rm -f /usr/local/sbin/iptables-restore /run/killed')
  }
})

test('what an account changes while it is kept keeps nobody from a change; what is of root is kept as it is', async () => {
  // While tar reads the file, it becomes longer.
  await sshOk(
    host,
    `cat > /usr/local/sbin/tar <<'END'
#!/bin/sh
case "$*" in *-cpf*saved.tar*) set -- "$@" --checkpoint=1 --checkpoint-action='exec=echo x >> /etc/sysctl.d/growing' ;; esac
exec /usr/bin/tar "$@"
END
chmod 755 /usr/local/sbin/tar; useradd --system grower; chown grower /etc/sysctl.d
yes '#' | head -c 1000000 > /etc/sysctl.d/growing`,
  )
  const guarded = (): void => void file({ path: '/etc/ssh/sshd_config.d/00-grown.conf', content: '# grown\n' })
  try {
    const report = await convergeOn(host, guarded, SCOPED)
    assert.is(report.changes[0]?.outcome, 'changed')
    await sshOk(host, 'chown root /etc/sysctl.d; rm /etc/ssh/sshd_config.d/00-grown.conf')
    const error = await rejects(convergeOn(host, guarded, SCOPED), Refused)
    assert.match(error.said, 'etc/sysctl.d/growing: file changed as we read it')
  } finally {
    await sshOk(host, 'rm -f /usr/local/sbin/tar /etc/sysctl.d/growing; chown root /etc/sysctl.d')
  }
})

test('what an account holds in folders that were given away is left out where it is large, and stays', async () => {
  const declared = '/etc/sysctl.d/60-keelson-net.ipv4.ip_default_ttl.conf'
  await sshOk(
    host,
    `id grower > /dev/null 2>&1 || useradd --system grower
mkdir -p /etc/ssh/given/below; echo small > /etc/ssh/given/small; chown -R grower /etc/ssh/given
mkdir -p /etc/sysctl.d && chown grower /etc/sysctl.d
echo own > /etc/ssh/owned; chown grower /etc/ssh/owned; touch /etc/sysctl.d/of-root; chmod 0600 /etc/sysctl.d/of-root
runuser -u grower -- sh -c 'for at in "/etc/ssh/given/hu
ge " /etc/ssh/given/below/huge /etc/ssh/owned /etc/sysctl.d/huge ${declared}; do truncate -s 3G "$at"; done'`,
  )
  const given = `find /etc/ssh/given /etc/ssh/owned /etc/sysctl.d ! -path ${declared} -printf '%p %y %s %m %u\n' | sort`
  const before = await sshOk(host, given)
  try {
    await assertTakenBack(host, () => {
      sysctl({ key: 'net.ipv4.ip_default_ttl', value: 63 })
      const settings = file({ path: '/etc/ssh/sshd_config.d/00-nobody.conf', content: 'AllowUsers nobody\n' })
      service({ name: 'ssh.service', running: true, reloadOn: [settings] })
    })
    assert.is(await sshOk(host, given), before)
    assert.is(
      await sshOk(
        host,
        `ls ${declared} 2>/dev/null; ls -d /etc/*.keelson-old 2>/dev/null; sysctl -n net.ipv4.ip_default_ttl`,
      ),
      '64\n',
    )
  } finally {
    await sshOk(
      host,
      'rm -rf /etc/ssh/given /etc/ssh/owned /etc/sysctl.d/huge /etc/sysctl.d/of-root; chown root /etc/sysctl.d',
    )
  }
})

test('without room for a guard the change is not made', async () => {
  await sshOk(host, 'mount -t tmpfs -o size=200k none /var/lib/keelson')
  const before = await waysIn(host)
  try {
    const error = await rejects(
      convergeOn(host, () => void ufwRule({ ...SSH, action: 'deny' }), ALLOWED),
      Refused,
    )
    assert.match(error.message, 'could not be guarded')
    assert.match(error.said, 'saved.tar')
  } finally {
    await sshOk(host, 'umount /var/lib/keelson')
  }
  assert.is(await waysIn(host), before)
  await assertNoClock(host)
})

test.run()
