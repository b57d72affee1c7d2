/**
 * What a host looks like to whoever wants to come in, and that a change was taken back without a trace.
 */
import * as assert from 'uvu/assert'
import type { HostReport } from '../../lib/engine/report.ts'
import { parseRuns, READ_RUNS } from '../../lib/engine/host/storedRun.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { convergeOn } from './converge.ts'
import { ssh, sshOk } from './host.ts'

/** What other tests declared stays. */
export const SCOPED = { only: (): boolean => true }
/** Certain lock-outs are let through to the guard. */
export const ALLOWED = { ...SCOPED, allowLockout: true }
/** Where nobody comes in again, the guard need not wait for long. */
export const LOCKED_OUT = { ...ALLOWED, clockS: 10 }
const LOOK = `cat /etc/ufw/ufw.conf /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules; ufw status verbose
iptables-save -t filter | sed 's/\\[[0-9:]*\\]//' | grep -v '^#'; sshd -T; getent passwd; getent shadow; ss -ltnH | awk '{ print $4 }' | sort
find /etc/ssh /etc/sudoers.d /root/.ssh -type f -exec sha256sum {} + | sort; find /etc/ssh /etc/sudoers.d -printf '%p %m %u:%g\\n' | sort`

/** All files of configuration and of homes, with their rights, and those of what lies above them. */
const LOOK_AT_FILES = `LC_ALL=C; export LC_ALL; umask
# passwd- and the like are what programs that change accounts leave of the last change.
find /etc /root /home /opt -xdev -type f ! -name '*-' -exec sha256sum {} + | sort -k 2
{ find /etc /root /home /opt -xdev -printf '%p %y %m %u:%g %l\\n'; stat -c '%n %a %U:%G' / /run/nologin /usr /usr/bin /usr/bin/sudo 2>&1; } | sort
systemctl show -p Id,UnitFileState ssh nftables ufw systemd-networkd netfilter-persistent
# The others run or not by what was done by hand before.
systemctl show -p Id,ActiveState ssh systemd-networkd systemd-user-sessions
sysctl -n net.ipv4.ip_default_ttl net.ipv4.conf.host0.rp_filter`

/** For how long a host may refuse to be looked at, in milliseconds. */
const SHUT_MS = 60_000

/**
 * Everything a way in depends on, as the host's own tools show it. Just after the guard went back sshd loads its settings,
 * and refuses connections for a moment: it is asked again until it answers. @throws When it lets nobody in for a minute.
 */
export function waysIn(host: SandboxHost): Promise<string> {
  return look(host, LOOK)
}

/** As `waysIn`, what stays over a start of the host. */
export function keptFiles(host: SandboxHost): Promise<string> {
  return look(host, `${LOOK_AT_FILES}; true`)
}

/** What a command prints on a host whose sshd may just be loading its settings. */
export async function look(host: SandboxHost, command: string): Promise<string> {
  const until = performance.now() + SHUT_MS
  for (;;) {
    const { exit, stdout, stderr } = await ssh(host, command)
    if (exit === 0) return stdout
    assert.ok(exit === 255 && performance.now() < until, `exit ${exit}: ${stderr}`)
  }
}

/** No clock runs, and nothing of the guard is left but word of what it did. */
export async function assertNoClock(host: SandboxHost): Promise<void> {
  assert.is(await sshOk(host, "systemctl list-units --all --no-legend 'keelson-guard*' | cat"), '')
  assert.is(await sshOk(host, 'ls /etc/systemd/system | grep keelson-guard | cat'), '')
  assert.is(await sshOk(host, 'ls /var/lib/keelson/guard/armed 2>/dev/null | cat'), '')
}

/** @param outcome Of the run: `partial` where something that is not guarded was applied, and stays. */
export async function assertTakenBack(
  host: SandboxHost,
  declare: () => void,
  outcome: 'failed' | 'partial' = 'failed',
): Promise<HostReport> {
  const before = await waysIn(host)
  const report = await convergeOn(host, declare, LOCKED_OUT)
  assert.is(report.error?.exit, 'refused')
  assert.match(report.error?.message ?? '', 'nobody could log in')
  assert.match(report.error?.message ?? '', 'it went back to what it was')
  assert.is(await waysIn(host), before)
  await assertNoClock(host)
  const [run] = parseRuns(await sshOk(host, READ_RUNS))
  assert.is(run?.outcome, outcome)
  return report
}
