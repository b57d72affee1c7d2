import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Evaluated, lostReport, oneAtATime, onEach } from '../../lib/cli/fleet.ts'
import { inventory } from '../../lib/dsl/inventory.ts'
import { Locked } from '../../lib/engine/errors.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import { planOf } from '../render/fixture.ts'

const test = suite('fleet')

const names = ['a', 'b', 'c', 'd']
const { hosts } = inventory({
  defaults: { os: 'debian-12', server: 'CCX13', roles: [], address: '192.0.2.1' },
  hosts: Object.fromEntries(names.map((name) => [name, {}])),
})
const evaluated: Evaluated[] = hosts.map((chosen) => ({ chosen, catalog: { host: planOf([]).host, resources: [] } }))

function reportOf({ chosen }: Evaluated): Result {
  const trips = { connections: 1, execs: 1 }
  return {
    report: {
      host: chosen.name,
      address: '',
      summary: { ...planOf([]).summary, failed: 0 },
      changes: [],
      trips,
      seconds: 0,
    },
  }
}

type Result = { report: HostReport }

const quiet = {
  forks: 10,
  failed: ({ chosen }: Evaluated, error: unknown, tookMs: number): Result => ({
    report: lostReport(chosen, error, tookMs, false),
  }),
}

test('a host that fails does not stop another, and its error becomes its report', async () => {
  const reports = await onEach(evaluated, {
    ...quiet,
    async work(host) {
      if (host.chosen.name === 'b') throw new Locked('another run holds this host', { said: 'run 4', next: 'wait' })
      return reportOf(host)
    },
  })
  assert.equal(
    reports.map(({ report }) => [report.host, report.error]),
    [
      ['a', undefined],
      ['b', { name: 'Locked', message: 'another run holds this host', said: 'run 4', next: 'wait', exit: 'locked' }],
      ['c', undefined],
      ['d', undefined],
    ],
  )
})

test('no more hosts than asked for are worked on at once', async () => {
  let now = 0
  let most = 0
  await onEach(evaluated, {
    ...quiet,
    forks: 2,
    async work(host) {
      now += 1
      most = Math.max(most, now)
      await Promise.resolve()
      now -= 1
      return reportOf(host)
    },
  })
  assert.is(most, 2)
})

test('each host is told of as soon as it is done', async () => {
  const told: string[] = []
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await onEach(evaluated, {
    ...quiet,
    tell: ({ report }) => told.push(report.host),
    async work(host) {
      if (host.chosen.name === 'a') await held
      if (host.chosen.name === 'd') release()
      return reportOf(host)
    },
  })
  assert.is(told[0], 'b')
  assert.is(told.length, 4)
})

test('one at a time goes in the order of asking, past one that failed', async () => {
  const turn = oneAtATime()
  const seen: string[] = []
  const ask = (name: string): Promise<void> =>
    turn(async () => {
      seen.push(`${name} begins`)
      await Promise.resolve()
      seen.push(`${name} ends`)
      if (name === 'a') throw new Error('no')
    })
  const results = await Promise.allSettled([ask('a'), ask('b')])
  assert.equal(seen, ['a begins', 'a ends', 'b begins', 'b ends'])
  assert.equal(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
})

test.run()
