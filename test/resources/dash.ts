/**
 * Runs a type's shell text as a host would, on this machine and in a folder of its own.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PRELUDE } from '../../lib/kit/prelude.ts'
import type { Output, Step } from '../../lib/kit/resourceType.ts'
import { comparingBy, revealFrom } from '../../lib/kit/value.ts'

const root = mkdtempSync(join(tmpdir(), 'keelson-test-'))
process.once('exit', () => rmSync(root, { recursive: true, force: true }))

/** A folder that goes with the process. */
export function scratchFolder(): string {
  return mkdtempSync(join(root, 'scratch-'))
}

export function dash(text: string, env: { [name: string]: string } = {}): Output {
  const { stdout, stderr, status, error } = spawnSync('dash', ['-s'], {
    input: text,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', ...env },
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error !== undefined) throw error
  return { stdout, stderr, exit: status ?? -1 }
}

/** Runs steps one after the other, each with its payload, until one fails. */
export function runSteps(steps: readonly Step[]): Output {
  let output: Output = { stdout: '', stderr: '', exit: 0 }
  for (const { run, payload = {} } of steps) {
    const folder = scratchFolder()
    for (const [name, data] of Object.entries(payload)) writeFileSync(join(folder, name), data)
    output = dash(`set -eu\n${PRELUDE}\n${run}\n`, { P: folder })
    if (output.exit !== 0) return output
  }
  return output
}

/** For slots that ask for a context; the secret `token` is known. */
export const context = { reveal: revealFrom(new Map([['token', 'S3CRET']])) }
export const comparing = comparingBy(context.reveal)
