/**
 * What a service has loaded, and whether the files on disk are still the same.
 *
 * After each start, restart or reload by Keelson a record is left in /run, which a boot empties: the invocation, and a
 * listing of the watched files made before the action began. While that invocation runs, the listing decides; without a
 * record the files' change times are compared with the start time of the service. During the action the record says
 * only that it is pending: after a failure or a cut the service still has to load.
 */
import { LOADED, markOf } from '../../kit/stateFolders.ts'
import { type KnownType, labelOf, type Ref, refOf, type TypedRef } from '../../kit/ref.ts'
import type { EarlierChange } from '../../kit/resourceType.ts'
import { quote } from '../../kit/shell.ts'

/** A handle as a recipe passes it, with the paths that the resource writes. */
export type Handle = { readonly ref: TypedRef; readonly paths: readonly string[] }

/** Something whose change a service must load: a resource, or a file or directory tree by path. */
export type Watched = Handle | string

/** `paths` are checked on the host, `refs` in the plan. */
export type Watch = { paths: string[]; refs: TypedRef[] }

export type Load = 'current' | 'reload' | 'restart'

export const RECORDS = LOADED

/** A handle of a resource with paths is watched at those paths, any other at the mark that its changes leave. */
export function watchOf(watched: readonly Watched[]): Watch {
  const refs = watched.flatMap((one) => (typeof one === 'string' ? [] : [one.ref]))
  const paths = watched.flatMap((one) => (typeof one === 'string' ? [one] : placesOf(one)))
  return { paths: [...new Set(paths)].sort(), refs: [...new Set(refs)].sort() }
}

function placesOf({ ref, paths }: Handle): readonly string[] {
  return paths.length > 0 || isOnlyBefore(ref) ? paths : [markOf(ref)]
}

/** Packages and accounts in a watch only determine the order: they leave nothing that a service could load late. */
function isOnlyBefore(ref: Ref): boolean {
  const types: readonly KnownType[] = ['package', 'user', 'group']
  return types.some((type) => ref.startsWith(refOf(type, '')))
}

/** A unit and, for `app@x.y.service`, its template: an instance's name may hold dots (systemd.unit(5)). */
function withTemplate(unit: string): string[] {
  return [...new Set([unit, unit.replace(/@.*\./, '@.')])]
}

/** The unit's own files, which only a restart loads; for an instance its template's too. */
export function unitFilesOf(unit: string): string[] {
  return withTemplate(unit).flatMap((one) => [`/etc/systemd/system/${one}`, `/etc/systemd/system/${one}.d`])
}

export function isUnder(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`)
}

/**
 * What the planned changes will require of the service.
 * @returns Labels of the changes that require it, in plan order.
 */
export function loadAfter(
  unit: string,
  watch: { restart: Watch; reload: Watch },
  earlier: readonly EarlierChange[],
): { load: Load; because: string[] } {
  const restart = earlier.filter((change) => isOwnUnit(unit, change.ref) || isWatched(watch.restart, change))
  if (restart.length > 0) return { load: 'restart', because: restart.map(({ label }) => label) }
  const reload = earlier.filter((change) => isWatched(watch.reload, change))
  return { load: reload.length > 0 ? 'reload' : 'current', because: reload.map(({ label }) => label) }
}

function isOwnUnit(unit: string, ref: Ref): boolean {
  return withTemplate(unit).some(
    (one) =>
      ref === refOf('unit', one) ||
      ref.startsWith(refOf('drop-in', `${one}/`)) ||
      `${ref}.timer` === refOf('timer', one),
  )
}

function isWatched({ paths, refs }: Watch, { ref, paths: written }: EarlierChange): boolean {
  if (isOnlyBefore(ref)) return false
  return refs.some((one) => one === ref) || written.some((place) => paths.some((path) => isUnder(place, path)))
}

/** Name for people of what changed: a path, or the resource that left its mark there. */
export function changedSince(path: string, { refs }: Pick<Watch, 'refs'>): string {
  const ref = refs.find((one) => markOf(one) === path)
  return ref === undefined ? `${path} changed` : `${labelOf(ref)} ran`
}

/** A file or directory as find(1) listed it. `changed` is its ctime in seconds, to nanoseconds, as text. */
export type Listed = { path: string; changed: string; entry: string }

/** Output of find for each entry, NUL-terminated: kind, ctime, size, mode, owner, path. The program uses it too. */
export const LISTING = '%y %C@ %s %m %U:%G %p\\0'

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

/** What an invocation of a unit has loaded. */
export type LoadedRecord = {
  invocation: string
  restart: string[]
  reload: string[]
  /** An action that began and has not been seen to succeed; the record then contains nothing else. */
  pending?: 'reload' | 'restart'
}

/**
 * Records of several units in one text, its entries NUL-terminated: `unit NAME INVOCATION`, then either `pending ACTION`
 * or `restart ENTRY` and `reload ENTRY` for what was loaded.
 */
export function parseRecords(fields: readonly string[]): Map<string, LoadedRecord> {
  const found = new Map<string, LoadedRecord>()
  let current: LoadedRecord | undefined
  for (const field of fields) {
    const [word = '', ...rest] = field.split(' ')
    if (word === 'unit') {
      current = { invocation: rest[1] ?? '', restart: [], reload: [] }
      found.set(rest[0] ?? '', current)
    } else if (current && (field === 'pending reload' || field === 'pending restart'))
      current.pending = field === 'pending reload' ? 'reload' : 'restart'
    else if (current && (word === 'restart' || word === 'reload')) current[word].push(rest.join(' '))
    else throw new Error(`${RECORDS}: unexpected entry ${JSON.stringify(field)}`)
  }
  return found
}

/** Paths below the roots that differ between the disk and what was loaded. */
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

const pathOfEntry = (entry: string): string => entry.slice(entry.indexOf(' /') + 1)

/** Paths below the roots whose change time is after `since`, given in seconds as text. */
export function changedAfter(listed: readonly Listed[], roots: readonly string[], since: string): string[] {
  return filesFirst(listed)
    .filter(({ path, changed }) => roots.some((root) => isUnder(path, root)) && isLater(changed, since))
    .map(({ path }) => path)
}

/** Puts files before directories: a changed file says more than its directory. */
function filesFirst(listed: readonly Listed[]): Listed[] {
  const isDirectory = ({ entry }: Listed): boolean => entry.startsWith('d')
  return [...listed.filter((one) => !isDirectory(one)), ...listed.filter(isDirectory)]
}

/** Compares seconds with nanoseconds as text: a double cannot hold both. */
function isLater(a: string, b: string): boolean {
  const [aSeconds = '0', aRest = ''] = a.split('.')
  const [bSeconds = '0', bRest = ''] = b.split('.')
  if (aSeconds !== bSeconds) return Number(aSeconds) > Number(bSeconds)
  return aRest.padEnd(10, '0') > bRest.padEnd(10, '0')
}

/** `Mon 2026-11-23 16:13:16.123456 UTC` as seconds with a fraction; undefined for a unit that never started. */
export function parseTimestamp(text: string): string | undefined {
  const [, date, time, fraction = '0'] = /^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))? UTC$/.exec(text) ?? []
  if (date === undefined || time === undefined) return undefined
  return `${Date.parse(`${date}T${time}Z`) / 1000}.${fraction}`
}
