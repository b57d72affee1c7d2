/**
 * The state of a systemd unit: enabled, running, masked, and with its current files loaded. Read with systemctl(1) and
 * find(1); changed with systemctl(1). Its package or unit file is another resource, so a service that is no longer
 * declared stays unchanged.
 */
import * as form from '../../kit/form.ts'
import { byField } from '../../kit/byField.ts'
import { refOf, under } from '../../kit/ref.ts'
import type {
  Change,
  Consequence,
  EarlierChange,
  FieldChange,
  ResourceType,
  Was,
  UndoTarget,
} from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'
import { absolutePath, oneLine } from '../../kit/schema.ts'
import { serviceVerify } from './serviceVerify.ts'
import { serviceProgram, type ServiceWork } from './serviceProgram.ts'
import {
  parseServices,
  readServices,
  reloadRoots,
  restartRoots,
  SERVICE_FORM,
  SERVICE_HOW,
  SERVICE_SEEN,
  type ServiceState,
  type Wishes,
} from './serviceReading.ts'
import { watched, watchOf, type Watched } from '../../kit/files/watched.ts'
import { isOnlyBefore, loadAfter, unitFilesOf } from './watch.ts'

/**
 * @example
 * service({
 *   name: 'memcached',
 *   enabled: true,
 *   running: true,
 *   restartOn: ['/etc/memcached.conf'],
 *   listens: ['127.0.0.1:11211'],
 *   settleMs: 1000,
 *   timeoutMs: 10_000,
 *   probe: 'pgrep memcached',
 *   logs: ['/var/log/memcached.log'],
 * })
 */
export type Service = {
  /** `nginx` stands for `nginx.service`; other unit types with their suffix. */
  name: string
  /** Starts at boot. Left unchanged when omitted. */
  enabled?: boolean
  /** Runs now; false: it is stopped. Left unchanged when omitted. */
  running?: boolean
  /** Nobody can start it. @default false when enabled or running is true */
  masked?: boolean
  /** Resources and paths that it only loads when it starts. Its own unit file and drop-ins always count. */
  restartOn?: readonly Watched[]
  /**
   * Resources and paths that it loads on reload. A unit that cannot reload is restarted.
   *
   * @example ['/etc/ssl/shop']
   */
  reloadOn?: readonly Watched[]
  /** How long it must stay up after it was started, restarted or reloaded. @default 2000 */
  settleMs?: number
  /** How long to wait for listeners, probe and new workers. @default 30_000 */
  timeoutMs?: number
  /** What must be listening afterwards: a TCP port, `127.0.0.1:8000`, `[::1]:8000`, or the path of a UNIX socket. */
  listens?: readonly (number | string)[]
  /** What must succeed afterwards: shell text, or an address that answers with one of `status` (needs curl on the host). */
  probe?:
    | string
    | {
        /** `'http://127.0.0.1:8000/health'` */
        url: string
        /** What it must answer. @default 200 */
        status?: number
      }
  /**
   * `workers`: waits until the main process has replaced its children on reload. Any reload is verified by systemd's
   * own state. @default 'workers' for nginx, else false
   */
  reloadProof?: 'workers' | false
  /** Log files whose new lines are shown when it fails, in addition to its journal. */
  logs?: readonly string[]
}

const unitPattern = '^[A-Za-z0-9_][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]+)?$'
const socketAddress = {
  description: 'a port such as 8000, an address such as "127.0.0.1:8000", or the path of a socket',
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
      name: {
        type: 'string',
        pattern: unitPattern,
        description: 'the name of a unit, such as "nginx" or "backup.timer"',
        maxLength: 255,
      },
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
    return { enabled, running, masked, load: 'current', how: { wishes: wishesOf(props) } }
  },
  needs: (name, { how }) => [
    refOf('unit', name),
    refOf('timer', name.replace(/\.timer$/, '')),
    ...unitFilesOf(name).map((path) => under(path)),
    ...[how?.wishes.restart, how?.wishes.reload].flatMap((watch) => [
      ...(watch?.refs ?? []),
      ...(watch?.paths ?? []).map((path) => under(path)),
    ]),
  ],
  state: SERVICE_FORM,
  how: form.optional(SERVICE_HOW),
  seen: form.optional(SERVICE_SEEN),
  read: { command: readServices, parse: parseServices },
  diff: diffService,
  simulate(observed, desired, earlier) {
    const wishes = desired?.how?.wishes
    if (!wishes || !observed?.running || desired.running === false || desired.masked === true) return observed
    const { load, because } = loadAfter(wishes.unit, wishes, earlier)
    if (load === 'current' || observed.load === 'restart') return observed
    return { ...observed, load, seen: { ...observed.seen, because: because.join(', ') } }
  },
  impossible,
  touches: ({ name, after }) => [{ unit: name, ...(after?.running === false ? { stops: true } : {}) }],
  drift: { field: driftOf },
  verify: serviceVerify,
  consequence,
  steps: (change) => {
    const verbs = verbsOf(change)
    const title = `${verbs.length > 0 ? verbs.join(', ') : 'check'} ${change.name}`
    const command = verbs.map((verb) => `systemctl ${verb} ${change.name}`).join(' && ')
    return [
      {
        title,
        ...(command === '' ? {} : { command }),
        run: serviceProgram(workOf(change)),
        timeoutMs: limitOf(change),
      },
    ]
  },
  remove: () => [],
  holdsData: 'its package or unit file is what takes a service away',
  undo: undoService,
  runsBeside: true,
}

/** Where a unit file, or the program that a generator makes one of, may come to be (systemd.unit(5)). */
const UNIT_PLACES = /^\/(etc|run|usr\/lib|usr\/local\/lib|lib)\/(systemd|init\.d)(\/|$)/

function impossible(change: Change<ServiceState>, earlier: readonly EarlierChange[]): string | undefined {
  const { kind, name, before, after } = change
  const maybe = earlier.some((one) => one.altersOthers === true || one.paths.some((path) => UNIT_PLACES.test(path)))
  if (maybe) return undefined
  if (kind === 'create' && before === null && (after.enabled === true || after.running === true))
    return `the host has no unit ${name}, and nothing before it brings one; correct the name, or declare its package or unit and pass the handle`
  if (kind !== 'change' || after.masked !== true || before.masked === true) return undefined
  const path = before.seen?.path ?? ''
  return path.startsWith('/etc/systemd/system/')
    ? `it cannot be masked while its unit file is at ${path}, where the mask would be; remove that file, or leave masked out`
    : undefined
}

function unitOf(name: string): string {
  return /\.(service|socket|timer|path|mount|slice|target)$/.test(name) ? name : `${name}.service`
}

function wishesOf(props: Service): Wishes {
  return {
    unit: unitOf(props.name),
    restart: watchOf(props.restartOn ?? [], isOnlyBefore),
    reload: watchOf(props.reloadOn ?? [], isOnlyBefore),
    settleMs: props.settleMs ?? 2000,
    timeoutMs: props.timeoutMs ?? 30_000,
    listens: (props.listens ?? []).map(String),
    probe: probeOf(props.probe),
    replacesWorkers: (props.reloadProof ?? (unitOf(props.name) === 'nginx.service' ? 'workers' : false)) === 'workers',
    logs: [...(props.logs ?? [])],
  }
}

function probeOf(probe: Service['probe']): string | undefined {
  if (probe === undefined || typeof probe === 'string') return probe
  const asked = sh`curl -sk -o /dev/null --max-time 5 -w ${'%{http_code}'} --url ${probe.url}`
  return `[ "$(${asked})" = ${probe.status ?? 200} ]`
}

function diffService(desired: ServiceState, observed: ServiceState): FieldChange[] {
  const { load, ...fields } = desired
  const changes = byField(fields, observed)
  const stays = desired.running !== false && desired.masked !== true
  if (load === undefined || !stays || observed.load === undefined || observed.load === 'current') return changes
  const followUp = { action: observed.load, because: observed.seen?.because ?? 'its files changed since it was loaded' }
  return [...changes, { field: 'load', form: 'value', before: observed.load, after: 'current', followUp }]
}

/**
 * A service that did not exist is stopped before its unit is removed. Whether it had yet to load something is not
 * restored.
 */
function undoService({ before, after }: Was<ServiceState>): UndoTarget<ServiceState> {
  const how = after?.how === undefined ? {} : { how: after.how }
  if (before === null) return { state: { enabled: false, running: false, load: 'current', ...how } }
  const { enabled, running, masked } = before
  return { state: { enabled, running, masked, load: 'current', ...how } }
}

function consequence(change: Change<ServiceState>): Consequence {
  if (change.kind !== 'change') return 'safe'
  const { before, after } = change
  if (before.running && (after.running === false || after.masked === true)) return 'disruptive'
  const followUp = change.fields.find(({ followUp: wanted }) => wanted !== undefined)?.followUp
  return followUp === undefined || followUp.action === 'run' ? 'safe' : followUp.action
}

type ServiceChange = Extract<Change<ServiceState>, { kind: 'create' | 'change' }>

function verbsOf({ kind, fields }: ServiceChange): string[] {
  return fields.flatMap(({ field, after, followUp }) => {
    if (followUp) return [followUp.action]
    const [yes, no] = VERBS[field] ?? []
    // A unit that did not exist was not masked either.
    if (yes === undefined || no === undefined || (kind === 'create' && after === false)) return []
    return [after === true ? yes : no]
  })
}

const VERBS: { readonly [field: string]: readonly [yes: string, no: string] } = {
  enabled: ['enable', 'disable'],
  running: ['start', 'stop'],
  masked: ['mask', 'unmask'],
}

/** `running` is no longer as it was: somebody stopped it, or it stopped by itself. */
function driftOf({ field, after }: FieldChange): string | undefined {
  const [wasYes, wasNo] = DRIFTED[field] ?? []
  return after === true ? wasYes : wasNo
}

const DRIFTED: { readonly [field: string]: readonly [wasYes: string, wasNo: string] } = {
  enabled: ['disabled', 'enabled'],
  running: ['stopped', 'started'],
  masked: ['unmasked', 'masked'],
}

function workOf({ name, kind, before, after }: ServiceChange): ServiceWork {
  const { enabled, running, masked } = after
  const wishes = after.how?.wishes ?? wishesOf({ name })
  const { settleMs, timeoutMs, listens, probe, replacesWorkers, logs } = wishes
  return {
    unit: name,
    enabled,
    running,
    masked,
    // A service that did not exist or run when the plan was made loads everything when it starts; if it has started by
    // itself meanwhile, a restart has the same effect.
    load: kind === 'create' || before.running !== true ? 'any' : (before.load ?? 'current'),
    invocation: kind === 'create' ? undefined : before.seen?.invocation,
    goesBack: kind === 'change' && before.running === true,
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

/** Leaves time for the unit's own start and stop limits (90 s each by default) in addition to the waits. */
function limitOf({ after }: ServiceChange): number {
  const { settleMs = 0, timeoutMs = 0, listens = [] } = after.how?.wishes ?? {}
  return 300_000 + settleMs + timeoutMs * (listens.length + 2)
}
