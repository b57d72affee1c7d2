/**
 * The state of each of several hosts, one line each. Pure.
 */
import type { FleetView } from '../view/fleet.ts'
import { isWithin, pad, type Page, paragraph, stateColour, widest } from './page.ts'

/** Columns to the left of a text on a line of its own. */
const LEFT = 6
const MARKS = { ok: '✓', pending: '~', failed: '✗' } as const

export function renderFleet({ sum, rows }: FleetView, page: Page): string {
  const { colors } = page
  const column = widest(rows.map(({ host }) => host))
  const lines = rows.flatMap(({ state, host, took, text }) => {
    const start = `  ${colors[stateColour(state)](MARKS[state])} ${pad(host, column)}  ${took}`
    const line = `${start}  ${text}`
    return isWithin(line, page)
      ? [line]
      : [start, ...paragraph(text, page, LEFT).map((each) => `${' '.repeat(LEFT)}${each}`)]
  })
  return `${[sum, ...lines].join('\n')}\n`
}
