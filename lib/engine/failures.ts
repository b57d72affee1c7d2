/**
 * Why changes fail or are skipped, and what to do then.
 */
import { Refused } from './errors.ts'
import { SAID_BYTES } from './worker.ts'
import { maskRest } from './redact.ts'
import type { Failure, HostReport } from './report.ts'
import type { Unknown } from './resource.ts'

export const STALE: Failure = {
  phase: 'apply',
  said: 'the host is no longer as the plan saw it; nothing was written for this',
  next: 'converge again: it plans from what is there now',
}

export const TAKEN_BACK: Failure = {
  phase: 'verify',
  said: 'taken back: after it, no new login worked',
  next: 'see that it lets you in as you come now, then converge again',
}

/** A service did not come up with it, and the host put back what it had before. */
export function undoneFailure(because: string): Failure {
  return {
    phase: 'verify',
    said: `taken back: ${because} did not come up with it`,
    next: 'correct it and converge again',
  }
}

/** It was in order when the plan was made, and something in the run altered it in a way that nobody agreed to. */
export function settledFailure(label: string): Failure {
  return {
    phase: 'verify',
    said: `${label} was in order when the plan was made, and is not any more`,
    next: 'see in the next plan what is to be done about it',
  }
}

export const UNREACHED: Failure = {
  phase: 'apply',
  said: 'not reached: the run ended before it',
  next: 'converge again: it goes on from what is there now',
}

/** What ended a run after some of it was applied. */
export function reportedError(error: unknown): NonNullable<HostReport['error']> {
  if (!(error instanceof Error)) throw error
  const { name, message } = error
  const text = (key: 'said' | 'next'): string => (key in error ? String(Reflect.get(error, key)) : '')
  return {
    name,
    message,
    said: text('said'),
    next: text('next') || 'converge again',
    exit: error instanceof Refused ? 'refused' : 'partial',
  }
}

/** What to do where a host cannot write, by the words of errno(3) in what its tools complain of. */
export function remedyFor(said: string): string | undefined {
  if (/No space left on device|Disk quota exceeded|enough free space/.test(said))
    return 'make room there (`df -h` and `df -i` say where it is full), then converge again'
  if (/Read-only file system/.test(said))
    return 'make it writable again (`findmnt` says what is mounted read-only, `dmesg` maybe why), then converge again'
  return undefined
}

/** @param said The end of it, where it was too long to keep: then it may begin with the rest of a secret. */
export function applyFailure(
  title: string,
  { exit, said }: { exit: number; said: string },
  secrets: ReadonlyMap<string, string>,
): Failure {
  const isCut = Buffer.byteLength(said) >= SAID_BYTES
  return {
    phase: 'apply',
    ran: title,
    exit,
    said: (isCut ? maskRest(said, secrets.values()) : said).trimEnd(),
    next: remedyFor(said) ?? 'correct what the host complains of and converge again',
  }
}

export function skipFailure(because: string): Failure {
  return { phase: 'apply', said: `not tried, because ${because} failed`, next: 'it is done when that succeeds' }
}

export function unknownFailure({ because }: Unknown): Failure {
  return {
    phase: 'read',
    said: `it cannot be read: ${because}`,
    next: 'nothing in this site brings that about; declare what it needs',
  }
}
