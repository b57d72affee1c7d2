/**
 * The recipe line at which something happened: the nearest stack frame outside Keelson.
 *
 * Parsed from the stack's text: under tsx that text is mapped to TypeScript lines, the CallSite objects are not.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Source } from '../engine/catalog/catalog.ts'
import { CACHE, OWN } from './home.ts'

/** Files of Keelson itself, and compiled files of lib/. */
const INSIDE = [OWN, CACHE]
/** Enough frames to reach the recipe from any resource function, and from a recipe of the package that calls others. */
const FRAMES = 20

/** The caller's place, relative to the folder `root`. */
export function callerSource(root: string): Source {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const { stack } = new Error()
  Error.stackTraceLimit = limit
  return sourceIn(stack, root) ?? { file: 'unknown', line: 1, column: 1 }
}

/** Absolute path of the caller's file. */
export function callerFile(): string {
  return `/${callerSource('/').file}`
}

/** The recipe line in the stack of an error; undefined when no recipe is in it. */
export function sourceIn(stack: string | undefined, root: string): Source | undefined {
  for (const line of stack?.split('\n') ?? []) {
    const frame = parseFrame(line)
    if (frame !== undefined && !INSIDE.some((folder) => frame.file.startsWith(folder)))
      return { ...frame, file: relative(root, frame.file) }
  }
  return undefined
}

/** `    at name (file:///a/b.ts:1:2)` or `    at file:///a/b.ts:1:2`; undefined for a frame without a file. */
function parseFrame(line: string): Source | undefined {
  const [, named, bare] = /^ +at (?:.*? \((.*)\)|(?:async )?(.*[^)]))$/.exec(line) ?? []
  const [, where, row, column] = /^(.+):(\d+):(\d+)$/.exec(named ?? bare ?? '') ?? []
  if (where === undefined) return undefined
  const file = where.startsWith('file://') ? fileURLToPath(where) : where
  return file.startsWith('/') ? { file, line: Number(row), column: Number(column) } : undefined
}
