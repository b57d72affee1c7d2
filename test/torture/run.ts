/**
 * Does bad things to real hosts, case after case, and prints how many went well.
 *
 *     npm run torture                        every kind until its goal is reached, which takes hours
 *     npm run torture -- --minutes 20        for so long; the next call goes on from there
 *     npm run torture -- --seed 7 --only lock-outs --hosts 4
 *
 * A seed stands for all cases of a call; each has a seed of its own made from it, which the table names when it failed
 * and `--case KIND:SEED` runs again (with `--os` on another Debian than 13). What was done is kept in test/torture/last.json, by seed and by the state of lib/.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { SandboxOs } from '../../lib/sandbox/image.ts'
import { ensureRequirements } from '../../lib/sandbox/requirements.ts'
import { freshHost, takeDown } from '../support/host.ts'
import { codeIn, resumed } from '../support/results.ts'
import { type Kind, KINDS } from './kinds.ts'

const RESULTS = new URL('last.json', import.meta.url)
/** Cases after which a host has gathered so much that a fresh one is better, unless each case puts back its disk. */
const PER_HOST = 150

type Tally = { cases: number; runs: number; failures: { seed: number; because: string }[] }
type Results = { seed: number; code: string; minutes: number; tallies: { [kind: string]: Tally } }

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    // As many as a small machine has cores.
    hosts: { type: 'string', default: '2' },
    case: { type: 'string' },
    os: { type: 'string' },
  },
})

await ensureRequirements({ install: process.getuid?.() === 0 })
if (flags.case === undefined) await torture()
else await again(flags.case)

async function torture(): Promise<void> {
  const kinds = KINDS.filter(({ name }) => flags.only.length === 0 || flags.only.some((part) => name.includes(part)))
  if (kinds.length === 0) throw new Error(`--only takes a part of: ${KINDS.map(({ name }) => name).join(', ')}`)
  const started = performance.now()
  const end = flags.minutes === undefined ? Infinity : started + Number(flags.minutes) * 60_000
  const results = await resume(Number(flags.seed))
  const before = results.minutes
  const isOpen = (kind: Kind): boolean => tallyOf(results, kind).cases < kind.goal && performance.now() < end
  await Promise.all(
    Array.from({ length: Number(flags.hosts) }, async (_, position) => {
      // Each begins with another kind; who is done helps the others.
      const order = [...kinds.slice(position % kinds.length), ...kinds.slice(0, position % kinds.length)]
      for (const kind of order)
        while (isOpen(kind)) await someCases(kind, osAt(kind, position), results, () => isOpen(kind))
    }),
  )
  results.minutes = before + (performance.now() - started) / 60_000
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
  console.log(table(results))
  if (Object.values(results.tallies).some(({ failures }) => failures.length > 0)) process.exitCode = 1
}

/** As many as one host is good for. */
async function someCases(kind: Kind, os: SandboxOs, results: Results, isOpen: () => boolean): Promise<void> {
  const { run, end } = await ready(kind, os)
  const tally = tallyOf(results, kind)
  const restores = kind.hostless !== true && kind.restores === true
  const most = restores ? Infinity : PER_HOST
  for (let done = 0; done < most && isOpen();) {
    const seed = (results.seed * 1_000_003 + tally.runs) >>> 0
    tally.runs += 1
    try {
      const cases = await run(seed)
      tally.cases += cases
      done += cases
    } catch (error) {
      const because = wordsOf(error)
      tally.cases += 1
      tally.failures.push({ seed, because })
      console.error(`${kind.name}, seed ${seed}, ${os}: ${because}`)
      // Another host, unless each case begins with a disk of its own.
      if (kind.hostless !== true && !restores) done = PER_HOST
    }
    await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
  }
  await end()
}

/** With what the host said. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'said' in error ? `${error.message}: ${String(error.said)}` : error.message
}

type Ready = { run: (seed: number) => Promise<number>; end: () => Promise<void> }

/** Hosts of a call take turns with the releases. */
function osAt(kind: Kind, position: number): SandboxOs {
  const releases = (kind.hostless === true ? undefined : kind.releases) ?? (['debian-13'] as const)
  return releases[position % releases.length]!
}

/** Boots a host, for a kind that needs one. */
async function ready(kind: Kind, os: SandboxOs): Promise<Ready> {
  if (kind.hostless === true) return { run: kind.run, end: () => Promise.resolve() }
  const host = await freshHost(os)
  await kind.prepare?.(host)
  return { run: (seed) => kind.run(host, seed), end: () => takeDown(host.name) }
}

/** One case by its kind and seed, with all that it says. */
async function again(which: string): Promise<void> {
  const colon = which.lastIndexOf(':')
  const [name, seed] = [which.slice(0, colon), which.slice(colon + 1)]
  const kind = KINDS.find((one) => one.name === name)
  if (kind === undefined)
    throw new Error(`there is no kind ${name}; there are ${KINDS.map((one) => one.name).join(', ')}`)
  const { run } = await ready(kind, flags.os === 'debian-12' ? flags.os : 'debian-13')
  console.log(`${await run(Number(seed))} cases went well`)
}

/** What is known already of this seed with this code. */
async function resume(seed: number): Promise<Results> {
  const fresh: Results = { seed, code: codeIn('lib'), minutes: 0, tallies: {} }
  const known = await resumed(fileURLToPath(RESULTS), fresh)
  return known.seed === seed ? known : fresh
}

function tallyOf({ tallies }: Results, { name }: Kind): Tally {
  return (tallies[name] ??= { cases: 0, runs: 0, failures: [] })
}

function table(results: Results): string {
  const rows = KINDS.map((kind) => {
    const { cases, failures } = tallyOf(results, kind)
    const seeds = failures.map(({ seed }) => seed).join(' ')
    return `| ${kind.name} | ${cases} | ${kind.goal} | ${failures.length} | ${seeds} |`
  })
  const head = ['| what | cases | goal | failures | seeds of failures |', '| --- | --- | --- | --- | --- |']
  return [
    ...head,
    ...rows,
    '',
    `Seed ${results.seed}, ${Math.round(results.minutes)} minutes, lib/ ${results.code.slice(0, 10)}.`,
  ].join('\n')
}
