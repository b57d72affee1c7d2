/**
 * The escape hatch: shell text that reaches a state, and shell text that checks for it.
 */
import * as form from '../../kit/form.ts'
import { type Watch, WATCH_FORM, type Watched, watched, watchOf } from '../../kit/files/watched.ts'
import { refOf, under } from '../../kit/ref.ts'
import {
  type Compared,
  type FieldChange,
  type ResourceType,
  type Step,
  Unknown,
  type Desired,
} from '../../kit/resourceType.ts'
import { absolutePath, accountName, oneLine, textValue } from '../../kit/schema.ts'
import type { StateText, TextValue } from '../../kit/value.ts'
import { type Check, checkTexts, exitsIn, explainText, LATE, LATE_TEXT, parseTraces, running } from './commandCheck.ts'
import { forgotten, noted, parseWatched, type Ran, runAfter, type Watching, watchTexts } from './commandWatch.ts'

/**
 * @example
 * // As the account of the application; sort(1) reads what stands in input.
 * command({
 *   name: 'index of names',
 *   check: 'test -s names.txt',
 *   apply: 'sort > names.txt',
 *   undo: 'rm names.txt',
 *   user: 'app',
 *   directory: '/srv/app',
 *   env: { LC_ALL: 'C' },
 *   input: 'Grace\nAda\n',
 *   timeoutMs: 60_000,
 *   consequence: 'safe',
 * })
 */
export type Command = {
  /** Its purpose: "self-signed certificate". */
  name: string
  /**
   * Exits with 0 when there is nothing to do; with several lines each must succeed. It runs with every plan, for at
   * most one minute, so it must be quick and write nothing. Its output is discarded.
   */
  check?: string
  /**
   * Instead of `check`: `apply` runs once, and again after any of these has changed: resources, whoever changes their
   * files, and files or folders by path. What a run that was cut off left undone, the next one does.
   *
   * @example command({ name: 'mail aliases', onChange: ['/etc/aliases'], apply: 'newaliases' })
   */
  onChange?: readonly Watched[]
  /** Instead of `check`, when nothing can tell: `apply` then runs with every converge, and every plan says so. */
  opaque?: true
  /** Reaches the state; must be safe to run again after it was cut off. Afterwards `check` must succeed. */
  apply: string
  /**
   * Reverses `apply` when the command is no longer declared; afterwards `check` must fail. Without it, nothing is
   * reversed.
   */
  undo?: string
  /** Account that `check`, `apply` and `undo` run as. @default 'root' */
  user?: string
  /** Folder in which they run. @default '/' */
  directory?: string
  /** Environment variables for them. Not for secrets: any process of the account can read an environment. */
  env?: { [name: string]: string }
  /** Standard input of `apply`; the place for secrets. */
  input?: TextValue
  /** For `apply` and `undo`. @default 600_000 */
  timeoutMs?: number
  /** What `apply` does to running services or to data; every plan says so. When omitted, plans do not mention it. */
  consequence?: 'safe' | 'reload' | 'restart' | 'disruptive' | 'destructive'
}

export type CommandState = {
  /**
   * False for an opaque command, and where something has changed that it has yet to run for; a command whose check fails,
   * or that has never run for a change, does not exist.
   */
  done: boolean
  how: CommandHow
  seen?: CommandSeen
}
/** `because`: what it has yet to run for. */
type CommandSeen = { because: string }
type CommandHow = {
  check?: string | undefined
  watch?: Watch | undefined
  apply?: string | undefined
  undo?: string | undefined
  user?: string | undefined
  directory?: string | undefined
  env?: { [name: string]: string } | undefined
  input?: StateText | undefined
  timeoutMs?: number | undefined
  consequence?: Command['consequence']
}

const shellText = { type: 'string', minLength: 1 } as const

export const command: ResourceType<Command, CommandState, 'name'> = {
  type: 'command',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'apply'],
    properties: {
      name: { ...oneLine, maxLength: 200 },
      check: shellText,
      opaque: { enum: [true] },
      onChange: { ...watched, minItems: 1 },
      apply: shellText,
      undo: shellText,
      user: accountName,
      directory: absolutePath,
      env: {
        type: 'object',
        propertyNames: {
          pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
          description: 'the name of a variable: letters, digits and "_"',
        },
        additionalProperties: { type: 'string' },
      },
      input: textValue,
      timeoutMs: { type: 'integer', minimum: 1000, maximum: 86_400_000 },
      consequence: { enum: ['safe', 'reload', 'restart', 'disruptive', 'destructive'] },
    },
  },
  key: ['name'],
  name: ({ name }) => name,
  check: ({ check, opaque, onChange, undo }) => [
    ...([check, opaque, onChange].filter((each) => each !== undefined).length === 1
      ? []
      : [
          'give one of these: a check that exits 0 when there is nothing to do; onChange, with what it runs after; opaque: true',
        ]),
    ...(check === undefined && undo !== undefined ? ['undo needs a check that tells whether it was undone'] : []),
  ],
  desired: ({ name: _, opaque, onChange, input, ...props }) => ({
    done: opaque !== true,
    how: {
      ...props,
      ...(onChange === undefined ? {} : { watch: watchOf(onChange) }),
      ...(input === undefined ? {} : { input: typeof input === 'string' ? input : input.toJSON() }),
    },
  }),
  needs: (_name, { how: { user, directory, watch } }) => [
    ...(watch?.refs ?? []),
    ...(watch?.paths ?? []).map((path) => under(path)),
    ...(user === undefined ? [] : [refOf('user', user)]),
    ...(directory === undefined ? [] : [refOf('directory', directory)]),
  ],
  state: form.fields<Compared<CommandState>>({ done: form.flag }),
  how: form.fields<CommandHow>({
    check: form.optional(form.text()),
    watch: form.optional(WATCH_FORM),
    apply: form.optional(form.text()),
    undo: form.optional(form.text()),
    user: form.optional(form.line()),
    directory: form.optional(form.line()),
    env: form.optional(form.table(form.text(), form.matching(/^[A-Za-z_][A-Za-z0-9_]*$/, 'name of a variable'))),
    input: form.optional(form.stateText),
    timeoutMs: form.optional(form.whole(1000, 86_400_000)),
    consequence: form.optional(form.oneOf('safe', 'reload', 'restart', 'disruptive', 'destructive')),
  }),
  seen: form.optional(form.fields<CommandSeen>({ because: form.text() })),
  read: {
    command: (entries) => `${watchTexts(watchingOf(entries))}${checkTexts(checksOf(entries))}`,
    parse({ stdout }, entries) {
      const { ran, rest } = parseWatched(stdout.split('\0'), watchingOf(entries))
      const exits = exitsIn(rest)
      return new Map(
        entries.flatMap(({ name, desired }): [string, CommandState | Unknown | null][] => {
          if (desired === null) return []
          const { check, undo, user, directory, env, timeoutMs, watch } = desired.how
          if (watch !== undefined)
            return [[name, watchedState(ran.get(name), { ...desired.how, apply: undefined, input: undefined })]]
          if (check !== undefined && exits.get(name) === LATE) return [[name, new Unknown(LATE_TEXT)]]
          return check !== undefined && exits.get(name) !== 0
            ? [[name, null]]
            : [[name, { done: desired.done, how: { check, undo, user, directory, env, timeoutMs } }]]
        }),
      )
    },
  },
  explain: {
    command: (entries) => checksOf(entries).map(explainText).join('\n'),
    parse: (output, entries) => parseTraces(output, new Map(checksOf(entries).map(({ name, check }) => [name, check]))),
  },
  diff: ({ done, how }, observed) => (done && observed.done ? [] : [runs(how.apply, done, observed.seen)]),
  simulate(observed, desired, earlier) {
    if (observed === null || desired?.how.watch === undefined) return observed
    const because = runAfter(desired.how.watch, earlier)
    return because === undefined ? observed : { ...observed, done: false, seen: { because } }
  },
  drift: { gone: 'undone' },
  // Only its author knows what it changes.
  touches: () => [{ program: true }],
  consequence: ({ before, after }) =>
    after === null && hasWatch(before) ? 'record' : (after?.how.consequence ?? 'unknown'),
  steps: ({ name, after: { how } }, { reveal }) => [
    {
      ...stepOf(name, applying(name, how), how),
      ...(how.apply === undefined ? {} : { command: how.apply }),
      payload: { input: how.input === undefined ? '' : reveal(how.input) },
    },
  ],
  remove: ({ name, before }) => {
    if (hasWatch(before)) return [{ title: `forget what ${name} has run for`, run: forgotten(name) }]
    return before instanceof Unknown || before.how.undo === undefined
      ? []
      : [stepOf(`undo ${name}`, running(before.how.undo, before.how), before.how)]
  },
  holdsData: (observed) =>
    hasWatch(observed) || (!(observed instanceof Unknown) && observed.how.undo !== undefined)
      ? undefined
      : 'it has no undo',
  undo({ before, after }) {
    // A command that its `undo` reversed is applied again by its declaration.
    if (after === null) return undefined
    // It runs again for what is restored.
    if (after.how.watch !== undefined && before !== null) return { state: { done: true, how: after.how } }
    if (before === null && after.how.undo !== undefined) return { state: null }
    return { cannot: 'nobody knows what it did, and it has no undo' }
  },
  // It may create what any other type reads: a package, a file, a database.
  altersOthers: true,
  // Its check may test anything, and may succeed only because what it tests is missing.
  alteredByOthers: true,
}

function runs(apply: string | undefined, isKnown: boolean, seen: CommandSeen | undefined): FieldChange {
  return {
    field: 'runs',
    form: 'value',
    after: apply,
    ...(isKnown ? {} : { opaque: true }),
    ...(seen === undefined ? {} : { followUp: { action: 'run', because: seen.because } }),
  }
}

function hasWatch(observed: CommandState | Unknown | null): boolean {
  return observed !== null && !(observed instanceof Unknown) && observed.how.watch !== undefined
}

function checksOf(entries: readonly Desired<CommandState>[]): Check[] {
  return entries.flatMap(({ name, desired }) =>
    desired?.how.check === undefined ? [] : [{ name, check: desired.how.check, setting: desired.how }],
  )
}

function watchingOf(entries: readonly Desired<CommandState>[]): Watching[] {
  return entries.flatMap(({ name, desired }) =>
    desired?.how.watch === undefined ? [] : [{ name, watch: desired.how.watch }],
  )
}

function watchedState(ran: Ran, how: CommandHow): CommandState | Unknown | null {
  if (ran === undefined) return null
  if ('late' in ran) return new Unknown(ran.late)
  const { changed } = ran
  return { done: changed === undefined, how, ...(changed === undefined ? {} : { seen: { because: changed } }) }
}

function applying(name: string, how: CommandHow): string {
  const text = `${running(how.apply ?? ':', how)} < "$P"/input`
  return how.watch === undefined ? text : noted(name, how.watch, text)
}

function stepOf(title: string, run: string, { timeoutMs }: CommandHow): Step {
  return { title, run, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
}
