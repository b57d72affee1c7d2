/**
 * The runs a host remembers, as people read them. Pure.
 */
import { groupBy } from '../../engine/group.ts'
import { labelOf } from '../../engine/resource.ts'
import type { Run, RunOutcome } from '../../engine/runs.ts'
import { cleanLine } from './clean.ts'
import { fit, pad, type Page, widest } from './page.ts'

/** One line for each, the latest first. */
export function renderRuns(host: string, runs: readonly Run[], page: Page): string {
  const { colors } = page
  if (runs.length === 0) return `${colors.bold(cleanLine(host))}  nothing was ever converged here\n`
  const rows = runs.map((run) => [run.run, time(run.startedAt), person(run), run.outcome, whatOf(run)])
  const widths = [0, 1, 2, 3].map((column) => widest(rows.map((row) => row[column]!)))
  const lines = rows.map((row) => {
    const [number = '', when = '', who = '', outcome = '', what = ''] = row.map((cell, column) =>
      column === 0 ? cell.padStart(widths[0]!) : pad(cell, widths[column] ?? 0),
    )
    return `  ${number}  ${colors.dim(when)}  ${who}  ${coloured(outcome, page)}  ${what}`.trimEnd()
  })
  return `${[colors.bold(cleanLine(host)), ...lines].join('\n')}\n`
}

/** One run, with what became of each change. */
export function renderRun(host: string, run: Run, page: Page): string {
  const { colors } = page
  const end = run.endedAt === undefined ? 'nobody saw it end' : `ended ${time(run.endedAt)}`
  const column = widest(run.changes.map(({ outcome }) => OUTCOMES[outcome]))
  const lines = run.changes.map(({ ref, kind, cause, outcome }) =>
    fit(`  ${pad(OUTCOMES[outcome], column)}  ${kind} ${cleanLine(labelOf(ref))}  (${cause})`, page, 0),
  )
  return `${[
    `${colors.bold(`${cleanLine(host)}, run ${run.run}`)}  ${coloured(run.outcome, page)}`,
    ...(run.undoes === undefined ? [] : [`  undo of run ${cleanLine(run.undoes)}`]),
    `  started ${time(run.startedAt)} by ${person(run)}; ${run.outcome === 'running' ? 'it has not ended' : end}`,
    `  journalctl -u ${cleanLine(run.unit)} on the host has what it said`,
    '',
    ...lines,
  ].join('\n')}\n`
}

/** `2026-11-23 21:55:02 UTC` */
function time(iso: string): string {
  return `${cleanLine(iso).slice(0, 19).replace('T', ' ')} UTC`
}

/** `ada@laptop, commit 3f2c1ab`; with `+` when there were changes that no commit had. */
function person({ who: { user, host, commit, dirty } }: Run): string {
  const at = commit === undefined ? '' : `, commit ${cleanLine(commit).slice(0, 7)}${dirty === true ? '+' : ''}`
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
function whatOf(run: Run): string {
  return run.undoes === undefined ? tally(run) : `undo of run ${cleanLine(run.undoes)}: ${tally(run)}`
}

/** `5 changed, 1 failed` */
function tally({ changes }: Run): string {
  const counts = groupBy(changes, ({ outcome }) => outcome)
  return [...counts].map(([outcome, those]) => `${those.length} ${OUTCOMES[outcome]}`).join(', ')
}

function coloured(outcome: string, { colors }: Page): string {
  return outcome.trimEnd() === 'ok'
    ? colors.green(outcome)
    : outcome.trimEnd() === 'running'
      ? colors.yellow(outcome)
      : colors.red(outcome)
}
