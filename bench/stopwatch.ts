/**
 * Runs a program and takes the wall time from its start to its end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export type Command = {
  file: string
  args: readonly string[]
  /** Beside this process's own. */
  env?: { readonly [name: string]: string }
  input?: Buffer
}

export type Ended = { seconds: number; stdout: string }

/** @throws With what the program said, when it does not end with 0: a failed run has no time. */
export async function run({ file, args, env = {}, input }: Command): Promise<Ended> {
  const started = performance.now()
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A program that ends before it has read all is told by its status.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [code]: unknown[] = await once(child, 'close')
  const seconds = (performance.now() - started) / 1000
  const said = Buffer.concat(stdout).toString()
  if (code === 0) return { seconds, stdout: said }
  throw new Error(`${file} ended with ${String(code)}:\n${Buffer.concat(stderr).toString()}\n${said.slice(-4000)}`)
}

/** @param values At least one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new Error('the median of nothing')
  return (lower + upper) / 2
}
