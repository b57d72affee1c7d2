/**
 * Hosts that lie, as a kind of `npm run torture`: answers of real hosts (recorded/) are changed by a seed and given to the
 * real command line over a connection that is none. A case is one command line.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { seedOf, type Told } from './seeds.ts'

const CLIENT = fileURLToPath(new URL('client.ts', import.meta.url))
const BATCH = 500
/** For one case: a client that does not end by itself then is in a loop. */
const LIMIT_MS = 30_000
const MOST_MIB = 300

export type Batch = { problems: string[]; memory: number }

/** @returns What was wrong, each with its seed, and the most memory that a client took, in MiB. */
export async function runBatch(seed: number, count: number): Promise<Batch> {
  const batch: Batch = { problems: [], memory: 0 }
  for (let from = 0; from < count;) from = await runClient(seed, count, from, batch)
  return batch
}

/** @returns The position of the case after the last one that it came to. */
async function runClient(seed: number, count: number, from: number, batch: Batch): Promise<number> {
  const args = ['--expose-gc', '--import', 'tsx', CLIENT, String(seed), String(count), String(from)]
  const client = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  const kill = (): void => void client.kill('SIGKILL')
  let [begun, isTold] = [from, true]
  let timer = setTimeout(kill, LIMIT_MS)
  const pipe = client.stdio[3]
  assert.ok(pipe && 'read' in pipe)
  const closed = once(client, 'close')
  for await (const line of createInterface({ input: pipe })) {
    const told: Told = JSON.parse(line)
    if (told.shown !== undefined) console.error(told.shown)
    else if (told.problem !== undefined) batch.problems.push(`seed ${told.seed}: ${told.problem}`)
    else if (told.memory !== undefined) batch.memory = Math.max(batch.memory, told.memory)
    else begun += 1
    isTold = told.problem !== undefined || told.memory !== undefined
    if (told.memory !== undefined && told.memory > MOST_MIB) {
      batch.problems.push(`seed ${told.seed}: the client takes ${Math.round(told.memory)} MiB`)
      kill()
      break
    }
    clearTimeout(timer)
    timer = setTimeout(kill, LIMIT_MS)
  }
  await closed
  clearTimeout(timer)
  if (!isTold) batch.problems.push(`seed ${seedOf(seed, begun - 1)}: it did not end within ${LIMIT_MS / 1000} s`)
  assert.ok(begun > from, 'the client did not begin')
  return begun
}

export const HOSTILE_HOST = {
  name: 'hostile host',
  goal: 10_000,
  hostless: true as const,
  async run(seed: number, count = BATCH): Promise<number> {
    const { problems, memory } = await runBatch(seed, count)
    if (process.env['KEELSON_TELL'] !== undefined) console.error(`${count} cases, ${Math.round(memory)} MiB`)
    assert.equal(problems, [], problems.join('\n'))
    return count
  },
}
