/**
 * The ways in which planning or converging a host can end early. Each says what the host said and what to do next.
 */
import { LoginRefused, TransportError, Unreachable, WrongHostKey } from '../transport/connection.ts'
import type { ExitName } from './report.ts'

/** Common shape of what Keelson itself throws: one sentence, what the host said, what this side knows, what to do next. */
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

/** What an error brings besides its message; nothing where it is one of neither room. */
export function wordsOf(error: Error): Pick<KeelsonError, 'said' | 'why' | 'next'> {
  const isOurs = error instanceof KeelsonError || error instanceof TransportError
  return isOurs ? { said: error.said, why: error.why, next: error.next } : { said: '', why: '', next: '' }
}

/** Exit 5 is for hosts that were not reached; what fails in a program that runs there is none of that. */
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

/** @param holder As people see it. */
export function lockedBy(holder: string): Locked {
  return new Locked(`this host is locked by ${holder}`, {
    next: 'wait for it to end, then converge again, or converge --wait; a plan needs no lock',
  })
}

/** The host moved since the plan was made; nothing was written. */
export class Stale extends KeelsonError {
  readonly exit = 'stale'
}

/** Protection or removal budget, and then nothing was written; or the guard, and then the host went back. */
export class Refused extends KeelsonError {
  readonly exit = 'refused'
}

/** The host is not what the inventory says, or answered what cannot be understood. Nothing was written by this step. */
export class HostError extends KeelsonError {
  readonly exit = 'error'
}

/** An answer of the host does not fit together, as when something changes while it is read. */
export class NotUnderstood extends HostError {}

/** The worker of a run is gone, with the host or alone, before its stage was through. */
export class RunGone extends HostError {}

/** There is no such run on the host. */
export class NoSuchRun extends KeelsonError {
  readonly exit = 'usage'
}

/** Why nothing is known of what another look at the host finds changed again. */
export const KEEPS_CHANGING = 'it keeps changing while it is read'
