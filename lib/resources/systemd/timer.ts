/**
 * A systemd timer: its file in /etc/systemd/system, enabled and started. The unit that it starts is a `unit`. Read with
 * find(1), cat(1) and systemctl(1); checked with systemd-analyze(1) before it is replaced.
 */
import { refOf } from '../../kit/ref.ts'
import type { Change, ResourceType } from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'
import * as form from '../../kit/form.ts'
import { ensure, oneLine } from '../../kit/schema.ts'
import { isPrivate } from '../../kit/files/paths.ts'
import {
  desiredFile,
  fileState,
  isOf,
  parseUnitFiles,
  readUnitFiles,
  readUnitFilesAlone,
  replaceUnitFiles,
  undoUnitFile,
  unitPath,
  type UnitFile,
  UNIT_FILE,
  type UnitFileState,
  type UnitFileWork,
} from './unitFiles.ts'
import { timerVerify } from './timerVerify.ts'
import { renderUnit, unitName, type UnitSection } from './unitText.ts'

/**
 * Time spans are systemd's: `'15min'`, `'1h 30s'` (systemd.time(7)).
 *
 * @example
 * timer({
 *   name: 'hourly',
 *   starts: 'report.service',
 *   onBootSec: '5min',
 *   onUnitActiveSec: '1h',
 *   randomizedDelaySec: '2min',
 *   accuracySec: '1min',
 *   description: 'A report every hour',
 * })
 */
export type Timer = {
  /** Without or with `.timer`. */
  name: string
  /** Calendar expressions, any of which starts the unit: `'*-*-* 03:00:00'`, `'Mon 04:00'` (systemd.time(7)). */
  onCalendar?: string | readonly string[]
  /** Time after boot: `'5min'`. */
  onBootSec?: string
  /** Time after the unit last became active: `'1h'`. */
  onUnitActiveSec?: string
  /** Time after the unit last ended: `'30min'`. */
  onUnitInactiveSec?: string
  /** Catches up at the next boot on runs missed while the host was off. @default true with onCalendar */
  persistent?: boolean
  /** Spreads the start over up to this time. */
  randomizedDelaySec?: string
  /** How late it may start, to share a wake-up. */
  accuracySec?: string
  /** The unit it starts. @default NAME.service */
  starts?: string
  /** What `systemctl` shows. */
  description?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type TimerState = UnitFileState & {
  /** Starts at boot. */
  enabled: boolean
  /** Waiting for its next time. */
  active: boolean
}

const span = {
  type: 'string',
  pattern: '^[0-9][0-9A-Za-z. ]*$',
  description: 'a time, such as "5min" or "1h 30min"',
  maxLength: 100,
} as const
// What systemd.time(7) allows in calendar expressions, time zones included.
const calendar = {
  type: 'string',
  pattern: '^[A-Za-z0-9*][A-Za-z0-9*,./:~_+ -]*$',
  description: 'a time of the calendar, such as "daily" or "Mon 04:00"',
  maxLength: 200,
} as const

export const timer: ResourceType<Timer, TimerState> = {
  type: 'timer',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9_][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]+)?$',
        description: 'the name of a unit, such as "backup"',
        maxLength: 240,
      },
      onCalendar: { anyOf: [calendar, { type: 'array', minItems: 1, items: calendar }] },
      onBootSec: span,
      onUnitActiveSec: span,
      onUnitInactiveSec: span,
      persistent: { type: 'boolean' },
      randomizedDelaySec: span,
      accuracySec: span,
      starts: unitName,
      description: oneLine,
      ensure,
    },
  },
  name: (props) => props.name.replace(/\.timer$/, ''),
  check: ({ onCalendar, onBootSec, onUnitActiveSec, onUnitInactiveSec }) =>
    [onCalendar, onBootSec, onUnitActiveSec, onUnitInactiveSec].some((on) => on !== undefined)
      ? []
      : ['say when it starts: onCalendar, onBootSec, onUnitActiveSec or onUnitInactiveSec'],
  desired: (props) => ({
    ...desiredFile(renderUnit({ unit: unitSection(props), timer: timerSection(props), install: INSTALL })),
    enabled: true,
    active: true,
  }),
  needs: (name, { content }) => [refOf('unit', /^Unit=(.+)$/m.exec(content)?.[1] ?? `${name}.service`)],
  claims: (name) => [`path:${fileOf(name).path}`],
  state: form.fields<TimerState>({
    ...UNIT_FILE,
    enabled: form.inner(form.flag),
    active: form.inner(form.flag),
  }),
  read: {
    command: (entries) =>
      readUnitFiles(
        entries.map(({ name }) => fileOf(name)),
        ['UnitFileState', 'ActiveState'],
      ),
    compare: (entries) => readUnitFilesAlone(entries.map(({ name }) => fileOf(name))),
    parse(output, entries) {
      const read = parseUnitFiles(output)
      return new Map(
        entries.map(({ name }) => {
          const file = fileState(fileOf(name), read)
          const shown = read.shown.find((one) => isOf(fileOf(name).unit, one))
          const enabled = shown?.['UnitFileState'] === 'enabled'
          return [name, file && { ...file, enabled, active: shown?.['ActiveState'] === 'active' }]
        }),
      )
    },
  },
  isPrivate: ({ mode }) => isPrivate(mode),
  verify: timerVerify,
  drift: { field: ({ field }) => ({ active: 'stopped', enabled: 'disabled' })[field] },
  steps: (change) => [replaceUnitFiles([workOf(change)], startAll([change]))],
  remove: (change) => [replaceUnitFiles([workOf(change)])],
  batch: (changes) => [replaceUnitFiles(changes.map(workOf), startAll(changes))],
  undo: (was) =>
    was.before?.enabled === false || was.before?.active === false
      ? { cannot: 'it was there but did not wait for its next time' }
      : undoUnitFile(was),
}

const INSTALL: UnitSection = { WantedBy: 'timers.target' }

function unitSection({ name, description }: Timer): UnitSection {
  return { Description: description ?? `Starts ${name.replace(/\.timer$/, '')} on time` }
}

function timerSection(props: Timer): UnitSection {
  const { onCalendar, persistent = onCalendar !== undefined } = props
  const settings: [string, UnitSection[string] | undefined][] = [
    ['OnCalendar', onCalendar],
    ['OnBootSec', props.onBootSec],
    ['OnUnitActiveSec', props.onUnitActiveSec],
    ['OnUnitInactiveSec', props.onUnitInactiveSec],
    ['Persistent', persistent ? true : undefined],
    ['RandomizedDelaySec', props.randomizedDelaySec],
    ['AccuracySec', props.accuracySec],
    ['Unit', props.starts],
  ]
  return Object.fromEntries(settings.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

function fileOf(name: string): UnitFile {
  return { unit: `${name}.timer`, path: unitPath(`${name}.timer`) }
}

function workOf({ name, after }: Change<TimerState>): UnitFileWork {
  return { ...fileOf(name), content: after === null ? null : after.content }
}

/** Enables and starts all timers that are present; a new schedule takes effect with daemon-reload alone. */
function startAll(changes: readonly Change<TimerState>[]): string[] {
  const units = changes.filter(({ after }) => after !== null).map(({ name }) => `${name}.timer`)
  if (units.length === 0) return []
  const say = 'a timer does not wait for its next time; see: systemctl status'
  return [
    sh`systemctl --quiet enable --now -- ${units}`,
    sh`systemctl is-active --quiet -- ${units} || fail ${`${say} ${units.join(' ')}`}`,
  ]
}
