/**
 * Hosts whose locks others hold, and one whose clock is another.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { PRELUDE } from '../../lib/kit/prelude.ts'
import type { Progress } from '../../lib/engine/report.ts'
import { quote } from '../../lib/kit/shell.ts'
import { aptPackage, file, group, user } from '../../lib/index.ts'
import { changeOf, convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }

const host = await freshHost('debian-12')
const test = suite('locks and clocks')
// However a test ends, the next one finds its host in order.
test.after.each(async () => {
  await ssh(host, 'pkill -x perl')
})

/** Takes fcntl locks as apt, dpkg and lckpwdf(3) do, and keeps them until it is ended; perl is part of every Debian. */
function hold(path: string): Promise<string> {
  const program = `use Fcntl; open(my $f, ">>", $ARGV[0]) or die; my $l = pack("ssx4qqlx4", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die $!; open(my $r, ">", "/tmp/held"); close $r; sleep 900`
  return sshOk(
    host,
    `rm -f /tmp/held; setsid perl -e ${quote(program)} ${path} >/dev/null 2>&1 </dev/null &
    timeout 10 sh -c 'until [ -e /tmp/held ]; do sleep 0.1; done'; stat -c %i ${path}`,
  )
}

for (const [path, declare, ref] of [
  ['/var/lib/dpkg/lock-frontend', () => void aptPackage({ name: 'hello' }), 'package:hello'],
  ['/var/lib/apt/lists/lock', () => void aptPackage({ name: 'tree' }), 'package:tree'],
  ['/var/cache/apt/archives/lock', () => void aptPackage({ name: 'dos2unix' }), 'package:dos2unix'],
  ['/etc/.pwd.lock', () => void user({ name: 'ada' }), 'user:ada'],
  ['/etc/.pwd.lock', () => void group({ name: 'crew' }), 'group:crew'],
] as const) {
  test(`${ref} waits for whoever holds ${path}, and says who`, async () => {
    const inode = await hold(path)
    const waits: string[] = []
    let released: Promise<unknown> | undefined
    const progress = (event: Progress): void => {
      if (event.event !== 'waiting') return
      waits.push(event.because)
      released ??= sshOk(host, 'pkill -x perl')
    }
    const confirm = () => Promise.resolve(true)
    const report = await convergeHost({ ...runOn(host, declare, SCOPED), confirm, progress })
    assert.is(waits.length, 1)
    assert.ok(waits[0]!.includes(`perl (process `) && waits[0]!.endsWith(`), which has ${path} locked`), waits[0])
    assert.is(changeOf(report, ref).outcome, 'changed')
    assert.is(await sshOk(host, `stat -c %i ${path}`), inode)
    await released
  })
}

test('a lock is waited for so long and no longer, and then its holder is named', async () => {
  const path = '/var/lib/dpkg/lock-frontend'
  const inode = await hold(path)
  const { exit, stderr } = await ssh(
    host,
    `mkdir -p /tmp/run/1/0/0; P=/tmp/run/1/0/0; ${PRELUDE}\nawait_locks 2 ${path}; echo on`,
  )
  assert.is(exit, 1)
  assert.match(stderr, /^perl \(process \d+\) has had \/var\/lib\/dpkg\/lock-frontend locked for more than 2 s;/)
  assert.is(await sshOk(host, `stat -c %i ${path}`), inode)
})

test('a clock two days off is told of, and changes nothing else', async () => {
  const now = Date.now
  Date.now = () => now() + 2 * 86_400_000
  try {
    const declare = (): void => void file({ path: '/srv/clock', content: 'x' })
    const plan = await planOn(host, declare, SCOPED)
    assert.ok(plan.warnings.some((line) => line.startsWith("its clock is 2 days behind this machine's;")))
    assert.is((await convergeOn(host, declare, SCOPED)).summary.failed, 0)
    assert.equal((await planOn(host, declare, SCOPED)).changes, [])
  } finally {
    Date.now = now
  }
  assert.equal(
    (await planOn(host, () => {}, SCOPED)).warnings.filter((line) => line.includes('clock')),
    [],
  )
})

test.run()
