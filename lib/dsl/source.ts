/**
 * The recipe line at which something happened: the nearest stack frame outside Keelson.
 *
 * Under tsx a stack's text is mapped to TypeScript lines, the CallSite objects are not. Mapping takes most of the time
 * that a declaration takes, so a caller's place keeps its CallSite and is mapped when somebody asks.
 */
import { findSourceMap } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Source } from '../engine/catalog/catalog.ts'
import { CACHE, OWN } from './home.ts'

/** Files of Keelson itself, and compiled files of lib/. */
const INSIDE = [OWN, CACHE]
/** Enough frames to reach the recipe from any resource function, and from a recipe of the package that calls others. */
const FRAMES = 20
const UNKNOWN: Source = { file: 'unknown', line: 1, column: 1 }

/** The caller's place, relative to the folder `root`. */
export function callerSource(root: string): Source {
  const site = callSites().find((one) => isOutside(pathOf(one.getFileName())))
  if (site === undefined) return UNKNOWN
  let known: Source | undefined
  const source = (): Source => (known ??= mapped(site, root))
  return {
    get file() {
      return source().file
    },
    get line() {
      return source().line
    },
    get column() {
      return source().column
    },
  }
}

function callSites(): NodeJS.CallSite[] {
  // oxlint-disable-next-line typescript/unbound-method -- it is only put back
  const { stackTraceLimit, prepareStackTrace } = Error
  let sites: NodeJS.CallSite[] = []
  Error.stackTraceLimit = FRAMES
  Error.prepareStackTrace = (_error, found) => (sites = found)
  // V8 calls prepareStackTrace when the stack is asked for.
  void new Error().stack
  Object.assign(Error, { stackTraceLimit, prepareStackTrace })
  return sites
}

/** The place in the file that was compiled, where a source map leads there. */
function mapped(site: NodeJS.CallSite, root: string): Source {
  const compiled = {
    fileName: site.getFileName()!,
    lineNumber: site.getLineNumber()!,
    columnNumber: site.getColumnNumber()!,
  }
  const origin = findSourceMap(compiled.fileName)?.findOrigin(compiled.lineNumber, compiled.columnNumber)
  const { fileName, lineNumber, columnNumber } = origin !== undefined && 'fileName' in origin ? origin : compiled
  return { file: relative(root, pathOf(fileName)!), line: lineNumber, column: columnNumber }
}

/** Absolute path of the caller's file. */
export function callerFile(): string {
  return `/${callerSource('/').file}`
}

/** The recipe line in the stack of an error; undefined when no recipe is in it. */
export function sourceIn(stack: string | undefined, root: string): Source | undefined {
  for (const line of stack?.split('\n') ?? []) {
    const frame = parseFrame(line)
    if (frame !== undefined && isOutside(frame.file)) return { ...frame, file: relative(root, frame.file) }
  }
  return undefined
}

/** `    at name (file:///a/b.ts:1:2)` or `    at file:///a/b.ts:1:2`; undefined for a frame without a file. */
function parseFrame(line: string): Source | undefined {
  const [, named, bare] = /^ +at (?:.*? \((.*)\)|(?:async )?(.*[^)]))$/.exec(line) ?? []
  const [, where, row, column] = /^(.+):(\d+):(\d+)$/.exec(named ?? bare ?? '') ?? []
  if (where === undefined) return undefined
  const file = pathOf(where)
  return file === undefined ? undefined : { file, line: Number(row), column: Number(column) }
}

/** The absolute path that a stack frame names; undefined for a frame of Node itself. */
function pathOf(where: string | null | undefined): string | undefined {
  const file = where?.startsWith('file://') === true ? fileURLToPath(where) : where
  return file?.startsWith('/') === true ? file : undefined
}

function isOutside(file: string | undefined): boolean {
  return file !== undefined && !INSIDE.some((folder) => file.startsWith(folder))
}
