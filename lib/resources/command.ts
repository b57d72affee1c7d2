/**
 * The escape hatch: shell text that brings something about, and shell text that says whether it is so.
 */
import type { Output, ResourceType, Step } from '../engine/resource.ts'
import { absolutePath, accountName, oneLine, textValue } from '../engine/schema.ts'
import { quote, sh } from '../engine/shell.ts'
import { type StateText, type TextValue } from '../engine/value.ts'

export type Command = {
  /** What it is for: "self-signed certificate". */
  name: string
  /** Exits 0 when there is nothing to do. It runs with every plan, so it must be quick and write nothing. */
  check: string
  /** Brings it about; may be run again after it was cut off. Afterwards `check` must say yes. */
  apply: string
  /** Takes it away when it is no longer declared; without it, nothing is taken away. */
  undo?: string
  /** Account that `apply` and `undo` run as. `check` runs as it too. @default 'root' */
  user?: string
  /** @default '/' */
  directory?: string
  /** What `apply` finds on its standard input; the place for secrets. */
  input?: TextValue
  /** @default 600_000 */
  timeoutMs?: number
}

export type CommandState = {
  done: boolean
  check: string
  apply?: string | undefined
  undo?: string | undefined
  user?: string | undefined
  directory?: string | undefined
  input?: StateText | undefined
  timeoutMs?: number | undefined
}

export const command: ResourceType<Command, CommandState> = {
  type: 'command',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'check', 'apply'],
    properties: {
      name: { ...oneLine, maxLength: 200 },
      check: { type: 'string', minLength: 1 },
      apply: { type: 'string', minLength: 1 },
      undo: { type: 'string', minLength: 1 },
      user: accountName,
      directory: absolutePath,
      input: textValue,
      timeoutMs: { type: 'integer', minimum: 1000, maximum: 86_400_000 },
    },
  },
  name: ({ name }) => name,
  desired: ({ name: _, input, ...props }) => ({
    done: true,
    ...props,
    ...(input === undefined ? {} : { input: typeof input === 'string' ? input : input.toJSON() }),
  }),
  needs: (_name, { user, directory }) => [
    ...(user === undefined ? [] : [`user:${user}`]),
    ...(directory === undefined ? [] : [`directory:${directory}`]),
  ],
  read: {
    command: (wanted) =>
      wanted.map(({ name, desired }) => (desired === null ? ':' : checkText(name, desired))).join('\n'),
    parse: (output, wanted) => {
      const exits = parseExits(output)
      return new Map(
        wanted.flatMap(({ name, desired }): [string, CommandState | null][] => {
          if (desired === null) return []
          const done = exits.get(name) === 0
          // One that cannot be undone leaves nothing to remove.
          const { check, undo, user, directory } = desired
          return [[name, { done, check, undo, user, directory }]]
        }),
      )
    },
  },
  diff: (_desired, { done }) => (done ? [] : [{ field: 'done', form: 'value', before: false, after: true }]),
  consequence: () => 'disruptive',
  steps: ({ name, after }, { reveal }) => [
    {
      title: name,
      run: `${asUser(after.apply ?? ':', after)} < "$P"/input`,
      payload: { input: after.input === undefined ? '' : reveal(after.input) },
      ...(after.timeoutMs === undefined ? {} : { timeoutMs: after.timeoutMs }),
    },
  ],
  remove: (change) => undoSteps(change.name, change.before),
  unsettles: true,
}

function checkText(name: string, state: CommandState): string {
  return `( ${asUser(state.check, state)} ) >/dev/null 2>&1 </dev/null; printf '%s\\0%s\\0' ${quote(name)} "$?"`
}

/** The text as a shell of its own, so that it can neither leave the program around it nor change its variables. */
function asUser(text: string, { user = 'root', directory = '/' }: Pick<CommandState, 'user' | 'directory'>): string {
  const inner = sh`cd -- ${directory} && exec sh -euc ${text}`
  return user === 'root' ? `( ${inner} )` : sh`runuser -u ${user} -- sh -c ${inner}`
}

function parseExits({ stdout }: Output): Map<string, number> {
  const fields = stdout.split('\0')
  const exits = new Map<string, number>()
  for (let at = 0; at + 1 < fields.length; at += 2) exits.set(fields[at]!, Number(fields[at + 1]))
  return exits
}

function undoSteps(name: string, before: CommandState | object): Step[] {
  if (!('undo' in before) || typeof before.undo !== 'string') return []
  return [{ title: `undo ${name}`, run: asUser(before.undo, before) }]
}
