/**
 * Numbers of runs that this machine has seen on hosts, so that the shell completes them without asking a host. Cheap and
 * incomplete: a run of somebody else is known once this machine has planned or listed runs.
 */
import { createHash } from 'node:crypto'
import type { Where } from './machine.ts'
import { readCached, writeCached } from '../dsl/cache.ts'

const MOST = 20

/** @param sandbox Name of a throw-away host, empty for that with the host's own name; it counts runs of its own. */
function entryOf(file: string, host: string, sandbox: string | undefined): string {
  const machine = sandbox === '' ? host : sandbox
  const about = JSON.stringify([file, host, ...(machine === undefined ? [] : [machine])])
  return `runs/${createHash('sha256').update(about).digest('hex').slice(0, 32)}`
}

/** The latest run of a host, from now on. */
export function noteRun(file: string, host: string, where: Where, run: number): void {
  if (where.kind !== 'own' && where.kind !== 'sandbox') return
  const sandbox = where.kind === 'sandbox' ? (where.name ?? '') : undefined
  if (!Number.isSafeInteger(run) || run < 1 || latest(file, host, sandbox) === run) return
  writeCached(entryOf(file, host, sandbox), String(run))
}

/** The latest runs first. */
export function knownRuns(file: string, host: string, sandbox: string | undefined): string[] {
  const run = latest(file, host, sandbox)
  return Array.from({ length: Math.min(run, MOST) }, (_, index) => String(run - index))
}

function latest(file: string, host: string, sandbox: string | undefined): number {
  const text = readCached(entryOf(file, host, sandbox))?.toString() ?? ''
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
}
