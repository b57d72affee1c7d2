/** Planned in one place, applied in another: a plan is data, and the host it was made for may have moved. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { file } from '../../lib/index.ts'
import { open, type OpenHost } from '../../lib/engine/apply/openHost.ts'
import { Refused, Stale } from '../../lib/engine/errors.ts'
import type { Plan } from '../../lib/engine/report.ts'
import { convergeOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

const host = await freshHost('debian-13')
const suited = suite('open host')

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /srv/play /var/lib/keelson && mkdir /srv/play')
    await body()
  })
}

const named =
  (...names: string[]) =>
  (): void => {
    for (const name of names) file({ path: `/srv/play/${name}`, content: `${name}\n` })
  }

/** Opens the host for what is declared. */
async function opened<Result>(declare: () => void, work: (host: OpenHost) => Promise<Result>): Promise<Result> {
  const one = open(runOn(host, declare))
  try {
    return await work(one)
  } finally {
    await one.close()
  }
}

/** A plan of that, as another process would read it from a file. */
async function saved(declare: () => void): Promise<Plan> {
  return JSON.parse(JSON.stringify(await opened(declare, (one) => one.plan())))
}

test('a plan that went through JSON is applied by another client', async () => {
  const plan = await saved(named('a'))
  const report = await opened(named('a'), (one) => one.apply(plan))
  assert.equal(
    report.changes.map(({ ref, outcome }) => [ref, outcome]),
    [['file:/srv/play/a', 'changed']],
  )
  assert.is(await sshOk(host, 'cat /srv/play/a'), 'a\n')
})

test('a plan is applied once', async () => {
  const plan = await saved(named('a'))
  await opened(named('a'), async (one) => {
    await one.apply(plan)
    await rejects(one.apply(plan), Stale)
    assert.equal((await one.plan()).changes, [])
  })
})

test('a plan of what has moved since is refused, and nothing is written', async () => {
  await convergeOn(host, named('a', 'b'))
  await sshOk(host, 'echo one > /srv/play/a')
  const plan = await saved(named('a', 'b'))
  await sshOk(host, 'echo two > /srv/play/a')
  await rejects(
    opened(named('a', 'b'), (one) => one.apply(plan)),
    Stale,
  )
  assert.is(await sshOk(host, 'cat /srv/play/a'), 'two\n')
})

test('a plan that a run has come between is refused, though the same is to be done', async () => {
  await convergeOn(host, named('a', 'b'))
  await sshOk(host, 'echo one > /srv/play/a')
  const plan = await saved(named('a', 'b'))
  await sshOk(host, 'echo one > /srv/play/b')
  await convergeOn(host, named('a', 'b'), { only: ({ ref }) => ref === 'file:/srv/play/b' })
  await rejects(
    opened(named('a', 'b'), (one) => one.apply(plan)),
    Stale,
  )
  assert.is(await sshOk(host, 'cat /srv/play/a'), 'one\n')
})

test('a plan that was made of other recipes is refused', async () => {
  const plan = await saved(named('a'))
  await rejects(
    opened(named('a', 'b'), (one) => one.apply(plan)),
    Stale,
  )
  assert.is(await sshOk(host, 'ls /srv/play'), '')
})

test('a plan that was written to show less than it does is refused', async () => {
  const plan = await saved(named('a', 'b'))
  const safe = plan.changes.map((change) => ({ ...change, consequence: 'record' as const }))
  for (const changes of [plan.changes.slice(1), [], safe])
    await rejects(
      opened(named('a', 'b'), (one) => one.apply({ ...plan, changes })),
      Stale,
    )
  assert.is(await sshOk(host, 'ls /srv/play'), '')
})

test('a plan of another host is refused', async () => {
  const plan = await saved(named('a'))
  await rejects(
    opened(named('a'), (one) => one.apply({ ...plan, host: { ...plan.host, name: 'other' } })),
    Stale,
  )
})

test('a plan that says less than the host makes of it is held to what the host makes of it', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  await convergeOn(host, named(...names))
  const { removals, ...plan } = await saved(() => {})
  assert.is(removals?.labels.length, names.length)
  await rejects(
    opened(
      () => {},
      (one) => one.apply(plan),
    ),
    Refused,
  )
  const report = await opened(
    () => {},
    (one) => one.apply(plan, { allowRemove: names.length }),
  )
  assert.is(report.summary.failed, 0)
  assert.is(await sshOk(host, 'ls /srv/play'), '')
})

suited.run()
