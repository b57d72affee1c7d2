/**
 * What a resource watches: files and folders by path, other resources by the marks that their changes leave. A listing of
 * them is kept when they were last taken in; what differs from it has changed since.
 */
import * as form from '../form.ts'
import { labelOf, type Ref, refOf, type TypedRef } from '../ref.ts'
import type { EarlierChange } from '../resourceType.ts'
import { absolutePath, handle } from '../schema.ts'
import { quote } from '../shell.ts'
import { markOf } from '../stateFolders.ts'

/** A handle as a recipe passes it, with the paths that the resource writes. */
export type Handle = { readonly ref: TypedRef; readonly paths: readonly string[] }

/** Something whose change matters: a resource, or a file or directory tree by path. */
export type Watched = Handle | string

/** `paths` are checked on the host, `refs` in the plan. */
export type Watch = { paths: string[]; refs: TypedRef[] }

/** For a schema: a list of what is watched. */
export const watched = { type: 'array', items: { anyOf: [handle, absolutePath] } } as const
export const WATCH_FORM = form.fields<Watch>({ paths: form.list(form.line()), refs: form.list(form.ref) })

/**
 * A handle of a resource with paths is watched at those paths, any other at the mark that its changes leave.
 *
 * @param isOnlyBefore Whether a resource without paths only determines the order.
 */
export function watchOf(those: readonly Watched[], isOnlyBefore: (ref: Ref) => boolean = () => false): Watch {
  const placesOf = ({ ref, paths }: Handle): readonly string[] =>
    paths.length > 0 || isOnlyBefore(ref) ? paths : [markOf(ref)]
  const refs = those.flatMap((one) => (typeof one === 'string' ? [] : [one.ref]))
  const paths = those.flatMap((one) => (typeof one === 'string' ? [one] : placesOf(one)))
  return { paths: [...new Set(paths)].sort(), refs: [...new Set(refs)].sort() }
}

export function isUnder(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`)
}

/** Whether a planned change concerns what is watched. */
export function isWatched({ paths, refs }: Watch, { ref, paths: written }: EarlierChange): boolean {
  return refs.some((one) => one === ref) || written.some((place) => paths.some((path) => isUnder(place, path)))
}

/** Name for people of what changed: a path, or the resource that left its mark there. */
export function changedSince(path: string, { refs }: Pick<Watch, 'refs'>): string {
  const ref = refs.find((one) => markOf(one) === path)
  if (ref === undefined) return `${path} changed`
  return `${labelOf(ref)} ${ref.startsWith(refOf('command', '')) ? 'ran' : 'changed'}`
}

/** A file or directory as find(1) listed it. `changed` is its ctime in seconds, to nanoseconds, as text. */
export type Listed = { path: string; changed: string; entry: string }

/** Output of find for each entry, NUL-terminated: kind, ctime, size, mode, owner, path. */
const LISTING = '%y %C@ %s %m %U:%G %p\\0'

/**
 * Shell text of a step that prints what is at the paths `"$@"` as a record stores it, NUL-terminated.
 *
 * @param before A word before each entry, in double quotes of the shell.
 */
export function listForRecord(before = ''): string {
  return `timeout 60 find -H "$@" \\( -type d -printf "${before}d - - %m %U:%G %p\\0" -o -printf "${before}${LISTING}" \\) 2>/dev/null | head -z -n 100000 || :`
}

/** Maximum number of entries below one watched path: an account that may write there can fill it without end. */
const MOST_WATCHED = 50_000
const DEEPEST_WATCHED = 50

/**
 * Reads `DEPTH START` for each entry found: prints `small` when all starts are within the limits, else
 * `NUMBER DEPTH START` for each start, and copies `late`.
 */
const COUNTED = `/^late$/ { print; late = 1; next }
{ depth = $1 + 0; sub(/^[0-9]+ /, ""); found[$0]++; if (depth > deepest[$0] + 0) deepest[$0] = depth; if (depth > most) most = depth }
END {
  if (!late && NR <= ${MOST_WATCHED} && most <= ${DEEPEST_WATCHED}) print "small"
  else for (start in found) print found[start], deepest[start] + 0, start
}`

/**
 * Prints the number of entries below each watched path, if it is large, then, after `watched`, one listing of all paths
 * within the limit; `-H` follows a watched path that is itself a link.
 */
export function listWatched(paths: readonly string[]): string {
  if (paths.length === 0) return "printf 'watched\\0'"
  const find = 'find -H -files0-from -'
  const listing = `-maxdepth ${DEEPEST_WATCHED} -printf '${LISTING}' 2>/dev/null | head -z -n ${MOST_WATCHED * 5}`
  return `k_paths() { printf '%s\\0' ${paths.map(quote).join(' ')}; }
k_counts=$(k_paths | { timeout --foreground 20 ${find} -printf '%d %H\\n' 2>/dev/null; [ $? -ne 124 ] || echo late; } | awk ${quote(COUNTED)})
if [ "$k_counts" = small ]; then
  printf 'watched\\0'
  k_paths | ${find} ${listing}
else
  printf '%s\\n' "$k_counts" | tr '\\n' '\\0'
  printf 'watched\\0'
  printf '%s\\n' "$k_counts" | awk '$1 + 0 > 0 && $1 <= ${MOST_WATCHED} && $2 <= ${DEEPEST_WATCHED} && (all += $1) <= ${MOST_WATCHED * 4} { sub(/^[0-9]+ [0-9]+ /, ""); print }' | tr '\\n' '\\0' | ${find} ${listing}
fi`
}

/** Parses the first part of the output of `listWatched`: watched paths with too many entries, each with a sentence. */
export function overfull(fields: readonly string[]): { late: boolean; full: Map<string, string> } {
  let all = 0
  const full = fields.flatMap((field): [string, string][] => {
    const [, number = '0', depth = '0', path = ''] = /^(\d+) (\d+) (.*)$/s.exec(field) ?? []
    if (Number(number) > MOST_WATCHED) return [[path, `${path} holds ${number} files, more than are watched`]]
    if (Number(depth) > DEEPEST_WATCHED) return [[path, `${path} holds folders ${depth} deep, deeper than is watched`]]
    all += Number(number)
    return all > MOST_WATCHED * 4 ? [[path, `${path} and other watched folders hold more files than are watched`]] : []
  })
  return { late: fields.includes('late'), full: new Map(full) }
}

/** @throws {Error} On a record of another form. */
export function parseListed(record: string): Listed {
  const [, kind, changed, size, rest, path] = /^(\S) (\d+\.\d+) (\d+) (\d+ \d+:\d+) (\/.*)$/s.exec(record) ?? []
  if (kind === undefined || changed === undefined || path === undefined)
    throw new Error(`find: unexpected listing ${JSON.stringify(record)}`)
  return { path, changed, entry: recordEntry(kind, changed, size ?? '', rest ?? '', path) }
}

/**
 * An entry as a record stores it. A directory's time and size say only that a name appeared or disappeared, perhaps a
 * temporary one; the listing itself contains the present names.
 */
function recordEntry(kind: string, changed: string, size: string, rest: string, path: string): string {
  return kind === 'd' ? `d - - ${rest} ${path}` : `${kind} ${changed} ${size} ${rest} ${path}`
}

/** Paths below the roots that differ between the disk and what was taken in. */
export function changedSinceRecord(
  listed: readonly Listed[],
  roots: readonly string[],
  loaded: readonly string[],
): string[] {
  const now = listed.filter(({ path }) => roots.some((root) => isUnder(path, root)))
  const then = new Set(loaded)
  const entries = new Set(now.map(({ entry }) => entry))
  const gone = loaded.filter((entry) => !entries.has(entry)).map(pathOfEntry)
  return [...new Set([...now.filter(({ entry }) => !then.has(entry)).map(({ path }) => path), ...gone])]
}

/** The path in an entry of a record. */
export const pathOfEntry = (entry: string): string => entry.slice(entry.indexOf(' /') + 1)
