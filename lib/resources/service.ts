/**
 * A systemd unit's state: enabled, running, masked, and having loaded what is on disk.
 * Read with systemctl(1) and find(1); changed with systemctl(1). Its package or unit file is another resource, so a
 * service that is no longer declared is left as it is.
 */
import { byField } from '../engine/diff.ts'
import type { Change, Consequence, FieldChange, Output, ResourceType, Wanted } from '../engine/resource.ts'
import { quote, sh } from '../engine/shell.ts'
import { absolutePath, handle, oneLine } from '../engine/schema.ts'
import { serviceProgram, type ServiceWork } from './systemd/serviceProgram.ts'
import { parseShown, type Shown } from './systemd/unitFiles.ts'
import {
  changedAfter,
  changedSinceRecord,
  listWatched,
  loadAfter,
  parseListed,
  parseRecords,
  parseTimestamp,
  RECORDS,
  unitFilesOf,
  watchOf,
  type Listed,
  type Load,
  type LoadedRecord,
  type Watch,
  type Watched,
} from './systemd/watch.ts'

export type Service = {
  /** `nginx` stands for `nginx.service`; other kinds with their ending. */
  name: string
  /** Starts at boot. Left as it is when omitted. */
  enabled?: boolean
  /** Left as it is when omitted. */
  running?: boolean
  /** Cannot be started by anyone. @default false when enabled or running is true */
  masked?: boolean
  /** What it only loads when it starts. Its own unit file and drop-ins always count. */
  restartOn?: readonly Watched[]
  /** What it loads on reload. A unit that cannot reload is restarted. */
  reloadOn?: readonly Watched[]
  /** How long it must stay up after it was started, restarted or reloaded. @default 2000 */
  settleMs?: number
  /** How long listeners, probe and new workers may take. @default 30_000 */
  timeoutMs?: number
  /** What must be listening then: a TCP port, `127.0.0.1:8000`, `[::1]:8000`, or the path of a UNIX socket. */
  listens?: readonly (number | string)[]
  /** What must succeed then: shell text, or an address that answers with one of `status` (needs curl on the host). */
  probe?: string | { url: string; /** @default 200 */ status?: number }
  /** `workers`: the main process replaces its children on reload, and is seen to have done so. @default false */
  reloadProof?: 'workers' | false
  /** Log files whose new lines are shown when it fails, besides its journal. */
  logs?: readonly string[]
}

/** Wishes: how to act, no part of what the host is compared with. */
type Wishes = {
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
  /** What the need to load comes from; on the observed side only. */
  because?: string | undefined
  /** On the desired side only. */
  wishes?: Wishes | undefined
}

const unitPattern = '^[A-Za-z0-9_][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]+)?$'
const watched = { type: 'array', items: { anyOf: [handle, absolutePath] } } as const
const socketAddress = {
  anyOf: [
    { type: 'integer', minimum: 1, maximum: 65535 },
    { type: 'string', pattern: '^([0-9.]+|\\*|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5}$' },
    { type: 'string', pattern: '^/[^\\s\\u0000-\\u001f\\u007f]+$', maxLength: 107 },
  ],
} as const

export const service: ResourceType<Service, ServiceState> = {
  type: 'service',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: { type: 'string', pattern: unitPattern, maxLength: 255 },
      enabled: { type: 'boolean' },
      running: { type: 'boolean' },
      masked: { type: 'boolean' },
      restartOn: watched,
      reloadOn: watched,
      settleMs: { type: 'integer', minimum: 0, maximum: 600_000 },
      timeoutMs: { type: 'integer', minimum: 100, maximum: 3_600_000 },
      listens: { type: 'array', items: socketAddress },
      probe: {
        anyOf: [
          { type: 'string', minLength: 1 },
          {
            type: 'object',
            additionalProperties: false,
            required: ['url'],
            properties: {
              url: { ...oneLine, pattern: '^https?://[^\\s\\u0000-\\u001f\\u007f]+$' },
              status: { type: 'integer', minimum: 100, maximum: 599 },
            },
          },
        ],
      },
      reloadProof: { enum: ['workers', false] },
      logs: { type: 'array', items: absolutePath },
    },
  },
  name: (props) => unitOf(props.name),
  check: ({ masked, enabled, running }) =>
    masked === true && (enabled === true || running === true)
      ? ['a masked unit can be neither enabled nor running; leave those out or set masked: false']
      : [],
  desired(props) {
    const { enabled, running, masked = enabled === true || running === true ? false : undefined } = props
    return { enabled, running, masked, load: 'current', wishes: wishesOf(props) }
  },
  needs: (name, { wishes }) => [
    `unit:${name}`,
    `timer:${name.replace(/\.timer$/, '')}`,
    ...unitFilesOf(name).map((path) => `under:${path}`),
    ...[wishes?.restart, wishes?.reload].flatMap((watch) => [
      ...(watch?.refs ?? []),
      ...(watch?.paths ?? []).map((path) => `under:${path}`),
    ]),
  ],
  read: { command: readServices, parse: parseServices },
  diff: diffService,
  simulate(observed, desired, earlier) {
    const wishes = desired?.wishes
    if (!wishes || !observed?.running || desired.running === false || desired.masked === true) return observed
    const { load, because } = loadAfter(wishes.unit, wishes, earlier)
    if (load === 'current' || observed.load === 'restart') return observed
    return { ...observed, load, because: because.join(', ') }
  },
  consequence,
  steps: (change) => [{ title: titleOf(change), run: serviceProgram(workOf(change)), timeoutMs: limitOf(change) }],
  remove: () => [],
  holdsData: 'its package or unit file is what takes a service away',
  waits: true,
}

function unitOf(name: string): string {
  return /\.(service|socket|timer|path|mount|slice|target)$/.test(name) ? name : `${name}.service`
}

function wishesOf(props: Service): Wishes {
  return {
    unit: unitOf(props.name),
    restart: watchOf(props.restartOn ?? []),
    reload: watchOf(props.reloadOn ?? []),
    settleMs: props.settleMs ?? 2000,
    timeoutMs: props.timeoutMs ?? 30_000,
    listens: (props.listens ?? []).map(String),
    probe: probeOf(props.probe),
    replacesWorkers: props.reloadProof === 'workers',
    logs: [...(props.logs ?? [])],
  }
}

function probeOf(probe: Service['probe']): string | undefined {
  if (probe === undefined || typeof probe === 'string') return probe
  const asked = sh`curl -sk -o /dev/null --max-time 5 -w ${'%{http_code}'} --url ${probe.url}`
  return `[ "$(${asked})" = ${probe.status ?? 200} ]`
}

type WantedService = Wanted<ServiceState>

const PROPERTIES = [
  'Id',
  'LoadState',
  'ActiveState',
  'UnitFileState',
  'InvocationID',
  'InactiveExitTimestamp',
  'CanReload',
]

/** One systemctl, one find, one cat. Invocations and times in it change only when a service or a file does. */
function readServices(wanted: readonly WantedService[]): string {
  const names = wanted.map(({ name }) => name)
  const paths = [
    ...new Set(wanted.flatMap(({ name, desired }) => [...restartRoots(name, desired), ...reloadRoots(desired)])),
  ]
  const recordFiles = names.map((name) => `${RECORDS}/${name}`)
  return `${sh`systemctl show --timestamp=us+utc -p ${PROPERTIES.join(',')} -- ${names}`}
status=$?
printf '\\0watched\\0'
${listWatched(paths)}
printf 'records\\0'
(set --; for f in ${recordFiles.map(quote).join(' ')}; do if [ -f "$f" ]; then set -- "$@" "$f"; fi; done; [ $# -eq 0 ] || cat -- "$@")
[ $status -eq 0 ]`
}

function restartRoots(name: string, state: ServiceState | null): string[] {
  return [...unitFilesOf(name), ...(state?.wishes?.restart.paths ?? [])]
}

function reloadRoots(state: ServiceState | null): string[] {
  return state?.wishes?.reload.paths ?? []
}

/** @throws {Error} When systemctl did not answer for each unit. */
function parseServices(
  { stdout, stderr, exit }: Output,
  wanted: readonly WantedService[],
): Map<string, ServiceState | null> {
  const [shown = '', ...fields] = stdout.split('\0')
  const end = fields.indexOf('records')
  // Each unit is one block, in the order asked; an alias answers with its real unit's Id.
  const blocks = shown
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map(parseShown)
  if (exit !== 0 || end < 0 || fields[0] !== 'watched' || blocks.length !== wanted.length)
    throw new Error(`systemctl show: exit ${exit}, said ${JSON.stringify(stderr || stdout.slice(0, 500))}`)
  const listed = fields.slice(1, end).map(parseListed)
  const loaded = parseRecords(fields.slice(end + 1).filter((field) => field !== ''))
  return new Map(
    wanted.map(({ name, desired }, index) => {
      const block = blocks[index] ?? {}
      return [name, stateOf(block, changedFiles(block, listed, loaded.get(name), name, desired))]
    }),
  )
}

type Changed = { restart: string[]; reload: string[]; pending?: 'reload' | 'restart' | undefined }

/** Watched paths the running service has not loaded in their present form. */
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

/** Null for a unit the host does not know. */
function stateOf(shown: Shown, changed: Changed): ServiceState | null {
  if (shown['LoadState'] === 'not-found') return null
  const running = ['active', 'reloading', 'refreshing'].includes(shown['ActiveState'] ?? '')
  const state = {
    // A generator's or an init script's unit is started at boot without links of its own.
    enabled: /^(enabled|enabled-runtime|generated|alias)$/.test(shown['UnitFileState'] ?? ''),
    running,
    masked: shown['LoadState'] === 'masked',
  }
  if (!running) return { ...state, load: 'current' }
  const need = changed.pending === 'restart' || changed.restart.length > 0 ? 'restart' : 'reload'
  const files = changed[need].length > 0 ? changed[need] : changed.reload
  if (files.length === 0 && changed.pending === undefined) return { ...state, load: 'current' }
  return { ...state, load: shown['CanReload'] === 'yes' ? need : 'restart', because: describe(files) }
}

function describe(files: readonly string[]): string {
  const [first, ...more] = files
  if (first === undefined) return 'the last attempt was not seen to succeed'
  return `${first}${more.length > 0 ? ` and ${more.length} more` : ''} changed since it was loaded`
}

function diffService(desired: ServiceState, observed: ServiceState): FieldChange[] {
  const { wishes: _wishes, because: _because, load, ...fields } = desired
  const changes = byField(fields, observed)
  const stays = desired.running !== false && desired.masked !== true
  if (load === undefined || !stays || observed.load === undefined || observed.load === 'current') return changes
  const followUp = { action: observed.load, because: observed.because ?? 'its files changed since it was loaded' }
  return [...changes, { field: 'load', form: 'value', before: observed.load, after: 'current', followUp }]
}

function consequence(change: Change<ServiceState>): Consequence {
  if (change.kind !== 'change') return 'safe'
  const { before, after } = change
  if (before.running && (after.running === false || after.masked === true)) return 'disruptive'
  const followUp = change.fields.find(({ followUp: wanted }) => wanted !== undefined)?.followUp
  return followUp?.action ?? 'safe'
}

type ServiceChange = Extract<Change<ServiceState>, { kind: 'create' | 'change' }>

function titleOf({ name, kind, fields }: ServiceChange): string {
  const what = fields.flatMap(({ field, after, followUp }) => {
    if (followUp) return [followUp.action]
    const [yes, no] = VERBS[field] ?? []
    // A unit that was not there was not masked either.
    if (yes === undefined || no === undefined || (kind === 'create' && after === false)) return []
    return [after === true ? yes : no]
  })
  return `${what.length > 0 ? what.join(', ') : 'check'} ${name}`
}

const VERBS: { readonly [field: string]: readonly [yes: string, no: string] } = {
  enabled: ['enable', 'disable'],
  running: ['start', 'stop'],
  masked: ['mask', 'unmask'],
}

function workOf({ name, kind, before, after }: ServiceChange): ServiceWork {
  const { enabled, running, masked } = after
  const wishes = after.wishes ?? wishesOf({ name })
  const { settleMs, timeoutMs, listens, probe, replacesWorkers, logs } = wishes
  return {
    unit: name,
    enabled,
    running,
    masked,
    // One that was not there or not running when the plan was made loads everything when it starts; where it has come
    // up by itself meanwhile, a restart is no more than that.
    load: kind === 'create' || before.running !== true ? 'any' : (before.load ?? 'current'),
    restartPaths: restartRoots(name, after),
    reloadPaths: reloadRoots(after),
    settleMs,
    timeoutMs,
    listens,
    probe,
    replacesWorkers,
    logs,
  }
}

/** Room for the unit's own start and stop limits (90 s each by default) besides what is waited for. */
function limitOf({ after }: ServiceChange): number {
  const { settleMs = 0, timeoutMs = 0, listens = [] } = after.wishes ?? {}
  return 300_000 + settleMs + timeoutMs * (listens.length + 2)
}
