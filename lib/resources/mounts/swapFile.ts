/**
 * A file that the kernel swaps to: made, in /etc/fstab, and in use. Read from the file's size and rights, fstab(5) and
 * /proc/swaps; changed with mkswap(8), swapon(8) and swapoff(8). A new one is tried before the old one goes.
 */
import { fieldsOf, nameMistakes, parsePaths, pathNeeds, type PathState, readPaths } from '../../kit/files/paths.ts'
import { readSmallFiles } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import type { Compared, Desired, ResourceType } from '../../kit/resourceType.ts'
import { ensure, entryPath } from '../../kit/schema.ts'
import { lines, sh } from '../../kit/shell.ts'
import { changeFstab, decoded, FSTAB, type FstabEntry, parseFstab } from './fstab.ts'

/**
 * @example
 * swapFile({ path: '/srv/swapfile', sizeMiB: 16, priority: 10, now: false })
 */
export type SwapFile = {
  /** Of the file, such as `'/swapfile'`; its folder must be there. */
  path: string
  /** Not needed for `ensure: 'absent'`. 256 MiB of the disk stay free. */
  sizeMiB: number
  /** From 0 to 32767: the kernel uses the highest first. @default below those that have one */
  priority?: number
  /** False: only from the next boot on, for hosts that do not let swap be turned on, as in containers. @default true */
  now?: boolean
  /** 'absent' turns it off and removes the file. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type SwapFileState = {
  /** `2048 MiB`, or what stands there instead. */
  size: string
  /** `root:root 0600` */
  rights: string
  /** Options in /etc/fstab; empty without a line there. */
  atBoot: string
  /** Absent when it is only to be used from the next boot on. */
  on?: boolean
  /** In use. */
  priority?: number
}

export const swapFile: ResourceType<SwapFile, SwapFileState, 'path'> = {
  type: 'swap-file',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path', 'sizeMiB'],
    properties: {
      path: { ...entryPath, description: 'an absolute path, such as "/swapfile"' },
      sizeMiB: { type: 'integer', minimum: 1, maximum: 16 * 2 ** 20 },
      priority: { type: 'integer', minimum: 0, maximum: 32_767 },
      now: { type: 'boolean' },
      ensure,
    },
  },
  key: ['path'],
  name: ({ path }) => path,
  check: ({ path }) => nameMistakes(path),
  desired: ({ sizeMiB, priority, now = true }) => ({
    size: `${sizeMiB} MiB`,
    rights: 'root:root 0600',
    atBoot: `sw,nofail${priority === undefined ? '' : `,pri=${priority}`}`,
    ...(now ? { on: true, ...(priority === undefined ? {} : { priority }) } : {}),
  }),
  needs: (path) => pathNeeds(path),
  claims: (path) => [`path:${path}`],
  paths: (path) => [path, FSTAB],
  sharedPaths: [FSTAB],
  state: form.fields<Compared<SwapFileState>>({
    size: form.line(),
    rights: form.line(),
    atBoot: form.line(),
    on: form.optional(form.flag),
    priority: form.optional(form.whole(-32_768, 32_767)),
  }),
  read: { command: readText, parse: ({ stdout }, entries) => parseReading(stdout, entries) },
  drift: {
    gone: 'removed',
    field: ({ field, after }) => (field === 'on' ? (after === true ? 'turned off' : 'turned on') : undefined),
  },
  steps: ({ name, before, after }) => {
    const isMade =
      before === null || !('size' in before) || before.size !== after.size || before.rights !== after.rights
    return [
      {
        title: `set up swap file ${name}`,
        run: [
          FUNCTIONS,
          ...(isMade ? [make(name, after)] : []),
          ...(after.on === undefined ? [] : [after.on ? turnOn(name, after.priority) : sh`turn_off ${name}`]),
          changeFstab({ swap: name }, after.atBoot === '' ? null : entryOf(name, after.atBoot)),
        ].join('\n'),
        timeoutMs: 3_600_000,
      },
    ]
  },
  remove: ({ name }) => [
    {
      title: `remove swap file ${name}`,
      run: `${FUNCTIONS}
${changeFstab({ swap: name }, null)}
${sh`turn_off ${name}
at ${name} 0 drop`}`,
      timeoutMs: 3_600_000,
    },
  ],
  undo: ({ before }) =>
    before !== null && !/^\d+ MiB$/.test(before.size)
      ? { cannot: 'something other than such a file stood there' }
      : undefined,
}

function entryOf(path: string, options: string): FstabEntry {
  return { source: path, path: 'none', type: 'swap', options, pass: 0 }
}

/** The listing of paths ends with an empty field: no path is empty. */
function readText(entries: readonly Desired<SwapFileState>[]): string {
  return `cat /proc/swaps 2>/dev/null || :
printf '\\0'
${readPaths(entries.map(({ name }) => name))}
printf '\\0'
${readSmallFiles([FSTAB])}`
}

function parseReading(stdout: string, entries: readonly Desired<SwapFileState>[]): Map<string, SwapFileState | null> {
  const [swaps = '', ...fields] = stdout.split('\0')
  let end = 0
  while (fields[end] !== '') end += 7
  const there = parsePaths(
    fieldsOf({
      stdout: fields
        .slice(0, end)
        .map((one) => `${one}\0`)
        .join(''),
      stderr: '',
      exit: 0,
    }),
  )
  const inFstab = new Map(
    parseFstab({ stdout: fields.slice(end + 1).join('\0') })
      .filter(({ type }) => type === 'swap')
      .map(({ source, options }) => [source, options]),
  )
  const inUse = new Map(lines(swaps).slice(1).map(swapIn))
  return new Map(
    entries.map(({ name, desired }) => {
      const file = there.get(name)
      const atBoot = inFstab.get(name) ?? ''
      const priority = inUse.get(name)
      if (file === undefined && atBoot === '' && priority === undefined) return [name, null]
      return [
        name,
        {
          size: file === undefined ? 'not there' : sizeOf(file),
          rights: file === undefined ? '' : `${file.owner}:${file.group} ${file.mode}`,
          atBoot,
          on: priority !== undefined,
          ...(priority === undefined || desired?.priority === undefined ? {} : { priority }),
        },
      ]
    }),
  )
}

function sizeOf({ kind, size }: PathState): string {
  if (kind !== 'file') return `a ${kind}`
  return size % 2 ** 20 === 0 ? `${size / 2 ** 20} MiB` : `${size} bytes`
}

/** `/swapfile file 2097148 0 -2`, the priority last. */
function swapIn(line: string): [path: string, priority: number] {
  const words = line.trim().split(/\s+/)
  return [decoded(words[0] ?? ''), Number(words.at(-1))]
}

/**
 * A file that is in use can be neither written nor renamed nor removed (EPERM). `at` has seen to it that nobody but root can
 * change a name on the way, where it sets `alone`.
 */
const FUNCTIONS = `is_on() {
  k_path=$1 awk 'NR > 1 { path = $1; gsub(/\\\\040/, " ", path); gsub(/\\\\011/, "\\t", path); gsub(/\\\\134/, "\\\\", path) }
    NR > 1 && path == ENVIRON["k_path"] { found = 1 } END { exit !found }' /proc/swaps
}
turn_off() {
  if is_on "$1"; then
    swapoff -- "$1" || fail "$1 cannot be turned off; is there enough free memory for what it holds?"
  fi
}
of_root() {
  [ "$alone" = yes ] || fail "$path lies in $whose: swap holds what programs have in memory. Declare it in a folder of root's"
  [ ! -e "$here/$name" ] && [ ! -L "$here/$name" ] || { [ ! -L "$here/$name" ] && [ -f "$here/$name" ] && is_swap; } ||
    fail "what stands at $path is no swap file; remove it, or declare another path"
}
is_swap() { is_on "$path" || [ "$(blkid -p -s TYPE -o value -- "$here/$name" 2>/dev/null)" = swap ]; }
drop() {
  of_root
  rm -f -- "$here/$name"
}
# make_swap PATH MIB NOW
make_swap() {
  of_root
  left=$here/.keelson.$name
  turn_off "$left"
  free=$(df --output=avail -B1M -- "\${here:-/}" | tail -n 1)
  [ "$free" -ge $(($2 + 256)) ] || fail "$path: the disk has $((free)) MiB free, and $2 are to be taken: 256 have to stay free"
  ready
  install -m 0600 -- /dev/null "$new"
  # Btrfs swaps only to files that it does not copy on write.
  chattr +C "$new" 2>/dev/null || :
  fallocate -l "$2MiB" "$new" 2>/dev/null || dd if=/dev/zero of="$new" bs=1M count="$2" conv=fsync status=none ||
    fail "$path cannot be made"
  mkswap "$new" > /dev/null || fail "$path cannot be made a swap file"
  if [ "$3" = now ]; then
    swapon -- "$new" || fail "$path cannot be used on this host; where swap is only to be turned on at boot, as in a container, say now: false"
    swapoff -- "$new"
  fi
  turn_off "$path"
  sync -- "$new"
  mv -fT -- "$new" "$dest"
  trap - EXIT
  sync -- "$up"
}`

function make(path: string, { size, on }: SwapFileState): string {
  return sh`at ${path} make make_swap ${path} ${Number.parseInt(size, 10)} ${on === true ? 'now' : 'later'}`
}

function turnOn(path: string, priority: number | undefined): string {
  const flags = priority === undefined ? [] : ['-p', String(priority)]
  return `${priority === undefined ? '' : sh`turn_off ${path}`}
${sh`is_on ${path} || swapon ${flags} -- ${path} || fail ${`${path} cannot be turned on; where that is only to be done at boot, as in a container, say now: false`}`}`
}
