/**
 * Settings added to a unit that a package ships: /etc/systemd/system/UNIT.d/NAME.conf (systemd.unit(5)).
 * Read with find(1), cat(1) and systemctl(1); checked with systemd-analyze(1) before it is replaced.
 */
import { refOf } from '../../kit/ref.ts'
import type { Change, ResourceType } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { isPrivate } from '../../kit/files/paths.ts'
import {
  desiredFile,
  dropInPath,
  fileState,
  parseUnitFiles,
  readUnitFiles,
  readUnitFilesAlone,
  refsIn,
  replaceUnitFiles,
  undoUnitFile,
  type UnitFile,
  UNIT_FILE,
  type UnitFileState,
  type UnitFileWork,
} from './unitFiles.ts'
import {
  checkContent,
  contentDefinitions,
  contentProperties,
  dropInName,
  renderContent,
  unitName,
  type UnitContent,
} from './unitText.ts'

/**
 * The section that other unit files call `unit` is `sections.unit` here, where `unit` names the unit.
 *
 * @example
 * dropIn({
 *   unit: 'cron.service',
 *   name: 'patience',
 *   unitSection: { StartLimitIntervalSec: 0 },
 *   service: { Restart: 'always', RestartSec: 5, Environment: { words: ['TZ=UTC'] } },
 * })
 */
export type DropIn = {
  /** The unit that it extends, with its suffix: `nginx.service`. */
  unit: string
  /** File name without `.conf`; files of one unit are read in the order of their names. */
  name: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
} & Omit<UnitContent, 'unit'> & {
    /** Settings of the [Unit] section, where `unit` names the unit. */
    unitSection?: NonNullable<UnitContent['unit']>
  }

const { unit: unitSection, ...sections } = contentProperties

export const dropIn: ResourceType<DropIn, UnitFileState> = {
  type: 'drop-in',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['unit', 'name'],
    $defs: contentDefinitions,
    properties: { ...sections, unitSection, unit: unitName, name: dropInName, ensure },
  },
  name: (props) => `${props.unit}/${props.name}`,
  check: (props) => checkContent(contentOf(props)),
  desired: (props) => desiredFile(renderContent(contentOf(props))),
  needs: (name, { content }) => [refOf('unit', fileOf(name).unit), ...refsIn(content)],
  claims: (name) => [`path:${fileOf(name).path}`],
  state: form.fields<UnitFileState>(UNIT_FILE),
  read: {
    command: (entries) => readUnitFiles(entries.map(({ name }) => fileOf(name))),
    compare: (entries) => readUnitFilesAlone(entries.map(({ name }) => fileOf(name))),
    parse(output, entries) {
      const read = parseUnitFiles(output)
      return new Map(entries.map(({ name }) => [name, fileState(fileOf(name), read)]))
    },
  },
  isPrivate: ({ mode }) => isPrivate(mode),
  steps: (change) => [replaceUnitFiles([workOf(change)])],
  remove: (change) => [replaceUnitFiles([workOf(change)])],
  batch: (changes) => [replaceUnitFiles(changes.map(workOf))],
  undo: undoUnitFile,
}

function contentOf({ unitSection: unit, unit: _unit, name: _name, ensure: _ensure, ...rest }: DropIn): UnitContent {
  return unit === undefined ? rest : { ...rest, unit }
}

function fileOf(name: string): UnitFile {
  const slash = name.indexOf('/')
  const unit = name.slice(0, slash)
  return { unit, path: dropInPath(unit, name.slice(slash + 1)) }
}

function workOf({ name, after }: Change<UnitFileState>): UnitFileWork {
  return { ...fileOf(name), content: after === null ? null : after.content }
}
