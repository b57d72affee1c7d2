/**
 * Where Keelson lives on a host. All of it belongs to root, and nobody else can enter it.
 */
import { createHash } from 'node:crypto'
import type { Ref } from './ref.ts'

/** What outlives a start of the host: the ledger, runs and what they have kept, the lock-out guard. */
export const STATE = '/var/lib/keelson'
export const LEDGER_PATH = `${STATE}/ledger.json`
export const RUNS_FOLDER = `${STATE}/runs`
export const GUARD_FOLDER = `${STATE}/guard`
/** There while the guard's clock goes. */
export const GUARD_ARMED = `${GUARD_FOLDER}/armed`
/** What earlier stages of the run had kept, by their number. */
export const GUARD_BEFORE = `${STATE}/guard-before`

/** What a start of the host ends (tmpfs): a folder for each run that goes on, and who holds the lock. */
export const RUN_ROOT = '/run/keelson'
/** What the kernel filtered when the guard's clock was started, by program. */
export const GUARD_FILTERS = `${RUN_ROOT}/guard`
/** Where services keep what they have loaded. */
export const LOADED = `${RUN_ROOT}/loaded`
/** Below it the marks, see `markOf`. */
export const MARKS = `${LOADED}/made`

/**
 * The mark of a resource that writes no path of its own, such as a command: an empty file whose change time says when the
 * resource was last changed. Whoever watches the resource watches its mark.
 */
export function markOf(ref: Ref): string {
  return `${MARKS}/${createHash('sha256').update(ref).digest('hex').slice(0, 32)}`
}
