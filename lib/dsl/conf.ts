/**
 * conf`…`: text that remembers the secrets and handles in it.
 */
import { inspect } from 'node:util'
import { Secret, Text } from '../kit/value.ts'
import { Handle } from './declare.ts'

export type ConfValue = string | number | Secret | Text | Handle | readonly ConfValue[]

type Piece = string | Secret

const SHORT = { depth: 0, breakLength: Infinity, maxArrayLength: 3, maxStringLength: 20 }

/**
 * A text block: a first empty line and the indentation common to all lines are removed, and a value of several lines
 * keeps the indentation of its line (a secret of several lines cannot). Backslashes are kept. An array becomes one line
 * per item; an empty array removes a line in which it is alone.
 *
 * @example file({ path: '/etc/app.env', mode: '0600', content: conf`PASSWORD=${secret('app')}\n` })
 * @throws {TypeError} For undefined, null, booleans and other objects, which are almost always mistakes.
 */
export function conf(parts: TemplateStringsArray, ...values: ConfValue[]): Text {
  const [first = '', ...others] = unindent(parts.raw.map(written))
  const refs: string[] = []
  const pieces: Piece[] = []
  append(pieces, first)
  for (const [index, after] of others.entries()) {
    const own = valuePieces(values[index], refs)
    const isGone = own.length === 0 && /^[ \t]*\n/.test(after) && isAtLineStart(pieces)
    if (isGone) pieces.push(cutIndent(pieces.pop()))
    const indent = lineIndent([first, ...others].slice(0, index + 1))
    for (const piece of own) append(pieces, typeof piece === 'string' ? piece.replaceAll('\n', `\n${indent}`) : piece)
    append(pieces, isGone ? after.replace(/^[ \t]*\n/, '') : after)
  }
  return new Text(
    pieces.filter((piece) => piece !== ''),
    refs,
  )
}

/** Keeps a raw template as written, except for backslashes that keep it from ending, or a value from beginning. */
function written(raw: string): string {
  return raw.replaceAll('\\${', '${').replaceAll('\\`', '`')
}

function valuePieces(value: ConfValue | undefined, refs: string[]): Piece[] {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return [String(value)]
  if (value instanceof Secret) return [value]
  if (value instanceof Text) {
    refs.push(...value.refs)
    return [...value.parts]
  }
  if (value instanceof Handle) {
    refs.push(value.ref)
    return [value.name]
  }
  if (Array.isArray(value)) {
    const items: readonly ConfValue[] = value
    return items.flatMap((item, index) => (index === 0 ? valuePieces(item, refs) : ['\n', ...valuePieces(item, refs)]))
  }
  throw new TypeError(
    `conf\`…\` takes text, numbers, secrets, handles and arrays of them, not ${inspect(value, SHORT)}`,
  )
}

/** Removes the common indentation; only the literal parts count, values do not. */
function unindent(literals: readonly string[]): string[] {
  const [first = '', ...others] = literals
  if (!first.startsWith('\n')) return [...literals]
  const open = [first.slice(1), ...others]
  // A value in the middle of a line counts as a character that is not white space.
  const lines = open.join('\u0000').split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)![0].length)
  const width = Math.min(...indents, Infinity)
  if (!Number.isFinite(width)) return open
  const cut = lines
    .map((line, index) => (index === lines.length - 1 && line.trim() === '' ? '' : line.slice(width)))
    .join('\n')
  return cut.split('\u0000')
}

/** Indentation of the line that the last of these literals ends in. */
function lineIndent(literals: readonly string[]): string {
  const line = literals.join('x').split('\n').at(-1) ?? ''
  return /^[ \t]*/.exec(line)![0]
}

function isAtLineStart(pieces: readonly Piece[]): boolean {
  const last = pieces.at(-1)
  return typeof last === 'string' && (pieces.length === 1 ? /(?:^|\n)[ \t]*$/ : /\n[ \t]*$/).test(last)
}

function cutIndent(piece: Piece | undefined): Piece {
  return typeof piece === 'string' ? piece.replace(/[ \t]*$/, '') : ''
}

/** Appends a piece; adjacent strings become one. */
function append(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1)
  if (typeof piece === 'string' && typeof last === 'string') pieces[pieces.length - 1] = last + piece
  else pieces.push(piece)
}
