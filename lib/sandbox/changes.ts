/**
 * What a host's disk holds that its image does not: the list two of which show what happened between them.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { imageDir } from './image.ts'
import { layerDir } from './machine.ts'
import type { Machine } from './machine.ts'
import { machineDir, machineRoot } from './state.ts'
import type { State } from './state.ts'
import { isErrno } from './system.ts'

/** One path as it is on the host, `deleted` when only the image has it. Times are left out: reading changes some. */
export type Entry =
  | 'deleted'
  | {
      kind: 'file' | 'directory' | 'link' | 'other'
      /** Octal text, four digits. */
      mode: string
      uid: number
      gid: number
      /** SHA-256 of a file's content in hex; where a link points. */
      content?: string
    }

/** Written by a host that is left alone, and by nobody's order. A path stands for all below it. */
const OWN_DOINGS: ReadonlyArray<{ path: RegExp; because: string }> = [
  { path: /^\/var\/log\/journal(\/|$)/, because: 'journald writes all the time' },
  { path: /^\/var\/lib\/systemd\/timers(\/|$)/, because: 'systemd notes when each persistent timer last fired' },
  { path: /^\/var\/lib\/systemd\/random-seed$/, because: 'systemd renews the seed at every boot' },
  { path: /^\/var\/lib\/systemd\/timesync(\/|$)/, because: 'timesyncd touches its clock file' },
  { path: /^\/(var\/)?tmp\/systemd-private-/, because: 'units with PrivateTmp get a new name at every start' },
]

/** Milliseconds after which others in this process have their turn: their sockets time out meanwhile. */
const TURN_MS = 50

/**
 * Every path that differs between a machine's disk and its image, by content and attributes.
 *
 * A file that was merely opened for writing is copied up by overlayfs without a change, and is not in the list.
 *
 * @param ignore More paths to leave out, with all below them, such as a database that vacuums by itself.
 * The disk must be mounted. Calls are synchronous: 8000 paths take about a second that way, and six with promises. Others
 * have their turn in between.
 */
export async function readChanges(
  state: State,
  machine: Machine,
  ignore: readonly string[],
): Promise<Map<string, Entry>> {
  const disk: Disk = {
    image: imageDir(state, machine.image),
    merged: machineRoot(state, machine.name),
    layers: [join(machineDir(state, machine.name), 'upper'), ...machine.layers.map((layer) => layerDir(state, layer))],
    isIgnored: (path) =>
      OWN_DOINGS.some((doing) => doing.path.test(path)) ||
      ignore.some((dir) => path === dir || path.startsWith(`${dir}/`)),
  }
  const found = new Map<string, Entry>()
  let turn = performance.now()
  for (const [path, entry] of changesIn(disk, '')) {
    if (entry !== undefined) found.set(path, entry)
    if (performance.now() - turn < TURN_MS) continue
    await setImmediate()
    turn = performance.now()
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

type Disk = {
  image: string
  /** The mounted whole, as the host sees it. */
  merged: string
  /** Where changes can be: only what one of these holds need be compared. */
  layers: string[]
  isIgnored: (path: string) => boolean
}

/** A path that was compared, and what is there where it is not the same. */
type Compared = [path: string, entry: Entry | undefined]

/** `path` is a directory some layer holds: from there down, names in the layers and names gone from the image. */
function* changesIn(disk: Disk, path: string): Generator<Compared> {
  const [image, merged, ...layers] = [disk.image, disk.merged, ...disk.layers].map((root) => namesIn(join(root, path)))
  const gone = [...(image ?? [])].filter((name) => !merged?.has(name))
  for (const name of new Set([...gone, ...layers.flatMap((names) => [...names])])) {
    const below = `${path}/${name}`
    if (!disk.isIgnored(below)) yield* changesAt(disk, below)
  }
}

function* changesAt(disk: Disk, path: string): Generator<Compared> {
  const [before, now] = [readStats(join(disk.image, path)), readStats(join(disk.merged, path))]
  if (!now) {
    yield [path, before && 'deleted']
    return
  }
  const entry = readEntry(join(disk.merged, path), now)
  yield [path, before && isSame(entry, now, join(disk.image, path), before) ? undefined : entry]
  if (now.isDirectory()) yield* changesIn(disk, path)
}

/** Reads the image's file only when everything cheaper is alike. */
function isSame(entry: Entry, now: Stats, path: string, before: Stats): boolean {
  const alike = now.mode === before.mode && now.uid === before.uid && now.gid === before.gid
  if (!alike || (now.isFile() && now.size !== before.size)) return false
  return entry !== 'deleted' && entry.content === readContent(path, before)
}

function readEntry(path: string, stats: Stats): Entry {
  const content = readContent(path, stats)
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other',
    mode: (stats.mode & 0o7777).toString(8).padStart(4, '0'),
    uid: stats.uid,
    gid: stats.gid,
    ...(content === undefined ? {} : { content }),
  }
}

function readContent(path: string, stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return readlinkSync(path)
  if (!stats.isFile()) return undefined
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Names in a directory; none when it is not there or is something else. */
function namesIn(dir: string): Set<string> {
  try {
    return new Set(readdirSync(dir))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return new Set()
    throw error
  }
}

function readStats(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}
