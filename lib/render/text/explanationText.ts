/**
 * What is known of one resource, as text. Pure.
 */
import type { ExplanationView } from '../view/explanation.ts'
import { fieldLines, PAPER_WIDTH } from './fields.ts'
import { ago, pad, type Page, wrap } from './page.ts'
import { noteLines } from './noteText.ts'

const COLUMN = 12
/** Maximum lines of one command, unless `verbose` is set. */
const MOST_LINES = 8

export function renderExplanation(view: ExplanationView, page: Page): string {
  const { host, label, ref, observed, lists, next } = view
  const { colors } = page
  const blocks: [name: string, lines: string[]][] = [
    ['declared', declaredLines(view.declared, page)],
    ['observed', [observed]],
    ['decision', decisionLines(view.decision, page)],
    ...lists.map(({ name, items, none }): [string, string[]] => [name, listLines(items, none, page)]),
    [view.commands.name, commandLines(view.commands, page)],
    ['next', next === '' ? [] : [next]],
  ]
  const lines = blocks.flatMap(([name, all]) =>
    all.map((line, index) => `  ${index === 0 ? colors.dim(pad(name, COLUMN)) : ' '.repeat(COLUMN)}${line}`.trimEnd()),
  )
  return `${[`${colors.bold(label)} on ${host}  ${colors.dim(ref)}`, ...lines].join('\n')}\n`
}

function declaredLines({ words, commit, fields }: ExplanationView['declared'], page: Page): string[] {
  const age = commit?.since === undefined ? undefined : ago(commit.since, page)
  const from =
    commit === undefined ? [] : [page.colors.dim(age === undefined ? commit.text : `${commit.text} (${age})`)]
  return [words.join(' · '), ...from, ...fieldLines({ kind: 'create', fields, loads: [] }, page)]
}

function decisionLines({ words, row }: ExplanationView['decision'], page: Page): string[] {
  if (row === undefined) return [words]
  const notes = noteLines(row.notes, page, 14)
  const fields = row.kind === 'create' ? [] : fieldLines(row, page)
  return [[words, ...notes].join('; '), ...fields]
}

function listLines(items: readonly string[], none: string, page: Page): string[] {
  return items.length === 0 ? [none] : wrap(items, ', ', (page.width ?? PAPER_WIDTH) - COLUMN - 3)
}

function commandLines({ none, steps }: ExplanationView['commands'], page: Page): string[] {
  if (steps.length === 0) return [none]
  return steps.flatMap(({ title, lines }) => {
    const left = page.verbose ? 0 : Math.max(0, lines.length - MOST_LINES)
    const shown = lines.slice(0, lines.length - left).map((line) => `  ${line}`)
    return [title, ...shown, ...(left === 0 ? [] : [page.colors.dim(`  … ${left} more lines: --verbose`)])]
  })
}
