/**
 * Checks what a host returns, which is untrusted input: every record is checked against a form before anything else
 * reads it. Pure. A form, unlike a schema library, is small enough to load for every plan.
 */
import type { TypedRef } from './ref.ts'
import type { SecretToken, StateText, TextToken } from './value.ts'

/**
 * A check of a value. Where a form has fields, a record that a later version of Keelson wrote may have others as well
 * (`more`); a state to apply may not.
 */
export type Form<T> = {
  /** What is wrong, as the end of a sentence; undefined when nothing is. */
  problem: (value: unknown, more: More) => string | undefined
  /** The field with this form may be absent. */
  optional?: true
  /** The value names a file of this machine: no host may choose it. */
  isLocal?: true
  /** Fields whose value names a file of this machine. */
  local?: readonly string[]
  /** The form of each field. */
  members?: { readonly [field: string]: Form<unknown> }
  /** How a difference is shown. @default by its value */
  shown?: 'text' | 'list' | 'mode' | 'secret'
  /** Follows from the type alone; not shown among the fields of a new resource. */
  inner?: true
  /** The value that stands for one that was not observed. */
  missing?: unknown
  readonly of?: T
}

type More = 'more' | 'no more'

/** A form for each field; the form of an optional field is optional. */
export type FieldForms<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K>
    ? Form<Exclude<T[K], undefined>> & { optional: true }
    : Form<T[K]>
}

/** Maximum characters of a text that represents a file: as many bytes of a file as any reading takes. */
const LONGEST_TEXT = 8 * 2 ** 20
const LONGEST_LIST = 100_000
/** C0 except tab, DEL, C1, and what Unicode treats as the end of a line. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\0-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/

/**
 * Any text.
 *
 * @param most Characters.
 * @example form.text()
 */
export function text(most = LONGEST_TEXT): Form<string> {
  return {
    problem: (value) =>
      typeof value !== 'string' ? 'is no text' : value.length > most ? `is longer than ${most} characters` : undefined,
  }
}

/**
 * Text of one line without control characters.
 *
 * @param most Characters.
 * @example form.line()
 */
export function line(most = 4096): Form<string> {
  const { problem } = text(most)
  return {
    problem(value, more) {
      const wrong = problem(value, more)
      return wrong ?? (CONTROL.test(String(value)) ? 'holds control characters' : undefined)
    },
  }
}

/**
 * Text of at most 8192 characters that a pattern accepts.
 *
 * @param what The rest of "is no …".
 * @example form.matching(/^[0-9a-f]+$/, 'hexadecimal number')
 */
export function matching(pattern: RegExp, what: string): Form<string> {
  return {
    problem: (value) =>
      typeof value === 'string' && value.length <= 8192 && pattern.test(value) ? undefined : `is no ${what}`,
  }
}

/** A ref, as `refOf` makes it. */
export const ref: Form<TypedRef> = {
  problem: (value, more) => text().problem(value, more) ?? (/^[^:]+:/.test(String(value)) ? undefined : 'is no ref'),
}

/** A whole number from `least` to `most`: `form.whole(1, 65535)`. */
export function whole(least: number, most: number): Form<number> {
  return {
    problem: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
        ? undefined
        : `is no whole number from ${least} to ${most}`,
  }
}

/** True or false. */
export const flag: Form<boolean> = {
  problem: (value) => (typeof value === 'boolean' ? undefined : 'is neither true nor false'),
}

/** One of some values: `form.oneOf('on', 'off')`. */
export function oneOf<const T extends string | number | boolean | null>(...values: readonly T[]): Form<T> {
  return {
    problem: (value) =>
      values.some((each) => each === value) ? undefined : `is none of ${values.map(String).join(', ')}`,
  }
}

/**
 * One of the keys of `words`. With a union type given, the compiler requires each of its members as a key.
 *
 * @example form.wordOf<'on' | 'off'>({ on: true, off: true })
 */
export function wordOf<T extends string>(words: { readonly [word in T]: true }): Form<T> {
  return {
    problem: (value) =>
      typeof value === 'string' && Object.hasOwn(words, value)
        ? undefined
        : `is none of ${Object.keys(words).join(', ')}`,
  }
}

/**
 * A list.
 *
 * @param most Members.
 * @example form.list(form.line())
 */
export function list<T>(of: Form<T>, most = LONGEST_LIST): Form<T[]> {
  return {
    problem(value, more) {
      if (!Array.isArray(value)) return 'is no list'
      if (value.length > most) return `has more than ${most} members`
      return firstOf(value, (each, index) => within(`[${index}]`, of.problem(each, more)))
    },
  }
}

/** An object with arbitrary keys: `form.table(form.line())`. */
export function table<T>(of: Form<T>, key: Form<string> = line()): Form<{ [key: string]: T }> {
  return {
    problem(value, more) {
      if (!isObject(value)) return 'is no object'
      return firstOf(
        Object.entries(value),
        ([name, each]) => within('a key', key.problem(name, more)) ?? within(shown(name), of.problem(each, more)),
      )
    },
  }
}

/**
 * An object with these fields, a form for each.
 *
 * @example form.fields<{ names: string[]; port?: number }>({
 *   names: form.list(form.line()),
 *   port: form.optional(form.whole(1, 65535)),
 * })
 */
export function fields<T extends object>(forms: FieldForms<T>): Form<T> {
  const all: [string, Form<unknown>][] = Object.entries(forms)
  return {
    problem(value, more) {
      if (!isObject(value)) return 'is no object'
      const wrong = firstOf(all, ([name, form]) => {
        const own: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
        if (own === undefined) return form.optional === true ? undefined : `has no ${name}`
        return within(name, form.problem(own, more))
      })
      if (wrong !== undefined || more === 'more') return wrong
      return firstOf(Object.keys(value), (name) => (Object.hasOwn(forms, name) ? undefined : `has ${shown(name)}`))
    },
    local: all.filter(([, form]) => form.isLocal === true).map(([name]) => name),
    members: forms,
  }
}

/**
 * A field whose difference is shown as a unified diff, as a list, or without its value:
 * `form.shownAs('text', form.text())`.
 */
export function shownAs<T>(as: NonNullable<Form<T>['shown']>, form: Form<T>): Form<T> {
  return { ...form, shown: as }
}

/** A field that no prop decides, not shown of a new resource: `form.inner(form.flag)`. */
export function inner<T>(form: Form<T>): Form<T> {
  return { ...form, inner: true }
}

/** A field with a value for when it was not observed: `form.missingAs([], form.list(form.line()))`. */
export function missingAs<T>(missing: NoInfer<T>, form: Form<T>): Form<T> {
  return { ...form, missing }
}

/** A field that may be absent: `form.optional(form.flag)`. */
export function optional<T>(form: Form<T>): Form<T> & { optional: true } {
  return { ...form, optional: true }
}

/** The path of a file on this machine. */
export const localPath: Form<string> = { ...line(), isLocal: true }

/** A value that fits one of up to four forms: `form.either(form.flag, form.line())`. */
export function either<A, B>(first: Form<A>, second: Form<B>): Form<A | B>
export function either<A, B, C>(first: Form<A>, second: Form<B>, third: Form<C>): Form<A | B | C>
export function either<A, B, C, D>(
  first: Form<A>,
  second: Form<B>,
  third: Form<C>,
  fourth: Form<D>,
): Form<A | B | C | D>
export function either(...forms: readonly Form<unknown>[]): Form<unknown> {
  return {
    problem(value, more) {
      const wrong = forms.map((form) => form.problem(value, more))
      return wrong.includes(undefined) ? undefined : wrong.join(', and ')
    },
  }
}

export const secretName = matching(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'name of a secret')
export const secretForm: Form<SecretToken> = fields<SecretToken>({
  $secret: secretName,
  $as: optional(oneOf('json', 'line', 'shell')),
})
/** Text, a secret, or text with secrets in it. */
export const stateText: Form<StateText> = either(
  text(),
  secretForm,
  fields<TextToken>({ $text: list(either(text(), secretForm)) }),
)
/** The path at which a host keeps bytes that undo needs, named by their SHA-256. */
export const keptPath = matching(
  /^\/var\/lib\/keelson\/runs\/\d{1,9}\.kept\/bytes\/[0-9a-f]{64}$/,
  'path of kept bytes',
)
/** The highest account number of Linux, and above every other number that is counted. */
export const MAX_ID = 2 ** 32 - 2
/** For a type whose states do not matter. */
export const anything: Form<never> = { problem: () => undefined }
/** Number of a run on its host. */
export const runNumber = matching(/^[1-9][0-9]{0,8}$/, 'number of a run')
/** ISO 8601, as Date.toISOString writes it. */
export const instant = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/, 'time')
/** SHA-256, hex. */
export const sha256Hex = matching(/^[0-9a-f]{64}$/, 'SHA-256 digest')

/** Whether an untrusted value fits a form. */
export function fits<T>(form: Form<T>, value: unknown, more: More = 'more'): value is T {
  return form.problem(value, more) === undefined
}

/** A field in which the value names a file of this machine. */
export function localField({ local = [] }: Form<unknown>, value: unknown): string | undefined {
  return isObject(value) ? local.find((name) => Reflect.get(value, name) !== undefined) : undefined
}

/** Maximum number of values in one JSON text of a host: a ledger of 10,000 resources has half as many. */
const MOST_VALUES = 500_000
const DEEPEST = 64

/**
 * Parses a JSON text that may have been written to exhaust the reader's memory or stack.
 *
 * @throws {SyntaxError} When it is not JSON, or exceeds the limits.
 */
export function parseJson(json: string, mostValues = MOST_VALUES): unknown {
  let depth = 0
  let values = 0
  let isQuoted = false
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (isQuoted) {
      if (code === BACKSLASH) at += 1
      else if (code === QUOTE) isQuoted = false
      continue
    }
    if (code === QUOTE) isQuoted = true
    else if (code === COMMA) values += 1
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values += 1
      depth += 1
      if (depth > DEEPEST) throw new SyntaxError(`more than ${DEEPEST} levels deep`)
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1
    if (values > mostValues) throw new SyntaxError(`more than ${mostValues} values`)
  }
  return JSON.parse(json)
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An untrusted name, shortened for a sentence. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 99)}…` : name)
}

function within(where: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `${where} ${problem}`
}

function firstOf<T>(
  values: readonly T[],
  problem: (value: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, value] of values.entries()) {
    const found = problem(value, index)
    if (found !== undefined) return found
  }
  return undefined
}
