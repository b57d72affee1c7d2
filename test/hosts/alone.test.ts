/**
 * A run that goes on without its client, and the next client that comes to the host, on a real one.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { Locked } from '../../lib/engine/errors.ts'
import type { HostReport, Progress } from '../../lib/engine/report.ts'
import { parseRuns, READ_RUNS } from '../../lib/engine/host/storedRun.ts'
import { command, directory, file } from '../../lib/index.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { type Place, startSite, writeSite } from '../support/siteFile.ts'

const test = suite('a run without its client')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `useradd -m ops && install -d -m 700 -o ops /home/ops/.ssh && install -m 600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/
   printf 'ops ALL=(ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/ops`,
)

/** Says that it has come here, and goes on when it is told to. */
const GATE = `touch /run/gate; timeout 120 sh -c "until [ -e /run/go ]; do sleep 0.05; done"; echo gate >> /srv/play/log`
const BEFORE = { path: '/srv/play/before', content: 'x' }
const AFTER = { path: '/srv/play/after', content: 'x' }
const CHECK = 'grep -q gate /srv/play/log'

function gated(): void {
  const before = file({ ...BEFORE, after: directory({ path: '/srv/play' }) })
  file({ ...AFTER, after: command({ name: 'gate', check: CHECK, apply: GATE, after: before }) })
}

/** The same as the text of a role. */
const GATED = `
const before = file({ ...${JSON.stringify(BEFORE)}, after: directory({ path: '/srv/play' }) })
file({ ...${JSON.stringify(AFTER)}, after: command({ name: 'gate', check: ${JSON.stringify(CHECK)}, apply: ${JSON.stringify(GATE)}, after: before }) })`

/** Starts a client, and returns when its run stands at the gate. */
async function startGated(place: Place = host): Promise<ReturnType<typeof startSite>> {
  await sshOk(host, 'rm -rf /srv/play /var/lib/keelson /run/gate /run/go')
  const client = startSite(writeSite({ here: place }, GATED), ['converge', '--yes'])
  await sshOk(host, "timeout 60 sh -c 'until [ -e /run/gate ]; do sleep 0.05; done'")
  return client
}

/** Converges, and opens the gate as soon as it says that it waits. */
async function convergeWatching(): Promise<{ report: HostReport; told: Progress[] }> {
  const told: Progress[] = []
  const opened: Promise<string>[] = []
  const report = await convergeHost({
    ...runOn(host, gated),
    confirm: () => Promise.resolve(true),
    progress: (progress) => {
      told.push(progress)
      if (progress.event === 'waiting') opened.push(sshOk(host, 'touch /run/go'))
    },
  })
  await Promise.all(opened)
  return { report, told }
}

/** sshd notices in its own time that a client is gone. @returns What the plan then warns of. */
async function untilAlone(): Promise<string[]> {
  for (let left = 100; ; left -= 1) {
    const { warnings } = await planOn(host, gated)
    if (left === 0 || warnings.some((warning) => warning.includes('without its client'))) return warnings
  }
}

const stepsOf = (told: readonly Progress[]): string[] =>
  told.flatMap((each) => (each.event === 'step' && each.state === 'ok' ? [each.ref] : []))

for (const [who, place] of [
  ['root', host],
  ['an operator with sudo', { ...host, user: 'ops' }],
] as const) {
  test(`one whose client was killed, of ${who}, is watched to its end, and only what is left is done`, async () => {
    const { child, ended } = await startGated(place)
    child.kill('SIGKILL')
    await ended
    const warnings = await untilAlone()
    assert.ok(
      warnings.some((warning) => /^run 1 of .* without its client/.test(warning)),
      warnings.join('\n'),
    )
    const { report, told } = await convergeWatching()
    const waiting = told.find(({ event }) => event === 'waiting')
    assert.match(JSON.stringify(waiting), /run 1 of [^ ]+ since \d\d:\d\d:\d\d UTC .* goes on without its client/)
    assert.equal(stepsOf(told), [
      'directory:/srv/play',
      'file:/srv/play/before',
      'command:gate',
      'file:/srv/play/after',
    ])
    // What comes after a command is planned when that has run, so that nobody had handed it over.
    const done = report.changes.filter(({ kind }) => kind !== 'adopt')
    assert.equal(
      done.map(({ ref, outcome }) => [ref, outcome]),
      [['file:/srv/play/after', 'changed']],
    )
    assert.is(await sshOk(host, 'cat /srv/play/log; ls /srv/play'), 'gate\nafter\nbefore\nlog\n')
    const first = parseRuns(await sshOk(host, READ_RUNS)).find(({ run }) => run === '1')
    assert.equal(
      first?.changes.map(({ outcome }) => outcome),
      ['applied', 'applied', 'applied', 'unfinished'],
    )
    assert.equal((await planOn(host, gated)).changes, [])
  })
}

test('one whose client is there is not watched but named, before anything is asked', async () => {
  const { ended } = await startGated()
  const asked: string[] = []
  const confirm = (): Promise<boolean> => {
    asked.push('asked')
    return Promise.resolve(true)
  }
  const { address, port, identityFile, hostKey } = host
  for (const user of ['root', 'ops']) {
    const connect = () => connectSsh({ address, port, user, identityFile, hostKey }, {})
    // It would watch until that is over, and nobody opens the gate.
    const signal = AbortSignal.timeout(60_000)
    const error = await rejects(convergeHost({ ...runOn(host, gated), connect, confirm, signal }), Locked)
    assert.match(error.message, /^this host is locked by run 1 of [^ ]+ since \d\d:\d\d:\d\d UTC/)
  }
  assert.equal(asked, [])
  const { warnings } = await planOn(host, gated)
  assert.ok(
    warnings.some((warning) => /^run 1 of .* is at work there: /.test(warning)),
    warnings.join('\n'),
  )
  await sshOk(host, 'touch /run/go')
  assert.is((await ended).code, 0)
  assert.equal(
    (await planOn(host, gated)).warnings.filter((warning) => warning.startsWith('run ')),
    [],
  )
})

test.run()
