/**
 * Paths on a host: what exists there, and what a path needs.
 */
import { refOf, type TypedRef } from '../ref.ts'
import type { Output } from '../resourceType.ts'
import { quote, raw, type ShellText, sh } from '../shell.ts'

export const PATH_KINDS = ['file', 'directory', 'link', 'other'] as const

export type PathState = {
  kind: (typeof PATH_KINDS)[number]
  owner: string
  group: string
  /** Four octal digits. */
  mode: string
  /** Bytes. */
  size: number
  /** Of a link. */
  target: string
}

/** Maximum bytes of a name on Linux, less those that the temporary name adds. */
const NAME_BYTES = 255 - '.keelson.'.length

/** For `check`: mistakes in a path to be written, `nameMistakes('/etc/app.conf')`. */
export function nameMistakes(path: string): string[] {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (Buffer.byteLength(name) <= NAME_BYTES) return []
  return [`path: the name "${name.slice(0, 40)}…" is longer than ${NAME_BYTES} bytes`]
}

const KINDS: { [letter: string]: PathState['kind'] } = { f: 'file', d: 'directory', l: 'link' }
const FIELDS = 7

/**
 * find(1) over paths, without what is below them: links themselves and not what they point to. The paths arrive on
 * stdin, where no argument limit applies; expressions that end in an action follow.
 */
export function findEach(paths: readonly string[]): string {
  return `printf '%s\\0' ${paths.map(quote).join(' ')} | find -files0-from - -maxdepth 0`
}

/**
 * For `read`: shell text that prints what exists at each path, links themselves and not what they point to, in one
 * process. `parsePaths(fieldsOf(output))` parses it.
 *
 * @example readPaths(['/etc/app', '/etc/app/app.conf'])
 */
export function readPaths(paths: readonly string[]): string {
  if (paths.length === 0) return ':'
  // find exits with 1 when some path is missing, which is not a failure here.
  return `${findEach(paths)} -printf '%p\\0%y\\0%u\\0%g\\0%m\\0%s\\0%l\\0' 2>/dev/null || [ $? -eq 1 ]`
}

/**
 * The output of `readPaths`, by path; a path missing from the map does not exist.
 *
 * @example parsePaths(fieldsOf(output)).get('/etc/app')?.mode // '0755'
 * @throws {Error} On output of another form.
 */
export function parsePaths(fields: readonly string[]): Map<string, PathState> {
  if (fields.length % FIELDS !== 0) throw new Error(`paths: unexpected listing ${JSON.stringify(fields.slice(0, 20))}`)
  const found = new Map<string, PathState>()
  for (let at = 0; at < fields.length; at += FIELDS) {
    const [path = '', letter = '', owner = '', group = '', mode = '', size = '', target = ''] = fields.slice(
      at,
      at + FIELDS,
    )
    found.set(path, {
      kind: KINDS[letter] ?? 'other',
      owner,
      group,
      mode: mode.padStart(4, '0'),
      size: Number(size),
      target,
    })
  }
  return found
}

/** NUL-terminated fields of an output: `fieldsOf({ stdout: 'a\0b\0', stderr: '', exit: 0 })` is `['a', 'b']`. */
export function fieldsOf({ stdout }: Output): string[] {
  const fields = stdout.split('\0')
  fields.pop()
  return fields
}

/** Whether some accounts may not read a file of that mode: `isPrivate('0640')`. An empty mode says nothing. */
export function isPrivate(mode: string): boolean {
  return mode !== '' && (Number.parseInt(mode, 8) & 4) === 0
}

/** `0640` for `640`. */
export function fullMode(mode: string): string {
  return mode.padStart(4, '0')
}

/** Owner, group and mode, as find(1) names them. */
export type Rights = Pick<PathState, 'owner' | 'group' | 'mode'>

type SomeRights = { [right in keyof Rights]?: string | undefined }

/** Rights that a recipe left out: they are the defaults of a new file, and stay as they are on one that is there. */
export type Assumed = (keyof Rights)[]

export const RIGHTS = ['owner', 'group', 'mode'] as const satisfies Assumed

/** Of props: `assumedRights({ owner: 'app' })` is `['group', 'mode']`. */
export function assumedRights(props: SomeRights): Assumed {
  return RIGHTS.filter((right) => props[right] === undefined)
}

/** A state without the rights that were assumed. */
export function withoutAssumed<State extends SomeRights>(state: State, assumed: Assumed = []): State {
  return { ...state, ...Object.fromEntries(assumed.map((right) => [right, undefined])) }
}

/** The rights that something will have: as desired, where nothing is said as they are, and else as a new one has them. */
export function rightsAfter(desired: SomeRights, before: SomeRights | null, mode: string): Rights {
  const owner = desired.owner ?? before?.owner ?? 'root'
  return { owner, group: desired.group ?? before?.group ?? owner, mode: desired.mode ?? before?.mode ?? mode }
}

/**
 * Shell text of a function `rights FILE` that sets the rights of a file or directory, in an order in which access is
 * never wider than both before and after.
 */
export function rightsFunction(before: Rights, { owner, group, mode }: Rights): string {
  const narrow = (Number.parseInt(before.mode, 8) & Number.parseInt(mode, 8)).toString(8).padStart(4, '0')
  // Five digits: with four, chmod(1) leaves the setgid bit of a directory unchanged.
  return sh`rights() {
chmod -- ${`0${narrow}`} "$1" &&
chown -h -- ${`${owner}:${group}`} "$1" &&
chmod -- ${`0${mode}`} "$1"
}`
}

/**
 * Shell text that puts the bytes of `source` at a path, once each judge has accepted them (see `replace_file`).
 *
 * @param rights The new rights, with the ACL of the existing file if it has one; or those of the file that was read
 *   into `copy`.
 * @param judges Shell commands of the recipe in which `%` stands for the candidate's path, and `%%` for a per cent
 *   sign.
 */
export function replaceText(
  path: string,
  rights: (Rights & { acl?: true | undefined }) | { copy: ShellText },
  source: ShellText,
  judges: readonly string[],
): string {
  const replace =
    'copy' in rights
      ? sh`replace_text ${path} ${rights.copy} ${source}`
      : sh`${raw(rights.acl === true ? 'replace_with_acl' : 'replace_file')} ${path} ${rights.owner} ${rights.group} ${rights.mode} ${source}`
  if (judges.length === 0) return replace
  const texts = judges.map((judge) => judge.replaceAll(/%%|%/g, (found) => (found === '%%' ? '%' : '"$1"')))
  // Each judge has a shell of its own: `set -e` has no effect left of `||`, and no judge can end this shell or its
  // traps.
  const judging = texts.map((text) => `${sh`in_time sh -euc ${text} judge`} "$1" || return 1\n`)
  return `judge() {\n${judging.join('')}}\n${replace} judge`
}

/**
 * For `needs`: refs of what a path needs, the folders above it and its owner and group.
 *
 * @example pathNeeds('/srv/app/env', { owner: 'app' }) // directory:/srv, …, user:app
 */
export function pathNeeds(
  path: string,
  { owner, group }: { owner?: string | undefined; group?: string | undefined } = {},
): TypedRef[] {
  return [
    ...ancestors(path).flatMap((folder) => [refOf('directory', folder), refOf('symlink', folder)]),
    ...(owner === undefined ? [] : [refOf('user', owner)]),
    ...(group === undefined ? [] : [refOf('group', group), refOf('user', group)]),
  ]
}

/** The folders above a path, except the root. */
export function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}
