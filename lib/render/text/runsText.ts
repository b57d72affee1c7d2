/**
 * The runs stored on a host as text. Pure.
 */
import type { RunsView, RunView } from '../view/runs.ts'
import { fit, isWithin, pad, type Page, paragraph, stateColour, widest } from './page.ts'
import { remarkLines } from './planText.ts'

export function renderRuns({ host, rows, warnings }: RunsView, page: Page): string {
  const { colors } = page
  if (rows.length + warnings.length === 0) return `${colors.bold(host)}  no runs: this host is new to Keelson\n`
  const width = (cell: (row: RunsView['rows'][number]) => string): number => widest(rows.map(cell))
  const number = width(({ run }) => run)
  const when = width(({ started }) => started)
  const long = width(({ took }) => took)
  const by = width(({ who }) => who)
  const state = width(({ outcome }) => outcome.text)
  const lines = rows.flatMap(({ run, started, took, who, outcome, what }) => {
    const cells = [
      run.padStart(number),
      colors.dim(pad(started, when)),
      took.padStart(long),
      colors[stateColour(outcome.state)](pad(outcome.text, state)),
    ]
    const start = `  ${cells.join('  ')}`
    const line = `${start}  ${pad(who, by)}  ${what}`.trimEnd()
    return isWithin(line, page) ? [line] : [start.trimEnd(), ...indented([who, what], number + 4, page)]
  })
  const notes = warnings.flatMap((sentence) => remarkLines({ kind: 'warning', text: sentence }, page))
  return `${[colors.bold(host), ...lines, ...notes].join('\n')}\n`
}

function indented(texts: readonly string[], left: number, page: Page): string[] {
  return texts.flatMap((text) => paragraph(text, page, left)).map((line) => `${' '.repeat(left)}${line}`)
}

/** One run, with the outcome of each change. */
export function renderRun({ title, outcome, remarks, changes }: RunView, page: Page): string {
  const { colors } = page
  const column = widest(changes.map((change) => change.outcome))
  return `${[
    `${colors.bold(title)}  ${colors[stateColour(outcome.state)](outcome.text)}`,
    ...indented(remarks, 2, page),
    '',
    ...changes.map((change) =>
      fit(`  ${pad(change.outcome, column)}  ${change.kind} ${change.label}  (${change.cause})`, page, 0),
    ),
  ].join('\n')}\n`
}
