/** The command line against a real host: output, exit codes, and what is left there. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXIT_CODES } from '../../lib/engine/report.ts'
import { reportIn, runSite } from '../cli/site/run.ts'
import { freshHost, sshOk } from '../support/host.ts'

const test = suite('command line on a host')

const host = await freshHost('debian-12')
const at = (key = host.hostKey): string[] => {
  const { user, address, port, identityFile } = host
  return ['--at', `${user}@${address}:${port}`, '--identity', identityFile, '--host-key', key]
}
const web = ['--host', 'web-1', ...at()]

test('plan says what would change, exits 2 when asked to, and leaves the host alone', async () => {
  const { code, stdout } = await runSite(['plan', '--detailed-exitcode', ...web])
  assert.is(code, EXIT_CODES.changes)
  assert.match(stdout, /^another machine \(stands in for web-1\) {2}[\d.]+ {2}debian-12 {2}3 resources: 3 planned$/m)
  assert.match(stdout, /^ {2}\+ note first {3}site\.ts:\d+$/m)
  assert.match(stdout, /^Plan: 3 to create\. Nothing was changed\.$/m)
  assert.is(await sshOk(host, 'ls /etc/notes /var/lib/keelson 2>/dev/null | wc -l'), '0\n')
})

test('a plan with changes exits 0 when nobody asked for more', async () => {
  assert.is((await runSite(['plan', ...web])).code, EXIT_CODES.ok)
})

test('converge of one resource is marked partial and leaves the rest', async () => {
  const { code, stdout } = await runSite(['converge', '--yes', '--only', 'early', ...web])
  assert.is(code, EXIT_CODES.ok)
  assert.match(stdout, /^PARTIAL plan: 1 to create/m)
  assert.match(stdout, /^another machine \(stands in for web-1\) converged \(PARTIAL\) in .* as run 1; see `runs 1`/m)
  assert.is(await sshOk(host, 'ls /etc/notes'), 'first\n')
})

test('a pattern and the name of a recipe file ask for a part as well, also when nothing is to be done', async () => {
  const some = await runSite(['plan', '--only', 'note:f*', '--json', ...web])
  assert.is(some.code, EXIT_CODES.ok)
  assert.match(some.stdout, '"summary":{"resources":1,')
  assert.match(some.stdout, '"partial":true')
  const file = await runSite(['plan', '--only', 'site.ts', '--json', ...web])
  assert.match(file.stdout, '"summary":{"resources":3,')
})

test('a change that fails is told with what the host said, and exits 7 when others were applied', async () => {
  await sshOk(host, 'rm /etc/notes/first')
  const { code, stdout } = await runSite(['converge', '--yes', ...web], { env: { SECOND: 'fail' } })
  assert.is(code, EXIT_CODES.partial)
  assert.match(stdout, /^site\.ts:\d+: note second on web-1: apply failed\n {2}step {7}write second\n {2}exit {7}3\n/m)
  assert.match(stdout, '  host said  no ink left\n')
  assert.match(stdout, '  waiting    1 for it: note third\n')
  assert.match(
    stdout,
    /^Planned 3: 1 done, 1 failed, 1 skipped\.\nanother machine \(stands in for web-1\) applied in part in .* as run \d+; see `runs \d+`, /m,
  )
})

test('under --json stdout is the report alone', async () => {
  const ended = await runSite(['converge', '--yes', '--json', ...web])
  assert.is(ended.code, EXIT_CODES.ok)
  assert.is(ended.stdout.trimEnd().split('\n').length, 1)
  const report = reportIn(ended)
  assert.is(Reflect.get(report, 'command'), 'converge')
  assert.equal(Reflect.get(report, 'exit'), { code: 0, name: 'ok' })
  assert.match(ended.stdout, `{"host":"web-1","address":"${host.address}","standIn":"another machine","summary":{`)
  assert.equal(ended.stdout.match(/"ref":"[^"]+"|"outcome":"[^"]+"/g), [
    '"ref":"note:second"',
    '"outcome":"changed"',
    '"ref":"note:third"',
    '"outcome":"changed"',
  ])
})

test('a plan after that is empty, also for --detailed-exitcode', async () => {
  const { code, stdout } = await runSite(['plan', '--detailed-exitcode', ...web])
  assert.is(code, EXIT_CODES.ok)
  assert.match(stdout, 'Plan: nothing to do · 3 in sync. Nothing was changed.\n')
})

test('a plan that is certain to lock out exits 4 and shows why; converge asks nobody, and --allow lockout lets it through', async () => {
  const env = { SECOND: 'shut the door' }
  const planned = await runSite(['plan', ...web], { env })
  assert.is(planned.code, EXIT_CODES.refused)
  assert.match(planned.stdout, /^ {2}lock-out {2}root would find the door shut$/m)
  assert.match(planned.stdout, /^ !~ note second {2}site\.ts:\d+ {3}locks you out$/m)
  assert.match(planned.stderr, 'web-1: this would lock you out: root would find the door shut')
  const converged = await runSite(['converge', '--yes', ...web], { env })
  assert.is(converged.code, EXIT_CODES.refused)
  assert.match(converged.stdout, 'with --allow lockout it is tried')
  assert.is(await sshOk(host, 'cat /etc/notes/second'), 'two\n')
  assert.is((await runSite(['plan', '--allow', 'lockout', ...web], { env })).code, EXIT_CODES.ok)
  assert.is((await runSite(['converge', '--yes', '--allow', 'lockout', ...web], { env })).code, EXIT_CODES.ok)
  assert.is(await sshOk(host, 'cat /etc/notes/second'), 'shut the door')
  const undone = await runSite(['undo', '--yes', '--allow', 'lockout', ...web])
  assert.is(undone.code, EXIT_CODES.ok, undone.stdout + undone.stderr)
})

test('what another hand changed is shown as drift', async () => {
  await sshOk(host, 'echo other > /etc/notes/first')
  assert.match(
    (await runSite(['plan', ...web])).stdout,
    /^Changed by hand since run \d+ \(\d+ s ago\), to be set back:\n {2}~ note first {2}site\.ts:\d+ {3}[a-z ]+$/m,
  )
})

test('a wrong host key exits 5, also with --yes, and shows both', async () => {
  const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'
  const { code, stdout } = await runSite(['converge', '--yes', '--host', 'web-1', ...at(other)])
  assert.is(code, EXIT_CODES.unreachable)
  assert.match(stdout, /web-1: .* shows ssh-ed25519 SHA256:\S+; expected ssh-ed25519 SHA256:/)
})

test('a host that cannot be reached exits 5, in the report as well', async () => {
  const { code, stdout } = await runSite(['plan', '--host', 'web-1', '--at', 'root@127.0.0.1:1', '--json'])
  assert.is(code, EXIT_CODES.unreachable)
  assert.match(stdout, '"exit":{"code":5,"name":"unreachable"}')
})

test('an interrupt exits 130, names the unit, and what was handed over is finished', async () => {
  const { code, stderr } = await runSite(['converge', '--yes', ...web], {
    env: { SECOND: 'wait' },
    // By then the stage is on the host.
    interruptAt: 'ok note first',
  })
  assert.is(code, EXIT_CODES.interrupted)
  const [, unit] = /the run continues on the host \((keelson-\S+)\) and will finish there$/m.exec(stderr) ?? []
  assert.ok(unit, stderr)
  assert.is(await sshOk(host, `systemctl is-active ${unit}; cat /etc/notes/second`), 'active\ntwo\n')
  await sshOk(host, 'touch /run/go-on; timeout 20 sh -c "until grep -qx wait /etc/notes/second; do sleep 0.1; done"')
})

test('converge after an interrupt waits for the worker left behind, and goes on from there', async () => {
  const env = { SECOND: 'wait' }
  const again = await runSite(['converge', '--yes', '--wait', ...web], { env })
  assert.is(again.code, EXIT_CODES.ok, again.stdout)
  assert.is((await runSite(['plan', '--detailed-exitcode', ...web], { env })).code, EXIT_CODES.ok)
})

test('converge --wait lets another run end, and plans anew', async () => {
  const env = { SECOND: 'wait' }
  await sshOk(host, 'rm -f /etc/notes/second /run/go-on')
  const first = runSite(['converge', '--yes', ...web], { env })
  await sshOk(host, 'timeout 20 sh -c "until [ -e /run/keelson/owner ]; do sleep 0.1; done"')
  const locked = await runSite(['converge', '--yes', ...web])
  assert.is(locked.code, EXIT_CODES.locked)
  assert.match(locked.stdout, /locked by run \d+ of \S+@\S+ since [\d:]+ UTC/)
  const waiting = runSite(['converge', '--yes', '--wait', ...web], { env })
  await sshOk(host, "timeout 20 sh -c 'until pgrep -x flock; do sleep 0.1; done'")
  await sshOk(host, 'touch /run/go-on')
  assert.is((await first).code, EXIT_CODES.ok)
  const { code, stdout, stderr } = await waiting
  assert.is(code, EXIT_CODES.ok, stdout)
  assert.match(stderr, 'waiting: this host is locked by run')
  assert.match(stdout, '3 in sync')
})

test('runs tells what was done, also by a run that nobody saw end', async () => {
  const { code, stdout } = await runSite(['runs', ...web])
  assert.is(code, EXIT_CODES.ok)
  assert.match(stdout, /^another machine \(stands in for web-1\)\n/)
  assert.match(stdout, /^ +1 {2}\d{4}-\d\d-\d\d \d\d:\d\d UTC +[\d.]+ s {2}ok +\S+@\S+.* {2}1 changed$/m)
  assert.match(stdout, /^ +2 .* applied in part +\S+@\S+.* {2}1 changed · 1 failed · 1 skipped$/m)
  const [, cut] = /^ +(\d+) .* unfinished /m.exec(stdout) ?? []
  assert.ok(cut, stdout)
  const one = await runSite(['runs', cut, ...web])
  assert.match(one.stdout, `another machine (stands in for web-1), run ${cut}  unfinished`)
  assert.match(one.stdout, /^ {2}[~+] applied, not verified {2}note second/m)
  const none = await runSite(['runs', '999', ...web])
  assert.is(none.code, EXIT_CODES.usage)
  assert.match(none.stderr, 'no run 999')
})

test('sandbox up of a host that is there, without its OS, and list, tell how to reach it', async () => {
  const up = await runSite(['sandbox', 'up', host.name, '--json'])
  assert.is(up.code, EXIT_CODES.ok)
  assert.equal(Reflect.get(reportIn(up), 'host'), host)
  const list: unknown = Reflect.get(reportIn(await runSite(['sandbox', 'list', '--json'])), 'hosts')
  assert.ok(Array.isArray(list))
  assert.ok(list.some((one) => JSON.stringify(one) === JSON.stringify(host)))
})

test('sandbox ssh runs a command there and ends as it does', async () => {
  const { code, stdout } = await runSite(['sandbox', 'ssh', host.name, '--', 'cat /etc/notes/first; exit 7'])
  assert.is(code, 7)
  assert.is(stdout, 'one\n')
})

test('sandbox down takes the host away, and a second one says that it is not there', async () => {
  assert.is((await runSite(['sandbox', 'down', host.name])).code, EXIT_CODES.ok)
  const again = await runSite(['sandbox', 'down', host.name])
  assert.is(again.code, EXIT_CODES.usage)
  assert.match(again.stderr, `there is no sandbox host "${host.name}"`)
})

test.run()
