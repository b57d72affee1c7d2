/**
 * The differences of changes, one folded block each. Pure.
 */
import { CONSEQUENCES } from '../../kit/resourceType.ts'
import type { ReviewRow } from '../view/review.ts'
import type { Field } from '../view/view.ts'
import { counted } from '../words.ts'
import { fit } from './fit.ts'
import { codeElement, fenced, inert } from './inert.ts'

/** For the list of what is hidden. */
const HIDDEN_LIST = 3_000
/** For the sentence after that list. */
const REST = 120

type Block = { row: ReviewRow; lines: string[]; text: string }

/** Each whole or hidden: the gravest first, of the same consequence the shortest. */
export function differenceBlocks(rows: readonly ReviewRow[], room: number): string {
  const blocks = rows.flatMap(blockOf).sort(gravestThenShortest)
  const isAll = blocks.reduce((sum, { text }) => sum + text.length + 2, 0) <= room
  let left = isAll ? room : room - HIDDEN_LIST
  const hidden: Block[] = []
  const shown = blocks.filter((block) => {
    const isShown = block.text.length + 2 <= left
    if (isShown) left -= block.text.length + 2
    else hidden.push(block)
    return isShown
  })
  return [...shown.map(({ text }) => text), hiddenText(hidden)].filter((text) => text !== '').join('\n\n')
}

function blockOf(row: ReviewRow): Block[] {
  const lines = row.fields.flatMap((field) => fieldLines(field, row))
  if (lines.length === 0) return []
  const summary = `<summary>${codeElement(row.label)} ${row.kind}, ${counted(lines.length, 'line')}</summary>`
  const text = `<details${row.isGrave ? ' open' : ''}>${summary}\n\n${fenced(lines)}\n\n</details>`
  return [{ row, lines, text }]
}

function gravestThenShortest({ row, text }: Block, other: Block): number {
  const gravity = CONSEQUENCES.indexOf(row.consequence) - CONSEQUENCES.indexOf(other.row.consequence)
  return gravity === 0 ? text.length - other.text.length : gravity
}

function hiddenText(blocks: readonly Block[]): string {
  if (blocks.length === 0) return ''
  const lines = blocks.map(({ row, lines: its }) => `- ${inert(row.label)}: ${counted(its.length, 'line')} hidden`)
  const { text, left } = fit(lines, '\n', HIDDEN_LIST - REST)
  const others = blocks.slice(blocks.length - left).reduce((sum, { lines: its }) => sum + its.length, 0)
  const more = left === 0 ? '' : `- ${counted(left, 'more resource')}: ${others.toLocaleString('en')} lines hidden`
  return [text, more].filter((part) => part !== '').join('\n')
}

/**
 * As in a unified diff, but with a space after the sign: a text that begins with a sign of its own cannot make it
 * another (`---`, `+++`).
 */
function fieldLines(field: Field, { kind }: ReviewRow): string[] {
  const { name } = field
  switch (field.form) {
    case 'secret':
      return [kind === 'create' ? `+ ${name}  (secret)` : `! ${name}  (secret, changed)`]
    case 'value':
      return [`- ${name}  ${field.before}`, `+ ${name}  ${field.after}`]
    case 'list':
      return [...field.losses.map((item) => `- ${name}  ${item}`), ...field.gains.map((item) => `+ ${name}  ${item}`)]
    case 'new': {
      const { value, text } = field
      if (text === undefined) return [`+ ${name}  ${value}`]
      return [
        `@@ ${name}, ${value} @@`,
        ...text
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => `+ ${line}`),
      ]
    }
    case 'text': {
      const { words = 'differs', hunks } = field.difference ?? {}
      if (hunks === undefined) return [`! ${name}  ${words}`]
      return hunks.flatMap(({ range, lines }) => [`@@ ${name} ${range} @@`, ...lines.map(spaced)])
    }
    default:
      return []
  }
}

/** `\ No newline at end of file` has its space. */
function spaced(line: string): string {
  return line.startsWith('\\') ? line : `${line[0]} ${line.slice(1)}`
}
