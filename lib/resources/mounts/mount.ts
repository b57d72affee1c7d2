/**
 * A file system at its place: in /etc/fstab (fstab(5)), and mounted. Read from fstab and /proc/self/mountinfo; mounted with
 * mount(8), which systemd follows: its unit is that of the path, `srv-data.mount` (systemd.mount(5)).
 */
import { nameMistakes, pathNeeds } from '../../kit/files/paths.ts'
import { readSmallFiles } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import { refOf } from '../../kit/ref.ts'
import type { Compared, Desired, FieldChange, ResourceType } from '../../kit/resourceType.ts'
import { ensure, entryPath } from '../../kit/schema.ts'
import { lines, sh } from '../../kit/shell.ts'
import { changeFstab, decoded, FSTAB, parseFstab } from './fstab.ts'

/**
 * @example
 * mount({
 *   path: '/srv/cache',
 *   source: 'tmpfs',
 *   fsType: 'tmpfs',
 *   options: ['size=64m', 'noexec', 'nofail'],
 *   pass: 0,
 * })
 */
export type Mount = {
  /** Where it is mounted. A missing directory is made. */
  path: string
  /**
   * `'UUID=…'`, `'LABEL=…'`, `'/dev/…'`, `'server:/export'`, a directory with the option `bind`, or `'tmpfs'`. Not needed for
   * `ensure: 'absent'`.
   */
  source: string
  /** `'ext4'`, `'xfs'`, `'nfs'`, `'tmpfs'`; `'none'` with the option `bind`. */
  fsType: string
  /** A host that cannot mount it starts all the same with `nofail`. @default ['defaults', 'nofail'] */
  options?: readonly string[]
  /** Whether the file system is checked at boot: 0 never, 1 first, 2 after that. @default 0 */
  pass?: 0 | 1 | 2
  /** 'absent' unmounts it and takes it out of /etc/fstab; what is on it stays. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type MountState = {
  source: string
  fsType: string
  /** As in /etc/fstab, with commas between. */
  options: string
  pass: number
  /** The type of what is mounted there; `no` when nothing is. */
  mounted: string
}

const word = {
  type: 'string',
  minLength: 1,
  maxLength: 1000,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
} as const

export const mount: ResourceType<Mount, MountState, 'path'> = {
  type: 'mount',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path', 'source', 'fsType'],
    properties: {
      path: { ...entryPath, description: 'an absolute path, such as "/srv/data"' },
      source: { ...word, description: 'what is mounted, such as "UUID=…" or "/dev/sdb1"' },
      fsType: {
        type: 'string',
        pattern: '^[a-z0-9][a-z0-9._-]{0,40}$',
        description: 'the type of a file system, such as "ext4"',
      },
      options: {
        type: 'array',
        minItems: 1,
        maxItems: 50,
        uniqueItems: true,
        items: {
          type: 'string',
          maxLength: 300,
          pattern: '^[^\\s,"\\\\#\\u0000-\\u001f\\u007f-\\u009f]+$',
          description: 'one option of mount(8) without commas and blanks, such as "noatime"',
        },
      },
      pass: { enum: [0, 1, 2] },
      ensure,
    },
  },
  key: ['path'],
  name: ({ path }) => path,
  check: mistakesOf,
  desired: ({ source, fsType, options = ['defaults', 'nofail'], pass = 0 }) => ({
    source,
    fsType,
    options: options.join(','),
    pass,
    mounted: kindOf(fsType),
  }),
  needs: (path, { source }) => [
    ...pathNeeds(path),
    ...(source.startsWith('/') ? [refOf('directory', source), ...pathNeeds(source)] : []),
    ...(/^[^/]+:\//.test(source) ? [refOf('package', 'nfs-common'), refOf('package', 'cifs-utils')] : []),
  ],
  brings: (path) => [refOf('directory', path), refOf('unit', unitOf(path))],
  paths: () => [FSTAB],
  sharedPaths: [FSTAB],
  state: form.fields<Compared<MountState>>({
    source: form.line(),
    fsType: form.line(),
    options: form.line(),
    pass: form.whole(0, 99),
    mounted: form.line(),
  }),
  read: {
    command: () => `cat /proc/self/mountinfo\nprintf '\\0'\n${readSmallFiles([FSTAB])}`,
    parse: ({ stdout }, entries) => parseReading(stdout, entries),
  },
  drift: {
    gone: 'unmounted, and taken out of /etc/fstab',
    field: ({ field, before }) => (field === 'mounted' && before === 'no' ? 'unmounted' : undefined),
  },
  // What a login needs may lie below.
  touches: ({ name }) => [{ path: name }, { unit: unitOf(name) }],
  consequence: ({ kind, before, fields }) =>
    kind === 'remove' || (kind === 'change' && before.mounted !== 'no' && isOther(fields)) ? 'disruptive' : 'safe',
  besides: ({ kind, name }) => (kind === 'remove' ? [`what is on it stays, and the directory ${name} as well`] : []),
  steps: ({ name, before, after, fields }) => {
    const was = before === null || !('mounted' in before) ? 'no' : before.mounted
    return [
      {
        title: `mount ${name}`,
        // What is mounted is changed first: a run that is cut off then leaves a difference that the next one sees.
        run: [
          FUNCTIONS,
          sh`make_folder ${name}`,
          ...(was !== 'no' && isOther(fields) ? [sh`at ${name} fail unmount`] : []),
          ...(was !== 'no' && !isOther(fields) && fields.some(({ field }) => field === 'options')
            ? [sh`at ${name} fail remount ${after.options} ${after.source}`]
            : []),
          after.fsType === ''
            ? changeFstab({ path: name }, null)
            : changeFstab({ path: name }, { path: name, type: after.fsType, ...after }),
          ...(after.mounted === 'no' ? [] : [sh`at ${name} fail mount_it ${after.source}`]),
        ].join('\n'),
      },
    ]
  },
  remove: ({ name }) => [
    {
      title: `unmount ${name}`,
      run: `${FUNCTIONS}\n${sh`at ${name} 0 unmount`}\n${changeFstab({ path: name }, null)}`,
    },
  ],
  // What lies below is read again when another file system is there.
  altersOthers: true,
  undo: ({ before }) =>
    before !== null && before.mounted !== 'no' && before.fsType === ''
      ? { cannot: 'what was mounted there was not in /etc/fstab' }
      : undefined,
}

/** `srv-my\x20data.mount`, as systemd-escape(1) has it. */
export function unitOf(path: string): string {
  const bytes = [...Buffer.from(path.slice(1))]
  const name = bytes.map((byte, at) => {
    const char = String.fromCharCode(byte)
    if (char === '/') return '-'
    return /[A-Za-z0-9:_]/.test(char) || (char === '.' && at > 0) ? char : `\\x${byte.toString(16).padStart(2, '0')}`
  })
  return `${name.join('')}.mount`
}

function mistakesOf({ path, source, fsType, options = [] }: Mount): string[] {
  const isBind = options.includes('bind') || options.includes('rbind')
  return [
    ...nameMistakes(path),
    ...(/^\s|\s$/.test(source) ? ['source begins or ends with a blank'] : []),
    ...(isBind && !source.startsWith('/')
      ? ['source: with the option bind it is a directory, such as "/srv/data"']
      : []),
    ...(fsType === 'swap' ? ['fsType: swap is declared with swapFile'] : []),
    ...(fsType === 'none' && !isBind ? ["fsType: 'none' goes with the option bind"] : []),
  ]
}

/** What mountinfo calls the type: NFS by its version, a file system in user space by its program, a bind mount by any. */
function kindOf(fsType: string): string {
  return fsType === 'none' || fsType === 'auto' ? 'yes' : fsType
}

function isOther(fields: readonly FieldChange[]): boolean {
  return fields.some(({ field }) => field === 'source' || field === 'fsType' || field === 'mounted')
}

function parseReading(stdout: string, entries: readonly Desired<MountState>[]): Map<string, MountState | null> {
  const end = stdout.indexOf('\0')
  const types = new Map(lines(stdout.slice(0, end)).map(typeIn))
  const inFstab = new Map(
    parseFstab({ stdout: stdout.slice(end + 1) })
      .filter(({ type }) => type !== 'swap')
      .map((entry) => [entry.path, entry]),
  )
  return new Map(
    entries.map(({ name, desired }) => {
      const type = types.get(name)
      const entry = inFstab.get(name)
      if (type === undefined && entry === undefined) return [name, null]
      const { source = '', type: fsType = '', options = '', pass = 0 } = entry ?? {}
      return [name, { source, fsType, options, pass, mounted: mountedAs(type, desired) }]
    }),
  )
}

function mountedAs(type: string | undefined, desired: MountState | null): string {
  if (type === undefined) return 'no'
  const wanted = desired?.mounted
  const isSame = wanted === 'yes' || (wanted === 'nfs' && type === 'nfs4') || type === `fuse.${wanted}`
  return wanted !== undefined && isSame ? wanted : type
}

/** `36 35 98:0 / /srv/data rw,noatime shared:1 - ext4 /dev/sdb1 rw`: of several at one place the last is seen. */
function typeIn(line: string): [path: string, type: string] {
  const words = line.split(' ')
  return [decoded(words[4] ?? ''), words[words.indexOf('-') + 1] ?? '']
}

const FUNCTIONS = `of_root() {
  [ "$alone" = yes ] || fail "$path lies in $whose, who could put another in its place: mount it in a folder of root's"
  [ ! -L "$here/$name" ] || fail "$path is a link; declare the path it leads to"
}
is_mounted() { mountpoint -q -- "$here/$name"; }
mount_it() {
  of_root
  is_mounted && return
  [ -z "$(ls -A -- "$here/$name")" ] || fail "$path is not empty, and what is in it would be hidden: move that away first"
  mount -- "$here/$name" || fail "$path cannot be mounted; above is what mount said. /etc/fstab has it"
  # With nofail, mount(8) says nothing of a source that is not there.
  is_mounted || fail "$path cannot be mounted: there is no $1. /etc/fstab has it"
}
unmount() {
  of_root
  ! is_mounted || umount -- "$here/$name" || fail "$path cannot be unmounted: something uses it"
}
remount() {
  of_root
  mount -o "remount,$1" -- "$2" "$here/$name" || fail "$path cannot be given these options while it is mounted; above is what mount said"
}`
