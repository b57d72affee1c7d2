/**
 * What a renderer must know about the output medium, and how texts are laid out there.
 */
import type { createColors } from 'picocolors'
import stringWidth from 'fast-string-width'
import type { State } from '../view/standing.ts'

export type Colors = ReturnType<typeof createColors>

export type Page = {
  colors: Colors
  /** Columns of the terminal; absent when there is none, and then nothing is shortened. */
  width?: number
  /** Shows everything in full length. */
  verbose: boolean
  /** For ages; milliseconds since 1970. */
  now: () => number
}

const STATE_COLOURS = { ok: 'green', pending: 'yellow', failed: 'red' } as const

export function stateColour(state: State): 'green' | 'yellow' | 'red' {
  return STATE_COLOURS[state]
}

/** Pads a text with blanks to so many columns. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - stringWidth(text)))
}

export function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => stringWidth(text)))
}

/** Cuts off the end of a text without colours that is wider than so many columns. */
export function shorten(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text
  let shown = ''
  let used = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const next = stringWidth(segment)
    if (used + next > columns - 1) break
    shown += segment
    used += next
  }
  return `${shown}…`
}

/** Shortens for a terminal only; other text uses `taken` columns of the line. */
export function fit(text: string, page: Page, taken: number): string {
  return page.width === undefined || page.verbose ? text : shorten(text, Math.max(20, page.width - taken))
}

/** Joins items with a separator into lines of at most so many columns, where the items are short enough. */
export function wrap(items: readonly string[], separator: string, columns: number): string[] {
  const lines: string[] = []
  for (const item of items) {
    const joined = lines.length === 0 ? item : `${lines.at(-1)!}${separator}${item}`
    if (lines.length > 0 && stringWidth(joined) <= columns) lines[lines.length - 1] = joined
    else lines.push(item)
  }
  return lines
}

/** Whether a line fits the page; any does on a page without width. */
export function isWithin(line: string, { width = Infinity }: Page): boolean {
  return stringWidth(line) <= width
}

/** Joins items with commas into lines of at most so many columns; a line that goes on ends with a comma. */
export function wrapList(items: readonly string[], columns: number): string[] {
  return wrap(
    items.map((item, index) => (index < items.length - 1 ? `${item},` : item)),
    ' ',
    columns,
  )
}

/** Breaks a text between words into lines of at most so many columns; a word that is wider has a line of its own. */
export function wrapWords(text: string, columns: number): string[] {
  return wrap(text.split(' '), ' ', columns)
}

/** A text in full on a page without width, otherwise in lines of at most its width less what is to the left of them. */
export function paragraph(text: string, { width }: Page, left: number): string[] {
  return width === undefined ? [text] : wrapWords(text, Math.max(20, width - left))
}

/** `40 s ago`, `6 min ago`, `3 h ago`, `5 days ago`; undefined for an invalid or future time. */
export function ago(iso: string, { now }: Page): string | undefined {
  const seconds = Math.round((now() - Date.parse(iso)) / 1000)
  if (!(seconds >= 0)) return undefined
  if (seconds < 120) return `${seconds} s ago`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min ago`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`
}
