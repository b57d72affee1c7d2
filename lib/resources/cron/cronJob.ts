/**
 * A job in a file of its own, /etc/cron.d/keelson-NAME (crontab(5)); cron picks it up within a minute.
 * Read with find(1) and cat(1).
 */
import { payload } from '../../kit/prelude.ts'
import { refOf } from '../../kit/ref.ts'
import type { ResourceType } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { absolutePath, accountName, ensure, oneLine } from '../../kit/schema.ts'
import { isPrivate } from '../../kit/files/paths.ts'
import { sh } from '../../kit/shell.ts'
import { jobVerify, type Leaves, LEAVES } from './jobVerify.ts'
import { scheduleMistake } from './schedule.ts'
import { undoWholeFile, wholeFileReader, WHOLE_FILE, type WholeFileState } from '../../kit/files/wholeFile.ts'

/**
 * @example
 * // What it prints is mailed to that address.
 * cronJob({
 *   name: 'failed-units',
 *   schedule: '@daily',
 *   command: 'systemctl --failed --quiet',
 *   environment: { MAILTO: 'ada@shop.example' },
 * })
 */
export type CronJob = {
  /** Small letters, digits, `-` and `_`. */
  name: string
  /** Account as which it runs. @default 'root' */
  user?: string
  /** Minute, hour, day of month, month, day of week, in the host's time zone: `'30 3 * * *'`; or `'@daily'`. */
  schedule: string
  /** One line for the shell, used unchanged: `%` needs no backslash here. */
  command: string
  /** Variables such as MAILTO, PATH, SHELL. cron expands nothing in their values. */
  environment?: { readonly [name: string]: string }
  /** What each run leaves, which verify looks for: `{ folder: '/var/backups/shop', hours: 26 }`. */
  leaves?: Leaves
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type CronJobState = WholeFileState & { how?: CronJobHow }
type CronJobHow = { leaves?: Leaves | undefined }

export const cronJob: ResourceType<CronJob, CronJobState, 'name'> = {
  type: 'cron-job',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'schedule', 'command'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[a-z0-9][a-z0-9_-]{0,99}$',
        description: 'a name of small letters, digits, "-" and "_"; cron ignores files with a dot',
      },
      user: accountName,
      schedule: {
        type: 'string',
        minLength: 1,
        maxLength: 200,
        pattern: '^[A-Za-z0-9@*,/ -]+$',
        description: 'five fields, such as "30 3 * * *", or a word such as "@daily"',
      },
      // cron reads at most 999 characters of a command (MAX_COMMAND), escapes counted.
      command: { ...oneLine, maxLength: 900 },
      environment: {
        type: 'object',
        propertyNames: {
          pattern: '^[A-Za-z_][A-Za-z0-9_]{0,99}$',
          description: 'the name of a variable: letters, digits and "_"',
        },
        additionalProperties: {
          ...oneLine,
          minLength: 0,
          maxLength: 900,
          pattern: oneLine.pattern.replace('+$', '*$'),
        },
      },
      leaves: {
        type: 'object',
        additionalProperties: false,
        required: ['folder', 'hours'],
        properties: { folder: absolutePath, hours: { type: 'integer', minimum: 1, maximum: 100_000 } },
      },
      ensure,
    },
  },
  key: ['name'],
  name: (props) => props.name,
  check: checkJob,
  desired: (props) => ({
    content: render(props),
    mode: '0644',
    owner: 'root:root',
    ...(props.leaves === undefined ? {} : { how: { leaves: props.leaves } }),
  }),
  needs: (_name, { content }) => [refOf('package', 'cron'), refOf('user', userIn(content))],
  claims: (name) => [`path:${pathOf(name)}`],
  state: form.fields<WholeFileState>(WHOLE_FILE),
  how: form.optional(form.fields<CronJobHow>({ leaves: form.optional(LEAVES) })),
  read: wholeFileReader(pathOf),
  isPrivate: ({ mode }) => isPrivate(mode),
  verify: jobVerify(pathOf),
  steps: ({ name, after }) => [
    {
      title: `write ${pathOf(name)}`,
      run: `[ -d /etc/cron.d ] || fail 'there is no /etc/cron.d; declare the package cron first'
${sh`getent passwd -- ${userIn(after.content)} >/dev/null || fail ${`there is no user ${userIn(after.content)}; cron would ignore the job. Declare the user first`}`}
${sh`replace_file ${pathOf(name)} root root 0644 ${payload('job')}`}`,
      payload: { job: after.content },
    },
  ],
  remove: ({ name }) => [{ title: `remove ${pathOf(name)}`, run: sh`remove_file ${pathOf(name)}` }],
  undo: undoWholeFile,
}

function checkJob({ schedule, command, environment = {} }: CronJob): string[] {
  return [
    ...scheduleMistake(schedule),
    ...(command.trim() === command ? [] : ['command begins or ends with a blank']),
    ...(Buffer.byteLength(escape(command)) > 990 ? ['command is longer than cron reads; put it in a script'] : []),
    ...Object.entries(environment)
      .filter(([, value]) => value.includes('"') && value.includes("'"))
      .map(([name]) => `environment ${name} holds both kinds of quotes, which cron cannot read`),
    ...Object.entries(environment)
      .filter(([name, value]) => Buffer.byteLength(`${name}=${value}`) > 990)
      .map(([name]) => `environment ${name} is longer than cron reads`),
    ...Object.entries(environment)
      .filter(([, value]) => value.trim() !== value)
      .map(([name]) => `environment ${name} begins or ends with a blank, which cron takes away`),
    ...Object.entries(environment)
      .filter(([, value]) => /^(["']).*\1$/u.test(value))
      .map(([name]) => `environment ${name} begins and ends with a quote, and cron takes both away`),
  ]
}

/** cron ignores names with a dot (cron(8), "as for run-parts"). */
function pathOf(name: string): string {
  return `/etc/cron.d/keelson-${name}`
}

function render({ user = 'root', schedule, command, environment = {} }: CronJob): string {
  const variables = Object.entries(environment)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${quoteValue(value)}\n`)
  return `${variables.join('')}${schedule.trim().split(/ +/).join(' ')}\t${user}\t${escape(command)}\n`
}

/** Nothing is special between quotes, but cron still strips blanks at the ends (seen on Debian 12 and 13). */
function quoteValue(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`
}

/** cron reads an unescaped `%` as a newline, and removes a backslash before `%` or a backslash. */
function escape(command: string): string {
  return command.replaceAll(/[\\%]/g, '\\$&')
}

function userIn(content: string): string {
  return content.split('\t').at(-2) ?? 'root'
}
