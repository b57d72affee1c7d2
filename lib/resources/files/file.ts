/**
 * A file with its whole content: content, owner, group, mode. Read with find(1) and sha256sum(1); text that differs is
 * fetched for the plan. Replaced by rename, never in place.
 */
import type { Becomes } from '../../kit/touch.ts'
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { byField } from '../../kit/byField.ts'
import { payload } from '../../kit/prelude.ts'
import * as form from '../../kit/form.ts'
import {
  type Change,
  type Compared,
  type Context,
  type Fetched,
  type FieldChange,
  type Output,
  type ResourceType,
  type Step,
  Unknown,
  type Was,
  type UndoTarget,
} from '../../kit/resourceType.ts'
import { accountName, entryPath, ensure, fileMode, textValue } from '../../kit/schema.ts'
import { quote, raw, sh } from '../../kit/shell.ts'
import { type Comparing, holdsSecret, type StateText, type TextValue } from '../../kit/value.ts'
import {
  ancestors,
  type Assumed,
  assumedRights,
  fieldsOf,
  fullMode,
  isPrivate,
  nameMistakes,
  parsePaths,
  pathNeeds,
  type PathState,
  readPaths,
  replaceText,
  PATH_KINDS,
  RIGHTS,
  type Rights,
  rightsAfter,
  rightsFunction,
  withoutAssumed,
} from '../../kit/files/paths.ts'
import { eachAccount, eachAlone, movingText } from '../../kit/files/byAccount.ts'
import { filesInTar, TAR_FILES } from '../../kit/files/tarStream.ts'

/**
 * @example
 * // A secret in a file; no plan shows it.
 * file({
 *   path: '/etc/app/app.env',
 *   content: conf`
 *     DATABASE_PASSWORD=${secret('shop-database')}
 *   `,
 *   owner: 'root',
 *   group: 'app',
 *   mode: '0600',
 * })
 * @example
 * // Checked before it takes the place of the old one.
 * file({
 *   path: '/usr/local/bin/hello',
 *   source: new URL('./hello.sh', import.meta.url),
 *   mode: '0755',
 *   validate: 'sh -n %',
 * })
 */
export type File = {
  /** Absolute. The directory above it must be there, or declared. */
  path: string
  /** The whole text. Without it and without `source` only owner, group and mode are managed. */
  content?: TextValue
  /** A local file with the content, text or not: `new URL('./page.html', import.meta.url)`, or a path from the working directory. */
  source?: string | URL
  /** Account that owns it. @default on creation, 'root' */
  owner?: string
  /** Group that owns it. @default on creation, the owner's name */
  group?: string
  /** Permissions in octal. @default on creation, '0644'; always '0600' when the content holds a secret */
  mode?: string
  /**
   * Shell command that checks the new content before it replaces the old; `%` stands for its path: `'sshd -t -f %'`. In
   * a folder of another account only root can open that path: `'runuser -u app -- check < %'`. It may take a minute.
   */
  validate?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type FileState = {
  kind: PathState['kind']
  owner?: string | undefined
  group?: string | undefined
  mode?: string | undefined
  /** SHA-256 of the content, hex: observed, and desired of a source that is not small text. */
  sha256?: string | undefined
  /** In desired states only. */
  content?: StateText | undefined
  how?: FileHow
  seen?: FileSeen
}
type FileHow = {
  /** Local path of a source that is not small text. */
  source?: string | undefined
  /** Path on the host of bytes that an earlier run has kept. */
  kept?: string | undefined
  validate?: string | undefined
  assumed?: Assumed | undefined
}
/** It has an ACL beyond owner, group and others; that only matters when the file is changed. */
type FileSeen = { acl?: true }

/** Maximum size in bytes of a source that, being UTF-8 text, is in the catalog as text. */
const INLINE = 262_144
/** Maximum bytes of a file that a plan shows. */
const SHOWN = 1_048_576

export const file: ResourceType<File, FileState> = {
  type: 'file',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: entryPath,
      content: textValue,
      source: { type: 'string', minLength: 1 },
      owner: accountName,
      group: accountName,
      mode: fileMode,
      validate: {
        type: 'string',
        minLength: 1,
        pattern: '%',
        description: 'a command with "%" for the path of the file, such as "sshd -t -f %"',
      },
      ensure,
    },
  },
  name: ({ path }) => path,
  check: (props) => {
    const { path, source } = props
    const both = twoContents(props)
    return both.length > 0 ? both : [...nameMistakes(path), ...(source === undefined ? [] : unreadable(source))]
  },
  desired: desiredFile,
  absent: { check: twoContents },
  needs: (path, state) => pathNeeds(path, state),
  claims: (path) => [`path:${path}`],
  state: form.fields<Compared<FileState>>({
    kind: form.inner(form.oneOf(...PATH_KINDS)),
    owner: form.optional(form.line()),
    group: form.optional(form.line()),
    mode: form.optional(form.line()),
    sha256: form.optional(form.sha256Hex),
    content: form.optional(form.stateText),
  }),
  how: form.optional(
    form.fields<FileHow>({
      source: form.optional(form.localPath),
      kept: form.optional(form.keptPath),
      validate: form.optional(form.text()),
      assumed: form.optional(form.list(form.oneOf(...RIGHTS))),
    }),
  ),
  seen: form.optional(form.fields<FileSeen>({ acl: form.optional(form.oneOf(true)) })),
  read: {
    command: (entries) => readFiles(entries.map(({ name }) => name)),
    compare(entries) {
      const paths = entries.map(({ name }) => name)
      return `${readPaths(paths)}\n${eachAlone(paths)}`
    },
    parse: (output) => parseFiles(output),
  },
  fetch: { command: fetchTexts, parse: parseTexts },
  isPrivate: ({ mode }) => isPrivate(mode ?? ''),
  diff: diffFile,
  adopted: (desired, { kind }) => (kind === 'file' ? withoutAssumed(desired, desired.how?.assumed) : desired),
  touches: ({ name, after }) => {
    const becomes = becomesOf(after)
    return [{ path: name, ...(becomes === undefined ? {} : { becomes }) }]
  },
  opens: secretReaders,
  besides: ({ before, after }) =>
    before === null && after !== null && !hasContent(after)
      ? ['nothing is there and no content is declared: something before it must bring it']
      : [],
  steps(change, { reveal }) {
    const { name, after } = change
    if (change.kind === 'create') return [hasContent(after) ? replace(name, after, null, reveal) : missing(name)]
    const { before } = change
    const there = before.kind === 'file' ? before : null
    if (isOfRights(change) && !(hasContent(after) && mayBeHeldOpen(change))) return [setRights(name, before, after)]
    return [hasContent(after) ? replace(name, after, there, reveal) : refuse(name, before)]
  },
  remove: ({ name }) => [{ title: `remove ${name}`, run: sh`remove_file ${name}` }],
  undo: undoFile,
  holdsData: (observed, applied) =>
    observed instanceof Unknown || applied === null ? undefined : replacement(observed, applied),
  readsAlone: true,
}

function twoContents({ content, source }: File): string[] {
  return content !== undefined && source !== undefined ? ['give content or source, not both'] : []
}

function localPath(source: string | URL): string {
  return source instanceof URL ? fileURLToPath(source) : source
}

/** What is no regular file, such as a device or a pipe, may hold nothing, never end, or keep the client waiting. */
function unreadable(source: string | URL): string[] {
  const path = localPath(source)
  try {
    const there = statSync(path)
    if (!there.isFile() && !there.isDirectory()) return [`source: ${path} is not a regular file`]
    readFileSync(path)
    return []
  } catch (error) {
    return [`source cannot be read: ${error instanceof Error ? error.message : String(error)}`]
  }
}

function desiredFile(props: File): FileState {
  const { content, source, owner = 'root', group = owner, mode, validate } = props
  const text = typeof content === 'string' || content === undefined ? content : content.toJSON()
  const { how, ...found } = source === undefined ? { content: text } : sourceState(localPath(source))
  const secret = found.content !== undefined && holdsSecret(found.content)
  const rights = { owner, group, mode: fullMode(mode ?? (secret ? '0600' : '0644')) }
  const left = assumedRights(secret ? { ...props, mode: rights.mode } : props)
  return {
    kind: 'file',
    ...rights,
    ...found,
    how: { ...how, validate, ...(left.length === 0 ? {} : { assumed: left }) },
  }
}

/** Who else than its owner can read a secret by this change that could not before; its owner, too, when there is a new one. */
function secretReaders({ before, after, fields }: Change<FileState>): string[] {
  if (after?.content === undefined || !holdsSecret(after.content)) return []
  const there = before instanceof Unknown || before?.kind !== 'file' ? undefined : before
  // With another content, it may be another secret.
  const had = there === undefined || fields.some(({ field }) => field === 'content') ? [] : readersOf(there)
  const owner = there === undefined || there.owner === (after.owner ?? there.owner) ? [] : [`user ${after.owner}`]
  const readers = [...owner, ...readersOf({ ...there, ...withoutUndefined(after) })]
  return readers.filter((reader) => !had.includes(reader)).map((reader) => `lets ${reader} read a secret`)
}

function readersOf({ mode = '', group = 'root' }: Pick<FileState, 'mode' | 'group'>): string[] {
  const bits = Number.parseInt(mode, 8)
  return [
    ...((bits & 0o040) !== 0 && group !== 'root' ? [`group ${group}`] : []),
    ...((bits & 0o004) !== 0 ? ['everybody'] : []),
  ]
}

function withoutUndefined({ mode, group }: FileState): Pick<FileState, 'mode' | 'group'> {
  return { ...(mode === undefined ? {} : { mode }), ...(group === undefined ? {} : { group }) }
}

/** Undefined when the bytes are not available: only the digest of a long source is known. */
function becomesOf(after: FileState | null): Becomes | undefined {
  if (after === null) return { gone: true }
  if (after.content !== undefined) return { text: after.content }
  if (after.how?.kept !== undefined) return { copy: after.how.kept }
  return after.how?.source === undefined ? { same: true } : undefined
}

/** Relative to the working directory, so that the catalog is the same wherever the site is checked out. */
function sourceState(path: string): Pick<FileState, 'content' | 'sha256' | 'how'> {
  const bytes = readFileSync(path)
  if (bytes.length <= INLINE && isText(bytes)) return { content: bytes.toString('utf8') }
  return { sha256: sha256(bytes), how: { source: relative(process.cwd(), path) } }
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Files in an account's own folders may have any size, and are hashed up to this; a file of root is hashed whole. */
const HASHED = 2 ** 28

function readFiles(paths: readonly string[]): string {
  return `${readPaths(paths)}
printf '\\0'
${eachAccount(paths, `-type f \\( -user root -o -size -${HASHED + 1}c \\)`, 'sha256sum --zero --')}
printf '\\0'
${listAcls(paths)}`
}

/** Prints what ls(1) shows of files that have an ACL: a `+` after the mode, and the path last. Nothing is opened. */
function listAcls(paths: readonly string[]): string {
  if (paths.length === 0) return ':'
  const files = `find ${paths.map(quote).join(' ')} -maxdepth 0 -type f -print0 2>/dev/null`
  return `${files} | xargs -0 -r ls -ldU --zero --time-style=+ -- 2>/dev/null | grep -z '^[^ ]*+' || :`
}

function parseFiles(output: Output): Map<string, FileState | Unknown> {
  const fields = fieldsOf(output)
  // No path is empty, so an empty path separates the listing from the digests. Link targets, the only fields that may
  // be empty, are the last of their seven.
  const end = separatorIn(fields)
  const last = fields.indexOf('', end + 1)
  const digests = new Map(fields.slice(end + 1, last).map((entry) => [entry.slice(66), entry.slice(0, 64)]))
  const acls = new Set(fields.slice(last + 1).map((entry) => entry.slice(entry.indexOf('/'))))
  return new Map(
    [...parsePaths(fields.slice(0, end))].map(([path, found]): [string, FileState | Unknown] => {
      const { kind, owner, group, mode, size } = found
      if (kind !== 'file') return [path, { kind, owner, group, mode }]
      const seen = acls.has(path) ? { seen: { acl: true as const } } : {}
      const digest = digests.get(path)
      if (digest !== undefined) return [path, { kind, owner, group, mode, sha256: digest, ...seen }]
      const isLong = owner !== 'root' && size > HASHED
      return [
        path,
        new Unknown(isLong ? `${path} of ${owner} has ${size} bytes, more than are read` : movingText(path)),
      ]
    }),
  )
}

function separatorIn(fields: readonly string[]): number {
  for (let at = 0; at < fields.length; at += 7) if (fields[at] === '') return at
  throw new Error(`files: unexpected listing ${JSON.stringify(fields.slice(0, 20))}`)
}

/**
 * Prints folders that others cannot enter, an empty field, sizes of the files, then those within the limit, as a tar
 * stream.
 */
function fetchTexts(paths: readonly string[]): string {
  const files = `find ${paths.map(quote).join(' ')} -maxdepth 0 -type f`
  const folders = [...new Set(paths.flatMap(ancestors))]
  const closed =
    folders.length === 0 ? '' : `find ${folders.map(quote).join(' ')} -maxdepth 0 ! -perm -001 -print0 2>/dev/null\n`
  return `${closed}printf '\\0'
${files} -printf '%p\\0%s\\0' 2>/dev/null
printf '\\0'
${files} -size -${SHOWN + 1}c -print0 2>/dev/null | ${TAR_FILES}`
}

function parseTexts({ stdout }: Output): Map<string, Fetched> {
  const fields = stdout.split('\0')
  const closed = fields.splice(0, fields.indexOf('') + 1)
  const files = filesInTar(Buffer.from(fields.pop() ?? '', 'base64'))
  const texts = new Map<string, Fetched>()
  for (let at = 0; at + 2 < fields.length; at += 2) {
    const path = fields[at]!
    const size = Number(fields[at + 1])
    const bytes = files.get(path)
    const text = size > SHOWN ? `(${size} bytes, too long to show)` : bytes === undefined ? undefined : textOf(bytes)
    if (text === undefined) continue
    texts.set(path, { text, isPrivate: closed.some((folder) => folder !== '' && path.startsWith(`${folder}/`)) })
  }
  return texts
}

function textOf(bytes: Buffer): string {
  return isText(bytes) ? bytes.toString('utf8') : `(not text, ${bytes.length} bytes)`
}

function isText(bytes: Buffer): boolean {
  return !bytes.includes(0) && Buffer.from(bytes.toString('utf8')).equals(bytes)
}

/** Mentions what is preserved of the existing file only when something changes. */
function diffFile(desired: FileState, observed: FileState, comparing: Comparing): FieldChange[] {
  const changes = changesOf(desired, observed, comparing)
  if (observed.seen?.acl !== true || changes.length === 0) return changes
  return [...changes, { field: 'acl', form: 'value', before: 'set', after: 'kept, with the mode as its mask' }]
}

function changesOf(desired: FileState, observed: FileState, { sameText }: Comparing): FieldChange[] {
  const { content, sha256: digest, how, ...rest } = desired
  const changes = byField(rest, observed)
  const there = observed.sha256
  if (content === undefined) {
    if (digest === undefined || digest === there) return changes
    if (how?.kept !== undefined) return [...changes, keptContent(desired, observed, how.kept)]
    return [...changes, { field: 'content', form: 'value', before: there, after: `${digest} (${how?.source})` }]
  }
  if (there !== undefined && sameText(content, there)) return changes
  const secret = holdsSecret(content)
  return [
    ...changes,
    secret ? { field: 'content', form: 'secret' } : { field: 'content', form: 'text', after: content },
  ]
}

/** Previous bytes that the host has kept: shown if every account there may read them. */
function keptContent(desired: FileState, observed: FileState, kept: string): FieldChange {
  const isOpen = [desired, observed].every(({ mode }) => mode === undefined || /[4-7]$/.test(mode))
  return isOpen
    ? { field: 'content', form: 'text', afterAt: kept }
    : { field: 'content', form: 'value', before: 'as it is', after: 'as it was, which the host has kept' }
}

function hasContent({ content, how }: FileState): boolean {
  return content !== undefined || how?.source !== undefined || how?.kept !== undefined
}

type Rewrite = Extract<Change<FileState>, { kind: 'change' }>

function isOfRights({ fields }: Rewrite): boolean {
  return fields.every(({ field }) => field !== 'content' && field !== 'kind')
}

/**
 * Whether an account that may not write the new file may still have the old one open for writing: rights are checked
 * when a file is opened, and never again (open(2)). Only a new file guarantees the content then.
 */
function mayBeHeldOpen({ before, after }: Rewrite): boolean {
  const [was, is] = [rightsOf(before, null), rightsOf(after, before)]
  return was.owner !== is.owner || was.group !== is.group || (Number.parseInt(was.mode, 8) & 0o022) !== 0
}

function rightsOf(state: FileState, there: FileState | null): Rights {
  return rightsAfter(state, there, '0644')
}

function setRights(path: string, before: FileState, after: FileState): Step {
  const [was, is] = [rightsOf(before, null), rightsOf(after, before)]
  return {
    title: `set owner and mode of ${path}`,
    run: `${rightsFunction(was, is)}
${sh`change_file ${path} rights ${[was.owner, is.owner]}`}`,
  }
}

/** What comes before it, a package or a command, was to bring the file. */
function missing(path: string): Step {
  return {
    title: `look at ${path}`,
    run: sh`fail ${`${path} is not there; give its content (content: '' for an empty file), or declare what brings it before it`}`,
  }
}

/** Without content there is nothing that could replace what exists there. */
function refuse(path: string, { kind }: FileState): Step {
  return {
    title: `look at ${path}`,
    run: sh`fail ${`${path} is a ${kind}; give its content, or declare another path`}`,
  }
}

/** @param there The file in whose place it comes. */
function replace(path: string, after: FileState, there: FileState | null, reveal: Context['reveal']): Step {
  const { content, sha256: digest } = after
  const { source, kept, validate } = after.how ?? {}
  const rights = { ...rightsOf(after, there), acl: there?.seen?.acl }
  const judges = validate === undefined ? [] : [validate]
  if (kept !== undefined)
    return { title: `bring back ${path}`, run: replaceText(path, rights, raw(quote(kept)), judges) }
  const bytes = source === undefined ? reveal(content ?? '') : readFileSync(source)
  if (digest !== undefined && sha256(bytes) !== digest)
    throw new Error(`${source} has changed since the plan was made; plan again`)
  return {
    title: `write ${path}`,
    ...(validate === undefined ? {} : { command: validate.replaceAll('%', path) }),
    run: replaceText(path, rights, payload('content'), judges),
    payload: { content: bytes },
  }
}

/** Keelson does not remove what somebody else has put in the file's place. */
function replacement({ kind, owner, sha256: digest }: FileState, applied: FileState): string | undefined {
  if (kind !== 'file') return `another hand has put a ${kind} in its place`
  const text = typeof applied.content === 'string' ? sha256(applied.content) : applied.sha256
  if (owner === applied.owner || (text !== undefined && text === digest)) return undefined
  return `another hand has replaced it: it belongs to ${owner ?? 'nobody known'}${text === undefined ? '' : ', and its content is another'}`
}

/** The file's digest was read, its bytes were not: the host has to keep those. */
function undoFile({ name, before, after, fields, keep }: Was<FileState>): UndoTarget<FileState> | undefined {
  if (before === null) return undefined
  const { kind, owner, group, mode, sha256: digest } = before
  if (kind !== 'file' || digest === undefined) return { cannot: `a ${kind} stood there` }
  const isWhole = after === null || fields.some(({ field }) => field === 'content')
  return {
    state: { kind, owner, group, mode, ...(isWhole ? { sha256: digest, how: { kept: keep(name, digest) } } : {}) },
  }
}
