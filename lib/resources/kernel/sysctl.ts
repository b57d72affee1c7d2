/**
 * A kernel setting: its running value, and a file in /etc/sysctl.d that sets it at boot. Read from /proc/sys and
 * sysctl.d(5); written there.
 */
import { groupBy } from '../../kit/groupBy.ts'
import { payload } from '../../kit/prelude.ts'
import { type Compared, type Desired, type ResourceType, Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { forEach, lines, quote, sh } from '../../kit/shell.ts'

/**
 * @example
 * // Only at the next boot, in a file that is read after those of others.
 * sysctl({ key: 'vm.swappiness', value: 10, now: false, file: '99-app.conf' })
 */
export type Sysctl = {
  /** `'net.ipv4.ip_forward'`; a name with a dot in it is written with slashes: `'net/ipv4/conf/eth0.100/rp_filter'`. */
  key: string
  /** Several numbers are separated by blanks: `'4096 131072 6291456'`. */
  value: string | number
  /** False: only set at boot, for keys that this kernel does not allow to set, as in containers. @default true */
  now?: boolean
  /**
   * Name of its file in /etc/sysctl.d, for one that comes after those of others: `'99-zz-app.conf'`.
   *
   * @default on creation, '60-keelson-KEY.conf'
   */
  file?: string
  /** 'absent' removes the file; the running value stays until the next boot. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type SysctlState = {
  /** Present value; absent when it is only to be set at boot. */
  running?: string
  /** The last value in sysctl.d, which the next boot sets. */
  atBoot: string
  /** Path of the file that sets it, when one is declared. */
  file?: string
  seen?: SysctlSeen
}
/** Of a value that another file sets later: that file. */
type SysctlSeen = { by?: string }

const FOLDER = '/etc/sysctl.d'
const DIRECTORIES = ['/etc', '/run', '/usr/local/lib', '/usr/lib']

export const sysctl: ResourceType<Sysctl, SysctlState, 'key'> = {
  type: 'sysctl',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['key', 'value'],
    properties: {
      key: {
        type: 'string',
        maxLength: 200,
        pattern: '^[a-z][a-z0-9_]*([./][A-Za-z0-9_@-]+)+$|^[a-z]+(/[A-Za-z0-9_@-][A-Za-z0-9_@.-]*)+$',
        description: 'the name of a kernel setting, such as "net.ipv4.ip_forward"',
      },
      value: { anyOf: [{ type: 'integer' }, { type: 'string', maxLength: 1000, pattern: '^[!-~]+([ \\t]+[!-~]+)*$' }] },
      now: { type: 'boolean' },
      file: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9+_.@-]{0,200}\\.conf$',
        description: 'a file name that ends in ".conf"',
      },
      ensure,
    },
  },
  key: ['key'],
  name: ({ key }) => (key.includes('/') ? slashesToDots(key) : key),
  desired: ({ value, now = true, file }) => ({
    ...(now ? { running: canonical(String(value)) } : {}),
    atBoot: canonical(String(value)),
    ...(file === undefined ? {} : { file: `${FOLDER}/${file}` }),
  }),
  claims: (name, { file = fileOf(name) }) => [`path:${file}`],
  sharedPaths: DIRECTORIES.map((directory) => `${directory}/sysctl.d`),
  state: form.fields<Compared<SysctlState>>({
    running: form.optional(form.text()),
    atBoot: form.text(),
    file: form.optional(form.matching(/^\/etc\/sysctl\.d\/[A-Za-z0-9+_.@-]+\.conf$/, 'file of sysctl.d')),
  }),
  seen: form.optional(form.fields<SysctlSeen>({ by: form.optional(form.line()) })),
  explain: {
    command: readText,
    parse: ({ stdout }, entries) =>
      new Map([...parseReading(stdout, entries)].flatMap(([name, state]) => overriddenText(name, state))),
  },
  read: { command: readText, parse: ({ stdout }, entries) => parseReading(stdout, entries) },
  touches: ({ name }) => [{ setting: name }],
  steps: ({ name, before, after }) => {
    const previous = pathIn(name, before)
    const path = after.file ?? previous
    return [
      {
        title: `set ${name}`,
        ...(after.running === undefined ? {} : { command: `sysctl -w ${name}=${after.running}` }),
        run: [
          ...(after.running === undefined ? [] : [setRunning(name)]),
          sh`replace_file ${path} root root 0644 ${payload('file')}`,
          ...(path === previous ? [] : [sh`remove_file ${previous}`]),
        ].join('\n'),
        payload: { value: `${after.running ?? ''}\n`, file: textAt(path, name, after) },
      },
    ]
  },
  remove: ({ name, before }) => [
    { title: `no longer set ${name} at boot`, run: sh`remove_file ${pathIn(name, before)}` },
  ],
  undo: ({ before, after }) =>
    before === null && after?.running !== undefined
      ? { state: null, stays: 'its running value, until the next boot' }
      : undefined,
}

/** `net/ipv4/conf/eth0.100/rp_filter` is `net.ipv4.conf.eth0/100.rp_filter` with dots (sysctl(8)). */
function slashesToDots(key: string): string {
  const first = /[./]/.exec(key)?.[0]
  return first === '/' ? swapSeparators(key) : key
}

function pathOf(name: string): string {
  return `/proc/sys/${swapSeparators(name)}`
}

function swapSeparators(key: string): string {
  return key.replaceAll(/[./]/g, (char) => (char === '.' ? '/' : '.'))
}

/** The key as sysctl.d(5) reads it: with slashes, dots are not special. */
function keyOf(name: string): string {
  return pathOf(name).slice('/proc/sys/'.length)
}

function fileOf(name: string): string {
  return `/etc/sysctl.d/60-keelson-${name.replaceAll('/', '+')}.conf`
}

/** Where a state has its file. */
function pathIn(name: string, state: SysctlState | Unknown | null): string {
  return (state instanceof Unknown ? undefined : state?.file) ?? fileOf(name)
}

/** A file with a declared name says so in its first line, by which it is found when it has another one. */
function textAt(path: string, name: string, { atBoot }: SysctlState): string {
  return `${path === fileOf(name) ? '' : `${OWN}${name}\n`}${keyOf(name)} = ${atBoot}\n`
}

const OWN = '# Keelson = '

function overriddenText(name: string, state: SysctlState | null): [string, string][] {
  if (state?.seen?.by === undefined) return []
  const { by } = state.seen
  return [
    [
      name,
      `${by} sets it to ${state.atBoot} after ${pathIn(name, state)}; correct it there, or give file a later name`,
    ],
  ]
}

function canonical(value: string): string {
  return value.trim().split(/\s+/).join(' ')
}

// /etc/sysctl.conf counts where Debian 12 links it as 99-sysctl.conf.
const SETTINGS = '/etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf'

/** Maximum bytes: an account that may write in one of the folders can fill it. */
const LONGEST_SETTINGS = 4 * 2 ** 20

/**
 * Prints running values, then every setting line of sysctl.d with its file. grep exits with 1 without a match and with
 * 2 without a file. An account that may write in one of the folders can put endless files there.
 */
function readText(entries: readonly Desired<SysctlState>[]): string {
  return `{ ${forEach(
    entries.map(({ name }) => pathOf(name)),
    `grep -Hs -e '' --`,
  )}; } || :
printf '\\0'
timeout --foreground 15 grep -Hs -D skip -e '=' -- ${SETTINGS} | head -c ${LONGEST_SETTINGS}`
}

function parseReading(stdout: string, entries: readonly Desired<SysctlState>[]): Map<string, SysctlState | null> {
  const [running = '', settings = ''] = stdout.split('\0')
  const values = new Map(lines(running).map(splitAtColon))
  const assigned = lines(settings).map(splitAtColon)
  const files = new Set(assigned.map(([file]) => file))
  const named = groupBy(
    assigned.filter(([file, text]) => file.startsWith(`${FOLDER}/`) && text.startsWith(OWN)),
    ([, text]) => text.slice(OWN.length),
  )
  const atBoot = lastAssignments(assigned)
  return new Map(
    entries.map(({ name, desired }): [string, SysctlState | null] => {
      const places = [fileOf(name), ...(named.get(name) ?? []).map(([file]) => file)].filter((file) => files.has(file))
      // A run that was cut off between two names has left the file under both.
      const file = places.find((place) => place !== desired?.file) ?? places[0]
      if (file === undefined) return [name, null]
      const value = values.get(pathOf(name))
      const last = atBoot.get(keyOf(name))
      return [
        name,
        {
          ...(value === undefined ? {} : { running: canonical(value) }),
          atBoot: last?.value ?? '',
          file,
          seen: last === undefined || last.file === file ? {} : { by: last.file },
        },
      ]
    }),
  )
}

function splitAtColon(line: string): [file: string, text: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1)]
}

type Assignment = { value: string; file: string }

/**
 * The last value of each key: files apply in the order of their names, and of files with one name, the one in the first
 * directory (sysctl.d(5)).
 */
function lastAssignments(assigned: readonly [file: string, text: string][]): Map<string, Assignment> {
  const rank = (file: string): number => DIRECTORIES.findIndex((directory) => file.startsWith(`${directory}/sysctl.d/`))
  const base = (file: string): string => file.slice(file.lastIndexOf('/') + 1)
  const chosen = new Map<string, string>()
  for (const [file] of assigned) {
    const other = chosen.get(base(file))
    if (other === undefined || rank(file) < rank(other)) chosen.set(base(file), file)
  }
  const inOrder = assigned
    .filter(([file]) => chosen.get(base(file)) === file)
    .toSorted(([a], [b]) => (base(a) < base(b) ? -1 : base(a) > base(b) ? 1 : 0))
  return new Map(
    inOrder.flatMap(([file, text]): [string, Assignment][] => {
      const [, key, value] = /^\s*-?([^#;=\s][^=\s]*)\s*=\s*(.*)$/.exec(text) ?? []
      return key === undefined ? [] : [[dotsToSlashes(key), { value: canonical(value ?? ''), file }]]
    }),
  )
}

function dotsToSlashes(key: string): string {
  return keyOf(slashesToDots(key))
}

/** Keeps the kernel's reason for a refusal, and adds what to do. */
function setRunning(name: string): string {
  const path = pathOf(name)
  const hint = `${name} could not be set now; give now: false to set it at boot only`
  return `[ -e ${quote(path)} ] || fail ${quote(`this kernel has no ${name}; is its module loaded?`)}
(cat -- "$P"/value > ${quote(path)}) || fail ${quote(hint)}`
}
