/**
 * Reads the services of a host, and whether each has loaded its current files.
 */
import * as form from '../../kit/form.ts'
import { type Compared, type Output, Unknown, type Desired } from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'
import { findEach } from '../../kit/files/paths.ts'
import { parseShown, type Shown } from './unitFiles.ts'
import {
  changedSince,
  changedSinceRecord,
  type Listed,
  listWatched,
  overfull,
  parseListed,
  type Watch,
  WATCH_FORM,
} from '../../kit/files/watched.ts'
import {
  changedAfter,
  parseRecords,
  parseTimestamp,
  RECORDS,
  unitFilesOf,
  type Load,
  type LoadedRecord,
} from './watch.ts'

export type Wishes = {
  unit: string
  restart: Watch
  reload: Watch
  settleMs: number
  timeoutMs: number
  listens: string[]
  probe?: string | undefined
  replacesWorkers: boolean
  logs: string[]
}

export type ServiceState = {
  enabled?: boolean | undefined
  running?: boolean | undefined
  masked?: boolean | undefined
  load?: Load | undefined
  how?: ServiceHow
  seen?: ServiceSeen
}
type ServiceHow = { wishes: Wishes }
type ServiceSeen = {
  /** What causes the need to load. */
  because?: string | undefined
  /** Of a running one. */
  invocation?: string | undefined
  /** Its unit file; only of one that is to be masked. */
  path?: string | undefined
}

export const SERVICE_FORM = form.fields<Compared<ServiceState>>({
  enabled: form.optional(form.flag),
  running: form.optional(form.flag),
  masked: form.optional(form.flag),
  load: form.optional(form.inner(form.oneOf('current', 'reload', 'restart'))),
})

export const SERVICE_HOW = form.fields<ServiceHow>({
  wishes: form.fields<Wishes>({
    unit: form.line(),
    restart: WATCH_FORM,
    reload: WATCH_FORM,
    settleMs: form.whole(0, form.MAX_ID),
    timeoutMs: form.whole(0, form.MAX_ID),
    listens: form.list(form.line()),
    probe: form.optional(form.text()),
    replacesWorkers: form.flag,
    logs: form.list(form.line()),
  }),
})

export const SERVICE_SEEN = form.fields<ServiceSeen>({
  because: form.optional(form.text()),
  invocation: form.optional(form.line()),
  path: form.optional(form.line()),
})

type WantedService = Desired<ServiceState>

const PROPERTIES = [
  'Id',
  'LoadState',
  'ActiveState',
  'UnitFileState',
  'FragmentPath',
  'InvocationID',
  'InactiveExitTimestamp',
  'CanReload',
]

/**
 * The sockets of daemons that read their configuration again by starting themselves again, without the socket that systemd
 * gave them: its port is taken, and they end (seen with sshd on Debian 12 and 13 while ssh.socket is active). The socket
 * is asked for by name: what TriggeredBy says depends on which units systemd happens to have in memory.
 */
export const SOCKETS: ReadonlyMap<string, string> = new Map([
  ['ssh.service', 'ssh.socket'],
  ['sshd.service', 'ssh.socket'],
])

function socketsOf(entries: readonly WantedService[]): string[] {
  return [...new Set(entries.flatMap(({ name }) => SOCKETS.get(name) ?? []))]
}

/** One systemctl, two finds, one cat. Invocations and times in the output change only when a service or a file does. */
export function readServices(entries: readonly WantedService[]): string {
  const names = entries.map(({ name }) => name)
  const paths = [
    ...new Set(entries.flatMap(({ name, desired }) => [...restartRoots(name, desired), ...reloadRoots(desired)])),
  ]
  const recordFiles = names.map((name) => `${RECORDS}/${name}`)
  return `${sh`k_shown=$(systemctl show --timestamp=us+utc -p ${PROPERTIES.join(',')} -- ${[...names, ...socketsOf(entries)]})`}
status=$?
printf '%s\\n\\0' "$k_shown"
${listWatched(paths)}
printf 'records\\0'
${findEach(recordFiles)} -type f -print0 2>/dev/null | xargs -0 -r cat --
case $k_shown in *UnitFileState=indirect*) ${ALSO} ;; esac
case $k_shown in *LoadState=not-found*) ${ALIASES} ;; esac
[ $status -eq 0 ]`
}

/** Prints what `Also=` names in unit files, after their paths, and the states of those units (systemd.unit(5)). */
const ALSO = `k_also=$(printf '%s\\n' "$k_shown" | sed -n 's/^FragmentPath=//p' | tr '\\n' '\\0' | xargs -0 -r grep -H '^Also=' -- 2>/dev/null)
  printf 'also\\0%s\\0' "$k_also"
  printf '%s\\n' "$k_also" | sed 's/^[^:]*:Also=//' | tr ' ' '\\n' | sort -u | xargs -r systemctl show -p Id,UnitFileState --`

/** Prints `PATH:Alias=NAMES` of the unit files of a host: what else their units are called while they are enabled. */
export const LIST_ALIASES =
  "grep -HsE -d skip '^Alias=' -- /etc/systemd/system/*.* /usr/local/lib/systemd/system/*.* /usr/lib/systemd/system/*.*"

/**
 * Prints the names that units have only while they are enabled, after their paths, and the states of those units: on
 * Debian `redis.service` is one of redis-server.service.
 */
const ALIASES = `k_alias=$(${LIST_ALIASES} || :)
  printf '\\0aliases\\0%s\\0' "$k_alias"
  printf '%s\\n' "$k_alias" | sed -n 's,^[^:]*/\\([^/:@]*\\):Alias=.*,\\1,p' | sort -u | xargs -r systemctl show -p Id,ActiveState --`

export function restartRoots(name: string, state: ServiceState | null): string[] {
  return [...unitFilesOf(name), ...(state?.how?.wishes.restart.paths ?? [])]
}

export function reloadRoots(state: ServiceState | null): string[] {
  return state?.how?.wishes.reload.paths ?? []
}

/** @throws {Error} When systemctl did not answer for each unit. */
export function parseServices(
  { stdout, stderr, exit }: Output,
  entries: readonly WantedService[],
): Map<string, ServiceState | Unknown | null> {
  const [shown = '', ...fields] = stdout.split('\0')
  const start = fields.indexOf('watched')
  const end = fields.indexOf('records', start)
  const sockets = socketsOf(entries)
  // Each unit is one block, in the order of the request; an alias answers with its real unit's Id.
  const blocks = shown
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map(parseShown)
  if (exit !== 0 || end < 0 || start < 0 || blocks.length !== entries.length + sockets.length)
    throw new Error(`systemctl show: exit ${exit}, said ${JSON.stringify(stderr || stdout.slice(0, 500))}`)
  const active = new Set(sockets.filter((_, index) => blocks[entries.length + index]?.['ActiveState'] === 'active'))
  const listed = fields.slice(start + 1, end).map(parseListed)
  const { loaded, others, called } = parseRest(fields.slice(end + 1))
  const { late, full } = overfull(fields.slice(0, start))
  return new Map(
    entries.map(({ name, desired }, index): [string, ServiceState | Unknown | null] => {
      const block = blocks[index] ?? {}
      const roots = [...restartRoots(name, desired), ...reloadRoots(desired)]
      const because = late
        ? 'what is watched could not be listed in time'
        : roots.flatMap((root) => full.get(root) ?? [])[0]
      if (because !== undefined && block['LoadState'] !== 'not-found') return [name, new Unknown(because)]
      const running = block['LoadState'] === 'not-found' ? called?.get(name) : undefined
      if (running !== undefined) return [name, { enabled: false, running, masked: false, load: 'current' }]
      const enabled = isEnabled(block, desired, others)
      const changed = changedFiles(block, listed, loaded.get(name), name, desired)
      const losesSocket = active.has(SOCKETS.get(name) ?? '')
      return [name, stateOf(block, changed, desired, { enabled, losesSocket })]
    }),
  )
}

/** What follows the listed files: the records, and what `ALSO` and `ALIASES` print where they were called for. */
function parseRest(fields: readonly string[]): {
  loaded: ReturnType<typeof parseRecords>
  others?: ReadonlyMap<string, boolean>
  called?: ReadonlyMap<string, boolean>
} {
  const [also, aliases] = [fields.indexOf('also'), fields.indexOf('aliases')]
  const end = [also, aliases].find((at) => at !== -1)
  const after = (at: number): [lines: string, shown: string] => [fields[at + 1] ?? '', fields[at + 2] ?? '']
  return {
    loaded: parseRecords(fields.slice(0, end).filter((field) => field !== '')),
    ...(also === -1 ? {} : { others: parseAlso(...after(also)) }),
    ...(aliases === -1 ? {} : { called: parseAliases(...after(aliases)) }),
  }
}

type Changed = { restart: string[]; reload: string[]; pending?: 'reload' | 'restart' | undefined }

/** Watched paths whose present version the running service has not loaded. */
function changedFiles(
  shown: Shown,
  listed: readonly Listed[],
  record: LoadedRecord | undefined,
  name: string,
  desired: ServiceState | null,
): Changed {
  const roots = { restart: restartRoots(name, desired), reload: reloadRoots(desired) }
  if (record && record.pending === undefined && record.invocation === shown['InvocationID'])
    return {
      restart: changedSinceRecord(listed, roots.restart, record.restart),
      reload: changedSinceRecord(listed, roots.reload, record.reload),
    }
  const started = parseTimestamp(shown['InactiveExitTimestamp'] ?? '')
  const pending = record?.pending
  if (started === undefined) return { restart: [], reload: [], pending }
  return {
    pending,
    restart: changedAfter(listed, roots.restart, started),
    reload: changedAfter(listed, roots.reload, started),
  }
}

/** Maps a unit file to whether all units are enabled that its `Also=` names. */
function parseAlso(lines: string, shown: string): ReadonlyMap<string, boolean> {
  const states = new Map(
    shown.split('\n\n').map((block) => [parseShown(block)['Id'], parseShown(block)['UnitFileState']]),
  )
  const files = new Map<string, boolean>()
  for (const line of lines.split('\n').filter(Boolean)) {
    const [, path = '', units = ''] = /^(.*?):Also=(.*)$/.exec(line) ?? []
    const all = units.split(' ').filter(Boolean)
    files.set(path, (files.get(path) ?? true) && all.every((unit) => states.get(unit) === 'enabled'))
  }
  return files
}

/** Maps each name that a unit has only while it is enabled to whether the unit is active. */
function parseAliases(lines: string, shown: string): ReadonlyMap<string, boolean> {
  const active = new Set(
    shown
      .split('\n\n')
      .filter((block) => block.trim() !== '')
      .map(parseShown)
      .flatMap((unit) => (unit['ActiveState'] === 'active' ? [unit['Id']] : [])),
  )
  return new Map(
    lines.split('\n').flatMap((line): [string, boolean][] => {
      const [, unit = '', names = ''] = /^.*\/([^/:]+):Alias=(.*)$/.exec(line) ?? []
      return names
        .split(' ')
        .filter(Boolean)
        .map((name) => [name, active.has(unit)])
    }),
  )
}

/** Whether it starts at boot; for one that is to be enabled, at every boot. */
function isEnabled(
  { UnitFileState: state = '', FragmentPath: path = '' }: Shown,
  desired: ServiceState | null,
  others: ReadonlyMap<string, boolean> | undefined,
): boolean {
  // Its links are under /run, and are gone after the next boot.
  if (state === 'enabled-runtime') return desired?.enabled !== true
  // It has no links of its own, only those of the units that it names.
  if (state === 'indirect') return others?.get(path) === true
  // A generator's or an init script's unit starts at boot without links of its own.
  return ['enabled', 'generated', 'alias'].includes(state)
}

/** Null for a unit that the host does not know. */
function stateOf(
  shown: Shown,
  changed: Changed,
  desired: ServiceState | null,
  { enabled, losesSocket }: { enabled: boolean; losesSocket: boolean },
): ServiceState | null {
  if (shown['LoadState'] === 'not-found') return null
  const running = ['active', 'reloading', 'refreshing'].includes(shown['ActiveState'] ?? '')
  const state = {
    enabled,
    running,
    // A mask that lasts until the next boot keeps a unit from starting, but does not satisfy one that is to be masked.
    masked:
      shown['LoadState'] === 'masked' && !(desired?.masked === true && shown['UnitFileState'] === 'masked-runtime'),
  }
  const path = desired?.masked === true ? { path: shown['FragmentPath'] } : {}
  if (!running) return { ...state, load: 'current', ...('path' in path ? { seen: path } : {}) }
  const seen = { ...path, invocation: shown['InvocationID'] }
  const need = changed.pending === 'restart' || changed.restart.length > 0 ? 'restart' : 'reload'
  const files = changed[need].length > 0 ? changed[need] : changed.reload
  if (files.length === 0 && changed.pending === undefined) return { ...state, load: 'current', seen }
  const load = shown['CanReload'] === 'yes' && !losesSocket ? need : 'restart'
  return { ...state, load, seen: { ...seen, because: describe(files, desired) } }
}

function describe(files: readonly string[], desired: ServiceState | null): string {
  const [first, ...more] = files
  if (first === undefined) return 'the last attempt was not seen to succeed'
  const { restart, reload } = desired?.how?.wishes ?? {}
  const what = changedSince(first, { refs: [...(restart?.refs ?? []), ...(reload?.refs ?? [])] })
  return `${what}${more.length > 0 ? ` and ${more.length} more` : ''} since it was loaded`
}
