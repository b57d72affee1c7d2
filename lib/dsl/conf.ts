/**
 * conf`…`: text that carries meaning. It may hold secrets and handles, and remembers them.
 */
import { inspect } from 'node:util'
import { Secret, Text } from '../engine/value.ts'
import { Handle } from './declare.ts'

export type ConfValue = string | number | Secret | Text | Handle | readonly ConfValue[]

type Piece = string | Secret

const SHORT = { depth: 0, breakLength: Infinity, maxArrayLength: 3, maxStringLength: 20 }

/**
 * A text block: a first empty line goes, the indentation common to all lines goes, a value of several lines keeps the
 * indentation of the line it stands in (a secret of several lines cannot). Backslashes stand as written. An array
 * becomes one line for each item.
 *
 * @throws {TypeError} For undefined, null, booleans and other objects, which are hardly ever what was meant.
 */
export function conf(parts: TemplateStringsArray, ...values: ConfValue[]): Text {
  const literals = unindent(parts.raw.map((part) => part.replaceAll('\\${', '${').replaceAll('\\`', '`')))
  const refs: string[] = []
  const pieces: Piece[] = []
  for (const [index, literal] of literals.entries()) {
    pieces.push(literal)
    if (index === values.length) continue
    const indent = lastLineIndent(literals.slice(0, index + 1))
    pieces.push(
      ...valuePieces(values[index], refs).map((piece) =>
        typeof piece === 'string' ? piece.replaceAll('\n', `\n${indent}`) : piece,
      ),
    )
  }
  return new Text(joinStrings(pieces), refs)
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

/** Takes the common indentation away; only the literal parts count, values do not. */
function unindent(literals: readonly string[]): string[] {
  const [first = '', ...others] = literals
  if (!first.startsWith('\n')) return [...literals]
  const open = [first.slice(1), ...others]
  // A value in the middle of a line stands for something that is not white space.
  const lines = open.join('\u0000').split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)![0].length)
  const width = Math.min(...indents, Infinity)
  if (!Number.isFinite(width)) return open
  const cut = lines
    .map((line, index) => (index === lines.length - 1 && line.trim() === '' ? '' : line.slice(width)))
    .join('\n')
  return cut.split('\u0000')
}

function lastLineIndent(literals: readonly string[]): string {
  const line = literals.join('x').split('\n').at(-1) ?? ''
  return /^[ \t]*/.exec(line)![0]
}

function joinStrings(pieces: readonly Piece[]): Piece[] {
  return pieces.reduce<Piece[]>((joined, piece) => {
    const last = joined.at(-1)
    if (typeof piece === 'string' && typeof last === 'string') joined[joined.length - 1] = last + piece
    else if (piece !== '') joined.push(piece)
    return joined
  }, [])
}
