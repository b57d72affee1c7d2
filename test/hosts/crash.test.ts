/**
 * A converge that is cut off at any point, on a real host: nothing is lost, nothing is done twice, nothing is left
 * behind, and the next converge does what remains.
 */
import { inspect } from 'node:util'
import { createTar } from 'nanotar'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WorkerClient } from '../../lib/engine/apply/workerClient.ts'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { HostError, Locked } from '../../lib/engine/errors.ts'
import { launchText, NOT_STARTED } from '../../lib/engine/onHost/runText.ts'
import { stageFiles, type TaskProgram } from '../../lib/engine/onHost/stageFiles.ts'
import { fingerprintOf } from '../../lib/engine/host/read.ts'
import { quote } from '../../lib/kit/shell.ts'
import type { HostReport, Plan, Progress } from '../../lib/engine/report.ts'
import { aptPackage, command, directory, file, service, unit } from '../../lib/index.ts'
import { openProxy, type Line, type Proxy } from '../../lib/sandbox/proxy.ts'
import { boot, changedFiles, powerCut, restore, snapshot } from '../../lib/sandbox/sandbox.ts'
import { type Connection, Unreachable } from '../../lib/transport/connection.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { startSite, writeSite } from '../support/siteFile.ts'
import { rejects } from '../support/rejects.ts'

/** Shell text that says it has come here and goes on when it is told to. */
const GATE = `touch /run/gate; timeout 120 sh -c 'until [ -e /run/go ]; do sleep 0.05; done'`

const suited = suite('a crash')
const host = await freshHost('debian-12')
// Packages made here, so that one can be stopped in the middle of its installation, and no mirror is asked.
await sshOk(host, makeRepository())
await snapshot(host.name, 'before')

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /srv/play /var/lib/keelson /run/gate /run/go')
    await body()
  })
}

const play = (name: string): string => `/srv/play/${name}`
const atGate = (): Promise<string> => untilTrue('[ -e /run/gate ]')
const openGate = (): Promise<string> => sshOk(host, 'touch /run/go')

function untilTrue(condition: string): Promise<string> {
  return sshOk(host, `timeout 60 sh -c ${quote(`until ${condition}; do sleep 0.05; done`)}`)
}

/** A file, a step that can be stopped, and a file and a step after it. `log` counts what was done. */
function gated(): void {
  const first = file({ path: play('first'), content: 'first\n', after: directory({ path: '/srv/play' }) })
  const gate = command({
    name: 'gate',
    check: `test -e ${play('passed')}`,
    apply: `echo gate >> ${play('log')}; ${GATE}; touch ${play('passed')}`,
    after: first,
  })
  const last = file({ path: play('last'), content: 'last\n', after: gate })
  command({ name: 'note', check: `grep -q note ${play('log')}`, apply: `echo note >> ${play('log')}`, after: last })
}

const GATED_REFS = [
  'directory:/srv/play',
  `file:${play('first')}`,
  'command:gate',
  `file:${play('last')}`,
  'command:note',
]

/** All is there, each step was done once, and there is nothing to do. */
async function assertGatedDone(): Promise<void> {
  assert.is(await sshOk(host, `cat ${play('first')} ${play('last')} ${play('log')}`), 'first\nlast\ngate\nnote\n')
  await assertSettled(gated)
}

/** The next plan is empty, and of all the runs there were none is left. */
async function assertSettled(declare: () => void): Promise<void> {
  assert.equal(changesOf(await planOn(host, declare)), [])
  assert.is(await sshOk(host, "systemctl list-units --all --plain --no-legend 'keelson-*'"), '')
  assert.is(await sshOk(host, 'find /run/keelson -mindepth 1 -maxdepth 1 ! -name lock ! -name loaded'), '')
}

const changesOf = ({ changes }: Plan | HostReport): string[] => changes.map(({ kind, ref }) => `${kind} ${ref}`)
const outcomesOf = ({ changes }: HostReport): string[] => [...new Set(changes.map(({ outcome }) => outcome))]
/** What is left to do, without what is only to be noted down or looked at again. */
const leftOf = (plan: Plan): string[] => changesOf(plan).filter((change) => !/^(adopt|recheck) /.test(change))

/** What a converge comes to, whichever way it ends. */
function comesTo(work: Promise<HostReport>): Promise<HostReport | Error> {
  return work.catch((error: unknown) => {
    if (error instanceof Error) return error
    throw error
  })
}

function converging(declare: () => void): Promise<HostReport | Error> {
  return comesTo(convergeOn(host, declare))
}

/** Converges as soon as a run without a client lets go of the host. */
async function convergeNext(declare: () => void): Promise<HostReport> {
  for (;;) {
    const report = await converging(declare)
    if (!(report instanceof Error)) return report
    if (!(report instanceof Locked)) throw report
  }
}

const killWorker = (): Promise<string> => sshOk(host, "systemctl kill --signal=KILL 'keelson-*'")

async function cutPower(): Promise<void> {
  await powerCut(host.name)
  await boot(host.name)
}

/** A converge over a line of its own, and what it told. */
async function overLine(
  line: Line,
  declare: () => void,
  meanwhile: (proxy: Proxy, told: Progress[]) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ report: HostReport | Error; told: Progress[]; bytes: Proxy['bytes'] }> {
  const proxy = await openProxy(host, line)
  const { address, port, bytes } = proxy
  const told: Progress[] = []
  const run = {
    ...runOn(host, declare),
    connect: () => connectTo({ address, port }),
    progress: (progress: Progress) => void told.push(progress),
    confirm: () => Promise.resolve(true),
  }
  try {
    const report = comesTo(convergeHost(run))
    await meanwhile(proxy, told)
    return { report: await report, told, bytes }
  } finally {
    await proxy.close()
  }
}

function connectTo({ address, port }: { address: string; port: number } = host): Promise<Connection> {
  const { user, identityFile, hostKey } = host
  return connectSsh({ address, port, user, identityFile, hostKey }, {})
}

async function withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connectTo()
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

/** Refs of the steps whose end was told, in that order. */
function stepsEnded(told: readonly Progress[]): string[] {
  return told.flatMap((each) => (each.event === 'step' && each.state === 'ok' ? [each.ref] : []))
}

/** Three packages in a local archive; the second stops at the gate while dpkg configures it. */
function makeRepository(): string {
  const build = (name: string, depends: string, postinst: string): string => `
mkdir -p /tmp/${name}/DEBIAN /tmp/${name}/usr/share/${name}
echo ${name} > /tmp/${name}/usr/share/${name}/here
printf 'Package: ${name}\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: nobody <nobody@example.org>\\nDescription: made for a test\\n${depends}' > /tmp/${name}/DEBIAN/control
printf '#!/bin/sh\\nset -e\\n%s\\n' ${quote(postinst)} > /tmp/${name}/DEBIAN/postinst
chmod 755 /tmp/${name}/DEBIAN/postinst
dpkg-deb --build /tmp/${name} /opt/repository/${name}.deb >/dev/null
dpkg-deb -f /opt/repository/${name}.deb >> /opt/repository/Packages
printf 'Filename: ./${name}.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$(stat -c %s /opt/repository/${name}.deb)" "$(sha256sum /opt/repository/${name}.deb | cut -d' ' -f1)" >> /opt/repository/Packages`
  return `set -e
systemctl stop '*.timer'
mkdir -p /opt/repository
${build('play-first', '', ':')}
${build('play-gate', 'Depends: play-first\\n', GATE)}
${build('play-last', 'Depends: play-gate\\n', ':')}
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/repository ./' > /etc/apt/sources.list
apt-get -q update`
}

/** Packages, one of which stops at the gate, and a file after them. */
function installing(): void {
  const packages = ['play-gate', 'play-last'].map((name) => aptPackage({ name }))
  file({ path: '/srv/after-packages', content: 'x', after: packages })
}

/** The same as the text of a role. */
const INSTALLING = `file({ path: '/srv/after-packages', content: 'x', after: [aptPackage({ name: 'play-gate' }), aptPackage({ name: 'play-last' })] })`

/** Packages by state, and all files that are not a record of what happened when. */
async function stateOfHost(): Promise<unknown> {
  const packages = await sshOk(host, "dpkg-query -W -f='${Package} ${Version} ${db:Status-Abbrev}\\n'; dpkg --audit")
  // Backup and status of dpkg are in another order after another history; what they say is compared above.
  const history = [
    '/var/log',
    '/var/lib/keelson',
    '/var/cache/apt',
    '/var/cache/debconf',
    '/var/lib/apt/extended_states',
  ]
  const dpkg = [
    '/var/lib/dpkg/status',
    '/var/lib/dpkg/status-old',
    '/var/lib/dpkg/updates',
    '/var/lib/dpkg/lock-frontend',
  ]
  return { packages, files: await changedFiles(host.name, { ignore: [...history, ...dpkg] }) }
}

/** The state in which a converge leaves the host that nothing disturbs. */
async function undisturbed(declare: () => void): Promise<unknown> {
  await openGate()
  assert.equal(outcomesOf(await convergeOn(host, declare)), ['changed'])
  const state = await stateOfHost()
  await restore(host.name, 'before')
  return state
}

suited(
  'a client killed while packages are installed leaves the host to finish them, and the next run the rest',
  async () => {
    const expected = await undisturbed(installing)
    const { child, ended } = startSite(writeSite({ here: host }, INSTALLING), ['converge', '--yes'])
    await atGate()
    child.kill('SIGKILL')
    await ended
    await openGate()
    await untilTrue("[ $(dpkg-query -W -f='${db:Status-Status}' play-last) = installed ]")
    assert.equal(leftOf(await planOn(host, installing)), ['create file:/srv/after-packages'])
    assert.equal(leftOfReport(await convergeNext(installing)), ['create file:/srv/after-packages'])
    assert.equal(await stateOfHost(), expected)
    await assertSettled(installing)
  },
)

function leftOfReport({ changes }: HostReport): string[] {
  return changes.flatMap(({ kind, ref, outcome }) => (outcome === 'changed' ? [`${kind} ${ref}`] : []))
}

for (const [what, kill] of [
  ['a worker killed', killWorker],
  ['a power cut', cutPower],
] as const) {
  suited(`${what} in the middle of dpkg leaves packages half done, which the next run puts in order`, async () => {
    await restore(host.name, 'before')
    const expected = await undisturbed(installing)
    const run = converging(installing)
    await atGate()
    await kill()
    await run
    await openGate()
    assert.match(await sshOk(host, "dpkg-query -W -f='${db:Status-Status}' play-gate"), 'half-configured')
    assert.ok(leftOf(await planOn(host, installing)).includes('change package:play-gate'))
    await convergeNext(installing)
    assert.equal(await stateOfHost(), expected)
    await assertSettled(installing)
  })
}

suited('a package that was only unpacked by hand is seen by the plan, and put in order', async () => {
  await restore(host.name, 'before')
  await sshOk(host, 'touch /run/go; dpkg --unpack /opt/repository/play-first.deb')
  const declare = (): void => void aptPackage({ name: 'play-first' })
  assert.equal(leftOf(await planOn(host, declare)), ['change package:play-first'])
  await convergeOn(host, declare)
  assert.is(await sshOk(host, 'dpkg --audit'), '')
  await assertSettled(declare)
})

suited('a dpkg cut off with its journal unmerged does not keep the next run from installing', async () => {
  await restore(host.name, 'before')
  // What dpkg leaves when it is killed after its last package and before it merges its journal (seen on Debian 12).
  await sshOk(host, 'touch /run/go; dpkg-query -s dpkg > /var/lib/dpkg/updates/0000')
  await convergeOn(host, installing)
  await assertSettled(installing)
})

/** A service that keeps a copy of what it loaded, with a gate between it and its file when there is one. */
function reloading(text: string, between: 'gate' | 'nothing'): () => void {
  return () => {
    const settings = file({ path: play('settings'), content: `${text}\n`, after: directory({ path: '/srv/play' }) })
    const program = unit({
      name: 'play.service',
      service: {
        ExecStart: `/bin/sh -c 'cp ${play('settings')} /run/play-loaded; exec sleep infinity'`,
        ExecReload: `/bin/cp ${play('settings')} /run/play-loaded`,
      },
      install: { WantedBy: 'multi-user.target' },
    })
    const passed = { name: 'gate', check: `test -e ${play('passed')}`, apply: `${GATE}; touch ${play('passed')}` }
    service({
      name: 'play.service',
      enabled: true,
      running: true,
      settleMs: 100,
      reloadOn: [settings],
      after: [program, ...(between === 'gate' ? [command({ ...passed, after: settings })] : [])],
    })
  }
}

for (const [what, kill, next] of [
  ['the worker is killed', killWorker, ['create command:gate', 'follow-up service:play.service']],
  // A service that starts again has loaded the file.
  ['the power is cut', cutPower, ['create command:gate']],
] as const) {
  test(`when ${what} between a file and the reload it needs, the service has loaded it after the next run`, async () => {
    await convergeOn(host, reloading('old', 'nothing'))
    const run = converging(reloading('new', 'gate'))
    await atGate()
    assert.is(await sshOk(host, 'cat /run/play-loaded'), 'old\n')
    await kill()
    await run
    await openGate()
    assert.equal(leftOf(await planOn(host, reloading('new', 'gate'))), next)
    await convergeNext(reloading('new', 'gate'))
    assert.is(await sshOk(host, 'cat /run/play-loaded'), 'new\n')
    await assertSettled(reloading('new', 'gate'))
  })
}

test('a connection that is reset in the middle of a step is made again, and the same run goes on', async () => {
  const { report, told } = await overLine({}, gated, async (proxy) => {
    await atGate()
    proxy.cut('reset')
    await openGate()
  })
  await assertWentOn(report, told)
})

test('a connection that falls silent is given up, and the same run goes on over another', async () => {
  const { report, told } = await overLine({}, gated, async (proxy) => {
    await atGate()
    proxy.cut('blackhole')
    await openGate()
  })
  await assertWentOn(report, told)
})

/** The client came back to its run: all is reported, once, and done, once. */
async function assertWentOn(report: HostReport | Error, told: readonly Progress[]): Promise<void> {
  if (report instanceof Error) throw report
  assert.ok(told.some(({ event }) => event === 'reconnecting'))
  assert.equal(outcomesOf(report), ['changed'])
  assert.equal(stepsEnded(told), GATED_REFS)
  await assertGatedDone()
}

/** In each direction, evenly spread over the whole conversation. Where they fall differs a little from run to run. */
const CUTS = 12

for (const direction of ['toHost', 'toClient'] as const) {
  test(`wherever the line is cut ${direction === 'toHost' ? 'on the way there' : 'on the way back'}, the run goes on or says why not`, async () => {
    await openGate()
    const { bytes } = await overLine({}, gated)
    const total = bytes[direction]
    for (let cut = 0; cut < CUTS; cut += 1) {
      await sshOk(host, 'rm -rf /srv/play /var/lib/keelson')
      const count = Math.ceil((total * (cut + 0.5)) / CUTS)
      await assertCutHarmless({ direction, count, how: 'reset' })
    }
  })
}

async function assertCutHarmless(cut: NonNullable<Line['cutAfterBytes']>): Promise<void> {
  const { report, told } = await overLine({ cutAfterBytes: cut }, gated)
  try {
    if (report instanceof Error) {
      assertClear(report, told)
      await convergeNext(gated)
    } else assert.equal([report.error, stepsEnded(told)], [undefined, GATED_REFS])
    await assertGatedDone()
  } catch (error) {
    throw new Error(`cut ${cut.direction} after ${cut.count} bytes: ${inspect(error)}`, { cause: error })
  }
}

/** Only where it never came in may a client give up. */
function assertClear(error: Error, told: readonly Progress[]): void {
  assert.not(
    told.some(({ event }) => event === 'applying'),
    error.message,
  )
  assert.instance(error, Unreachable)
}

test('files that did not arrive whole start nothing, wherever they end', async () => {
  const archive = Buffer.from(createTar([{ name: 'worker', data: 'touch /run/started-anyway\n' }]))
  await withConnection(async (connection) => {
    for (const input of [Buffer.alloc(0), archive.subarray(0, 700), archive.subarray(0, 1024), archive]) {
      const { exit, stderr } = await connection.run(launchText('cut-off'), { input })
      assert.is(exit, NOT_STARTED)
      assert.match(stderr, 'it did not arrive whole')
    }
  })
  assert.is(await sshOk(host, 'ls -A /run/keelson | grep -vx -e lock -e loaded || ls /run | grep started || :'), '')
})

test('a worker killed in the middle of a step is reported by name, with what to do next', async () => {
  const run = converging(gated)
  await atGate()
  await killWorker()
  const report = await run
  assert.ok(!(report instanceof Error) && report.error !== undefined)
  assert.match(report.error.message, /^the run ended before its stage did \(keelson-1-[0-9a-f]{6}\)$/)
  assert.match(report.error.next, /journalctl -u keelson-1-[0-9a-f]{6}/)
  assert.is(report.error.exit, 'partial')
  assert.equal(leftOf(await planOn(host, gated)), [
    'create command:gate',
    `create file:${play('last')}`,
    'create command:note',
  ])
  await sshOk(host, `rm ${play('log')}`)
  await openGate()
  await convergeNext(gated)
  await assertGatedDone()
})

test('what a killed run had made is owned: no longer declared, it goes', async () => {
  const run = converging(gated)
  await atGate()
  await killWorker()
  await run
  await sshOk(host, `rm ${play('log')}`)
  const other = (): void => void file({ path: '/srv/other', content: 'x' })
  assert.ok(changesOf(await planOn(host, other)).includes(`remove file:${play('first')}`))
  await convergeNext(other)
  assert.is(await sshOk(host, 'ls /srv/play'), '')
  await assertSettled(other)
})

/** In the place of sync(1): notes what it is asked for, what the file holds by then, and what has yet to get its name. */
const SYNC = `#!/bin/sh
for path; do
  case $path in --) continue ;; esac
  folder=$path; [ -d "$path" ] || folder=\${path%/*}
  echo "$path: $(cat ${play('file')}), $(ls -A "$folder" | grep -cE '[.]new$|^[.]keelson')" >> /run/synced
done
exec /usr/bin/sync "$@"
`

test('what is written is on the disk before it gets its name, and that before anything comes after', async () => {
  const declare = (content: string) => (): void => void file({ path: play('file'), content })
  await sshOk(host, 'mkdir /srv/play')
  await convergeOn(host, declare('one'))
  await sshOk(host, `printf %s ${quote(SYNC)} > /usr/local/sbin/sync && chmod 755 /usr/local/sbin/sync`)
  try {
    await convergeOn(host, declare('two'))
    const record = (holds: string): string[] => [
      `/var/lib/keelson/ledger.json.new: ${holds}, 1`,
      `/var/lib/keelson: ${holds}, 0`,
      `/var/lib/keelson/runs/2.json.new: ${holds}, 1`,
      `/var/lib/keelson/runs: ${holds}, 0`,
    ]
    assert.equal((await sshOk(host, 'cat /run/synced')).trim().split('\n'), [
      ...record('one'),
      '/var/lib/keelson/runs/2.kept/states.new: one, 1',
      '/var/lib/keelson/runs/2.kept: one, 0',
      `${play('.keelson.file')}: one, 1`,
      '/srv/play: two, 0',
      ...record('two'),
    ])
  } finally {
    await sshOk(host, 'rm -f /usr/local/sbin/sync /run/synced')
  }
})

test('a ledger that cannot be written stays as it was, and nothing is applied', async () => {
  const declare =
    (...names: string[]) =>
    (): void => {
      directory({ path: '/srv/play' })
      for (const name of names) file({ path: play(name), content: `${name}\n` })
    }
  await sshOk(host, 'mkdir -p /var/lib/keelson && mount -t tmpfs -o size=64k,mode=0700 none /var/lib/keelson')
  try {
    await convergeOn(host, declare('a'))
    const before = await sshOk(
      host,
      'head -c 1M /dev/zero > /var/lib/keelson/full 2>/dev/null; cat /var/lib/keelson/ledger.json',
    )
    const error = await rejects(convergeOn(host, declare('a', 'b')), HostError)
    assert.match(error.message, 'could not be recorded')
    assert.match(error.said, 'No space left on device')
    assert.is(await sshOk(host, 'cat /var/lib/keelson/ledger.json; ls /srv/play'), `${before}a\n`)
    await sshOk(host, 'rm /var/lib/keelson/full')
    await convergeOn(host, declare('a', 'b'))
    await assertSettled(declare('a', 'b'))
  } finally {
    await sshOk(host, 'umount /var/lib/keelson')
  }
})

/** A stage of one task that does nothing. */
function emptyStage(run: WorkerClient, was: string): ReturnType<typeof stageFiles> {
  const task: TaskProgram = { steps: [{ title: 'nothing', run: ':' }], after: [], beside: false, marks: [] }
  return stageFiles(run.nextStage, [task], { was, next: '{}\n', run: { name: '1.json', data: '{}\n' } })
}

test('a client that comes back to a run that did not wait for it is told so', async () => {
  await withConnection(async (connection) => {
    const run = new WorkerClient({
      id: '1-gone',
      who: '{}',
      mark: 'mark',
      connection: () => Promise.resolve(connection),
      reconnecting: () => {},
    })
    await run.stage(emptyStage(run, fingerprintOf(Buffer.alloc(0))), () => {}, [1], [])
    await run.dismiss()
    await untilTrue('! systemctl is-active -q keelson-1-gone')
    const error = await rejects(
      run.stage(emptyStage(run, fingerprintOf(Buffer.from('{}\n'))), () => {}, [1], []),
      HostError,
    )
    assert.is(error.message, 'the run could not go on')
    assert.match(error.said, 'its client stayed away too long')
    assert.match(error.next, 'converge again')
  })
})

suited.run()
