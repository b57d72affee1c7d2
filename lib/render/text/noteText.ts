/**
 * The notes of a change as text. Pure.
 */
import type { Note, Since, Tone } from '../view/view.ts'
import { ago, isWithin, type Page, paragraph } from './page.ts'

const TONES = {
  danger: 'red',
  warning: 'yellow',
  drift: 'magenta',
} as const satisfies { [tone in Exclude<Tone, 'plain'>]: keyof Page['colors'] }

/** On one line where there is room to the right of so many columns, otherwise each on lines of its own. */
export function noteLines(notes: readonly Note[], page: Page, left: number): string[] {
  if (notes.length === 0) return []
  const line = notes.map((note) => painted(wholeText(note, page), note, page)).join('; ')
  if (isWithin(`${' '.repeat(left)}${line}`, page)) return [line]
  return notes.flatMap((note) => paragraph(wholeText(note, page), page, left).map((text) => painted(text, note, page)))
}

/** `since run 41 (6 min ago)` */
export function sinceText({ run, at }: Since, page: Page): string {
  const age = at === undefined ? undefined : ago(at, page)
  return `since run ${run}${age === undefined ? '' : ` (${age})`}`
}

function wholeText({ text, since }: Note, page: Page): string {
  return since === undefined ? text : `${text} ${sinceText(since, page)}`
}

function painted(text: string, { tone }: Note, { colors }: Page): string {
  return tone === 'plain' ? text : colors[TONES[tone]](text)
}
