/**
 * The runs stored on a host as text. Pure.
 */
import type { RunsView, RunView } from '../view/runs.ts'
import { fit, pad, type Page, stateColour, widest } from './page.ts'

export function renderRuns({ host, rows, warnings }: RunsView, { colors }: Page): string {
  if (rows.length + warnings.length === 0) return `${colors.bold(host)}  nothing was ever converged here\n`
  const width = (cell: (row: RunsView['rows'][number]) => string): number => widest(rows.map(cell))
  const number = width(({ run }) => run)
  const when = width(({ started }) => started)
  const by = width(({ who }) => who)
  const state = width(({ outcome }) => outcome.text)
  const lines = rows.map(({ run, started, who, outcome, what }) => {
    const cells = [
      run.padStart(number),
      colors.dim(pad(started, when)),
      pad(who, by),
      colors[stateColour(outcome.state)](pad(outcome.text, state)),
      what,
    ]
    return `  ${cells.join('  ')}`.trimEnd()
  })
  const notes = warnings.map((sentence) => `  ${colors.yellow('warning')}  ${sentence}`)
  return `${[colors.bold(host), ...lines, ...notes].join('\n')}\n`
}

/** One run, with the outcome of each change. */
export function renderRun({ title, outcome, remarks, changes }: RunView, page: Page): string {
  const { colors } = page
  const column = widest(changes.map((change) => change.outcome))
  return `${[
    `${colors.bold(title)}  ${colors[stateColour(outcome.state)](outcome.text)}`,
    ...remarks.map((remark) => `  ${remark}`),
    '',
    ...changes.map((change) =>
      fit(`  ${pad(change.outcome, column)}  ${change.kind} ${change.label}  (${change.cause})`, page, 0),
    ),
  ].join('\n')}\n`
}
