/**
 * Where each of several hosts stands, one line each. Pure.
 */
import type { AnyReport } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import type { Standing } from '../view/standing.ts'
import { counted, duration } from '../words.ts'
import { pad, type Page, widest } from './page.ts'

/** @param standing What counts: what is to be done, or what was. */
export function renderFleet(
  reports: readonly AnyReport[],
  standing: (report: AnyReport) => Standing,
  page: Page,
): string {
  const column = widest(reports.map(({ host }) => cleanLine(host)))
  const rows = reports.map((report) => ({ report, ...standing(report) }))
  const count = (state: Standing['state']): number => rows.filter((row) => row.state === state).length
  const counts = (
    [
      ['ok', 'in order'],
      ['pending', 'with changes pending'],
      ['failed', 'failed'],
    ] as const
  )
    .filter(([state]) => count(state) > 0)
    .map(([state, words]) => `${count(state)} ${words}`)
  const lines = rows.map(
    ({ report: { host, seconds }, state, text }) =>
      `  ${markOf(state, page)} ${pad(cleanLine(host), column)}  ${duration(seconds)}  ${cleanLine(text)}`,
  )
  return `${counted(reports.length, 'host')}: ${counts.join(', ')}\n${lines.join('\n')}\n`
}

const MARKS = {
  ok: ['✓', 'green'],
  pending: ['~', 'yellow'],
  failed: ['✗', 'red'],
} as const satisfies { [state in Standing['state']]: [sign: string, colour: keyof Page['colors']] }

function markOf(state: Standing['state'], { colors }: Page): string {
  const [sign, colour] = MARKS[state]
  return colors[colour](sign)
}
