/**
 * A file in /etc/logrotate.d: which logs are rotated, when, and how many are kept (logrotate(8)). Read with find(1) and
 * tar(1); checked with `logrotate -d`, alone before it is installed and with all others after.
 */
import * as form from '../../kit/form.ts'
import { undoWholeFile, wholeFileReader, WHOLE_FILE, type WholeFileState } from '../../kit/files/wholeFile.ts'
import { payload } from '../../kit/prelude.ts'
import { refOf, type TypedRef } from '../../kit/ref.ts'
import type { Compared, ResourceType } from '../../kit/resourceType.ts'
import { accountName, ensure, fileMode } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'

/**
 * @example
 * logrotate({
 *   name: 'shop',
 *   paths: ['/var/log/shop/*.log'],
 *   frequency: 'daily',
 *   rotate: 14,
 *   maxAge: 30,
 *   maxSize: '100M',
 *   minSize: '1k',
 *   compress: true,
 *   delayCompress: true,
 *   missingOk: true,
 *   notIfEmpty: true,
 *   dateExt: true,
 *   create: { mode: '0640', owner: 'www-data', group: 'adm' },
 *   su: { user: 'www-data', group: 'adm' },
 *   preRotate: 'logger rotating',
 *   postRotate: 'systemctl try-reload-or-restart cron',
 * })
 * @example
 * logrotate({ name: 'batch', paths: ['/var/log/batch.log'], copyTruncate: true })
 */
export type Logrotate = {
  /** Name of the file; no dot, since logrotate ignores some endings. */
  name: string
  /** Logs by path; `*`, `?` and `[…]` match several: `['/var/log/app/*.log']`. Not needed for `ensure: 'absent'`. */
  paths: readonly string[]
  /** 'hourly' needs a timer that runs logrotate each hour. @default as in /etc/logrotate.conf: 'weekly' */
  frequency?: 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'
  /** How many previous logs are kept. @default as in /etc/logrotate.conf: 4 */
  rotate?: number
  /** Days after which a previous log is removed. @default by number only */
  maxAge?: number
  /** Also rotated before its time when it is larger: `'100M'`. @default only by time */
  maxSize?: string
  /** Not rotated while it is smaller: `'1M'`. @default 0 */
  minSize?: string
  /** Previous logs are compressed by gzip(1). @default true */
  compress?: boolean
  /** The latest previous log stays uncompressed, for programs that still write to it. @default true when compressed */
  delayCompress?: boolean
  /** No error when there is no log. @default true */
  missingOk?: boolean
  /** Empty logs are left alone. @default true */
  notIfEmpty?: boolean
  /** Previous logs have the date in their names. @default as in /etc/logrotate.conf: false */
  dateExt?: boolean
  /** Copies and empties the log in place, for programs that keep it open; lines in between are lost. @default false */
  copyTruncate?: boolean
  /** The new log's rights. @default as the old one's */
  create?: {
    /** Four octal digits: `'0640'`. */
    mode: string
    /** Account that owns it. */
    owner: string
    /** Its group. */
    group: string
  }
  /** Who rotates, for folders in which others than root may write: logrotate refuses those otherwise. @default root */
  su?: {
    /** Account that rotates. */
    user: string
    /** Its group. */
    group: string
  }
  /** Shell text that runs after rotating, once for all logs: `'systemctl reload app'`. @default none */
  postRotate?: string
  /** The same before. @default none */
  preRotate?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type LogrotateState = WholeFileState & { how?: LogrotateHow }
type LogrotateHow = { users: string[]; groups: string[] }

const size = {
  type: 'string',
  pattern: '^[0-9]{1,12}[kMG]?$',
  description: 'a size in bytes, or with k, M or G, such as "100M"',
} as const
const script = { type: 'string', minLength: 1, maxLength: 20_000 } as const

export const logrotate: ResourceType<Logrotate, LogrotateState, 'name'> = {
  type: 'logrotate',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'paths'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$',
        description: 'letters, digits, "-" and "_", such as "app"',
      },
      paths: {
        type: 'array',
        minItems: 1,
        maxItems: 100,
        uniqueItems: true,
        items: {
          type: 'string',
          maxLength: 1000,
          pattern: '^/[^\\s"\'\\\\{}#\\u0000-\\u001f\\u007f-\\u009f]+$',
          description: 'an absolute path without blanks, quotes, braces, "#" and "\\", such as "/var/log/app/*.log"',
        },
      },
      frequency: { enum: ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] },
      rotate: { type: 'integer', minimum: 0, maximum: 100_000 },
      maxAge: { type: 'integer', minimum: 1, maximum: 100_000 },
      maxSize: size,
      minSize: size,
      compress: { type: 'boolean' },
      delayCompress: { type: 'boolean' },
      missingOk: { type: 'boolean' },
      notIfEmpty: { type: 'boolean' },
      dateExt: { type: 'boolean' },
      copyTruncate: { type: 'boolean' },
      create: {
        type: 'object',
        additionalProperties: false,
        required: ['mode', 'owner', 'group'],
        properties: { mode: fileMode, owner: accountName, group: accountName },
      },
      su: {
        type: 'object',
        additionalProperties: false,
        required: ['user', 'group'],
        properties: { user: accountName, group: accountName },
      },
      postRotate: script,
      preRotate: script,
      ensure,
    },
  },
  key: ['name'],
  name: ({ name }) => name,
  check: mistakesOf,
  desired: (props) => ({
    content: render(props),
    mode: '0644',
    owner: 'root:root',
    how: accountsOf(props),
  }),
  needs: (_name, { how }) => [
    refOf('package', 'logrotate'),
    ...(how?.users ?? []).map((user) => refOf('user', user)),
    ...(how?.groups ?? []).flatMap((group): TypedRef[] => [refOf('group', group), refOf('user', group)]),
  ],
  claims: (name) => [`path:${pathOf(name)}`],
  state: form.fields<Compared<LogrotateState>>(WHOLE_FILE),
  how: form.optional(form.fields<LogrotateHow>({ users: form.list(form.line()), groups: form.list(form.line()) })),
  read: wholeFileReader(pathOf),
  steps: ({ name, after }) => [{ title: `write ${pathOf(name)}`, run: setUp(name), payload: { conf: after.content } }],
  remove: ({ name }) => [{ title: `remove ${pathOf(name)}`, run: sh`remove_file ${pathOf(name)}` }],
  undo: undoWholeFile,
}

function pathOf(name: string): string {
  return `/etc/logrotate.d/${name}`
}

function mistakesOf({
  postRotate = '',
  preRotate = '',
  create,
  copyTruncate,
  compress,
  delayCompress,
}: Logrotate): string[] {
  const ends = (text: string): boolean => /^\s*endscript\b/m.test(text)
  return [
    ...(ends(postRotate) ? ['postRotate: a line begins with endscript, which would end it'] : []),
    ...(ends(preRotate) ? ['preRotate: a line begins with endscript, which would end it'] : []),
    ...(create !== undefined && copyTruncate === true
      ? ['give create or copyTruncate, not both: with copyTruncate no log is created']
      : []),
    ...(compress === false && delayCompress === true ? ['delayCompress goes with compress'] : []),
  ]
}

function accountsOf({ create, su }: Logrotate): LogrotateHow {
  return {
    users: [...new Set([...(create === undefined ? [] : [create.owner]), ...(su === undefined ? [] : [su.user])])],
    groups: [...new Set([...(create === undefined ? [] : [create.group]), ...(su === undefined ? [] : [su.group])])],
  }
}

function render(props: Logrotate): string {
  const { paths, compress = true, delayCompress = compress, missingOk = true, notIfEmpty = true } = props
  const { frequency, rotate, maxAge, maxSize, minSize, dateExt, copyTruncate, create, su } = props
  const when = <T>(value: T | undefined, word: (value: T) => string): string[] =>
    value === undefined ? [] : [word(value)]
  const words = [
    ...when(frequency, (word) => word),
    ...when(rotate, (count) => `rotate ${count}`),
    ...when(maxAge, (days) => `maxage ${days}`),
    ...when(maxSize, (bytes) => `maxsize ${bytes}`),
    ...when(minSize, (bytes) => `minsize ${bytes}`),
    compress ? 'compress' : 'nocompress',
    ...(compress ? [delayCompress ? 'delaycompress' : 'nodelaycompress'] : []),
    missingOk ? 'missingok' : 'nomissingok',
    notIfEmpty ? 'notifempty' : 'ifempty',
    ...when(dateExt, (isOn) => (isOn ? 'dateext' : 'nodateext')),
    ...when(copyTruncate, (isOn) => (isOn ? 'copytruncate' : 'nocopytruncate')),
    ...when(create, ({ mode, owner, group }) => `create ${mode.padStart(4, '0')} ${owner} ${group}`),
    ...when(su, ({ user, group }) => `su ${user} ${group}`),
    ...scripts(props),
  ]
  return `${paths.join('\n')} {\n${words.map((word) => `    ${word}\n`).join('')}}\n`
}

function scripts({ preRotate, postRotate }: Logrotate): string[] {
  const one = (word: string, text: string | undefined): string[] =>
    text === undefined ? [] : [`${word}\n${text.replace(/\n*$/, '')}\n    endscript`]
  const both = [...one('prerotate', preRotate), ...one('postrotate', postRotate)]
  return both.length === 0 ? [] : ['sharedscripts', ...both]
}

/**
 * `logrotate -d` changes nothing, and ends with 1 also where a log is missing: mistakes are told with a file and a line, or
 * by what it says of a folder in which it would never rotate. A name that two files have makes it ignore the second whole.
 */
function setUp(name: string): string {
  const path = pathOf(name)
  return `command -v logrotate > /dev/null || fail 'there is no logrotate on this host; declare the package logrotate first'
mistakes() { in_time logrotate -d "$1" 2>&1 | grep -E '^(error|warning): [^ ]+:[0-9]+ |because parent directory has insecure permissions' || :; }
${sh`cat -- ${payload('conf')} > "$P"/checked`}
said=$(mistakes "$P"/checked)
${sh`[ -z "$said" ] || fail "logrotate does not accept it: $(printf '%s' "$said" | sed "s|$P/checked:|line |g")"`}
${sh`read_file ${path} "$P"/before || [ $? = "$NOTHING" ]`}
mistakes /etc/logrotate.conf > "$P"/known
${sh`replace_file ${path} root root 0644 ${payload('conf')}`}
if said=$(mistakes /etc/logrotate.conf | grep -vxF -f "$P"/known); then
  ${sh`if [ -f "$P"/before ]; then replace_file ${path} root root 0644 "$P"/before; else remove_file ${path}; fi`}
  ${sh`fail "with ${name} the configuration of logrotate as a whole is wrong: $said; the file was put back as it was"`}
fi`
}
