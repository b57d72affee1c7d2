/**
 * Where Keelson stores its files on a host. Root owns all of it, and nobody else can enter it.
 */
import { createHash } from 'node:crypto'
import type { Ref } from './ref.ts'

/** Survives a reboot: the ledger, runs and what they have kept, the lock-out guard. */
export const STATE = '/var/lib/keelson'
export const LEDGER_PATH = `${STATE}/ledger.json`
export const RUNS_FOLDER = `${STATE}/runs`
export const GUARD_FOLDER = `${STATE}/guard`
/** The folder of the marks, see `markOf`. */
export const MARKS = `${STATE}/made`
/** What commands have run for, see `ranFor`. */
const RAN = `${STATE}/ran`
/** Exists while the guard's clock runs. */
export const GUARD_ARMED = `${GUARD_FOLDER}/armed`
/** What earlier stages of the run have kept, by stage number. */
export const GUARD_BEFORE = `${STATE}/guard-before`

/** Cleared by a reboot (tmpfs): a folder for each run in progress, and the holder of the lock. */
export const RUN_ROOT = '/run/keelson'
/** The packet filter's rules when the guard's clock was started, one file per program. */
export const GUARD_FILTERS = `${RUN_ROOT}/guard`
/** Where services record what they have loaded. */
export const LOADED = `${RUN_ROOT}/loaded`

/**
 * The mark of a resource that writes no path of its own, such as a command: an empty file whose change time says when
 * the resource was last changed. Services and commands that watch the resource watch its mark.
 */
export function markOf(ref: Ref): string {
  return `${MARKS}/${digestOf(ref)}`
}

/** The file that lists what a command has last run for. */
export function ranFor(name: string): string {
  return `${RAN}/${digestOf(name)}`
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
