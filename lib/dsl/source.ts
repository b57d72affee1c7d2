/**
 * Where in a recipe a call was made.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Source } from '../engine/catalog.ts'

const LIB = fileURLToPath(new URL('../', import.meta.url))
/** Enough to get out of lib/ from any resource function. */
const FRAMES = 12

/**
 * The nearest caller outside lib/, relative to `root`.
 *
 * Taken from the stack's text: under tsx that text is mapped to TypeScript lines, the CallSite objects are not.
 */
export function callerSource(root: string): Source {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const stack = new Error().stack ?? ''
  Error.stackTraceLimit = limit
  for (const line of stack.split('\n').slice(1)) {
    const frame = parseFrame(line)
    if (frame !== undefined && !frame.file.startsWith(LIB)) return { ...frame, file: relative(root, frame.file) }
  }
  return { file: 'unknown', line: 1, column: 1 }
}

/** Absolute path of the nearest caller outside lib/. */
export function callerFile(): string {
  return callerSource('/').file.replace(/^(?!\/)/, '/')
}

function parseFrame(line: string): Source | undefined {
  const match = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()]*):(\d+):(\d+)\)?$/.exec(line)
  if (match === null) return undefined
  const [, where = '', row, column] = match
  const file = where.startsWith('file://') ? fileURLToPath(where) : where
  return { file, line: Number(row), column: Number(column) }
}
