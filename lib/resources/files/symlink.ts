/**
 * A symbolic link. Read with find(1); replaced by rename, so that it has a target at every instant.
 */
import { dirname, resolve } from 'node:path'
import type { Compared, ResourceType, Step } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { entryPath, ensure, oneLine } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'
import {
  fieldsOf,
  nameMistakes,
  parsePaths,
  pathNeeds,
  type PathState,
  readPaths,
  PATH_KINDS,
} from '../../kit/files/paths.ts'

/**
 * @example
 * symlink({ path: '/usr/local/bin/app', target: '/srv/app/current/bin/app', force: true })
 */
export type Symlink = {
  /** Absolute: where the link stands. */
  path: string
  /** The text of the link: absolute, or relative to the link's folder. Not needed for `ensure: 'absent'`. */
  target?: string
  /** Replaces a file at the path; never a directory. @default false */
  force?: boolean
  /** 'absent' removes a link, and nothing else. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type SymlinkState = {
  kind: PathState['kind']
  target: string
  how?: SymlinkHow
}
type SymlinkHow = { force?: boolean | undefined }

export const symlink: ResourceType<Symlink, SymlinkState> = {
  type: 'symlink',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: { path: entryPath, target: { ...oneLine, maxLength: 4095 }, force: { type: 'boolean' }, ensure },
  },
  name: ({ path }) => path,
  check: (props) => [...(props.target === undefined ? ['target is missing'] : []), ...linkMistakes(props)],
  desired: ({ target = '', force }) => ({ kind: 'link', target, how: { force } }),
  absent: { check: linkMistakes },
  needs: (path) => pathNeeds(path),
  claims: (path) => [`path:${path}`],
  state: form.fields<Compared<SymlinkState>>({ kind: form.inner(form.oneOf(...PATH_KINDS)), target: form.line() }),
  how: form.optional(form.fields<SymlinkHow>({ force: form.optional(form.flag) })),
  leads: (path, { target }) => resolve(dirname(path), target),
  read: {
    command: (entries) => readPaths(entries.map(({ name }) => name)),
    parse: (output) =>
      new Map([...parsePaths(fieldsOf(output))].map(([path, { kind, target }]) => [path, { kind, target }])),
  },
  touches: ({ name, after }) => [{ path: name, becomes: after === null ? { gone: true } : { link: after.target } }],
  steps: ({ name, after }) => [point(name, after)],
  remove: ({ name }) => [{ title: `remove ${name}`, run: sh`remove_link ${name}` }],
  undo: ({ before }) =>
    before === null || before.kind === 'link' ? undefined : { cannot: `a ${before.kind} stood there` },
  readsAlone: true,
}

function linkMistakes({ path, target }: Symlink): string[] {
  const isItself = target !== undefined && resolve(dirname(path), target) === path
  return [...nameMistakes(path), ...(isItself ? ['target is the link itself'] : [])]
}

function point(path: string, { target, how }: SymlinkState): Step {
  return { title: `link ${path}`, run: sh`make_link ${path} ${target} ${how?.force === true ? 'force' : ''}` }
}
