/**
 * How a text changes: a unified diff, or a sentence where a diff would say less.
 */
import { structuredPatch } from 'diff'
import { cleanText } from '../clean.ts'
import { counted } from '../words.ts'
import type { TextDifference } from './view.ts'

/** Lines around a difference. */
const CONTEXT = 3
/** Above this number of differences, finding the shortest diff is slow (its time grows with their square). */
const MOST_EDITS = 1000

export function textDiff(before: string, after: string): TextDifference {
  const words = inWords(before, after)
  if (words !== undefined) return { words }
  const patch = structuredPatch('', '', cleanText(before), cleanText(after), '', '', {
    context: CONTEXT,
    maxEditLength: MOST_EDITS,
  })
  if (patch === undefined)
    return { words: `rewritten, ${counted(lineCount(after), 'line')} (was ${lineCount(before)})` }
  return {
    hunks: patch.hunks.map(({ oldStart, oldLines, newStart, newLines, lines }) => ({
      range: `-${range(oldStart, oldLines)} +${range(newStart, newLines)}`,
      start: { before: oldStart, after: newStart },
      lines,
    })),
  }
}

export function lineCount(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length
}

/** Describes differences that a reader could not see between two equal-looking lines. */
function inWords(before: string, after: string): string | undefined {
  if (before.replaceAll('\r\n', '\n') === after.replaceAll('\r\n', '\n')) {
    return after.includes('\r\n') ? 'line endings only: LF → CRLF' : 'line endings only: CRLF → LF'
  }
  if (before === `${after}\n`) return 'last line only: its newline goes'
  if (`${before}\n` === after) return 'last line only: gets its newline'
  return undefined
}

function range(start: number, count: number): string {
  return count === 1 ? String(start) : `${start},${count}`
}
