/**
 * A client in a process of its own that runs the command line against hosts that lie, case after case, and tells on the
 * descriptor 3 what it begins and what was wrong, one JSON a line.
 *
 *     node --import tsx test/torture/hostileHost/client.ts SEED COUNT FROM
 */
import { rmSync, writeSync } from 'node:fs'
import { type HostileCase, hostileCase } from './cases.ts'
import { become, sent } from './fakeHost.ts'
import { judge, judgeRest, type Outcome, type Report, reportIn } from './judge.ts'
import { plant, variableOf } from './planted.ts'
import { type Recording, recordingOf } from './recording.ts'
import { Replay } from './replay.ts'
import { replaceSsh } from './replaceSsh.ts'
import { seedOf, type Told } from './seeds.ts'

/** A case takes some hundredths of a second; of endless output some seconds. */
const LIMIT_MS = 20_000

const [seed = 1, count = 1, from = 0] = process.argv.slice(2).map(Number)

// The same modules as those that the command line is given in place of its own.
replaceSsh(new URL('fakeHost.ts', import.meta.url))
const { default: site, OWN_SECRETS, RECORDED } = await import('./site.ts')
const { main } = await import('../../../lib/cli/main.ts')

const bait = plant()
process.once('exit', () => rmSync(bait.folder, { recursive: true, force: true }))
const own = OWN_SECRETS.map((name) => `recorded-${name}-value`)
Object.assign(process.env, bait.environment, { NO_COLOR: '1', KEELSON_VERSION: '3' })
for (const [index, name] of OWN_SECRETS.entries()) process.env[variableOf(name)] = own[index]

const recordings = new Map(RECORDED.map((os): [string, Recording] => [os, recordingOf(os)]))
const before = new Map<string, Report>()
let current = 0
/** What a process keeps of one command line (modules, pages of memory) is not what the next one takes. */
const MOST_CASES = 100

const tell = (told: Told): void => void writeSync(3, `${JSON.stringify(told)}\n`)
/** Nothing that is left of a case may go on into the next one. */
const stop = (problem: string): never => {
  tell({ seed: current, problem })
  process.exit(9)
}
const captured = { stdout: '', stderr: '' }
for (const name of ['stdout', 'stderr'] as const) {
  process[name].setMaxListeners(0)
  process[name].write = (piece: string | Uint8Array) => {
    captured[name] += typeof piece === 'string' ? piece : Buffer.from(piece).toString()
    return true
  }
}
process.on('exit', (code) => {
  if (current !== 0 && code !== 9)
    tell({ seed: current, problem: `the client ended with ${code}: ${captured.stderr.slice(-2000)}` })
})

for (let index = from; index < Math.min(count, from + MOST_CASES); index += 1) {
  current = seedOf(seed, index)
  tell({ seed: current })
  const one = hostileCase(current, recordings, bait)
  const problem = await problemOf(one)
  const memory = process.resourceUsage().maxRSS / 1024
  if (problem !== undefined)
    tell({ seed: current, problem: `${one.os}, ${one.argv.join(' ')} (${one.about}): ${problem}` })
  tell({ seed: current, memory })
  // What other cases leave behind is not what a client takes, and releases of Node collect it sooner or later.
  globalThis.gc?.()
}
current = 0
process.exit(0)

async function problemOf(one: HostileCase): Promise<string | undefined> {
  if (one.only === undefined) return judge(one, await run(one), bait, own)
  const key = `${one.os} ${one.argv.join(' ')}`
  const known = before.get(key) ?? reportIn((await run({ ...one, changes: [] })).stdout) ?? {}
  before.set(key, known)
  const outcome = await run(one)
  return judge(one, outcome, bait, own) ?? judgeRest(one, known, outcome)
}

async function run(one: HostileCase): Promise<Outcome> {
  const about = `${one.os}, ${one.argv.join(' ')} (${one.about})`
  Object.assign(captured, { stdout: '', stderr: '' })
  become(new Replay(recordings.get(one.os)!, one.command, one.changes, () => stop(`${about}: it asks for ever`)))
  const timer = setTimeout(
    () => stop(`${about}: no end within ${LIMIT_MS / 1000} s: ${captured.stderr.slice(-500)}`),
    LIMIT_MS,
  )
  const code = await main(site, [...one.argv, '--host', one.os], 'client').finally(() => clearTimeout(timer))
  for (const name of ['stdout', 'stderr'] as const) process[name].removeAllListeners('error')
  if (process.env['KEELSON_TELL'] !== undefined)
    tell({ seed: current, shown: `${about}: ${code}\n${captured.stdout}${captured.stderr}` })
  return { code, ...captured, sent: sent() }
}
