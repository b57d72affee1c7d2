/**
 * How a text changes: a unified diff, or words where a diff would say less.
 */
import { structuredPatch } from 'diff'
import { cleanText } from '../clean.ts'
import { counted, fit, type Page } from './page.ts'

/** Lines around a difference. */
const CONTEXT = 3
/** Differences beyond which finding the shortest diff takes long (its time grows with their square). */
const MOST_EDITS = 1000
/** Lines of one diff that are shown unless everything is asked for. */
const MOST_LINES = 60

/** @param taken Columns to the left of the diff. */
export function textDiff(before: string, after: string, page: Page, taken: number): string[] {
  const words = inWords(before, after)
  if (words !== undefined) return [words]
  const patch = structuredPatch('', '', cleanText(before), cleanText(after), '', '', {
    context: CONTEXT,
    maxEditLength: MOST_EDITS,
  })
  if (patch === undefined) return [`rewritten, ${counted(lineCount(after), 'line')} (was ${lineCount(before)})`]
  const lines = patch.hunks.flatMap((hunk) => [
    page.colors.cyan(`@@ -${range(hunk.oldStart, hunk.oldLines)} +${range(hunk.newStart, hunk.newLines)} @@`),
    ...hunk.lines.map((line) => paint(fit(line, page, taken), page)),
  ])
  return cutLines(lines, page)
}

/** All lines of a text that is new. */
export function newText(text: string, page: Page, taken: number): string[] {
  const lines = cleanText(text).replace(/\n$/, '').split('\n')
  return cutLines(
    lines.map((line) => paint(fit(`+${line}`, page, taken), page)),
    page,
  )
}

export function lineCount(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length
}

function cutLines(lines: readonly string[], page: Page): string[] {
  if (page.verbose || lines.length <= MOST_LINES) return [...lines]
  const left = lines.length - MOST_LINES
  return [...lines.slice(0, MOST_LINES), page.colors.dim(`… ${counted(left, 'more line')}: --verbose`)]
}

/** Differences that a reader would search for in vain between two equal-looking lines. */
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

function paint(line: string, { colors }: Page): string {
  switch (line[0]) {
    case '+':
      return colors.green(line)
    case '-':
      return colors.red(line)
    default:
      return colors.dim(line)
  }
}
