/**
 * The state of each of several hosts, one line each. Pure.
 */
import type { FleetView } from '../view/fleet.ts'
import { pad, type Page, stateColour, widest } from './page.ts'

const MARKS = { ok: '✓', pending: '~', failed: '✗' } as const

export function renderFleet({ sum, rows }: FleetView, { colors }: Page): string {
  const column = widest(rows.map(({ host }) => host))
  const lines = rows.map(
    ({ state, host, took, text }) =>
      `  ${colors[stateColour(state)](MARKS[state])} ${pad(host, column)}  ${took}  ${text}`,
  )
  return `${[sum, ...lines].join('\n')}\n`
}
