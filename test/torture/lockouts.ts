/** How a host is when it went back from a change that shuts somebody out. */
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { file } from '../../lib/index.ts'
import { boot, powerCut, type SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { convergeOn, runOn } from '../support/converge.ts'
import { sshOk } from '../support/host.ts'
import { assertNoClock, keptFiles, look, waysIn } from '../support/takenBack.ts'
import { INSTALL, type LockOut } from './lockoutCases.ts'
import { assertSame, assertWell } from './outcome.ts'

/** A host for these: with all that can shut it, and an account that needs sudo. */
export const PREPARE = `set -e; apt-get -q update >/dev/null
${INSTALL} ufw sudo nftables >/dev/null
cp /etc/nftables.conf /usr/share/nft.conf
useradd -m -s /bin/bash ops && install -d -m 700 -o ops -g ops /home/ops/.ssh && install -m 600 -o ops -g ops /root/.ssh/authorized_keys /home/ops/.ssh/
printf 'ops ALL=(ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/ops; chmod 440 /etc/sudoers.d/ops
loginctl enable-linger ops`

/** Leaves a process on the host that kills the guard the first time it is at work. */
const KILL_GUARD_ONCE = `rm -f /run/guard-killed
systemctl stop kill-guard.service 2>/dev/null
systemd-run --quiet --collect --unit=kill-guard sh -c 'until [ -e /var/lib/keelson/guard/reverting ]; do sleep 0.01; done; systemctl kill -s KILL keelson-guard.service; echo yes > /run/guard-killed'`

/** What comes between a change and the way back. */
export const HOWS = ['plain', 'first run', 'reboot', 'guard killed'] as const
export type How = (typeof HOWS)[number]

/** Someone is locked out and let in again by the host itself, which then is as it was, also after another start. */
export async function lockOut(host: SandboxHost, one: LockOut, how: How): Promise<void> {
  const about = `${one.what}, ${how}`
  await look(host, `${one.before ?? ':'}; rm -rf /var/lib/keelson`)
  await look(host, ':')
  if (how !== 'first run')
    assertWell(await convergeOn(host, () => void file({ path: '/srv/known', content: 'x' }), { only: () => true }))
  const [ways, files] = [await waysIn(host), await keptFiles(host)]
  if (how === 'guard killed') await sshOk(host, KILL_GUARD_ONCE)
  const { address, port, identityFile, hostKey } = host
  const login = { address, port, user: one.as, identityFile, hostKey }
  let logins = 0
  const connect = async () => {
    logins += 1
    if (logins === 2 && how === 'reboot') await restart(host)
    return connectSsh(login, {})
  }
  const report = await convergeHost({
    ...runOn(host, one.declare, { only: () => true, allowLockout: true, clockS: how === 'reboot' ? 30 : 8 }),
    connect,
    confirm: () => Promise.resolve(true),
  })
  assert.is(report.error?.exit, 'refused', `${about}: ${JSON.stringify(report)}`)
  assert.match(report.error?.message ?? '', 'it went back to what it was', about)
  assertSame(await waysIn(host), ways, about)
  assertSame(await keptFiles(host), files, about)
  await assertNoClock(host)
  if (how === 'guard killed') assert.is(await sshOk(host, 'cat /run/guard-killed'), 'yes\n', about)
  await restart(host)
  const connection = await connectSsh(login, {})
  assert.is((await connection.run('true')).exit, 0, `${about}: after a start of the host`)
  await connection.close()
  assertSame(await keptFiles(host), files, `${about}, after a start of the host`)
  await look(host, `${one.after ?? ':'}; true`)
  await look(host, ':')
}

async function restart({ name }: SandboxHost): Promise<void> {
  await powerCut(name)
  await boot(name)
}
