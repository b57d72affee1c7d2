/**
 * The runs a host remembers, as people read them. Pure.
 */
import { groupBy } from '../../kit/groupBy.ts'
import { labelOf } from '../../kit/ref.ts'
import type { StoredRun, RunOutcome } from '../../engine/host/storedRun.ts'
import { cleanLine } from '../clean.ts'
import { fit, pad, type Page, widest } from './page.ts'

/** One line for each, the latest first. @param damaged Sentences about records that cannot be read. */
export function renderRuns(
  host: string,
  runs: readonly StoredRun[],
  page: Page,
  damaged: readonly string[] = [],
): string {
  const { colors } = page
  const warnings = damaged.map((sentence) => `  ${colors.yellow('warning')}  ${cleanLine(sentence)}`)
  if (runs.length === 0 && damaged.length === 0)
    return `${colors.bold(cleanLine(host))}  nothing was ever converged here\n`
  const rows = runs.map((run) => [
    cleanLine(run.run),
    time(run.startedAt),
    person(run),
    wordFor(STATES, run.outcome),
    whatOf(run),
  ])
  const widths = [0, 1, 2, 3].map((column) => widest(rows.map((row) => row[column]!)))
  const lines = runs.map((run, index) => {
    const [number = '', when = '', who = '', outcome = '', what = ''] = rows[index]!.map((cell, column) =>
      column === 0 ? cell.padStart(widths[0]!) : pad(cell, widths[column] ?? 0),
    )
    return `  ${number}  ${colors.dim(when)}  ${who}  ${coloured(run, outcome, page)}  ${what}`.trimEnd()
  })
  return `${[colors.bold(cleanLine(host)), ...lines, ...warnings].join('\n')}\n`
}

/** One run, with what became of each change. */
export function renderRun(host: string, run: StoredRun, page: Page): string {
  const { colors } = page
  const { outcome: state } = run
  const column = widest(run.changes.map(({ outcome }) => wordFor(OUTCOMES, outcome)))
  const lines = run.changes.map(({ ref, kind, cause, outcome }) =>
    fit(
      `  ${pad(wordFor(OUTCOMES, outcome), column)}  ${cleanLine(kind)} ${cleanLine(labelOf(ref))}  (${cleanLine(cause)})`,
      page,
      0,
    ),
  )
  return `${[
    `${colors.bold(`${cleanLine(host)}, run ${cleanLine(run.run)}`)}  ${coloured(run, wordFor(STATES, state), page)}`,
    ...(run.undoes === undefined ? [] : [`  undo of run ${cleanLine(run.undoes)}`]),
    `  started ${time(run.startedAt)} by ${person(run)}; ${endOf(run)}`,
    `  journalctl -u ${cleanLine(run.unit)} on the host has what it said`,
    '',
    ...lines,
  ].join('\n')}\n`
}

/** `2026-11-23 21:55:02 UTC` */
function time(iso: string): string {
  return `${cleanLine(iso.slice(0, 19)).replace('T', ' ')} UTC`
}

/** `ada@laptop, commit 3f2c1ab`; with `+` when there were changes that no commit had. */
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
  applied: 'applied unverified',
  unfinished: 'not done',
}

/** `undo of run 12: 5 changed` */
function whatOf(run: StoredRun): string {
  return run.undoes === undefined ? tally(run) : `undo of run ${cleanLine(run.undoes)}: ${tally(run)}`
}

/** `5 changed, 1 failed` */
function tally({ changes }: StoredRun): string {
  const counts = groupBy(changes, ({ outcome }) => outcome)
  return [...counts].map(([outcome, those]) => `${those.length} ${wordFor(OUTCOMES, outcome)}`).join(', ')
}

const STATES: { readonly [state in StoredRun['outcome']]: string } = {
  running: 'running',
  waiting: 'waiting for its client',
  ok: 'ok',
  partial: 'applied in part',
  failed: 'failed',
  unfinished: 'unfinished',
}

/** What a record says and nobody knows is shown as it is. */
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

/** @param text The outcome in words, filled up to its column. */
function coloured({ outcome }: StoredRun, text: string, { colors }: Page): string {
  if (outcome === 'ok') return colors.green(text)
  return outcome === 'running' || outcome === 'waiting' ? colors.yellow(text) : colors.red(text)
}
