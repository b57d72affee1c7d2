/**
 * Why changes fail or are skipped, and what to do then.
 */
import { KEEPS_CHANGING, Refused, wordsOf } from '../errors.ts'
import { SAID_BYTES } from '../onHost/worker.ts'
import { maskRest } from '../../kit/redact.ts'
import { remedyFor } from './remedies.ts'
import type { Failure, HostProblem } from '../report.ts'
import type { Step, Unknown } from '../../kit/resourceType.ts'

export const STALE: Failure = {
  phase: 'apply',
  said: 'the host is no longer as the plan saw it; nothing was written for this',
  next: 'converge again: it plans from what is there now',
}

export const TAKEN_BACK: Failure = {
  phase: 'verify',
  said: 'reverted: no new login succeeded',
  next: 'correct it so that your login is let in, then converge again',
}

/** A service did not start with this change, and the host restored the previous files. */
export function undoneFailure(because: string): Failure {
  return {
    phase: 'verify',
    said: `reverted: ${because} did not come up with it`,
    next: 'correct it and converge again',
  }
}

/** It was in order when the plan was made, and the run altered it in a way that the operator has not agreed to. */
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

/** What people are told of a step. */
export type TriedStep = Pick<Step, 'title' | 'command'>

function triedText({ title, command }: TriedStep): Pick<Failure, 'step' | 'ran'> {
  return { step: title, ...(command === undefined ? {} : { ran: command }) }
}

/** The operator has stopped the run. @param left Changes that were not reached. */
export function stoppedProblem(left: number, all: number, wasApplied: boolean): HostProblem {
  return {
    name: 'Stopped',
    message: `stopped, as asked: ${left} of ${all} changes were not reached`,
    said: '',
    next: 'converge again: it goes on from what is there now',
    exit: wasApplied ? 'partial' : 'interrupted',
  }
}

/** The run, or all of its host, ended within a step. */
export function cutFailure(step: TriedStep): Failure {
  return {
    phase: 'apply',
    ...triedText(step),
    said: 'the run ended while this was applied; it may be done in part',
    next: 'converge again: it goes on from what is there now',
  }
}

/** What ended a run after some of it was applied. */
export function reportedError(error: unknown): HostProblem {
  if (!(error instanceof Error)) throw error
  const { name, message } = error
  const { said, why, next } = wordsOf(error)
  return {
    name,
    message,
    said,
    ...(why === '' ? {} : { why }),
    next: next || 'converge again',
    exit: error instanceof Refused ? 'refused' : 'partial',
  }
}

/** @param said What the step said; if it was too long to keep, only its end, which may begin with the rest of a secret. */
export function applyFailure(
  step: TriedStep,
  { exit, said }: { exit: number; said: string },
  secrets: ReadonlyMap<string, string>,
): Failure {
  const isCut = Buffer.byteLength(said) >= SAID_BYTES
  const next = remedyFor(said)
  return {
    phase: 'apply',
    ...triedText(step),
    exit,
    said: (isCut ? maskRest(said, secrets.values()) : said).trimEnd(),
    ...(next === undefined ? {} : { next }),
  }
}

/** @param because Label of what failed; a change that was itself skipped is not a cause. */
export function skipFailure(because: string): Failure {
  return {
    phase: 'apply',
    said: `not tried, because ${because} failed`,
    next: 'will run once that succeeds',
    after: because,
  }
}

export function unknownFailure({ because }: Unknown): Failure {
  return {
    phase: 'read',
    said: `it cannot be read: ${because}`,
    next:
      because === KEEPS_CHANGING
        ? 'see who changes it, then converge again'
        : 'nothing in this site brings that about; declare what it needs',
  }
}
