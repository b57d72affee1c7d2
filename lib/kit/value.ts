/**
 * Values beyond plain JSON that a recipe may pass: secrets, and text with secrets in it.
 *
 * In props they are objects of these classes; in the catalog, in states and in the ledger they are their JSON forms
 * `{ $secret }` and `{ $text }`. Only `Reveal`, which the engine passes to a type while it diffs or makes steps, turns
 * them into clear text.
 */
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'

/**
 * How a secret's value is written where it stands: as in a string of JSON (which YAML and TOML read too), on one line, or
 * between double quotes of a shell. @default as it is
 */
export type Encoding = 'json' | 'line' | 'shell'

export type SecretToken = { $secret: string; $as?: Encoding }
export type TextToken = { $text: (string | SecretToken)[] }

/** Text in a state. */
export type StateText = string | SecretToken | TextToken

/** Returns the clear text, which may only go into a step's payload, or be compared. */
export type Reveal = (text: StateText) => string

const leak = (name: string): never => {
  throw new TypeError(
    `secret ${JSON.stringify(name)} was turned into text; pass the secret itself, or write the text with conf\`…\``,
  )
}

/** A value known by its name only. Any attempt to convert it to text throws. */
export class Secret {
  readonly name: string
  readonly #encoding: Encoding | undefined

  constructor(name: string, encoding?: Encoding) {
    this.name = name
    this.#encoding = encoding
  }

  /** The same for a place where it is written in this way. */
  as(encoding: Encoding): Secret {
    return new Secret(this.name, encoding)
  }

  toString(): string {
    return leak(this.name)
  }

  [Symbol.toPrimitive](): string {
    return leak(this.name)
  }

  toJSON(): SecretToken {
    return { $secret: this.name, ...(this.#encoding === undefined ? {} : { $as: this.#encoding }) }
  }

  [inspect.custom](): string {
    return `secret(${JSON.stringify(this.name)})`
  }
}

/** Text made by conf`…`: literal parts, secrets, and the handles that it mentions. */
export class Text {
  readonly parts: readonly (string | Secret)[]
  /** Refs of the interpolated resources; a resource that uses the text depends on them. */
  readonly refs: readonly string[]

  constructor(parts: readonly (string | Secret)[], refs: readonly string[]) {
    this.parts = parts
    this.refs = refs
  }

  get isSecret(): boolean {
    return this.parts.some((part) => part instanceof Secret)
  }

  toString(): string {
    return this.parts.map((part) => (part instanceof Secret ? leak(part.name) : part)).join('')
  }

  toJSON(): StateText {
    return this.isSecret
      ? { $text: this.parts.map((part) => (part instanceof Secret ? part.toJSON() : part)) }
      : this.toString()
  }
}

/** What a prop that takes text accepts. */
export type TextValue = string | Text | Secret

export function isSecretToken(value: unknown): value is SecretToken {
  return typeof value === 'object' && value !== null && '$secret' in value && typeof value.$secret === 'string'
}

export function isTextToken(value: unknown): value is TextToken {
  return typeof value === 'object' && value !== null && '$text' in value && Array.isArray(value.$text)
}

/**
 * True when the text holds a secret, so that neither it nor what it replaces may be shown.
 *
 * @example holdsSecret({ $secret: 'app' })
 */
export function holdsSecret(text: StateText): boolean {
  return isSecretToken(text) || isTextToken(text)
}

/** Names of the secrets a JSON value mentions, at any depth. */
export function secretNames(value: unknown): string[] {
  if (isSecretToken(value)) return [value.$secret]
  if (typeof value !== 'object' || value === null) return []
  return [...new Set(Object.values(value).flatMap(secretNames))]
}

/** A `Reveal` for the given secrets. @throws {Error} For a name that is not among them. */
export function revealFrom(secrets: ReadonlyMap<string, string>): Reveal {
  const one = ({ $secret, $as }: SecretToken): string => {
    const value = secrets.get($secret)
    if (value === undefined) throw new Error(`secret ${JSON.stringify($secret)} has no value`)
    if ($as === 'line' && CONTROL.test(value))
      throw new Error(
        `secret ${JSON.stringify($secret)} has more than one line, or a control character: it cannot stand there`,
      )
    return $as === undefined ? value : encoded(value, $as)
  }
  return (text) => {
    if (typeof text === 'string') return text
    if (isSecretToken(text)) return one(text)
    return text.$text.map((part) => (typeof part === 'string' ? part : one(part))).join('')
  }
}

export function comparingBy(reveal: Reveal): Comparing {
  return {
    sameText: (text, sha256) =>
      createHash('sha256').update(reveal(text)).digest('hex') === sha256.replace(/^sha256:/, ''),
    agrees: (text, test) => test(reveal(text)),
  }
}

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/

/** @throws {TypeError} For what cannot be written in that way. */
export function encoded(text: string, encoding: Encoding): string {
  if (encoding === 'shell') return text.replaceAll(/[\\"$`]/g, '\\$&')
  if (encoding === 'json') return JSON.stringify(text).slice(1, -1).replaceAll(UNPRINTED, inHex)
  if (CONTROL.test(text)) throw new TypeError('a line cannot hold a line break or another control character')
  return text
}

/** What YAML and TOML want escaped, and JSON does not. */
const UNPRINTED = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

function inHex(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Answers questions about secrets without revealing their values. */
export type Comparing = {
  /** Whether a text has this SHA-256, in hex, with or without a prefix `sha256:`. */
  sameText: (text: StateText, sha256: string) => boolean
  /** Whether a clear text passes a test, such as that of a password's verifier. */
  agrees: (text: StateText, test: (clear: string) => boolean) => boolean
}
