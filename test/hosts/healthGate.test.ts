/**
 * A service that does not come up with its new configuration, on a real host: it runs with the old one again.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostReport } from '../../lib/engine/report.ts'
import { conf, directory, dropIn, file, secret, service, symlink, unit } from '../../lib/index.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { comesTo } from '../torture/outcome.ts'

const test = suite('health gate')
const host = await freshHost('debian-13')

type World = {
  /** What the service does before it sleeps. */
  start: string
  reload: string
  nice: number
  port: number
  probe: string
  key: string
  words: string[]
  extra: boolean
  /** Whether systemd starts it again when it has ended, after an hour. */
  again: boolean
}
const WORLD: World = {
  start: 'true',
  reload: 'true',
  nice: 5,
  port: 0,
  probe: 'true',
  key: 'k1',
  words: ['a'],
  extra: false,
  again: false,
}

/** A service whose start and reload run scripts that are files of the site. */
const world =
  (changes: Partial<World> = {}) =>
  (): void => {
    const { start, reload, nice, port, probe, words, extra, again } = { ...WORLD, ...changes }
    const folder = directory({ path: '/etc/app' })
    const files = [
      file({ path: '/etc/app/start', content: `${start}\n` }),
      file({ path: '/etc/app/key', content: conf`${secret('key')}\n`, mode: '0600' }),
      ...words.map((word) => file({ path: `/etc/app/words ${word}`, content: word })),
      symlink({ path: '/etc/app/current', target: extra ? 'start' : 'key' }),
      ...(extra ? [file({ path: '/etc/app/extra', content: 'x' })] : []),
    ]
    const onReload = file({ path: '/etc/app-reload', content: `${reload}\n` })
    unit({
      name: 'app.service',
      service: {
        ExecStart: { argv: ['/bin/sh', '-ec', '. /etc/app/start; exec sleep 1000000'] },
        ExecReload: { argv: ['/bin/sh', '-e', '/etc/app-reload'] },
      },
      after: folder,
    })
    const restart = again ? { Restart: 'always', RestartSec: '1h' } : {}
    dropIn({ unit: 'app.service', name: 'nice', service: { Nice: nice, ...restart } })
    service({
      name: 'app',
      running: true,
      settleMs: 1000,
      timeoutMs: 1500,
      restartOn: files,
      reloadOn: [onReload],
      listens: port === 0 ? [] : [port],
      probe,
    })
  }

const converge = (changes: Partial<World> = {}): Promise<HostReport> =>
  convergeOn(host, world(changes), { secrets: { key: changes.key ?? WORLD.key } })

/** All that belongs to the service, as the host's own tools show it. */
const seen = () =>
  sshOk(
    host,
    `find /etc/app /etc/app-reload /etc/systemd/system/app.service* \\( -type f -exec sha256sum {} + \\) , -printf '%p %y %m %u:%g %l\\n' | sort
     systemctl show -p ActiveState,SubState app; tr '\\0' ' ' < /proc/$(systemctl show -p MainPID --value app)/cmdline
     ps -o ni= -p $(systemctl show -p MainPID --value app)`,
  )

/** The way a change ends that the service does not come up with, and the way back from it. */
async function assertTakenBack(changes: Partial<World>, undone: string[]): Promise<HostReport> {
  const before = await seen()
  const report = await converge(changes)
  assert.is(await seen(), before)
  const outcomes = Object.fromEntries(report.changes.map(({ ref, outcome }) => [ref, outcome]))
  assert.equal(outcomes, Object.fromEntries([...undone, 'service:app.service'].map((ref) => [ref, 'failed'])))
  const failures = new Map(report.changes.map(({ ref, failure }) => [ref, failure?.said ?? '']))
  assert.match(failures.get('service:app.service')!, 'It runs again with what it had before')
  for (const ref of undone) assert.match(failures.get(ref)!, 'reverted: service app.service did not come up with it')
  // The wish stands, and what is on the host is known to be in order.
  const wish = await planOn(host, world(changes), { secrets: { key: changes.key ?? WORLD.key } })
  assert.equal(wish.changes.map(({ ref }) => ref).sort(), [...undone, 'service:app.service'].sort())
  const back = await planOn(host, world(), { secrets: { key: WORLD.key } })
  assert.equal(
    back.changes.filter(({ kind }) => kind !== 'adopt' && kind !== 'forget').map(({ ref, kind }) => [ref, kind]),
    [],
  )
  assert.is(await sshOk(host, 'ls /run/keelson'), 'loaded\nlock\n')
  return report
}

test('a service that comes up keeps what it has got', async () => {
  await convergeAsPlanned(host, world(), { secrets: { key: 'k1' } })
  await convergeAsPlanned(host, world({ nice: 6, key: 'k2' }), { secrets: { key: 'k2' } })
  await convergeAsPlanned(host, world(), { secrets: { key: 'k1' } })
})

test('one that dies within its settle time runs again with the files it had', async () => {
  await assertTakenBack({ start: 'sleep 0.5; exit 3' }, ['file:/etc/app/start'])
})

test('one that has ended well, and waits to be started again, did not stay up either', async () => {
  const changes = { start: 'sleep 0.5; exit 0', again: true }
  await assertTakenBack(changes, ['drop-in:app.service/nice', 'file:/etc/app/start'])
})

test('a reload that nobody saw the end of is due again', async () => {
  const changes = { reload: 'touch /run/reloading; until [ -e /run/go ]; do sleep 0.1; done' }
  const cut = comesTo(converge(changes))
  await sshOk(
    host,
    `timeout 60 sh -c 'until [ -e /run/reloading ]; do sleep 0.1; done'
     systemctl kill --signal=KILL 'keelson-[0-9]*.service'; touch /run/go`,
  )
  const ended = await cut
  assert.ok(ended instanceof Error || ended.error !== undefined, 'nobody noticed that the worker was killed')
  const secrets = { key: 'k1' }
  const plan = await planOn(host, world(changes), { secrets })
  assert.is(changeOf(plan, 'service:app.service').kind, 'follow-up')
  await convergeAsPlanned(host, world(changes), { secrets })
  await convergeAsPlanned(host, world(), { secrets })
})

test('all that this run changed of it goes back: new files, links, secrets, drop-ins', async () => {
  const changes = { start: 'exit 3', key: 'k2', nice: 7, extra: true }
  await assertTakenBack(changes, [
    'drop-in:app.service/nice',
    'file:/etc/app/extra',
    'file:/etc/app/key',
    'file:/etc/app/start',
    'symlink:/etc/app/current',
  ])
})

test('a file that was removed comes back', async () => {
  await convergeAsPlanned(host, world({ words: ['a', 'b c'] }), { secrets: { key: 'k1' } })
  const before = await seen()
  const report = await converge({ start: 'exit 4' })
  assert.is(await seen(), before)
  assert.is(report.changes.find(({ ref }) => ref === 'file:/etc/app/words b c')?.outcome, 'failed')
  await convergeAsPlanned(host, world(), { secrets: { key: 'k1' } })
})

test('a reload that fails leaves the service as it runs', async () => {
  const invocation = () => sshOk(host, 'systemctl show -p InvocationID --value app')
  const before = await invocation()
  await assertTakenBack({ reload: 'echo no such module; exit 1' }, ['file:/etc/app-reload'])
  assert.is(await invocation(), before)
})

test('a port that is not opened and a probe that fails count as well', async () => {
  const port = await converge({ nice: 8, port: 4711 })
  assert.match(port.changes.find(({ ref }) => ref === 'service:app.service')?.failure?.said ?? '', '4711')
  assert.match(await seen(), ' 5\n')
  const probe = await converge({ nice: 8, probe: 'test $(ps -o ni= -p $(systemctl show -p MainPID --value app)) = 5' })
  assert.match(probe.changes.find(({ ref }) => ref === 'service:app.service')?.failure?.said ?? '', 'It runs again')
  assert.match(await seen(), ' 5\n')
})

test('what else a run does is not touched by it', async () => {
  const report = await convergeOn(
    host,
    () => {
      world({ start: 'exit 5' })()
      file({ path: '/etc/other', content: 'x' })
    },
    { secrets: { key: 'k1' } },
  )
  assert.is(report.changes.find(({ ref }) => ref === 'file:/etc/other')?.outcome, 'changed')
  assert.is(await sshOk(host, 'cat /etc/other'), 'x')
})

test.run()
