/**
 * How two plans of a host differ, as text for a terminal. Pure.
 */
import type { DifferenceView } from '../view/differenceView.ts'
import { fieldLines } from './fields.ts'
import type { Page } from './page.ts'
import { markOf } from './planText.ts'

/** @param since Names the earlier plan. */
export function renderDifference(
  { host, about, gone, added, moved }: DifferenceView,
  page: Page,
  since = 'Since that plan',
): string {
  const lines = [
    ...about,
    ...gone.map((row) => `no longer to be made: ${markOf(row, page)} ${row.label}`),
    ...added.flatMap((row) => [`new: ${markOf(row, page)} ${row.label}`, ...indented(fieldLines(row, page))]),
    ...moved.flatMap(({ label, fields }) => [
      `moved: ${label}`,
      ...indented(fieldLines({ kind: 'change', fields, loads: [] }, page)),
    ]),
  ]
  return `${[`${since}, on ${page.colors.bold(host)}:`, ...lines.map((line) => `  ${line}`)].join('\n')}\n\n`
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `    ${line}`)
}
