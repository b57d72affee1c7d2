/**
 * A file in /etc/tmpfiles.d (tmpfiles.d(5)): what systemd makes at each boot and cleans up, such as an application's folder
 * below /run. What it makes is made at once, by systemd-tmpfiles(8), which follows no link of another account.
 */
import * as form from '../../kit/form.ts'
import { parsePaths, type PathState, readPaths } from '../../kit/files/paths.ts'
import { undoWholeFile, wholeFileReader, WHOLE_FILE, type WholeFileState } from '../../kit/files/wholeFile.ts'
import { payload } from '../../kit/prelude.ts'
import { refOf } from '../../kit/ref.ts'
import type { Compared, Desired, ResourceType } from '../../kit/resourceType.ts'
import { accountName, ensure, fileMode } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'

export type TmpfilesEntry = {
  /** Letter of tmpfiles.d(5): `'d'` makes a directory, `'e'` cleans one up, `'L'` makes a link; `!` after it: only at boot. */
  type: string
  /** `%` begins a specifier, such as `%t` for /run; a per cent sign is `%%`. */
  path: string
  /** Rights of what is made. @default as tmpfiles.d(5) has it: '0755' for directories, '0644' for files */
  mode?: string
  /** Account that owns what is made. @default 'root' */
  user?: string
  /** Its group. @default 'root' */
  group?: string
  /** What has not been used for that long is removed: `'10d'`. @default nothing is */
  age?: string
  /** Target of a link, content of a file. @default none */
  argument?: string
}

/**
 * @example
 * tmpfiles({
 *   name: 'scratch',
 *   entries: [
 *     { type: 'd', path: '/run/scratch', mode: '1777', user: 'root', group: 'root', age: '10d' },
 *     { type: 'L', path: '/run/scratch/cache', argument: '/var/cache' },
 *   ],
 * })
 */
export type Tmpfiles = {
  /** Name of the file, without `.conf`. That of a file in /usr/lib/tmpfiles.d replaces that file: `'tmp'`. */
  name: string
  /** Not needed for `ensure: 'absent'`. */
  entries: readonly TmpfilesEntry[]
  /** 'absent' removes the file; what it made stays. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type TmpfilesState = WholeFileState & {
  /** Paths that its entries make, and that are not there. */
  missing?: string[]
  how?: TmpfilesHow
}
type TmpfilesHow = { folders: string[]; others: string[]; users: string[]; groups: string[] }

const field = {
  type: 'string',
  minLength: 1,
  maxLength: 4000,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
  description: 'one line of text',
} as const

export const tmpfiles: ResourceType<Tmpfiles, TmpfilesState, 'name'> = {
  type: 'tmpfiles',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'entries'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$',
        description: 'a file name without ".conf", such as "app"',
      },
      entries: {
        type: 'array',
        minItems: 1,
        maxItems: 1000,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'path'],
          properties: {
            type: {
              type: 'string',
              pattern: '^[fwdDevqQpLcbCxXrRzZtThHaA][+?!=~^$-]{0,4}$',
              description: 'a type of tmpfiles.d(5), such as "d" for a directory',
            },
            path: {
              ...field,
              pattern: '^[/%][^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$',
              description: 'an absolute path, such as "/run/app"',
            },
            mode: fileMode,
            user: accountName,
            group: accountName,
            age: {
              type: 'string',
              pattern: '^([abcmABCM]+:)?~?([0-9]+(us|ms|s|m|min|h|d|w)?)+$',
              description: 'an age, such as "10d" or "12h"',
            },
            argument: field,
          },
        },
      },
      ensure,
    },
  },
  key: ['name'],
  name: ({ name }) => name,
  check: ({ entries }) => entries.flatMap(mistakesOf),
  desired: ({ entries }) => ({
    content: entries.map(render).join(''),
    mode: '0644',
    owner: 'root:root',
    missing: [],
    how: {
      folders: pathsOf(entries, /^[dDvqQ]/),
      others: pathsOf(entries, /^[fLpC]/),
      users: [...new Set(entries.flatMap(({ user }) => user ?? []))],
      groups: [...new Set(entries.flatMap(({ group }) => group ?? []))],
    },
  }),
  needs: (_name, { how }) => [
    ...(how?.users ?? []).map((user) => refOf('user', user)),
    ...(how?.groups ?? []).flatMap((group) => [refOf('group', group), refOf('user', group)]),
  ],
  brings: (_name, { how }) => (how?.folders ?? []).map((folder) => refOf('directory', folder)),
  claims: (name) => [`path:${pathOf(name)}`],
  state: form.fields<Compared<TmpfilesState>>({ ...WHOLE_FILE, missing: form.optional(form.list(form.line())) }),
  how: form.optional(
    form.fields<TmpfilesHow>({
      folders: form.list(form.line()),
      others: form.list(form.line()),
      users: form.list(form.line()),
      groups: form.list(form.line()),
    }),
  ),
  read: {
    command: (entries) =>
      `${readPaths([...new Set(entries.flatMap(made))])}\nprintf '\\0'\n${wholeFileReader(pathOf).command(entries)}`,
    parse(output, entries) {
      const fields = output.stdout.split('\0')
      let end = 0
      while (fields[end] !== '') end += 7
      const there = parsePaths(fields.slice(0, end))
      const files = wholeFileReader(pathOf).parse({ ...output, stdout: fields.slice(end + 1).join('\0') }, entries)
      return new Map(
        entries.map(({ name, desired }) => {
          const file = files.get(name) ?? null
          return [name, file === null ? null : { ...file, missing: missingOf(desired, there) }]
        }),
      )
    },
  },
  drift: { field: ({ field: name }) => (name === 'missing' ? 'what it makes was removed' : undefined) },
  besides: ({ kind }) => (kind === 'remove' ? ['what it made stays'] : []),
  steps: ({ name, after }) => [
    {
      title: `write ${pathOf(name)}, and make what it says`,
      run: setUp(name, after),
      payload: { conf: after.content },
    },
  ],
  remove: ({ name }) => [{ title: `remove ${pathOf(name)}`, run: sh`remove_file ${pathOf(name)}` }],
  undo: (was) => {
    if (was.before === null) return { state: null, stays: 'what it made' }
    // What was missing before the run is no wish.
    return undoWholeFile(was) ?? { state: { ...was.before, missing: [] } }
  },
}

function pathOf(name: string): string {
  return `/etc/tmpfiles.d/${name}.conf`
}

function mistakesOf({ type, path, argument }: TmpfilesEntry, index: number): string[] {
  const where = `entries[${index}]`
  return [
    ...(/(^|\/)\.\.?(\/|$)/.test(path) ? [`${where}.path: must be a path without "." and "..", not "${path}"`] : []),
    ...(/^[L]/.test(type) && argument === undefined ? [`${where}: a link needs its target as argument`] : []),
  ]
}

/** Those that are made at once, whose paths are plain. */
function pathsOf(entries: readonly TmpfilesEntry[], types: RegExp): string[] {
  const chosen = entries.filter(({ type, path }) => types.test(type) && !/[!=~^]/.test(type) && !/[%*?[\\]/.test(path))
  return [...new Set(chosen.map(({ path }) => path.replace(/(?!^)\/+$/, '')))]
}

/** Fields are separated by blanks; a quoted one takes escapes as C has them (tmpfiles.d(5)). */
function render({ type, path, mode, user, group, age, argument }: TmpfilesEntry): string {
  const fields = [type, quoted(path), mode, user, group, age].map((one) => one ?? '-')
  return `${[...fields, ...(argument === undefined ? [] : [argument])].join(' ')}\n`
}

function quoted(text: string): string {
  return /^[\w/.:%*?@,+-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

function made({ desired }: Desired<TmpfilesState>): string[] {
  return [...(desired?.how?.folders ?? []), ...(desired?.how?.others ?? [])]
}

function missingOf(desired: TmpfilesState | null, there: ReadonlyMap<string, PathState>): string[] {
  const { folders = [], others = [] } = desired?.how ?? {}
  return [
    ...folders.filter((path) => there.get(path)?.kind !== 'directory'),
    ...others.filter((path) => !there.has(path)),
  ]
}

/** A mistake is found before anything is written; an entry that cannot be made takes the file back. */
function setUp(name: string, { how }: TmpfilesState): string {
  const path = pathOf(name)
  const accounts = [
    ...(how?.users ?? []).map((user) => ({ database: 'passwd', word: 'user', account: user })),
    ...(how?.groups ?? []).map((group) => ({ database: 'group', word: 'group', account: group })),
  ]
  return `${accounts
    .map(
      ({ database, word, account }) =>
        sh`getent ${database} -- ${account} > /dev/null || fail ${`there is no ${word} ${account}; declare it first`}`,
    )
    .join('\n')}
${sh`cat -- ${payload('conf')} > "$P"/new.conf`}
systemd-tmpfiles --create --prefix=/nonexistent "$P"/new.conf || fail 'systemd-tmpfiles does not accept it; above is what it said'
${sh`read_file ${path} "$P"/before || [ $? = "$NOTHING" ]`}
${sh`[ -d /etc/tmpfiles.d ] || make_folder /etc/tmpfiles.d
replace_file ${path} root root 0644 ${payload('conf')}
systemd-tmpfiles --create ${path} || {
  if [ -f "$P"/before ]; then replace_file ${path} root root 0644 "$P"/before; else remove_file ${path}; fi
  fail 'not all of it could be made; above is what systemd-tmpfiles said. The file was put back as it was'
}`}`
}
