/**
 * What undo leaves as it is, as people read it. Pure.
 */
import type { Undoing } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { pad, type Page, widest } from './page.ts'

/** Nothing when all goes back. */
export function stayLines({ stays }: Pick<Undoing, 'stays'>, { colors }: Page): string[] {
  if (stays.length === 0) return []
  const column = Math.min(44, widest(stays.map(({ label }) => cleanLine(label))))
  return [
    'Stays as it is:',
    ...stays.map(({ label, because, rest }) => {
      const why = cleanLine(because)
      return `  ${colors.yellow('.')} ${pad(cleanLine(label), column)}  ${rest === true ? `goes back, but for ${why}` : why}`
    }),
  ]
}

/** What the next converge will do of it. */
export const STILL_DECLARED =
  'What the site still declares, the next converge brings back: revert the commit as well, or change it.'
