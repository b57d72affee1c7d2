/**
 * Names of the throw-away hosts of this machine, running or not, without a process and without root.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stateDir } from './state.ts'

/** @returns None where the sandbox was never used. */
export async function names(): Promise<string[]> {
  return (await readdir(join(stateDir(), 'machines')).catch(() => [])).toSorted((a, b) => (a < b ? -1 : 1))
}
