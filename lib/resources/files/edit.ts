/**
 * A line, or a marked block, in a file that something else owns. The file is read whole; awk(1) edits it on the host,
 * so that several edits of one file add up, and it is replaced by rename with its previous owner and mode.
 */
import type { Touch } from '../../kit/touch.ts'
import { isDeepStrictEqual } from 'node:util'
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { refOf } from '../../kit/ref.ts'
import {
  type Change,
  type Compared,
  type Context,
  type FieldChange,
  NOTHING_LEFT,
  type ResourceType,
  type Step,
  Unknown,
  type Was,
  type UndoTarget,
} from '../../kit/resourceType.ts'
import { entryPath, ensure, textValue } from '../../kit/schema.ts'
import { bytesTo, sh } from '../../kit/shell.ts'
import { type Comparing, holdsSecret, type Reveal, type StateText, type TextValue } from '../../kit/value.ts'
import {
  anchorOf,
  blockText,
  EDIT_AWK,
  EDIT_HOW,
  type EditSeen,
  type EditState,
  type EditWish,
  found,
  type Position,
  recordOf,
  usualPlace,
  type Wish,
} from './editLines.ts'
import { isPrivate, pathNeeds, replaceText } from '../../kit/files/paths.ts'
import { parseSmallFiles, readSmallFiles, type SmallFile } from '../../kit/files/smallFiles.ts'

/**
 * @example
 * // A block, behind the first line that begins with -m, or else at the end.
 * edit({
 *   path: '/etc/memcached.conf',
 *   block: { name: 'connections', content: '-c 2048\n', comment: '#' },
 *   position: { after: '-m ', else: 'bottom' },
 * })
 * @example
 * edit({
 *   path: '/etc/default/app',
 *   line: 'LOG_LEVEL=info',
 *   replaces: 'LOG_LEVEL=',
 *   create: true,
 *   validate: 'sh -n %',
 * })
 */
export type Edit = {
  /** A file that Keelson does not own. A link is not followed: pass its target. */
  path: string
  /** Exactly this line, once. It replaces similar lines (`replaces`). */
  line?: string
  /** Beginning of the lines that `line` replaces: `'PermitRootLogin '`. Removing `line` does not restore them. */
  replaces?: string
  /** Text between two marker lines that contain the name. */
  block?: {
    /** Stands in both marker lines, and is the key. */
    name: string
    /** Not needed for `ensure: 'absent'`. */
    content?: TextValue
    /** What begins a comment in that file. @default '#' */
    comment?: '#' | ';' | '//' | '--'
  }
  /**
   * Where a missing line or block is inserted. An anchor is the beginning of a line, the first of which counts; if
   * there is none, `else` applies, or it is an error.
   *
   * @default 'bottom'; in the files of ssh and sshd, where a line would belong to the last `Match` or `Host`, before
   *   the first of them, and lines in those are left alone
   */
  position?: Position
  /** Creates a missing file, owned by root, with mode 0644. Otherwise a missing file is an error. @default false */
  create?: boolean
  /** Shell command that checks the new file before it replaces the old one, within a minute; `%` stands for its path. */
  validate?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

/** One line of a file; unlike elsewhere it may contain tabs. */
const fileLine = {
  type: 'string',
  minLength: 1,
  pattern: '^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
} as const

export const edit: ResourceType<Edit, EditState, 'path' | 'line' | 'replaces' | 'block', 'validate'> = {
  type: 'edit',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: entryPath,
      line: fileLine,
      replaces: fileLine,
      block: {
        type: 'object',
        additionalProperties: false,
        required: ['name'],
        properties: {
          name: { type: 'string', pattern: '^[A-Za-z0-9]([A-Za-z0-9 ._-]{0,80}[A-Za-z0-9._-])?$' },
          content: textValue,
          comment: { enum: ['#', ';', '//', '--'] },
        },
      },
      position: {
        anyOf: [
          { enum: ['top', 'bottom'] },
          ...['after', 'before'].map((place) => ({
            type: 'object',
            additionalProperties: false,
            required: [place],
            properties: { [place]: fileLine, else: { enum: ['top', 'bottom'] } },
          })),
        ],
      },
      create: { type: 'boolean' },
      validate: {
        type: 'string',
        minLength: 1,
        pattern: '%',
        description: 'a command with "%" for the path of the file, such as "sshd -t -f %"',
      },
      ensure,
    },
  },
  key: ['path', 'line', 'replaces', 'block'],
  absentProps: ['validate'],
  name: ({ path, line, replaces, block }) =>
    `${path} ${block === undefined ? (replaces?.trimEnd() ?? line ?? '') : `block ${block.name}`}`,
  check: (props) => [...editMistakes(props), ...contentMistakes(props)],
  desired: (props) => desiredEdit(props, true),
  // A line or block to be removed is found by the text that would be written.
  absent: { check: editMistakes, desired: (props) => desiredEdit(props, false) },
  needs: (_name, { how: { wish } }) => [refOf('file', wish.path), ...pathNeeds(wish.path)],
  state: form.fields<Compared<EditState>>({ found: form.list(form.stateText) }),
  how: EDIT_HOW,
  seen: form.optional(form.fields<EditSeen>({ private: form.optional(form.oneOf(true)) })),
  read: {
    command: (entries) => readSmallFiles([...new Set(entries.flatMap(({ desired }) => desired?.how.wish.path ?? []))]),
    parse(output, entries) {
      const files = parseSmallFiles(output, true)
      return new Map(
        entries.flatMap(({ name, desired }): [string, EditState | null | Unknown][] =>
          desired === null ? [] : [[name, stateIn(files.get(desired.how.wish.path), desired.how.wish)]],
        ),
      )
    },
  },
  isPrivate: ({ seen }) => seen?.private === true,
  diff: diffEdit,
  paths: (_name, { how }) => [how.wish.path],
  touches: touchesOf,
  steps: (change, context) => editSteps([change], context),
  remove: (change, context) => editSteps([change], context),
  batch: editSteps,
  undo: undoEdit,
  standsFor: ({ state: { how } }, { state: gone }) => takes(gone.how.wish, how.wish),
  holdsData: (observed) => (!(observed instanceof Unknown) && observed.found.length === 0 ? NOTHING_LEFT : undefined),
}

/** Whether removing an edit would take the line of another. Blocks of two names never share a line. */
function takes({ path, match }: EditWish, other: EditWish): boolean {
  if (path !== other.path || !other.present || !('line' in match) || !('line' in other.match)) return false
  const { line, replaces } = match
  return other.match.line === line || (replaces !== undefined && other.match.line.startsWith(replaces))
}

function editMistakes({ line, block, replaces }: Edit): string[] {
  return [
    ...((line === undefined) === (block === undefined) ? ['give line or block'] : []),
    ...(block !== undefined && replaces !== undefined ? ['replaces goes with line'] : []),
    ...(replaces !== undefined && line !== undefined && !line.startsWith(replaces)
      ? ['line must begin with replaces, or it would be replaced again each time']
      : []),
    ...(typeof block?.content === 'string' && / keelson /.test(block.content)
      ? ["block: content looks like it holds Keelson's own markers"]
      : []),
  ]
}

function contentMistakes({ block }: Edit): string[] {
  if (block === undefined || (block.content ?? '') !== '') return []
  return [`block: content ${block.content === '' ? 'must not be empty' : 'is missing'}`]
}

function desiredEdit(props: Edit, present: boolean): EditState {
  const { path, line = '', replaces, block, position: place, create = false, validate } = props
  const match: Wish['match'] = block === undefined ? { line, replaces } : markersOf(block)
  const text = block === undefined ? line : plainText(block.content ?? '')
  const position = place ?? (present ? usualPlace(path, text) : 'bottom')
  const wish = { path, match, text, position, create, validate, present }
  return { found: present ? [text] : [], how: { wish } }
}

function markersOf({ name, comment = '#' }: NonNullable<Edit['block']>): Wish['match'] {
  return { open: `${comment} begin keelson ${name}`, close: `${comment} end keelson ${name}` }
}

function plainText(text: TextValue): StateText {
  return typeof text === 'string' ? text : text.toJSON()
}

/** A declared edit that is not in the file is missing; one declared absent that is not there is in order. */
function stateIn(file: SmallFile | undefined, wish: EditWish): EditState | null | Unknown {
  if (file !== undefined && file.kind !== 'file') {
    const what =
      file.kind === 'link'
        ? `a link to ${file.target}; declare the edit for that`
        : file.kind === 'moving'
          ? 'changed by somebody while it is read, or too much is read with it'
          : 'not a file, or one too long to edit'
    return new Unknown(`${wish.path} is ${what}`)
  }
  if (file?.bytes.includes(0) === true) return new Unknown(`${wish.path} is not text`)
  const there = file === undefined ? [] : found(file.bytes.toString('utf8'), wish)
  if (wish.present && there.length === 0) return null
  const seen: EditSeen = file !== undefined && isPrivate(file.mode) ? { private: true } : {}
  return { found: there, how: { wish }, seen }
}

function diffEdit(desired: EditState, observed: Partial<EditState>, { agrees }: Comparing): FieldChange[] {
  const { wish } = desired.how
  const [want, have] = [desired.found, observed.found ?? []]
  const isThere = (text: StateText, index: number): boolean => {
    const there = have[index]
    if (typeof there !== 'string') return isDeepStrictEqual(text, there)
    return agrees(text, (clear) => blockText(clear) === there)
  }
  if (want.length === have.length && want.every(isThere)) return []
  const field = 'line' in wish.match ? 'line' : 'block'
  if (holdsSecret(wish.text)) return [{ field, form: 'secret' }]
  const side = (texts: readonly StateText[]): string | undefined => {
    const clear = texts.filter((text) => typeof text === 'string')
    return clear.length === 0 ? undefined : clear.join('\n')
  }
  const after = want.map((text) => (typeof text === 'string' ? blockText(text) : text))
  return [{ field, form: 'value', before: side(have), after: side(after) }]
}

function touchesOf(change: Change<EditState>): Touch[] {
  const { before, after } = change
  if (after === null && (before === null || before instanceof Unknown)) return []
  const wish = wishOf(change)
  return [{ path: wish.path, becomes: { edited: (reveal) => trialText(wish, reveal) } }]
}

/** The edit as applied to the copy of a file (see `Becomes`). */
function trialText(wish: EditWish, reveal: Reveal): string {
  return `${bytesTo(EDIT_AWK, '/tmp/edit.awk')}
${wish.create ? '[ -e "$new" ] || : > "$new"' : ''}
${bytesTo(recordIn(wish, reveal), '/tmp/record')}
ended=yes; [ -z "$(tail -c 1 "$new")" ] || ended=no
awk -v record=/tmp/record -v ended="$ended" -f /tmp/edit.awk "$new" > /tmp/next
mv -f /tmp/next "$new"`
}

function recordIn(wish: EditWish, reveal: Reveal): string {
  return recordOf(wish, wish.present ? blockText(reveal(wish.text)).split('\n') : [])
}

/** Restores the previous text in place of the present one. */
function undoEdit({ before, after }: Was<EditState>): UndoTarget<EditState> | undefined {
  if (before === null) return undefined
  const [text, ...more] = before.found
  // Either the edit was not in the file before, or it was declared absent.
  if (text === undefined) return { state: null }
  if (more.length > 0) return { cannot: `it stood there ${before.found.length} times` }
  const { wish } = (after ?? before).how
  const match = 'line' in wish.match ? { ...wish.match, line: typeof text === 'string' ? text : '' } : wish.match
  return { state: { found: [text], how: { wish: { ...wish, match, text, present: true } } } }
}

/** Applies several edits of one file together, and writes the file once. */
function editSteps(changes: readonly Change<EditState>[], { reveal }: Context): Step[] {
  const wishes = changes.map(wishOf)
  return [...groupBy(wishes, ({ path }) => path)].map(([path, ofFile]) => ({
    title: `edit ${path}`,
    run: editText(path, ofFile),
    payload: {
      'edit.awk': EDIT_AWK,
      ...Object.fromEntries(ofFile.map((wish, index) => [String(index), recordIn(wish, reveal)])),
    },
  }))
}

function wishOf({ before, after }: Change<EditState>): EditWish {
  if (after !== null) return after.how.wish
  if (before === null || before instanceof Unknown) throw new Error('an edit to take away that was not read')
  return { ...before.how.wish, present: false }
}

function editText(path: string, wishes: readonly EditWish[]): string {
  const judges = [...new Set(wishes.flatMap(({ validate }) => validate ?? []))]
  const [was, text] = [payload('was'), payload('text')]
  return [
    sh`if read_file ${path} ${was}; then is_new=no; elif [ $? != "$NOTHING" ]; then exit 1; else`,
    `  ${missingText(path, wishes)}`,
    'fi',
    sh`cat -- ${was} > ${text}`,
    ...wishes.map((wish, index) => awkText(path, wish, index)),
    sh`[ "$is_new" = yes ] || ! cmp -s -- ${was} ${text} || exit 0`,
    `put() {\n${replaceText(path, { copy: was }, text, judges)}\n}`,
    `put_new() {\n${replaceText(path, NEW_FILE, text, judges)}\n}`,
    'if [ "$is_new" = yes ]; then put_new; else put; fi',
  ].join('\n')
}

const NEW_FILE = { owner: 'root', group: 'root', mode: '0644' } as const

function missingText(path: string, wishes: readonly EditWish[]): string {
  if (wishes.every(({ present }) => !present)) return 'exit 0'
  if (wishes.some(({ create }) => create)) return sh`is_new=yes; : > ${payload('was')}`
  return sh`fail ${`${path} is not there; declare what brings it (its package, a file), or say create: true`}`
}

function awkText(path: string, { position }: EditWish, index: number): string {
  const text = payload('text')
  const next = payload('next')
  return sh`ended=yes; [ -z "$(tail -c 1 ${text})" ] || ended=no
awk -v record=${payload(String(index))} -v ended="$ended" -f ${payload('edit.awk')} ${text} > ${next} || fail ${`no line of ${path} begins with ${JSON.stringify(anchorOf(position))}`}
mv -f ${next} ${text}`
}
