/**
 * A systemd unit file in /etc/systemd/system. A `service` declares whether the unit is enabled and running. Read with
 * find(1), cat(1) and systemctl(1); checked with systemd-analyze(1) before it is replaced.
 */
import * as form from '../../kit/form.ts'
import { type Change, type Consequence, type ResourceType, Unknown } from '../../kit/resourceType.ts'
import { ensure } from '../../kit/schema.ts'
import { isPrivate } from '../../kit/files/paths.ts'
import {
  desiredFile,
  fileState,
  isOf,
  parseUnitFiles,
  readUnitFiles,
  readUnitFilesAlone,
  refsIn,
  replaceUnitFiles,
  undoUnitFile,
  unitPath,
  UNIT_FILE,
  type UnitFileState,
  type UnitFileWork,
} from './unitFiles.ts'
import {
  checkContent,
  contentDefinitions,
  contentProperties,
  renderContent,
  unitName,
  type UnitContent,
} from './unitText.ts'

/**
 * @example
 * // Started by a timer; argv is a command line of which nothing is split.
 * unit({
 *   name: 'report.service',
 *   unit: { Description: 'Nightly report' },
 *   service: { Type: 'oneshot', User: 'app', ExecStart: { argv: ['/bin/echo', 'all is well'] } },
 * })
 */
export type Unit = UnitContent & {
  /** With its suffix: `api.service`, `backup@.service`. */
  name: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

type UnitState = UnitFileState & { seen?: { running: boolean } }

export const unit: ResourceType<Unit, UnitState> = {
  type: 'unit',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    $defs: contentDefinitions,
    properties: { ...contentProperties, name: unitName, ensure },
  },
  name: (props) => props.name,
  check: checkContent,
  desired: (props) => desiredFile(renderContent(props)),
  needs: (_name, { content }) => refsIn(content),
  claims: (name) => [`path:${unitPath(name)}`],
  state: form.fields<UnitFileState>(UNIT_FILE),
  seen: form.optional(form.fields<{ running: boolean }>({ running: form.flag })),
  read: {
    command: (entries) =>
      readUnitFiles(
        entries.map(({ name }) => fileOf(name)),
        ['ActiveState'],
      ),
    compare: (entries) => readUnitFilesAlone(entries.map(({ name }) => fileOf(name))),
    parse(output, entries) {
      const read = parseUnitFiles(output)
      return new Map(
        entries.map(({ name }) => {
          const file = fileState(fileOf(name), read)
          const running = read.shown.some((shown) => isOf(name, shown) && shown['ActiveState'] === 'active')
          return [name, file && { ...file, seen: { running } }]
        }),
      )
    },
  },
  isPrivate: ({ mode }) => isPrivate(mode),
  consequence,
  steps: (change) => [replaceUnitFiles([workOf(change)])],
  remove: (change) => [replaceUnitFiles([workOf(change)])],
  batch: (changes) => [replaceUnitFiles(changes.map(workOf))],
  undo: undoUnitFile,
}

/** Removing the file stops the unit. */
function consequence({ kind, before }: Change<UnitState>): Consequence {
  if (kind !== 'remove') return 'safe'
  return before instanceof Unknown || before.seen?.running === true ? 'disruptive' : 'safe'
}

function fileOf(name: string): { unit: string; path: string } {
  return { unit: name, path: unitPath(name) }
}

function workOf({ name, after }: Change<UnitState>): UnitFileWork {
  return { ...fileOf(name), content: after === null ? null : after.content }
}
