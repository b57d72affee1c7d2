/**
 * Paths on a host: what stands there, and what must be there first.
 */
import type { Output, Ref } from '../engine/resource.ts'
import { quote } from '../engine/shell.ts'

export type PathState = {
  kind: 'file' | 'directory' | 'link' | 'other'
  owner: string
  group: string
  /** Four octal digits. */
  mode: string
  /** Bytes. */
  size: number
  /** Of a link. */
  target: string
}

const KINDS: { [letter: string]: PathState['kind'] } = { f: 'file', d: 'directory', l: 'link' }
const FIELDS = 7

/** Shell text that prints what stands at each path, links themselves and not what they point to: one process. */
export function readPaths(paths: readonly string[]): string {
  if (paths.length === 0) return ':'
  // find exits 1 when some path is missing: an answer, not a failure.
  return `find ${paths.map(quote).join(' ')} -maxdepth 0 -printf '%p\\0%y\\0%u\\0%g\\0%m\\0%s\\0%l\\0' 2>/dev/null || [ $? -eq 1 ]`
}

/** By path; what is missing from the map is not there. */
export function parsePaths(fields: readonly string[]): Map<string, PathState> {
  if (fields.length % FIELDS !== 0) throw new Error(`paths: unexpected listing ${JSON.stringify(fields.slice(0, 20))}`)
  const found = new Map<string, PathState>()
  for (let at = 0; at < fields.length; at += FIELDS) {
    const [path = '', letter = '', owner = '', group = '', mode = '', size = '', target = ''] = fields.slice(
      at,
      at + FIELDS,
    )
    found.set(path, {
      kind: KINDS[letter] ?? 'other',
      owner,
      group,
      mode: mode.padStart(4, '0'),
      size: Number(size),
      target,
    })
  }
  return found
}

/** NUL-terminated fields of an output. */
export function fieldsOf({ stdout }: Output): string[] {
  const fields = stdout.split('\0')
  fields.pop()
  return fields
}

/** `0640` for `640`. */
export function fullMode(mode: string): string {
  return mode.padStart(4, '0')
}

/** Everything declared that a path needs: the folders above it, and its owner and group. */
export function pathNeeds(
  path: string,
  { owner, group }: { owner?: string | undefined; group?: string | undefined } = {},
): Ref[] {
  return [
    ...ancestors(path).flatMap((folder) => [`directory:${folder}`, `symlink:${folder}`]),
    ...(owner === undefined ? [] : [`user:${owner}`]),
    ...(group === undefined ? [] : [`group:${group}`, `user:${group}`]),
  ]
}

function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}
