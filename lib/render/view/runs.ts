/**
 * The runs stored on a host. Pure.
 */
import type { RunOutcome, StoredRun } from '../../engine/host/storedRun.ts'
import type { ChangeKind } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { labelOf } from '../../kit/ref.ts'
import { cleanLine } from '../clean.ts'
import { duration } from '../words.ts'
import { MARKS } from './marks.ts'
import type { State } from './standing.ts'

/** Plain JSON, all text cleaned. */
export type RunsView = {
  host: string
  /** The latest first. */
  rows: { run: string; started: string; took: string; who: string; outcome: OutcomeView; what: string }[]
  /** Warnings about records that cannot be read. */
  warnings: string[]
}

/** Plain JSON, all text cleaned. */
export type RunView = {
  title: string
  outcome: OutcomeView
  remarks: string[]
  changes: RunChange[]
}

/** `sign` is absent for a word that this version does not know. `isDrift`: it only set back what somebody else did. */
export type RunChange = {
  sign?: ChangeKind
  state: State
  outcome: string
  label: string
  note: string
  isDrift: boolean
}

type OutcomeView = { state: State; text: string }

/**
 * @param host As people call it.
 * @param damaged Sentences about records that cannot be read.
 */
export function viewRuns(host: string, runs: readonly StoredRun[], damaged: readonly string[] = []): RunsView {
  const rows = runs.map((run) => ({
    run: cleanLine(run.run),
    started: time(run.startedAt, MINUTES),
    took: tookText(run),
    who: person(run),
    outcome: outcomeOf(run),
    what: whatOf(run),
  }))
  return { host: cleanLine(host), rows, warnings: damaged.map(cleanLine) }
}

/** One run, with the outcome of each change. */
export function viewRun(host: string, run: StoredRun): RunView {
  return {
    title: `${cleanLine(host)}, run ${cleanLine(run.run)}`,
    outcome: outcomeOf(run),
    remarks: [
      ...(run.undoes === undefined ? [] : [`undo of run ${cleanLine(run.undoes)}`]),
      `started ${time(run.startedAt)} by ${person(run)}; ${endOf(run)}${run.endedAt === undefined ? '' : `, after ${tookText(run)}`}`,
      `full log on the host: journalctl -u ${cleanLine(run.unit)}`,
    ],
    changes: run.changes.map(viewRunChange),
  }
}

function viewRunChange({ ref, kind, cause, outcome }: StoredRun['changes'][number]): RunChange {
  const isKnown = Object.hasOwn(MARKS, kind)
  const done = outcome === 'changed' && Object.hasOwn(DONE, kind) ? DONE[kind] : wordFor(OUTCOMES, outcome)
  return {
    ...(isKnown ? { sign: kind } : {}),
    state: stateOfChange(outcome),
    outcome: done,
    label: cleanLine(labelOf(ref)),
    note: [isKnown ? '' : cleanLine(kind), cause === 'both' ? 'changed in the code and by hand' : '']
      .filter((text) => text !== '')
      .join('; '),
    isDrift: cause === 'drift',
  }
}

/** What was done, by what was planned. */
const DONE: { readonly [kind in ChangeKind]: string } = {
  create: 'created',
  change: 'changed',
  remove: 'removed',
  'follow-up': 'loaded',
  adopt: 'recorded',
  forget: 'released',
  recheck: 'changed',
}

function stateOfChange(outcome: RunOutcome): State {
  if (outcome === 'failed') return 'failed'
  return outcome === 'changed' || outcome === 'recorded' || outcome === 'unchanged' ? 'ok' : 'pending'
}

const SECONDS = '2026-11-23T21:55:02'.length
const MINUTES = '2026-11-23T21:55'.length

/** `2026-11-23 21:55:02 UTC`, or as much of it. */
function time(iso: string, length = SECONDS): string {
  return `${cleanLine(iso.slice(0, length)).replace('T', ' ')} UTC`
}

/** How long it took; empty when nobody knows. */
function tookText({ startedAt, endedAt = '' }: StoredRun): string {
  const seconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000
  return seconds >= 0 ? duration(seconds) : ''
}

/** `ada@laptop, commit 3f2c1ab`; with `+` when there were uncommitted changes. */
function person({ who: { user, host, commit, dirty } }: StoredRun): string {
  const at = commit === undefined ? '' : `, commit ${cleanLine(commit.slice(0, 7))}${dirty === true ? '+' : ''}`
  return `${cleanLine(user)}@${cleanLine(host)}${at}`
}

const OUTCOMES: { readonly [outcome in RunOutcome]: string } = {
  changed: 'changed',
  recorded: 'recorded',
  unchanged: 'unchanged',
  failed: 'failed',
  skipped: 'skipped',
  applied: 'applied, not verified',
  unfinished: 'pending',
}

/** `undo of run 12: 5 changed · 1 failed` */
function whatOf({ undoes, changes }: StoredRun): string {
  const groups = groupBy(changes, ({ outcome }) => outcome)
  const tally = [...groups].map(([outcome, those]) => `${those.length} ${wordFor(OUTCOMES, outcome)}`).join(' · ')
  return undoes === undefined ? tally : `undo of run ${cleanLine(undoes)}: ${tally}`
}

const STATES: { readonly [state in StoredRun['outcome']]: string } = {
  running: 'running',
  waiting: 'waiting for its client',
  ok: 'ok',
  partial: 'applied in part',
  failed: 'failed',
  unfinished: 'unfinished',
}

function outcomeOf({ outcome }: StoredRun): OutcomeView {
  const isOpen = outcome === 'running' || outcome === 'waiting'
  return { state: outcome === 'ok' ? 'ok' : isOpen ? 'pending' : 'failed', text: wordFor(STATES, outcome) }
}

/** An unknown word of a record is shown unchanged. */
function wordFor(words: { readonly [word: string]: string }, word: string): string {
  return Object.hasOwn(words, word) ? words[word]! : cleanLine(word)
}

function endOf({ outcome, endedAt }: StoredRun): string {
  if (endedAt !== undefined) return `ended ${time(endedAt)}`
  switch (outcome) {
    case 'running':
      return 'it has not ended'
    case 'waiting':
      return 'its steps have ended, and it waits for its client'
    default:
      return 'no client saw it end'
  }
}
