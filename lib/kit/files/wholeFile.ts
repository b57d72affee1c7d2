/**
 * A configuration file that one resource owns from the first to the last byte: its state, and its reader.
 */
import * as form from '../form.ts'
import type { Output, Desired, Was, UndoTarget } from '../resourceType.ts'
import { parseSmallFiles, readSmallFiles, type SmallFile } from './smallFiles.ts'

export type WholeFileState = {
  content: string
  /** Four octal digits; empty when something other than a file is there. */
  mode: string
  /** `user:group` */
  owner: string
}

/** For `state`: `form.fields(WHOLE_FILE)`. */
export const WHOLE_FILE = {
  content: form.shownAs('text', form.text()),
  mode: form.inner(form.line()),
  owner: form.inner(form.line()),
} as const

/**
 * For `read`: the reader of a type whose resources are one file each.
 *
 * @example wholeFileReader((name) => `/etc/app.d/${name}.conf`)
 */
export function wholeFileReader(pathOf: (name: string) => string): {
  command(entries: readonly Desired<WholeFileState>[]): string
  parse(output: Output, entries: readonly Desired<WholeFileState>[]): Map<string, WholeFileState | null>
} {
  return {
    command: (entries) => readSmallFiles(entries.map(({ name }) => pathOf(name))),
    parse(output, entries) {
      const files = parseSmallFiles(output)
      return new Map(entries.map(({ name }) => [name, stateOf(files.get(pathOf(name)))]))
    },
  }
}

function stateOf(file: SmallFile | undefined): WholeFileState | null {
  if (file === undefined) return null
  if (file.kind === 'file') return { content: file.bytes.toString('utf8'), mode: file.mode, owner: file.owner }
  return {
    content: file.kind === 'link' ? `(a link to ${file.target})` : '(not a file, or a very long one)',
    mode: '',
    owner: '',
  }
}

/**
 * For `undo`: something other than a file that was there is only described in words, and cannot be restored.
 *
 * @example const slots = { undo: undoWholeFile }
 */
export function undoWholeFile<State extends { mode: string }>({ before }: Was<State>): UndoTarget<State> | undefined {
  return before !== null && before.mode === '' ? { cannot: 'something other than a file stood there' } : undefined
}
