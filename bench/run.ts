/**
 * Keelson against its peers on the TakeClient site: nothing to do, and the first converge of a bare host.
 *
 * Prints ratios, each with the seconds behind it; the raw figures go to bench/last.json. Wall time, from the start of
 * the process to its end, on throw-away Debian 13 hosts of this machine; a proxy adds the round trips. Counted beside
 * each other, because a machine at work slows all of them down.
 *
 *     npm run bench                 all of it, about 25 minutes
 *     npm run bench -- --quick      one first converge each, nothing to do three times, at 0 ms only
 *     npm run bench -- --runs 9 --latency 0,100 --without Ansible --noops
 */
import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { down, up } from '../lib/sandbox/sandbox.ts'
import type { SandboxHost } from '../lib/sandbox/sandbox.ts'
import { differences, readEndState } from './endState.ts'
import { type Reach, withReach } from './reach.ts'
import { size } from './size.ts'
import { type Command, median, run } from './stopwatch.ts'
import { renderTable, type Series } from './table.ts'
import { ansible, bareSsh, ensureAnsible, keelson, limit, shell, type Way } from './ways.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    firsts: { type: 'string' },
    latency: { type: 'string' },
    without: { type: 'string', multiple: true, default: [] },
    noops: { type: 'boolean', default: false },
  },
})
const settings = {
  /** How often nothing is done. Ansible takes the machine for so long that a third is enough. */
  runs: Number(flags.runs ?? (flags.quick ? 3 : 7)),
  firsts: Number(flags.firsts ?? 1),
  latencies: (flags.latency ?? (flags.quick ? '0' : '0,30,100')).split(',').map(Number),
}
const ways = [keelson, shell, ansible].filter(({ name }) => !flags.without.includes(name))
const series: Series[] = []
const endStates: { name: string; state: string[] }[] = []
const standing = new Set<string>()
const loadBefore = loadavg()

try {
  if (ways.includes(ansible)) await ensureAnsible(note)
  if (!flags.noops) await warmPackages()
  for (const way of ways) await measure(way)
} finally {
  for (const name of standing) await down(name)
}
await report()

/** The first host to install a package downloads it, and the others find it: nobody is measured on that. */
async function warmPackages(): Promise<void> {
  await withHost('warm', async (host) => {
    note('filling the store of packages')
    await withReach(host, 0, async (reach) => run(await shell.command(reach)))
  })
}

/** One way: first converges, each on a host of its own, and nothing to do on the last of those without latency. */
async function measure(way: Way): Promise<void> {
  const firsts = flags.noops ? [] : settings.latencies
  for (const latencyMs of firsts.filter((latency) => latency > 0)) await measureFirsts(way, latencyMs)
  if (firsts.includes(0))
    for (let count = 1; count < settings.firsts; count += 1) await withHost(way.name, (host) => first(way, host, 0))
  await withHost(way.name, async (host) => {
    await first(way, host, 0, firsts.includes(0))
    endStates.push({ name: way.name, state: await readEndState(host) })
    if (way === shell) return
    for (const latencyMs of settings.latencies) await measureNoops(way, host, latencyMs)
  })
}

async function measureFirsts(way: Way, latencyMs: number): Promise<void> {
  for (let count = 0; count < settings.firsts; count += 1) {
    await withHost(way.name, (host) => first(way, host, latencyMs))
  }
}

async function first(way: Way, host: SandboxHost, latencyMs: number, counts = true): Promise<void> {
  const { seconds } = await withReach(host, latencyMs, async (reach) => run(await way.command(reach)))
  note(`${way.name}, first converge at ${latencyMs} ms: ${seconds.toFixed(1)} s`)
  if (counts) seriesOf('first converge', way.name, latencyMs).seconds.push(seconds)
}

/** Beside each run of ours stand the login and the limit, on the same host in the same minute. */
async function measureNoops(way: Way, host: SandboxHost, latencyMs: number): Promise<void> {
  const beside: [string, (reach: Reach) => Command][] =
    way === keelson
      ? [
          ['ssh host true', bareSsh],
          ['the limit', limit],
        ]
      : []
  const runs = way === keelson ? settings.runs : Math.ceil(settings.runs / 3)
  await withReach(host, latencyMs, async (reach) => {
    const own = await way.command(reach)
    // The first of each warms what is cached here and there.
    for (const command of [own, ...beside.map(([, of]) => of(reach))]) await run(command)
    for (let count = 0; count < runs; count += 1) {
      for (const [name, of] of beside) await noop(name, of(reach), latencyMs)
      await noop(way.name, own, latencyMs)
    }
  })
  for (const { name, seconds } of series.filter((one) => one.what === 'nothing to do' && one.latencyMs === latencyMs)) {
    note(`${name}, nothing to do at ${latencyMs} ms: ${median(seconds).toFixed(2)} s`)
  }
}

async function noop(name: string, command: Command, latencyMs: number): Promise<void> {
  seriesOf('nothing to do', name, latencyMs).seconds.push((await run(command)).seconds)
}

function seriesOf(what: Series['what'], name: string, latencyMs: number): Series {
  const known = series.find((one) => one.what === what && one.name === name && one.latencyMs === latencyMs)
  if (known !== undefined) return known
  const made = { what, name, latencyMs, seconds: [] }
  series.push(made)
  return made
}

async function withHost<T>(label: string, work: (host: SandboxHost) => Promise<T>): Promise<T> {
  const name = `bench-${label.toLowerCase()}-${process.pid}`
  standing.add(name)
  try {
    return await work(await up(name, { os: 'debian-13' }, note))
  } finally {
    await down(name)
    standing.delete(name)
  }
}

/** @throws When the ways did not come to the same end state: their times then say nothing about each other. */
async function report(): Promise<void> {
  const order: Series['what'][] = ['nothing to do', 'first converge']
  const sorted = order.flatMap((what) =>
    settings.latencies.flatMap((latencyMs) => series.filter((one) => one.what === what && one.latencyMs === latencyMs)),
  )
  const load = { before: loadBefore, after: loadavg() }
  const about = { at: new Date().toISOString(), node: process.version, ...size, load, runs: settings }
  await writeFile(new URL('./last.json', import.meta.url), `${JSON.stringify({ ...about, series: sorted }, null, 2)}\n`)
  process.stdout.write(`${renderTable(sorted, keelson.name)}\n\n`)
  process.stdout.write(
    `Medians of ${settings.runs} runs with nothing to do (Ansible ${Math.ceil(settings.runs / 3)}) and ${settings.firsts} first converges; ` +
      `${size.cpus} processors, load ${load.before.map((one) => one.toFixed(1)).join(' ')} before, ` +
      `${load.after.map((one) => one.toFixed(1)).join(' ')} after.\n`,
  )
  const [own, ...others] = endStates
  if (own === undefined) return
  const found = others.flatMap((other) => differences(own, other))
  process.stdout.write(
    found.length === 0
      ? `${endStates.map(({ name }) => name).join(', ')}: the same end state in ${own.state.length} facts.\n`
      : `NOT the same end state:\n${found.join('\n')}\n`,
  )
  if (found.length > 0) process.exitCode = 1
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
