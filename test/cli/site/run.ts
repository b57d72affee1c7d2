/** Runs the fixture site's command line in a process of its own, as a person would. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const SITE = fileURLToPath(new URL('./site.ts', import.meta.url))

export type Ended = { code: number; stdout: string; stderr: string }

/** Colours and the like are as in a pipe, whatever the tests are run from. */
export async function runSite(args: readonly string[], env: { [name: string]: string } = {}): Promise<Ended> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...rest } = process.env
  const child = spawn(process.execPath, ['--import', 'tsx', SITE, ...args], {
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode ?? -1, stdout, stderr }
}

/** The report, which is the last line of stdout. */
export function reportIn({ stdout }: Ended): unknown {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}
