/**
 * Waiting for conditions of this machine, telling its errors apart, and removing what was made on it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { run } from './commands.ts'

/** How long the kernel may take for something it does at once before that counts as a failure. */
const LIMIT_MS = 20_000

/** Asks every few milliseconds until the answer is yes. @throws When it still is no after `limitMs`. */
export async function waitFor(what: string, holds: () => Promise<boolean>, limitMs = LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs / 1000} s in vain for ${what}.`)
    await delay(10)
  }
}

/** Whether an error is the system call error of that name, `ENOENT` say. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => error.code === code)
}

/** Removes a directory and all in it, but nothing that is mounted there. */
export async function removeTree(dir: string): Promise<void> {
  await run('rm', ['-rf', '--one-file-system', '--', dir])
}
