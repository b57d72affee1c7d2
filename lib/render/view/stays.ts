/**
 * What an undo leaves as it is. Pure.
 */
import type { Undoing } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import type { Stay } from './view.ts'

/** Empty when everything is undone. */
export function viewStays({ stays }: Pick<Undoing, 'stays'>): Stay[] {
  return stays.map(({ label, because, rest }) => ({
    label: cleanLine(label),
    why: rest === true ? `partly restored (not ${cleanLine(because)})` : `left in place: ${cleanLine(because)}`,
  }))
}
