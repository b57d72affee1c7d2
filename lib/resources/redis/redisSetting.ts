/**
 * A directive of Redis: its lines in /etc/redis/redis.conf, and the running server's value.
 *
 * Read from the file and with CONFIG GET; changed live by CONFIG SET if Redis allows that, otherwise with one restart.
 * Keelson edits the file itself instead of using CONFIG REWRITE, which adds lines of its own.
 */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { refOf } from '../../kit/ref.ts'
import type { Change, Compared, Consequence, FieldChange, Output, ResourceType } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure, textValue } from '../../kit/schema.ts'
import { type Comparing, holdsSecret, type StateText, type TextValue } from '../../kit/value.ts'
import {
  AT_START,
  canonicalLines,
  inUnits,
  isRunning,
  quoteArgument,
  SECRET_DIRECTIVES,
  splitArguments,
} from './conf.ts'
import { LONGEST_CONF, NO_CONF, NOT_INSTALLED, readRedis, redisStep } from './program.ts'

/**
 * @example
 * redisSetting({ name: 'save', value: ['900 1', '300 10'] })
 */
export type RedisSetting = {
  /** The directive: `maxmemory`, `save`. */
  name: string
  /**
   * `'256mb'`, `true` for yes, a number; a list is one line per item: `['900 1', '300 10']`. Only `requirepass` and
   * `masterauth` take secrets.
   */
  value?: TextValue | number | boolean | readonly string[]
  /** `absent`: no line in the file, so Redis's own default; restarts it. @default 'present' */
  ensure?: 'present' | 'absent'
}

type RedisRunning = { value: string; restart: boolean }

export type RedisState = {
  /**
   * One entry per line. Observed: none when the lines are gone and a restart is due; for a secret directive, SHA-256 of
   * its value as written in the file.
   */
  lines: StateText[]
  seen?: RedisSeen
}
type RedisSeen = {
  /** Value of the running server, when it differs from the file. */
  running: RedisRunning | null
  /** Why the running server could not be asked about this resource. */
  unheard: string | null
}

const line = {
  type: 'string',
  maxLength: 10_000,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
} as const
/** These are not single values that can be compared with a file. */
const NOT_SETTINGS = new Set(['include', 'loadmodule', 'rename-command', 'user'])

export const redisSetting: ResourceType<RedisSetting, RedisState> = {
  type: 'redis-setting',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        maxLength: 63,
        pattern: '^[a-z][a-z0-9-]*$',
        description: 'the name of a directive, such as "maxmemory"',
      },
      value: {
        anyOf: [
          line,
          ...textValue.anyOf.slice(1),
          { type: 'number' },
          { type: 'boolean' },
          { type: 'array', items: line, minItems: 1 },
        ],
      },
      ensure,
    },
  },
  name: (props) => props.name,
  check: checkSetting,
  desired: ({ value = '' }) => ({ lines: linesOf(value) }),
  absent: { check: nameMistake },
  sharedPaths: ['/etc/redis/redis.conf'],
  needs: () => [refOf('package', 'redis-server'), refOf('package', 'redis')],
  state: form.fields<Compared<RedisState>>({ lines: form.list(form.stateText) }),
  seen: form.optional(
    form.fields<RedisSeen>({
      running: form.either(form.fields<RedisRunning>({ value: form.text(), restart: form.flag }), form.oneOf(null)),
      unheard: form.either(form.text(), form.oneOf(null)),
    }),
  ),
  read: {
    command: (entries) => readRedis(entries.map(({ name }) => name)),
    parse: (output, entries) =>
      parseRedis(
        output,
        entries.map(({ name }) => name),
      ),
  },
  diff: diffSetting,
  drift: { field: ({ field }) => (field === 'running' ? 'changed in the running server' : undefined) },
  consequence: redisConsequence,
  steps: (change, context) => [redisStep([change], context)],
  remove: (change, context) => [redisStep([change], context)],
  batch: (changes, context) => [redisStep(changes, context)],
  undo: ({ before }) =>
    before === null ? undefined : { state: before.lines.length === 0 ? null : { lines: before.lines } },
}

function nameMistake({ name }: RedisSetting): string[] {
  return NOT_SETTINGS.has(name) ? [`${name} is not a setting with a value; write its line with file or aclfile`] : []
}

function checkSetting({ name, value }: RedisSetting): string[] {
  const unfit = nameMistake({ name })
  if (unfit.length > 0) return unfit
  if (value === undefined) return ['value is missing']
  const secret = linesOf(value).some(holdsSecret)
  return secret && !SECRET_DIRECTIVES.has(name) ? [`${name} takes no secret: every client of Redis can read it`] : []
}

function linesOf(value: NonNullable<RedisSetting['value']>): StateText[] {
  if (typeof value === 'boolean') return [value ? 'yes' : 'no']
  if (typeof value === 'number' || typeof value === 'string') return [String(value)]
  return 'toJSON' in value ? [value.toJSON()] : [...value]
}

/** Records, see `readRedis`: lines of the file, digests of secrets, whether the service is active, its answers, what is due. */
function parseRedis(output: Output, names: readonly string[]): Map<string, RedisState | null> | Unknown {
  if (output.exit === NOT_INSTALLED) return new Unknown('Redis is not installed')
  if (output.exit === NO_CONF) return new Unknown('/etc/redis/redis.conf is not there')
  const [conf, digests, active, answers, due] = output.stdout.split('\0')
  if (conf === undefined || digests === undefined || active === undefined || answers === undefined || due === undefined)
    throw new Error(`expected redis.conf and the answers of redis-cli, exit ${output.exit}`)
  if (Buffer.byteLength(conf) > LONGEST_CONF)
    return new Unknown(`/etc/redis/redis.conf has more than the ${LONGEST_CONF} bytes that are read of it`)
  const running = active.trim() === 'active' ? parseAnswers(answers) : {}
  const secrets = parseDigests(digests)
  const waiting = new Set(due.split('\n'))
  const states = names.map((name): [string, RedisState | null] => [
    name,
    observed(name, conf, running, secrets) ?? (waiting.has(name) ? { lines: [] } : null),
  ])
  const first = states.find(([, state]) => state !== null)?.[1]
  if (typeof running === 'string' && first !== undefined && first !== null)
    first.seen = { running: null, ...first.seen, unheard: running }
  return new Map(states)
}

type Answers = { [directive: string]: string } | string

/** The last reply is CONFIG GET's; a reply to AUTH may precede it. A refusal says why there is no answer. */
function parseAnswers(text: string): Answers {
  const replies = text.split('\n').filter((reply) => reply !== '')
  const last = replies.at(-1) ?? ''
  const refusal =
    replies.find((reply) => reply !== '"OK"' && reply !== last) ?? (last.startsWith('[') ? undefined : last)
  if (refusal !== undefined) return refusal.replace(/^error:/, '').slice(0, 200) || 'it says nothing'
  const parsed: unknown = form.parseJson(last)
  const words = Array.isArray(parsed) ? parsed.map(String) : []
  return Object.fromEntries(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : [])))
}

/** Parses `NAME DIGEST` of the secret directives in the file. */
function parseDigests(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(/^(\S+) ([0-9a-f]{64})$/gm)]
  return new Map(pairs.map(([, name, digest]) => [name!, digest!]))
}

function observed(
  name: string,
  conf: string,
  answers: Answers,
  secrets: ReadonlyMap<string, string>,
): RedisState | null {
  const digest = secrets.get(name)
  const lines = digest === undefined ? linesIn(conf, name) : [digest]
  if (lines.length === 0) return null
  const answer = typeof answers === 'string' ? undefined : answers[name]
  const same = answer === undefined || isRunning(name, lines, answer)
  return { lines, seen: { running: same ? null : { value: answer, restart: AT_START.has(name) }, unheard: null } }
}

/** A directive's lines as a recipe would write them. Redis accepts directives in any case. */
function linesIn(conf: string, name: string): string[] {
  return conf.split('\n').flatMap((text) => {
    const [directive, ...values] = splitArguments(text) ?? []
    return directive?.toLowerCase() === name ? [values.join(' ')] : []
  })
}

function diffSetting({ lines: after }: RedisState, { lines, seen }: RedisState, comparing: Comparing): FieldChange[] {
  const changed = diffLines(after, lines, comparing)
  if (changed !== undefined) return [changed]
  if (typeof seen?.unheard === 'string') {
    const because = `the running Redis cannot be asked: ${seen.unheard}`
    return [{ field: 'running', form: 'secret', followUp: { action: 'restart', because, unit: 'redis-server' } }]
  }
  if (seen === undefined || seen.running === null) return []
  const { value, restart } = seen.running
  const [only] = after.length === 1 ? after : []
  const before = typeof only === 'string' ? inUnits(value, only) : value
  if (!restart) return [{ field: 'running', form: 'list', before: [before], after }]
  const because = `it still runs with ${before === '' ? 'nothing' : before}`
  return [
    {
      field: 'running',
      form: 'list',
      before: [before],
      after,
      followUp: { action: 'restart', because, unit: 'redis-server' },
    },
  ]
}

/** For a secret, the host returns a digest of its text in the file. */
function diffLines(
  want: readonly StateText[],
  have: readonly StateText[] | undefined,
  { agrees }: Comparing,
): FieldChange | undefined {
  const isSecret = want.some(holdsSecret)
  const [digest] = have ?? []
  if (typeof digest === 'string' && isDigest(digest)) {
    const same = want.some((text) => agrees(text, (clear) => sha256(quoteArgument(clear)) === digest))
    return same ? undefined : { field: 'value', form: 'secret' }
  }
  if (isSecret) return isDeepStrictEqual(want, have) ? undefined : { field: 'value', form: 'secret' }
  const [after, before] = [want, have ?? []].map(textsIn)
  if (have !== undefined && canonicalLines(after!) === canonicalLines(before!)) return undefined
  return { field: 'value', form: 'list', ...(have === undefined ? {} : { before }), after }
}

function textsIn(lines: readonly StateText[]): string[] {
  return lines.filter((text) => typeof text === 'string')
}

function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function redisConsequence({ name, kind, fields }: Change<RedisState>): Consequence {
  if (kind === 'remove') return 'restart'
  return AT_START.has(name) && fields.some(({ followUp }) => followUp === undefined) ? 'restart' : 'safe'
}
