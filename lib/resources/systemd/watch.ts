/**
 * What a service has loaded, and whether the files on disk are still the same.
 *
 * After each start, restart or reload by Keelson a record is left in /run, which a boot empties: the invocation, and a
 * listing of the watched files made before the action began. While that invocation runs, the listing decides; without a
 * record the files' change times are compared with the start time of the service. During the action the record says
 * only that it is pending: after a failure or a cut the service still has to load.
 */
import { isUnder, isWatched, type Listed, type Watch } from '../../kit/files/watched.ts'
import { LOADED } from '../../kit/stateFolders.ts'
import { type KnownType, type Ref, refOf } from '../../kit/ref.ts'
import type { EarlierChange } from '../../kit/resourceType.ts'

export type Load = 'current' | 'reload' | 'restart'

export const RECORDS = LOADED

/** Packages and accounts in a watch only determine the order: they leave nothing that a service could load late. */
export function isOnlyBefore(ref: Ref): boolean {
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

/**
 * What the planned changes will require of the service.
 * @returns Labels of the changes that require it, in plan order.
 */
export function loadAfter(
  unit: string,
  watch: { restart: Watch; reload: Watch },
  earlier: readonly EarlierChange[],
): { load: Load; because: string[] } {
  const loaded = earlier.filter(({ ref }) => !isOnlyBefore(ref))
  const restart = loaded.filter((change) => isOwnUnit(unit, change.ref) || isWatched(watch.restart, change))
  if (restart.length > 0) return { load: 'restart', because: restart.map(({ label }) => label) }
  const reload = loaded.filter((change) => isWatched(watch.reload, change))
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
