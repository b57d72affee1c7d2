/**
 * A directory: owner, group, mode, and optionally nothing in it but what is named.
 * Read with find(1).
 */
import { byField } from '../engine/diff.ts'
import type { FieldChange, Output, ResourceType, Step } from '../engine/resource.ts'
import { absolutePath, accountName, ensure, fileMode } from '../engine/schema.ts'
import { quote, sh } from '../engine/shell.ts'
import { fieldsOf, fullMode, parsePaths, pathNeeds, readPaths } from './paths.ts'

export type Directory = {
  path: string
  /** @default 'root' */
  owner?: string
  /** @default the owner's name */
  group?: string
  /** @default '0755' */
  mode?: string
  /** Names that may be in it; everything else there is removed, folders with all they hold. */
  only?: readonly string[]
  /** 'absent' removes an empty directory; one with something in it is an error. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type DirectoryState = {
  kind: 'file' | 'directory' | 'link' | 'other'
  owner: string
  group: string
  mode: string
  /** On the desired side: what may be in it. */
  only?: string[] | undefined
  /** What is in it and may not be; only where `only` is given. */
  others?: string[] | undefined
}

export const directory: ResourceType<Directory, DirectoryState> = {
  type: 'directory',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: absolutePath,
      owner: accountName,
      group: accountName,
      mode: fileMode,
      only: { type: 'array', items: { type: 'string', pattern: '^(?!\\.{1,2}$)[^/\\u0000-\\u001f\\u007f]+$' } },
      ensure,
    },
  },
  name: ({ path }) => path,
  desired({ owner = 'root', group = owner, mode = '0755', only, ensure: presence }) {
    if (presence === 'absent') return null
    const exclusive = only === undefined ? {} : { only: [...only].sort(), others: [] }
    return { kind: 'directory', owner, group, mode: fullMode(mode), ...exclusive }
  },
  needs: (path, state) => pathNeeds(path, state),
  claims: (path) => [`path:${path}`],
  read: {
    command(wanted) {
      const exclusive = wanted.filter(({ desired }) => desired?.only !== undefined).map(({ name }) => quote(name))
      const entries =
        exclusive.length === 0
          ? ':'
          : `find ${exclusive.join(' ')} -mindepth 1 -maxdepth 1 -printf '%h\\0%f\\0' 2>/dev/null`
      return `${readPaths(wanted.map(({ name }) => name))}\nprintf '\\0'\n${entries} | sort -z`
    },
    parse: (output, wanted) =>
      parseDirectories(output, new Map(wanted.map(({ name, desired }) => [name, desired?.only]))),
  },
  diff: ({ only: _, ...desired }, observed) => byField(desired, observed),
  consequence: ({ kind, fields }) =>
    kind !== 'create' && fields.some(({ field }) => field === 'others') ? 'destructive' : 'safe',
  steps: ({ name, after, fields }) => [make(name, after), ...empty(name, fields)],
  remove: ({ name }) => [{ title: `remove ${name}`, run: sh`[ ! -e ${name} ] || rmdir -- ${name}` }],
  holdsData: 'a directory may hold what others put there',
  steady: true,
}

function parseDirectories(
  output: Output,
  onlyOf: ReadonlyMap<string, string[] | undefined>,
): Map<string, DirectoryState> {
  const fields = fieldsOf(output)
  const end = fields.findIndex((field, index) => index % 7 === 0 && field === '')
  const entries = fields.slice(end + 1)
  const others = new Map<string, string[]>()
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const [folder = '', name = ''] = entries.slice(at, at + 2)
    if (onlyOf.get(folder)?.includes(name)) continue
    others.set(folder, [...(others.get(folder) ?? []), name])
  }
  return new Map(
    [...parsePaths(fields.slice(0, end))].map(([path, { kind, owner, group, mode }]) => [
      path,
      {
        kind,
        owner,
        group,
        mode,
        ...(onlyOf.get(path) === undefined ? {} : { others: (others.get(path) ?? []).sort() }),
      },
    ]),
  )
}

function make(path: string, { owner, group, mode }: DirectoryState): Step {
  return {
    title: `make ${path}`,
    // Folders above it that nobody declares are made as mkdir -p makes them; its own mode is narrow until it has its owner.
    run: sh`if [ ! -d ${path} ]; then
  [ ! -e ${path} ] || fail ${`${path} is not a directory; remove it, or declare another path`}
  mkdir -p -- ${path.replace(/\/[^/]+$/, '') || '/'}
  mkdir -m 0700 -- ${path}
fi
[ ! -L ${path} ] || fail ${`${path} is a link; declare what it points to`}
chown -- ${`${owner}:${group}`} ${path}
chmod -- ${mode} ${path}`,
  }
}

/** Removes what the plan named, and nothing that came since. */
function empty(path: string, fields: readonly FieldChange[]): Step[] {
  const others = fields.find(({ field }) => field === 'others')?.before
  if (!Array.isArray(others) || others.length === 0) return []
  return [
    {
      title: `remove what may not be in ${path}`,
      run: sh`rm -rf -- ${others.map((name) => `${path}/${String(name)}`)}`,
    },
  ]
}
