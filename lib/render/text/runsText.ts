/**
 * The runs stored on a host as text. Pure.
 */
import type { RunChange, RunsView, RunView } from '../view/runs.ts'
import { fit, isWithin, pad, type Page, paragraph, stateColour, widest } from './page.ts'
import { markOf, remarkLines } from './planText.ts'

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

/** One run, in the form of a plan, with the outcome of each change. */
export function renderRun({ title, outcome, remarks, changes }: RunView, page: Page): string {
  const { colors } = page
  const drifted = changes.filter(({ isDrift }) => isDrift)
  const blocks = [
    [`${colors.bold(title)}  ${colors[stateColour(outcome.state)](outcome.text)}`, ...indented(remarks, 2, page)],
    changeLines(
      changes.filter(({ isDrift }) => !isDrift),
      page,
    ),
    drifted.length === 0
      ? []
      : [colors.magenta('Changed by hand before it, and set back:'), ...changeLines(drifted, page)],
  ]
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`
}

function changeLines(changes: readonly RunChange[], page: Page): string[] {
  const column = widest(changes.map((change) => change.outcome))
  return changes.map(({ sign, state, outcome, label, note }) => {
    const mark = sign === undefined ? '?' : markOf({ sign, kind: sign }, page)
    const word = page.colors[stateColour(state)](pad(outcome, column))
    return fit(`  ${mark} ${word}  ${label}${note === '' ? '' : `  ${note}`}`, page, 0)
  })
}
