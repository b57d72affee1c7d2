/**
 * A line, or a marked block, in a file that others own.
 * The file is read whole; its new text is made here and replaces it by rename, with the owner and mode it had.
 */
import { payload } from '../engine/prelude.ts'
import { type Change, type ResourceType, type Step, Unknown } from '../engine/resource.ts'
import { absolutePath, ensure, oneLine } from '../engine/schema.ts'
import { sh } from '../engine/shell.ts'
import { groupBy } from '../engine/group.ts'
import { pathNeeds } from './paths.ts'
import { parseSmallFiles, readSmallFiles } from './smallFiles.ts'

export type Edit = {
  /** A file that is there; Keelson does not own it. */
  path: string
  /** Exactly this line, once. It goes where a line like it stands (`replaces`), otherwise to the end. */
  line?: string
  /** Beginning of the lines that `line` takes the place of: `'PermitRootLogin '`. */
  replaces?: string
  /** A block between marker lines with this name. */
  block?: {
    name: string
    content: string
    /** @default 'bottom' */ position?: 'top' | 'bottom'
    /** @default '#' */ comment?: string
  }
  /** Shell command that judges the new file before it replaces the old; `%` stands for its path. */
  validate?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

type Wish = {
  path: string
  line?: string | undefined
  replaces?: string | undefined
  block?: { name: string; content: string; position: 'top' | 'bottom'; comment: string } | undefined
  validate?: string | undefined
  present: boolean
}

export type EditState = {
  /** On the desired side, and on the observed side of what is no longer declared. */
  wish?: Wish | undefined
  /** On the observed side: the whole file, with owner and mode. */
  text?: string | undefined
  owner?: string | undefined
  mode?: string | undefined
}

export const edit: ResourceType<Edit, EditState> = {
  type: 'edit',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: absolutePath,
      line: oneLine,
      replaces: oneLine,
      block: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'content'],
        properties: {
          name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,80}$' },
          content: { type: 'string', minLength: 1 },
          position: { enum: ['top', 'bottom'] },
          comment: { enum: ['#', ';', '//', '--'] },
        },
      },
      validate: { type: 'string', minLength: 1, pattern: '%' },
      ensure,
    },
  },
  name: ({ path, line, replaces, block }) =>
    `${path} ${block === undefined ? (replaces?.trimEnd() ?? line ?? '') : `block ${block.name}`}`,
  check: ({ line, block, replaces }) => [
    ...((line === undefined) === (block === undefined) ? ['give line or block'] : []),
    ...(replaces !== undefined && line !== undefined && !line.startsWith(replaces)
      ? ['line must begin with replaces, or it would be replaced again each time']
      : []),
  ],
  desired: ({ ensure: presence, block, ...rest }) => ({
    wish: {
      ...rest,
      ...(block === undefined ? {} : { block: { position: 'bottom', comment: '#', ...block } }),
      present: presence !== 'absent',
    },
  }),
  needs: (_name, { wish }) => (wish === undefined ? [] : [`file:${wish.path}`, ...pathNeeds(wish.path)]),
  read: {
    command: (wanted) => readSmallFiles([...new Set(wanted.flatMap(({ desired }) => desired?.wish?.path ?? []))]),
    parse(output, wanted) {
      const files = parseSmallFiles(output)
      return new Map(
        wanted.map(({ name, desired }): [string, EditState | null] => {
          const wish = desired?.wish
          const found = wish === undefined ? undefined : files.get(wish.path)
          if (wish === undefined || found?.kind !== 'file') return [name, null]
          return [name, { wish, text: found.bytes.toString('utf8'), owner: found.owner, mode: found.mode }]
        }),
      )
    },
  },
  diff({ wish }, { text = '' }) {
    const after = wish === undefined ? text : edited(text, wish)
    return after === text ? [] : [{ field: 'text', form: 'text', before: text, after }]
  },
  steps: (change) => editSteps([change]),
  remove: (change) => editSteps([change]),
  batch: editSteps,
}

/** Several edits of one file are made together and written once. */
function editSteps(changes: readonly Change<EditState>[]): Step[] {
  return [...groupBy(changes, pathOf)].map(([path, ofFile]) => {
    const [first] = ofFile
    const before: EditState =
      first === undefined || first.before === null || first.before instanceof Unknown ? {} : first.before
    const { text, owner = 'root:root', mode = '0644' } = before
    if (text === undefined)
      return {
        title: `edit ${path}`,
        run: sh`fail ${`${path} is not there; an edit needs the file, which its package or a file resource brings`}`,
      }
    const after = ofFile.reduce((soFar, { before: was, after: will }) => edited(soFar, wishOf(was, will)), text)
    const judge = ofFile
      .map((change) => wishOf(change.before, change.after).validate)
      .find((each) => each !== undefined)
    const [user = 'root', group = 'root'] = owner.split(':')
    return {
      title: `edit ${path}`,
      run: `${judge === undefined ? '' : `judge() { ${judge.replaceAll('%', '"$1"')}\n}\n`}${sh`replace_file ${path} ${user} ${group} ${mode} ${payload('text')} ${judge === undefined ? [] : ['judge']}`}`,
      payload: { text: after },
    }
  })
}

function pathOf({ before, after }: Change<EditState>): string {
  return wishOf(before, after).path
}

function wishOf(before: EditState | object | null, after: EditState | null): Wish {
  if (after?.wish !== undefined) return after.wish
  const known = before !== null && 'wish' in before ? before.wish : undefined
  if (known === undefined) throw new Error('an edit without what it edits')
  return { ...known, present: false }
}

/** The text as the wish has it. Line ends stay as the file has them, and so does a missing last one. */
export function edited(text: string, wish: Wish): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const lines = text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/)
  const result = wish.block === undefined ? withLine(lines, wish) : withBlock(lines, wish.block, wish.present)
  const last = text === '' || /\r?\n$/.test(text) ? end : ''
  return result.length === 0 ? '' : result.join(end) + last
}

function withLine(lines: readonly string[], { line = '', replaces, present }: Wish): string[] {
  const isLike = (each: string): boolean => each === line || (replaces !== undefined && each.startsWith(replaces))
  if (!present) return lines.filter((each) => !isLike(each))
  const at = lines.findIndex(isLike)
  if (at === -1) return [...lines, line]
  return lines.flatMap((each, index) => (index === at ? [line] : isLike(each) ? [] : [each]))
}

function withBlock(
  lines: readonly string[],
  { name, content, position, comment }: NonNullable<Wish['block']>,
  present: boolean,
): string[] {
  const open = `${comment} begin keelson ${name}`
  const close = `${comment} end keelson ${name}`
  const block = present ? [open, ...content.replace(/\n$/, '').split('\n'), close] : []
  const start = lines.indexOf(open)
  const end = lines.indexOf(close, start)
  if (start !== -1 && end !== -1) return [...lines.slice(0, start), ...block, ...lines.slice(end + 1)]
  return position === 'top' ? [...block, ...lines] : [...lines, ...block]
}
