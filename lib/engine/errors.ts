/**
 * The ways in which planning or converging a host can end early. Each says what the host said and what to do next.
 */
import { TransportError } from '../transport/connection.ts'
import type { ExitName } from './report.ts'

abstract class EngineError extends Error {
  readonly said: string
  readonly why: string
  readonly next: string
  abstract readonly exit: ExitName

  /** @param about.said By the host. @param about.why More in words of this side. */
  constructor(message: string, { said = '', why = '', next }: { said?: string; why?: string; next: string }) {
    super(message)
    this.name = new.target.name
    this.said = said
    this.why = why
    this.next = next
  }
}

/** What an error brings besides its message; what a line or a login said of itself is no word of the host. */
export function wordsOf(error: Error): { said: string; why: string; next: string } {
  if (error instanceof EngineError) return { said: error.said, why: error.why, next: error.next }
  const text = (key: 'said' | 'next'): string => {
    const value: unknown = Reflect.get(error, key)
    return typeof value === 'string' ? value : ''
  }
  const words = text('said')
  const isOfHost = error instanceof TransportError && HOST_SPOKE.has(error.name)
  return { said: isOfHost ? words : '', why: isOfHost ? '' : words, next: text('next') }
}

/** Transport errors that bring what a program or a server said; the others, what this machine did. */
const HOST_SPOKE = new Set(['LoginRefused', 'SudoRefused', 'TimedOut'])

/** Another run holds the host's lock. */
export class Locked extends EngineError {
  readonly exit = 'locked'
}

/** @param holder As people see it. */
export function lockedBy(holder: string): Locked {
  return new Locked(`this host is locked by ${holder}`, {
    next: 'wait for it to end, then converge again, or converge --wait; a plan needs no lock',
  })
}

/** The host moved since the plan was made; nothing was written. */
export class Stale extends EngineError {
  readonly exit = 'stale'
}

/** Protection or removal budget, and then nothing was written; or the guard, and then the host went back. */
export class Refused extends EngineError {
  readonly exit = 'refused'
}

/** The host is not what the inventory says, or answered what cannot be understood. Nothing was written by this step. */
export class HostError extends EngineError {
  readonly exit = 'error'
}

/** An answer of the host does not fit together, as when something changes while it is read. */
export class NotUnderstood extends HostError {}

/** The worker of a run is gone, with the host or alone, before its stage was through. */
export class RunGone extends HostError {}

/** There is no such run on the host. */
export class NoSuchRun extends EngineError {
  readonly exit = 'usage'
}

/** Why nothing is known of what another look at the host finds changed again. */
export const KEEPS_CHANGING = 'it keeps changing while it is read'
