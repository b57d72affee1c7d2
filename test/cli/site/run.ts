/** Runs the fixture site's command line in a process of its own, as a person would. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const SITE = fileURLToPath(new URL('./site.ts', import.meta.url))

export type Ended = { code: number; stdout: string; stderr: string }

export type Options = {
  env?: { [name: string]: string }
  /** Sends SIGINT as soon as stderr holds this. */
  interruptAt?: string
}

/** Colours and the like are as in a pipe, whatever the tests are run from. */
export async function runSite(args: readonly string[], { env = {}, interruptAt }: Options = {}): Promise<Ended> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...rest } = process.env
  const child = spawn(process.execPath, ['--import', 'tsx', SITE, ...args], {
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let seen = ''
  child.stderr.on('data', (chunk: Buffer) => {
    const before = seen
    seen += chunk.toString()
    if (interruptAt !== undefined && !before.includes(interruptAt) && seen.includes(interruptAt)) child.kill('SIGINT')
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode ?? -1, stdout, stderr }
}

/** The report, which is the last line of stdout. */
export function reportIn({ stdout }: Ended): object {
  const report: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  if (typeof report !== 'object' || report === null) throw new Error(`not a report: ${stdout}`)
  return report
}
