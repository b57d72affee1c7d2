/**
 * What undo leaves as it is, as text. Pure.
 */
import type { Stay } from '../view/view.ts'
import { pad, type Page, widest } from './page.ts'

/** Empty when everything is undone. */
export function stayLines(stays: readonly Stay[], { colors }: Page): string[] {
  if (stays.length === 0) return []
  const column = Math.min(44, widest(stays.map(({ label }) => label)))
  return [
    'Not fully undone:',
    ...stays.map(({ label, why }) => `  ${colors.yellow('.')} ${pad(label, column)}  ${why}`),
  ]
}
