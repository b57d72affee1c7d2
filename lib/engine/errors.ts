/**
 * The errors that end planning or converging a host early. Each states what the host said and what to do next.
 */
import { LoginRefused, TransportError, Unreachable, WrongHostKey } from '../transport/connection.ts'
import type { ExitName, PlanDifference } from './report.ts'

/**
 * Base of all errors that Keelson itself throws: one sentence, what the host said, what this client knows, what to do
 * next.
 */
export abstract class KeelsonError extends Error {
  readonly said: string
  readonly why: string
  readonly next: string
  abstract readonly exit: ExitName

  constructor(message: string, { said = '', why = '', next = '' }: { said?: string; why?: string; next?: string }) {
    super(message)
    this.name = new.target.name
    this.said = said
    this.why = why
    this.next = next
  }
}

/** The details an error carries besides its message; empty for an error of neither the engine nor the transport. */
export function wordsOf(error: Error): Pick<KeelsonError, 'said' | 'why' | 'next'> {
  const isOurs = error instanceof KeelsonError || error instanceof TransportError
  return isOurs ? { said: error.said, why: error.why, next: error.next } : { said: '', why: '', next: '' }
}

/** Returns exit 5 for hosts that were not reached. A program that fails on a host is another exit. */
export function exitOfError(error: Error): ExitName {
  if (error instanceof KeelsonError) return error.exit
  if (error.name === 'AbortError') return 'interrupted'
  const isUnreached = error instanceof Unreachable || error instanceof WrongHostKey || error instanceof LoginRefused
  return isUnreached ? 'unreachable' : 'error'
}

/** Another run holds the host's lock. */
export class Locked extends KeelsonError {
  readonly exit = 'locked'
}

/** @param holder Text for people, as `Holder.text`. */
export function lockedBy(holder: string): Locked {
  return new Locked(`this host is locked by ${holder}`, {
    next: 'wait for it to end, then converge again, or converge --wait; a plan needs no lock',
  })
}

/** The host changed since the plan was made; nothing was written. */
export class Stale extends KeelsonError {
  readonly exit = 'stale'
  readonly moved: PlanDifference | undefined

  constructor(message: string, { moved, ...words }: { said?: string; next: string; moved?: PlanDifference }) {
    super(message, words)
    this.moved = moved
  }
}

export function staleBy(moved: PlanDifference): Stale {
  return new Stale('this host is no longer as it was planned; nothing was written', {
    moved,
    next: 'plan again, and look at what has changed',
  })
}

/** Protection or the removal budget refused the plan, and nothing was written; or the guard reverted the host. */
export class Refused extends KeelsonError {
  readonly exit = 'refused'
}

/** The host is not what the inventory says, or its answer cannot be parsed. This step wrote nothing. */
export class HostError extends KeelsonError {
  readonly exit = 'error'
}

/** Parts of the host's answer contradict each other, as when something changes while it is read. */
export class NotUnderstood extends HostError {}

/** The worker of a run ended, alone or with the host, before its stage was complete. */
export class RunGone extends HostError {}

/** There is no such run on the host. */
export class NoSuchRun extends KeelsonError {
  readonly exit = 'usage'
}

/** Why a resource that differs at every reading is unknown. */
export const KEEPS_CHANGING = 'it keeps changing while it is read'
