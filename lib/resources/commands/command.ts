/**
 * The escape hatch: shell text that reaches a state, and shell text that checks for it.
 */
import * as form from '../../kit/form.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { refOf } from '../../kit/ref.ts'
import {
  type Compared,
  type FieldChange,
  type Output,
  type ResourceType,
  type Step,
  Unknown,
  type Desired,
} from '../../kit/resourceType.ts'
import { absolutePath, accountName, oneLine, textValue } from '../../kit/schema.ts'
import { quote, raw, sh, type ShellText } from '../../kit/shell.ts'
import type { StateText, TextValue } from '../../kit/value.ts'
import { parseTraces, traceText, TRACING } from './commandCheck.ts'

export type Command = {
  /** Its purpose: "self-signed certificate". */
  name: string
  /**
   * Exits with 0 when there is nothing to do; with several lines each must succeed. It runs with every plan, for at
   * most one minute, so it must be quick and write nothing. Its output is discarded.
   */
  check?: string
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
  /** False for an opaque command; a command whose check fails does not exist. */
  done: boolean
  how: CommandHow
}
type CommandHow = {
  check?: string | undefined
  apply?: string | undefined
  undo?: string | undefined
  user?: string | undefined
  directory?: string | undefined
  env?: { [name: string]: string } | undefined
  input?: StateText | undefined
  timeoutMs?: number | undefined
  consequence?: Command['consequence']
}

/** How the texts of a command are run. */
type Setting = Pick<CommandHow, 'user' | 'directory' | 'env'>

/** Seconds that a check may take, and that all checks of one account may take before each gets one second only. */
const CHECK_S = 60
const ALL_S = 90

const LIMITED = ['timeout', '--kill-after=5', String(CHECK_S)]
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
      apply: shellText,
      undo: shellText,
      user: accountName,
      directory: absolutePath,
      env: {
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
        additionalProperties: { type: 'string' },
      },
      input: textValue,
      timeoutMs: { type: 'integer', minimum: 1000, maximum: 86_400_000 },
      consequence: { enum: ['safe', 'reload', 'restart', 'disruptive', 'destructive'] },
    },
  },
  key: ['name'],
  name: ({ name }) => name,
  check: ({ check, opaque, undo }) => [
    ...((check === undefined) === (opaque === undefined)
      ? ['give a check that exits 0 when there is nothing to do, or say opaque: true']
      : []),
    ...(opaque === true && undo !== undefined ? ['undo needs a check that tells whether it was undone'] : []),
  ],
  desired: ({ name: _, opaque, input, ...props }) => ({
    done: opaque !== true,
    how: {
      ...props,
      ...(input === undefined ? {} : { input: typeof input === 'string' ? input : input.toJSON() }),
    },
  }),
  needs: (_name, { how: { user, directory } }) => [
    ...(user === undefined ? [] : [refOf('user', user)]),
    ...(directory === undefined ? [] : [refOf('directory', directory)]),
  ],
  state: form.fields<Compared<CommandState>>({ done: form.flag }),
  how: form.fields<CommandHow>({
    check: form.optional(form.text()),
    apply: form.optional(form.text()),
    undo: form.optional(form.text()),
    user: form.optional(form.line()),
    directory: form.optional(form.line()),
    env: form.optional(form.table(form.text(), form.matching(/^[A-Za-z_][A-Za-z0-9_]*$/, 'name of a variable'))),
    input: form.optional(form.stateText),
    timeoutMs: form.optional(form.whole(1000, 86_400_000)),
    consequence: form.optional(form.oneOf('safe', 'reload', 'restart', 'disruptive', 'destructive')),
  }),
  read: {
    command: checkTexts,
    parse(output, entries) {
      const exits = exitsIn(output)
      return new Map(
        entries.flatMap(({ name, desired }): [string, CommandState | Unknown | null][] => {
          if (desired === null) return []
          const { check, undo, user, directory, env, timeoutMs } = desired.how
          if (check !== undefined && exits.get(name) === LATE) return [[name, new Unknown(LATE_TEXT)]]
          return check !== undefined && exits.get(name) !== 0
            ? [[name, null]]
            : [[name, { done: desired.done, how: { check, undo, user, directory, env, timeoutMs } }]]
        }),
      )
    },
  },
  explain: {
    command: (entries) =>
      entries
        .flatMap(({ name, desired }) =>
          desired?.how.check === undefined ? [] : [explainText(name, desired.how.check, desired.how)],
        )
        .join('\n'),
    parse: (output, entries) =>
      parseTraces(
        output,
        new Map(
          entries.flatMap(({ name, desired }) => (desired?.how.check === undefined ? [] : [[name, desired.how.check]])),
        ),
      ),
  },
  diff: ({ done, how }, observed) => (done && observed.done ? [] : [runs(how.apply, done)]),
  drift: { gone: 'undone' },
  // Only its author knows what it changes.
  touches: () => [{ program: true }],
  consequence: ({ after }) => after?.how.consequence ?? 'unknown',
  steps: ({ name, after: { how } }, { reveal }) => [
    {
      ...stepOf(name, `${running(how.apply ?? ':', how)} < "$P"/input`, how),
      payload: { input: how.input === undefined ? '' : reveal(how.input) },
    },
  ],
  remove: ({ name, before }) =>
    before instanceof Unknown || before.how.undo === undefined
      ? []
      : [stepOf(`undo ${name}`, running(before.how.undo, before.how), before.how)],
  holdsData: (observed) =>
    observed instanceof Unknown || observed.how.undo === undefined ? 'it has no undo' : undefined,
  undo({ before, after }) {
    // A command that its `undo` reversed is applied again by its declaration.
    if (after === null) return undefined
    if (before === null && after.how.undo !== undefined) return { state: null }
    return { cannot: 'nobody knows what it did, and it has no undo' }
  },
  // It may create what any other type reads: a package, a file, a database.
  altersOthers: true,
  // Its check may test anything, and may succeed only because what it tests is missing.
  alteredByOthers: true,
}

function runs(apply: string | undefined, hasCheck: boolean): FieldChange {
  return { field: 'runs', form: 'value', after: apply, ...(hasCheck ? {} : { opaque: true }) }
}

/** Instead of the exit status of a check that was killed. */
const LATE = -1
const LATE_TEXT = `its check did not end within ${CHECK_S} s, or checks of the same account before it took all of their time`

/**
 * Runs the checks of each account one after another, and those of different accounts at the same time: a check that
 * hangs delays only those of its own account.
 */
function checkTexts(entries: readonly Desired<CommandState>[]): string {
  const checks = entries.flatMap(({ name, desired }) =>
    desired?.how.check === undefined ? [] : [{ name, check: desired.how.check, setting: desired.how }],
  )
  const accounts = [...groupBy(checks, ({ setting }) => setting.user ?? 'root').values()]
  const texts = accounts.map((ofOne) => ofOne.map((one) => checkText(one)).join('\n'))
  if (texts.length === 0) return ':'
  const begin = `read -r k_now k_idle </proc/uptime; k_end=$((\${k_now%.*} + ${ALL_S}))`
  // Lanes of a pipeline: each copies the output of the lanes before it, so that the order is always the same.
  const lanes = texts.map((text, index) => `{\n${text}\n${index === 0 ? '' : 'cat\n'}}`)
  return `${TIMED}\n${begin}\n${texts.length === 1 ? texts[0] : lanes.join(' |\n')}`
}

/**
 * `k_timed` sets `k_s`, the seconds that the next check may take: after one that hung, the account's other checks get
 * less, and in the end one second. `k_late` distinguishes timeout(1)'s exit status for a check that it killed, with or
 * without SIGKILL, from the same status of a check itself.
 */
const TIMED = `k_timed() {
  read -r k_now k_idle </proc/uptime
  k_s=$((k_end - \${k_now%.*}))
  [ "$k_s" -lt ${CHECK_S} ] || k_s=${CHECK_S}
  [ "$k_s" -gt 0 ] || k_s=1
  k_limit=$((\${k_now%.*} + k_s))
}
k_late() {
  read -r k_now k_idle </proc/uptime
  case $k_exit in 124 | 137) [ "\${k_now%.*}" -lt $k_limit ] || k_exit=${LATE} ;; esac
}`

function checkText({ name, check, setting }: { name: string; check: string; setting: Setting }): string {
  const text = running(check, setting, ['timeout', '--kill-after=1', raw('"$k_s"')])
  return `k_timed; ${text} >/dev/null 2>&1 </dev/null; k_exit=$?; k_late; printf '%s\\0%s\\0' ${quote(name)} $k_exit`
}

function explainText(name: string, check: string, setting: Setting): string {
  const traced = running(TRACING + check, setting, LIMITED, ['bash', '--posix', '-euc'])
  return traceText(name, running(check, setting, LIMITED), traced)
}

/**
 * Runs the text in a shell of its own, so that it can neither exit the surrounding program nor change its variables. A
 * check, which runs in a login, has the same environment as `apply`, which runs in a unit.
 */
function running(
  text: string,
  { user = 'root', directory = '/', env = {} }: Setting,
  before: readonly (string | ShellText)[] = [],
  shell: readonly string[] = ['sh', '-euc'],
): string {
  const as = user === 'root' ? [] : ['runuser', '-u', user, '--']
  const variables = { USER: user, LOGNAME: user, LC_ALL: 'C', ...env }
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  // The schema's pattern makes the account's name safe, and `~` is only expanded unquoted. The account itself enters
  // the folder: it could redirect root into a folder that it may not enter.
  const setting = [...words, ...shell]
  return `( cd / && home=~${user} && exec ${[...before, ...as].map((word) => sh`${word}`).join(' ')} ${sh`env -i --chdir=${directory} PATH="$PATH" HOME="$home" ${setting} ${text}`} )`
}

function exitsIn({ stdout }: Output): Map<string, number> {
  const fields = stdout.split('\0')
  const exits = new Map<string, number>()
  for (let at = 0; at + 1 < fields.length; at += 2) exits.set(fields[at]!, Number(fields[at + 1]))
  return exits
}

function stepOf(title: string, run: string, { timeoutMs }: CommandHow): Step {
  return { title, run, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
}
