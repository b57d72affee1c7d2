/**
 * A directory: owner, group, mode, and optionally no entries but the listed ones. Read with find(1).
 */
import type { Touch } from '../../kit/touch.ts'
import { groupBy } from '../../kit/groupBy.ts'
import {
  type Change,
  type Compared,
  type FieldChange,
  type Output,
  type ResourceType,
  type Step,
  Unknown,
  type Desired,
} from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { entryPath, accountName, ensure, fileMode } from '../../kit/schema.ts'
import { quote, sh } from '../../kit/shell.ts'
import {
  type Assumed,
  assumedRights,
  fieldsOf,
  fullMode,
  parsePaths,
  PATH_KINDS,
  type PathState,
  pathNeeds,
  readPaths,
  RIGHTS,
  type Rights,
  rightsAfter,
  rightsFunction,
  withoutAssumed,
} from '../../kit/files/paths.ts'

/**
 * @example
 * // Whatever else lies in it is removed.
 * directory({ path: '/etc/app', owner: 'root', group: 'app', mode: '0750', only: ['app.env'] })
 * @example
 * absent(directory, { path: '/srv/old', recursive: true })
 */
export type Directory = {
  /** Absolute. The directory above it must be there, or declared. */
  path: string
  /** Account that owns it. @default on creation, 'root' */
  owner?: string
  /** Group that owns it. @default on creation, the owner's name */
  group?: string
  /** Permissions in octal. @default on creation, '0755' */
  mode?: string
  /** Names of the entries that it may contain; all others are removed, folders with their content. */
  only?: readonly string[]
  /** 'absent' removes an empty directory; one with entries is an error. @default 'present' */
  ensure?: 'present' | 'absent'
  /** With 'absent': removes its content too. @default false */
  recursive?: boolean
}

export type DirectoryState = {
  /** `nothing`: to be removed with all its content, or already gone when that is declared. */
  kind: PathState['kind'] | 'nothing'
  owner?: string | undefined
  group?: string | undefined
  mode?: string | undefined
  /** Entries that it may not contain; only with `only`. */
  others?: string[] | undefined
  how?: DirectoryHow
  seen?: DirectorySeen
}
type DirectoryHow = {
  /** Entries that it may contain. */
  only?: string[] | undefined
  assumed?: Assumed | undefined
}
/** Of one that is to be removed with all its content: how many entries that is, at any depth, and a few of them. */
type DirectorySeen = { inside: number; names: string[] }

export const directory: ResourceType<Directory, DirectoryState, 'path', 'recursive'> = {
  type: 'directory',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: entryPath,
      owner: accountName,
      group: accountName,
      mode: fileMode,
      only: {
        type: 'array',
        items: {
          type: 'string',
          pattern: '^(?!\\.{1,2}$)[^/\\u0000-\\u001f\\u007f]+$',
          description: 'the name of an entry, without "/"',
        },
      },
      ensure,
      recursive: { type: 'boolean' },
    },
  },
  absentProps: ['recursive'],
  name: ({ path }) => path,
  check: ({ recursive }) => (recursive === true ? ["recursive goes with ensure: 'absent'"] : []),
  desired(props) {
    const { owner = 'root', group = owner, mode = '0755', only } = props
    const assumed = assumedRights(props)
    const how = {
      ...(only === undefined ? {} : { only: [...only].sort() }),
      ...(assumed.length === 0 ? {} : { assumed }),
    }
    return { kind: 'directory', owner, group, mode: fullMode(mode), ...(only === undefined ? {} : { others: [] }), how }
  },
  absent: {
    check: ({ path, recursive, only }) => [
      ...(only === undefined ? [] : ['a directory that is absent has nothing in it']),
      ...(recursive === true && isSystemFolder(path)
        ? [`${path} belongs to the system; it cannot be removed with all that is in it`]
        : []),
    ],
    desired: ({ recursive }) => (recursive === true ? { kind: 'nothing' } : null),
  },
  needs: (path, state) => pathNeeds(path, state),
  claims: (path) => [`path:${path}`],
  state: form.fields<Compared<DirectoryState>>({
    kind: form.inner(form.oneOf(...PATH_KINDS, 'nothing')),
    owner: form.optional(form.line()),
    group: form.optional(form.line()),
    mode: form.optional(form.line()),
    others: form.optional(form.missingAs([], form.list(form.line()))),
  }),
  how: form.optional(
    form.fields<DirectoryHow>({
      only: form.optional(form.list(form.line())),
      assumed: form.optional(form.list(form.oneOf(...RIGHTS))),
    }),
  ),
  seen: form.optional(
    form.fields<DirectorySeen>({ inside: form.whole(0, form.MAX_ID), names: form.list(form.text()) }),
  ),
  read: {
    command: (entries) => `${readDirectories(entries)}\nprintf 'inside\\0'\n${countInside(entries)}`,
    // What comes and goes in a folder that goes itself is no reason to leave it.
    compare: readDirectories,
    parse: parseDirectories,
  },
  consequence({ kind, after, fields }) {
    const empties = after?.kind === 'nothing' || fields.some(({ field }) => field === 'others')
    return kind !== 'create' && empties ? 'destructive' : 'safe'
  },
  adopted: (desired, { kind }) => (kind === 'directory' ? withoutAssumed(desired, desired.how?.assumed) : desired),
  touches: touchesOf,
  besides: ({ before, after }) =>
    before === null || before instanceof Unknown || after?.kind !== 'nothing' ? [] : insideText(before.seen),
  steps(change) {
    const { name, after, fields } = change
    if (after.kind === 'nothing') return [removeAll(name)]
    const before = change.before instanceof Unknown ? null : change.before
    const there = before?.kind === 'directory' ? before : null
    const rights = rightsAfter(after, there, '0755')
    return [make(name, there, rights), ...empty(name, rights, fields)]
  },
  remove: ({ name }) => [{ title: `remove ${name}`, run: sh`remove_directory ${name}` }],
  holdsData: 'a directory may hold what others put there',
  undo({ before, after, fields }) {
    if (before === null) return undefined
    const isEmptied = after?.kind === 'nothing' || fields.some(({ field }) => field === 'others')
    if (isEmptied) return { cannot: 'what was in it was removed, and is not kept' }
    const { others: _, seen: _seen, ...state } = before
    return { state }
  },
  readsAlone: true,
}

function touchesOf({ name, after, fields }: Change<DirectoryState>): Touch[] {
  if (after === null || after.kind === 'nothing') return [{ path: name, becomes: { gone: true } }]
  const others = fields.find(({ field }) => field === 'others')?.before
  const gone = Array.isArray(others) ? others.map(String) : []
  return [
    { path: name, becomes: { same: true } },
    ...gone.map((entry): Touch => ({ path: `${name}/${entry}`, becomes: { gone: true } })),
  ]
}

/** Folders that a host needs to work, and those directly below `/` that hold homes and data. */
function isSystemFolder(path: string): boolean {
  return /^\/[^/]*$/.test(path) || /^\/(usr|var)\/(bin|lib|lib64|sbin|share|local|log|cache|spool|backups)$/.test(path)
}

/**
 * Maximum number of entries that are read of a folder: an account that may write there can fill it without end. With
 * the folder itself, a number of three digits.
 */
const MOST = 998

/**
 * Prints how many entries each folder has, itself counted, then, after an empty field, the sorted paths of the entries
 * of those within the limit. Does not follow links to folders.
 */
function listEntries(folders: readonly string[]): string {
  if (folders.length === 0) return ':'
  const find = 'find -files0-from - -maxdepth 1'
  return `k_counts=$(printf '%s\\0' ${folders.map(quote).join(' ')} | timeout --foreground 30 ${find} -printf '%H\\n' 2>/dev/null | uniq -c)
printf '%s\\n' "$k_counts" | tr '\\n' '\\0'
printf '\\0'
printf '%s\\n' "$k_counts" | sed -n 's/^ *[0-9]\\{1,3\\} //p' | tr '\\n' '\\0' | ${find} -mindepth 1 -print0 2>/dev/null | head -z -n ${MOST * 50} | LC_ALL=C sort -z`
}

function readDirectories(entries: readonly Desired<DirectoryState>[]): string {
  const exclusive = entries.flatMap(({ name, desired }) => (desired?.how?.only === undefined ? [] : [name]))
  return `${readPaths(entries.map(({ name }) => name))}\nprintf '\\0'\n${listEntries(exclusive)}`
}

/** Maximum number of entries that are counted of all the folders that go with their content. */
const COUNTED = 100_000

/** Prints FOLDER, COUNT, and the paths of a few entries, as fields; an empty field ends those of each folder. */
function countInside(entries: readonly Desired<DirectoryState>[]): string {
  const going = entries.flatMap(({ name, desired }) => (desired?.kind === 'nothing' ? [name] : []))
  if (going.length === 0) return ':'
  return `printf '%s\\0' ${going.map(quote).join(' ')} | timeout 30 find -files0-from - -xdev -mindepth 1 -printf '%H\\t%P\\0' 2>/dev/null | tr '\\n\\0' ' \\n' | head -n ${COUNTED} | awk -F '\\t' ${quote(COUNT)} | tr '\\n' '\\0'`
}

const COUNT = `count[$1]++ < 3 { names[$1] = names[$1] $2 "\\n" }
END { for (folder in count) print folder "\\n" count[folder] "\\n" names[folder] }`

function insideText({ inside, names }: DirectorySeen = { inside: 0, names: [] }): string[] {
  if (inside === 0) return []
  const more = inside - names.length
  const count = `${inside}${inside >= COUNTED ? ' or more' : ''} ${inside === 1 ? 'entry' : 'entries'}`
  return [`takes ${count} with it: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`]
}

function parseDirectories(
  output: Output,
  entries: readonly Desired<DirectoryState>[],
): Map<string, DirectoryState | Unknown> {
  const fields = fieldsOf(output)
  const end = fields.findIndex((field, index) => index % 7 === 0 && field === '')
  if (end === -1) throw new Error(`directories: unexpected listing ${JSON.stringify(fields.slice(0, 20))}`)
  const there = parsePaths(fields.slice(0, end))
  const counted = fields.indexOf('inside', end + 1)
  const inside = insideOf(fields.slice(end + 1, counted))
  const going = goingOf(fields.slice(counted + 1))
  return new Map(
    entries.flatMap(({ name, desired }): [string, DirectoryState | Unknown][] => {
      const found = there.get(name)
      if (found === undefined) return desired?.kind === 'nothing' ? [[name, { kind: 'nothing' }]] : []
      const { kind, owner, group, mode } = found
      const only = desired?.how?.only
      const seen = desired?.kind === 'nothing' ? going.get(name) : undefined
      if (only === undefined) return [[name, { kind, owner, group, mode, ...(seen === undefined ? {} : { seen }) }]]
      const present = inside(name)
      if (present instanceof Unknown) return [[name, present]]
      const others = present.filter((entry) => !only.includes(entry))
      return [[name, { kind, owner, group, mode, others: others.sort() }]]
    }),
  )
}

/** The output of `countInside`. */
function goingOf(fields: readonly string[]): Map<string, DirectorySeen> {
  const found = new Map<string, DirectorySeen>()
  for (let at = 0; at + 1 < fields.length;) {
    const end = fields.indexOf('', at)
    const [folder = '', inside = '', ...names] = fields.slice(at, end === -1 ? undefined : end)
    found.set(folder, { inside: Number(inside), names })
    at = end === -1 ? fields.length : end + 1
  }
  return found
}

/** Entries of a folder, from the output of `listEntries`. */
function insideOf(fields: readonly string[]): (folder: string) => string[] | Unknown {
  const end = fields.indexOf('')
  const counts = new Map(
    fields.slice(0, Math.max(0, end)).map((field): [string, number] => {
      const [, count = '0', folder = ''] = /^ *(\d+) (.*)$/s.exec(field) ?? []
      return [folder, Number(count)]
    }),
  )
  const entries = groupBy(fields.slice(end + 1), folderOf)
  return (folder) => {
    const counted = counts.get(folder)
    if (counted === undefined) return new Unknown(`${folder} could not be listed in time`)
    const count = counted - 1
    const names = (entries.get(folder) ?? []).map(nameOf)
    if (count > MOST) return new Unknown(`${folder} holds ${count} names or more; no more than ${MOST} are looked at`)
    // A name that is not valid text could not be passed to be removed.
    if (names.some((name) => name.includes('\ufffd'))) return new Unknown(`a name in ${folder} is not UTF-8`)
    return names.length < count ? new Unknown(`${folder} is being filled or emptied while it is read`) : names
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Creates folders above it that nobody declares as mkdir(1) does. */
function make(path: string, before: DirectoryState | null, rights: Rights): Step {
  // Restricted until it has its owner.
  const was = { ...rights, mode: before?.mode ?? '0700' }
  return {
    title: before === null ? `make ${path}` : `set owner and mode of ${path}`,
    run: `${rightsFunction(was, rights)}
${sh`make_directory ${path} rights ${[before?.owner ?? rights.owner, rights.owner]}`}`,
  }
}

function removeAll(path: string): Step {
  return {
    title: `remove ${path} with all that is in it`,
    run: sh`remove_tree ${path}`,
  }
}

/** Removes the entries that the plan listed, and none that appeared since. */
function empty(path: string, { owner }: Rights, fields: readonly FieldChange[]): Step[] {
  const others = fields.find(({ field }) => field === 'others')?.before
  if (!Array.isArray(others) || others.length === 0) return []
  return [
    {
      title: `remove what may not be in ${path}`,
      run: sh`remove_entries ${path} ${owner} ${others.map((name) => `./${String(name)}`)}`,
    },
  ]
}
