/**
 * The host's time zone: the link /etc/localtime (localtime(5)), and /etc/timezone where the host has that file. One per
 * host. The link is replaced by rename, so that there is a zone at every instant.
 */
import { parseSmallFiles, readSmallFiles, type SmallFile } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import { refOf } from '../../kit/ref.ts'
import type { ResourceType } from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'

/**
 * @example
 * timezone({ name: 'Etc/UTC' })
 */
export type Timezone = {
  /** A zone of tz(5), with its capitals: `'Europe/Berlin'`, `'Etc/UTC'`. */
  name: string
}

export type TimezoneState = {
  /** Empty when /etc/localtime is no link to a zone. */
  zone: string
  /** What /etc/timezone says, for programs that read it; without that file the same as `zone`. */
  file: string
}

const LINK = '/etc/localtime'
const FILE = '/etc/timezone'
const ZONES = '/usr/share/zoneinfo'

export const timezone: ResourceType<Timezone, TimezoneState, never> = {
  type: 'timezone',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        maxLength: 100,
        pattern: '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*$',
        description: 'the name of a time zone, such as "Europe/Berlin" or "Etc/UTC"',
      },
    },
  },
  key: [],
  name: () => 'zone',
  desired: ({ name }) => ({ zone: name, file: name }),
  needs: () => [refOf('package', 'tzdata'), refOf('package', 'tzdata-legacy')],
  claims: () => [`path:${LINK}`, `path:${FILE}`],
  state: form.fields<TimezoneState>({ zone: form.line(), file: form.line() }),
  read: {
    command: () => readSmallFiles([LINK, FILE]),
    parse(output, entries) {
      const files = parseSmallFiles(output)
      const link = files.get(LINK)
      if (link === undefined) return new Map()
      const zone = zoneOf(link)
      return new Map(entries.map(({ name }) => [name, { zone, file: textOf(files.get(FILE)) ?? zone }]))
    },
  },
  besides: ({ kind }) =>
    kind === 'change' ? ['programs that run, such as cron, keep the previous zone until they start again'] : [],
  steps: ({ after }) => [
    {
      title: `set the time zone to ${after.zone}`,
      run: [
        zoneExists(after.zone),
        // Beside the link, which is what counts.
        sh`if [ -e ${FILE} ] || [ -L ${FILE} ]; then replace_file ${FILE} root root 0644 ${payload('zone')}; fi`,
        sh`make_link ${LINK} ${`${ZONES}/${after.zone}`} force`,
        // It tells timedatectl(1) what it found when it started.
        'systemctl try-restart systemd-timedated.service 2>/dev/null || :',
      ].join('\n'),
      payload: { zone: `${after.file}\n` },
    },
  ],
  remove: () => [],
  undo: ({ before }) =>
    before?.zone === ''
      ? { cannot: `${LINK} was no link to a time zone, and the file that stood there is gone` }
      : undefined,
  holdsData: 'a host always has a time zone; declare another one, or forget this one',
}

/** A link may be relative, and lead through another folder of zones: posix/Europe/Berlin. */
function zoneOf(file: SmallFile): string {
  return file.kind === 'link' ? (/\/zoneinfo\/(?:posix\/)?(.+)$/.exec(file.target)?.[1] ?? '') : ''
}

function textOf(file: SmallFile | undefined): string | undefined {
  if (file === undefined) return undefined
  return file.kind === 'file' ? file.bytes.toString('utf8').trim() : ''
}

/** Fails with zones of a similar name: in capitals or small letters, or of the same place. */
function zoneExists(zone: string): string {
  const place = zone.slice(zone.lastIndexOf('/') + 1)
  const similar = sh`find -P . ! -type d -iname ${place} -printf '%P\n' 2>/dev/null | grep -vE '^(posix|right)/' | sort | head -n 5 | paste -sd ' '`
  return `${sh`[ -d ${ZONES} ] || fail ${`there are no time zones on this host; declare the package tzdata first`}`}
${sh`if [ ! -f ${`${ZONES}/${zone}`} ]; then`}
  similar=$(cd ${ZONES} && ${similar})
  ${sh`fail ${`this host has no time zone ${zone}`}"\${similar:+; it has $similar}"${`. Old names, such as US/Eastern, are in the package tzdata-legacy on Debian 13`}`}
fi`
}
