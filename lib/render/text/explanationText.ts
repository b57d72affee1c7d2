/**
 * What is known of one resource, as text. Pure.
 */
import type { ExplanationView } from '../view/explanation.ts'
import { fieldLines, INDENT, PAPER_WIDTH } from './fields.ts'
import { ago, fit, pad, type Page, wrap, wrapList, wrapWords } from './page.ts'
import { noteLines } from './noteText.ts'

const COLUMN = 12
/** Columns to the left of what stands beside the names. */
const START = COLUMN + 2
/** Maximum lines of one command, unless `verbose` is set. */
const MOST_LINES = 8

export function renderExplanation(view: ExplanationView, page: Page): string {
  const { host, label, ref, observed, lists, next } = view
  const { colors } = page
  // What stands beside the names, as wide as the fields of a plan believe.
  const { width, ...rest } = page
  const beside: Page = width === undefined ? rest : { ...rest, width: width - START + INDENT }
  const sentence = (text: string): string[] => (text === '' ? [] : wrapWords(text, columnsOf(beside)))
  const blocks: [name: string, lines: string[]][] = [
    ['declared', declaredLines(view.declared, beside)],
    ['observed', sentence(observed)],
    ['decision', decisionLines(view.decision, beside)],
    ...lists.map(({ name, items, none }): [string, string[]] => [
      name,
      items.length === 0 ? [none] : wrapList(items, columnsOf(beside)),
    ]),
    [view.commands.name, commandLines(view.commands, beside)],
    ['next', sentence(next)],
  ]
  const lines = blocks.flatMap(([name, all]) =>
    all.map((line, index) => `  ${index === 0 ? colors.dim(pad(name, COLUMN)) : ' '.repeat(COLUMN)}${line}`.trimEnd()),
  )
  return `${[`${colors.bold(label)} on ${host}  ${colors.dim(ref)}`, ...lines].join('\n')}\n`
}

function columnsOf({ width = PAPER_WIDTH }: Page): number {
  return width - INDENT
}

function declaredLines({ words, commit, fields }: ExplanationView['declared'], page: Page): string[] {
  const age = commit?.since === undefined ? undefined : ago(commit.since, page)
  const from = commit === undefined ? [] : [age === undefined ? commit.text : `${commit.text} (${age})`]
  return [
    ...wrap(words, ' · ', columnsOf(page)),
    ...from.flatMap((text) => wrapWords(text, columnsOf(page))).map((line) => page.colors.dim(line)),
    ...fieldLines({ kind: 'create', fields, loads: [] }, page),
  ]
}

function decisionLines({ words, row }: ExplanationView['decision'], page: Page): string[] {
  if (row === undefined) return wrapWords(words, columnsOf(page))
  const notes = noteLines(row.notes, page, INDENT + words.length + 2)
  const head = notes.length === 1 ? [`${words}; ${notes[0]}`] : [words, ...notes]
  return [...head, ...(row.kind === 'create' ? [] : fieldLines(row, page))]
}

function commandLines({ none, steps }: ExplanationView['commands'], page: Page): string[] {
  if (steps.length === 0) return [none]
  return steps.flatMap(({ title, lines }) => {
    const left = page.verbose ? 0 : Math.max(0, lines.length - MOST_LINES)
    const shown = lines.slice(0, lines.length - left).map((line) => `  ${fit(line, page, INDENT + 2)}`)
    return [
      fit(title, page, INDENT),
      ...shown,
      ...(left === 0 ? [] : [page.colors.dim(`  … ${left} more lines: --verbose`)]),
    ]
  })
}
