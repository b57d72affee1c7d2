/**
 * Ctrl-C while changes are applied, on a real host and at a real terminal: detach, stop after this step, or go on; and
 * what becomes of a stop when the client or its line ends.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import type { HostReport, Progress } from '../../lib/engine/report.ts'
import { command } from '../../lib/index.ts'
import { quote } from '../../lib/kit/shell.ts'
import { openProxy } from '../../lib/sandbox/proxy.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { runSiteFile, writeSite } from '../support/siteFile.ts'
import { openTypist, type Typist } from '../support/typist.ts'

const suited = suite('stop')
const host = await freshHost('debian-13')

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /srv/play /var/lib/keelson /run/gate /run/go; mkdir /srv/play')
    await body()
  })
}

const GATE = `touch /run/gate; timeout 120 sh -c 'until [ -e /run/go ]; do sleep 0.05; done'; touch /srv/play/one`
const CHECKS = ['one', 'two', 'three'].map((name) => `test -e /srv/play/${name}`)

function declare(): void {
  const one = command({ name: 'one', check: CHECKS[0]!, apply: GATE })
  const two = command({ name: 'two', check: CHECKS[1]!, apply: 'touch /srv/play/two', after: one })
  command({ name: 'three', check: CHECKS[2]!, apply: 'touch /srv/play/three', after: two })
}

const site = writeSite(
  { one: host },
  `const one = command({ name: 'one', check: ${JSON.stringify(CHECKS[0])}, apply: ${JSON.stringify(GATE)} })
const two = command({ name: 'two', check: ${JSON.stringify(CHECKS[1])}, apply: 'touch /srv/play/two', after: one })
command({ name: 'three', check: ${JSON.stringify(CHECKS[2])}, apply: 'touch /srv/play/three', after: two })`,
)

const untilTrue = (condition: string): Promise<string> =>
  sshOk(host, `timeout 60 sh -c ${quote(`until ${condition}; do sleep 0.05; done`)}`)
const atGate = (): Promise<string> => untilTrue('[ -e /run/gate ]')
const openGate = (): Promise<string> => sshOk(host, 'touch /run/go')
const done = (): Promise<string> => sshOk(host, 'ls /srv/play')
const idle = (): Promise<string> => untilTrue('[ ! -e /run/keelson/owner ]')

/** The next converge does the rest, and of the runs nothing is left. */
async function assertGoesOn(): Promise<void> {
  await openGate()
  const report = await convergeOn(host, declare)
  assert.is(report.error, undefined)
  assert.is(await done(), 'one\nthree\ntwo\n')
  assert.equal((await planOn(host, declare)).changes, [])
  assert.is(await sshOk(host, 'find /run/keelson -mindepth 1 -maxdepth 1 ! -name lock ! -name loaded'), '')
}

/** Converges with a stop at the gate. @param meanwhile What happens before the gate opens. */
async function stopped(
  connect: () => ReturnType<typeof connectSsh>,
  meanwhile: (told: readonly Progress[]) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ report: HostReport; told: Progress[] }> {
  const stop = new AbortController()
  const told: Progress[] = []
  const run = {
    ...runOn(host, declare),
    connect,
    stop: stop.signal,
    progress: (progress: Progress) => void told.push(progress),
    confirm: () => Promise.resolve(true),
  }
  const ended = convergeHost(run)
  await atGate()
  stop.abort(new Error('stopped'))
  await meanwhile(told)
  await openGate()
  return { report: await ended, told }
}

const { user, identityFile, hostKey } = host
const connectTo =
  ({ address, port }: { address: string; port: number }) =>
  () =>
    connectSsh({ address, port, user, identityFile, hostKey }, {})

function assertStopped({ changes, error }: HostReport): void {
  assert.equal(
    changes.map(({ ref, outcome, failure }) => [ref, outcome, failure?.said]),
    [
      ['command:one', 'changed', undefined],
      ['command:two', 'skipped', 'not reached: the run ended before it'],
      ['command:three', 'skipped', 'not reached: the run ended before it'],
    ],
  )
  assert.is(error?.message, 'stopped, as asked: 2 of 3 changes were not reached')
  assert.is(error?.exit, 'partial')
}

test('a stop lets the step in progress end, begins no other, and reports both', async () => {
  const { report, told } = await stopped(connectTo(host), () => untilTrue('ls /run/keelson/*.stop'))
  assertStopped(report)
  assert.ok(told.some(({ event }) => event === 'stopping'))
  assert.is(await done(), 'one\n')
  const plan = await planOn(host, declare)
  assert.equal(
    plan.changes.map(({ ref, kind }) => `${kind} ${ref}`),
    ['create command:two', 'create command:three'],
  )
  await assertGoesOn()
})

test('a stop before anything was handed over applies nothing', async () => {
  const stop = new AbortController()
  const run = { ...runOn(host, declare), stop: stop.signal }
  const ended = convergeHost({
    ...run,
    confirm: () => {
      stop.abort(new Error('stopped before it began'))
      return Promise.resolve(true)
    },
  })
  assert.is(await ended.catch((error: unknown) => String(error)), 'Error: stopped before it began')
  assert.is(await sshOk(host, 'ls /srv/play; [ ! -e /var/lib/keelson ]'), '')
})

for (const how of ['reset', 'blackhole'] as const) {
  test(`a line that is cut (${how}) as the stop is sent delivers it with the next one`, async () => {
    const proxy = await openProxy(host)
    try {
      const ended = stopped(connectTo(proxy), async (told) => {
        proxy.cut(how)
        // The gate opens only once the host has been told.
        await untilTrue('ls /run/keelson/*.stop')
        assert.ok(how === 'blackhole' || told.some(({ event }) => event === 'reconnecting'))
      })
      assertStopped((await ended).report)
      assert.is(await done(), 'one\n')
    } finally {
      await proxy.close()
    }
    await assertGoesOn()
  })
}

/** Converges at a terminal, and presses Ctrl-C at the gate. */
async function interrupted(): Promise<Typist> {
  const words = [process.execPath, '--import', 'tsx', site, 'converge', '--yes'].map((word) => quote(word)).join(' ')
  const typist = await openTypist(`exec ${words}`, { NO_COLOR: '1' }, '')
  await atGate()
  await typist.until(() => typist.seen().includes('command one'))
  typist.type('\u0003')
  await typist.until(() => typist.seen().includes('one: [d]etach, [s]top after this step, [c]ontinue? '))
  return typist
}

test('at a terminal, s stops: the rest is called not reached, exit 7, and runs says so', async () => {
  const typist = await interrupted()
  typist.type('xs')
  await typist.until(() => typist.seen().includes('the host stops after this step'))
  await openGate()
  assert.is(await typist.ended, 7)
  assert.match(typist.seen(), 'one: stopped, as asked: 2 of 3 changes were not reached')
  assert.match(typist.seen(), '2 resources on one skipped: command two, command three')
  assert.is(await done(), 'one\n')
  assert.match((await runSiteFile(site, ['runs'])).stdout, /applied in part/)
  await assertGoesOn()
})

test('c goes on as if nothing was pressed', async () => {
  const typist = await interrupted()
  typist.type('c')
  await openGate()
  assert.is(await typist.ended, 0)
  assert.is(await done(), 'one\nthree\ntwo\n')
})

test('d leaves the run to the host, which finishes it', async () => {
  const typist = await interrupted()
  typist.type('d')
  assert.is(await typist.ended, 130)
  assert.match(typist.seen(), /one: the run continues on the host \(keelson-\S+\) and will finish there/)
  await openGate()
  await untilTrue('[ -e /srv/play/three ]')
  await assertGoesOn()
})

test('Ctrl-C at the question leaves at once, and the run goes on', async () => {
  const typist = await interrupted()
  typist.type('\u0003')
  assert.is(await typist.ended, 130)
  await openGate()
  await untilTrue('[ -e /srv/play/three ]')
  await assertGoesOn()
})

test('a client that dies while the question is open leaves the run as it is: it goes on', async () => {
  const typist = await interrupted()
  await typist.kill()
  await openGate()
  await untilTrue('[ -e /srv/play/three ]')
  await assertGoesOn()
})

test('a run that ends while the question is open withdraws it', async () => {
  const typist = await interrupted()
  await openGate()
  assert.is(await typist.ended, 0)
  assert.match(typist.seen(), 'one converged in ')
})

test('a stop outlives the client that asked for it', async () => {
  const typist = await interrupted()
  typist.type('s')
  await typist.until(() => typist.seen().includes('the host stops after this step'))
  await typist.kill()
  await openGate()
  await untilTrue('[ -e /run/keelson/*/waiting ]')
  assert.is(await done(), 'one\n')
  await assertGoesOn()
  await idle()
})

suited.run()
