/**
 * Structured text with secrets in it: json, yaml, toml, ini and env make the content of a file from plain values, each
 * quoting as its format wants. Where a secret stands, its value is quoted in the same way once it is known.
 */
import { inspect } from 'node:util'
import { type Encoding, encoded, Secret, Text } from '../kit/value.ts'
import { Handle } from './declare.ts'

/** Text, numbers, true and false, null, secrets, conf`…`, handles (for their names), and lists and objects of these. */
export type Data =
  | null
  | boolean
  | number
  | string
  | Secret
  | Text
  | Handle
  | readonly Data[]
  | { readonly [key: string]: Data }

type Scalar = null | boolean | number | string | Secret | Text
type Plain = Scalar | readonly Plain[] | { readonly [key: string]: Plain }
type Table = { readonly [key: string]: Plain }
type Piece = string | Secret

/**
 * JSON, indented by two blanks.
 *
 * @example file({ path: '/etc/app.json', content: json({ port: 8000, password: secret('app') }) })
 * @throws {TypeError} For a value that JSON does not have, such as undefined.
 */
export function json(data: Data): Text {
  return made('json', data, (plain) => [...jsonPieces(plain, ''), '\n'])
}

/**
 * YAML that a reader of version 1.1 and one of 1.2 take for the same: whatever might not be text to one is quoted.
 *
 * @example file({ path: '/etc/app.yaml', content: yaml({ port: 8000, password: secret('app') }) })
 * @throws {TypeError} For a value that YAML does not have, such as undefined.
 */
export function yaml(data: Data): Text {
  return made('yaml', data, (plain) => {
    const [first = '', ...others] = yamlPieces(plain, '')
    return [typeof first === 'string' ? first.replace(/^\n/, '') : first, ...others, '\n']
  })
}

/**
 * TOML 1.0. The data is an object; TOML has no null.
 *
 * @example file({ path: '/etc/app.toml', content: toml({ server: { port: 8000 }, password: secret('app') }) })
 * @throws {TypeError} For a value that TOML does not have, such as null.
 */
export function toml(data: { readonly [key: string]: Data }): Text {
  return made('toml', data, (plain) => tomlTable(tableOf('toml', plain, 'the data'), []))
}

/**
 * An INI file: keys at the top first, then sections. A list becomes one line per item; there is no quoting, so what an
 * INI file cannot hold, such as a line break, is refused.
 *
 * @example file({ path: '/etc/app.ini', content: ini({ server: { port: 8000, password: secret('app') } }) })
 * @throws {TypeError} For a value that an INI file cannot hold.
 */
export function ini(data: { readonly [key: string]: Data }): Text {
  return made('ini', data, (plain) => iniPieces(tableOf('ini', plain, 'the data')))
}

/**
 * Variables for a unit's EnvironmentFile or a shell, which read what is quoted in the same way.
 *
 * @example file({ path: '/etc/app.env', mode: '0600', content: env({ PORT: 8000, PASSWORD: secret('app') }) })
 * @throws {TypeError} For a name that is none of a variable, or a value that one cannot hold.
 */
export function env(data: { readonly [name: string]: string | number | boolean | Secret | Text | Handle }): Text {
  return made('env', data, (plain) =>
    Object.entries(tableOf('env', plain, 'the data')).flatMap(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw new TypeError(`env: ${JSON.stringify(name)} is no name of a variable`)
      return [`${name}=`, ...envWord(name, value), '\n']
    }),
  )
}

const SHORT = { depth: 0, breakLength: Infinity, maxArrayLength: 3, maxStringLength: 20 }

function made(format: string, data: Data, write: (plain: Plain) => Piece[]): Text {
  const refs: string[] = []
  const pieces = write(plainOf(format, data, '', refs))
  const parts: Piece[] = []
  for (const piece of pieces) {
    const last = parts.at(-1)
    if (typeof piece === 'string' && typeof last === 'string') parts[parts.length - 1] = last + piece
    else if (piece !== '') parts.push(piece)
  }
  return new Text(parts, refs)
}

/** The same without handles. @param place Keys that lead to it, for errors. */
function plainOf(format: string, data: Data | undefined, place: string, refs: string[]): Plain {
  if (data instanceof Handle) {
    refs.push(data.ref)
    return data.name
  }
  if (data instanceof Text) refs.push(...data.refs)
  if (data === null || data instanceof Secret || data instanceof Text) return data
  if (typeof data === 'string' || typeof data === 'boolean') return data
  if (typeof data === 'number' && Number.isFinite(data)) return data
  const inner = (key: string, value: Data): Plain =>
    plainOf(format, value, place === '' ? key : `${place}.${key}`, refs)
  if (Array.isArray(data)) return data.map((each: Data, index) => inner(String(index), each))
  if (isObject(data)) return Object.fromEntries(Object.entries(data).map(([key, each]) => [key, inner(key, each)]))
  const advice = data === undefined ? '; leave the key out' : ''
  throw new TypeError(
    `${format}: ${place === '' ? 'the data' : place} is ${inspect(data, SHORT)}, which it cannot hold${advice}`,
  )
}

function isObject(data: unknown): data is { readonly [key: string]: Data } {
  if (typeof data !== 'object' || data === null) return false
  const prototype: unknown = Object.getPrototypeOf(data)
  return prototype === Object.prototype || prototype === null
}

function isScalar(plain: Plain): plain is Scalar {
  return typeof plain !== 'object' || plain === null || plain instanceof Secret || plain instanceof Text
}

function isList(plain: Plain): plain is readonly Plain[] {
  return Array.isArray(plain)
}

function tableOf(format: string, plain: Plain, place: string): Table {
  if (isScalar(plain) || isList(plain)) throw new TypeError(`${format}: ${place} must be an object`)
  return plain
}

/** The pieces of a text, each quoted as in `encoding`, between two marks. */
function quoted(value: string | Secret | Text, encoding: Encoding, mark: string): Piece[] {
  const parts = value instanceof Text ? value.parts : [value]
  return [mark, ...parts.map((part) => (typeof part === 'string' ? encoded(part, encoding) : part.as(encoding))), mark]
}

function jsonPieces(plain: Plain, indent: string): Piece[] {
  if (typeof plain === 'string' || plain instanceof Secret || plain instanceof Text) return quoted(plain, 'json', '"')
  if (isScalar(plain)) return [String(plain)]
  const deeper = `${indent}  `
  const [open, close] = isList(plain) ? ['[', ']'] : ['{', '}']
  const items = isList(plain)
    ? plain.map((each) => jsonPieces(each, deeper))
    : Object.entries(plain).map(([key, each]) => [`${quotedKey(key)}: `, ...jsonPieces(each, deeper)])
  if (items.length === 0) return [open + close]
  const lines = items.flatMap((item, index) => [`${index === 0 ? '' : ','}\n${deeper}`, ...item])
  return [open, ...lines, `\n${indent}${close}`]
}

function quotedKey(key: string): string {
  return `"${encoded(key, 'json')}"`
}

/** What no version of YAML takes for anything but text. */
const YAML_PLAIN = /^(?!(?:y|n|yes|no|on|off|true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_./-]*$/i

function isInline(plain: Plain): boolean {
  return isScalar(plain) || Object.keys(plain).length === 0
}

/** A list or an object begins with a line break. */
function yamlPieces(plain: Plain, indent: string): Piece[] {
  if (typeof plain === 'string' && YAML_PLAIN.test(plain)) return [plain]
  if (typeof plain === 'number') return [yamlNumber(plain)]
  if (isInline(plain)) return jsonPieces(plain, '')
  const items: [before: string, value: Plain][] = isList(plain)
    ? plain.map((each) => ['-', each])
    : Object.entries(isScalar(plain) ? {} : plain).map(([key, each]) => [`${yamlKey(key)}:`, each])
  return items.flatMap(([before, value]) => {
    const inner = yamlPieces(value, `${indent}  `)
    return [`\n${indent}${before}`, ...(isInline(value) ? [' '] : []), ...inner]
  })
}

function yamlKey(key: string): string {
  // A longer one is no key of an object without a mark before it (YAML 1.2, 8.2.2).
  if (key.length > 500) throw new TypeError(`yaml: the key "${key.slice(0, 20)}…" is longer than 500 characters`)
  return YAML_PLAIN.test(key) ? key : quotedKey(key)
}

/** In YAML 1.1 a number with an exponent has a point. */
function yamlNumber(value: number): string {
  const text = String(value)
  return text.includes('e') && !text.includes('.') ? text.replace('e', '.0e') : text
}

function tomlTable(table: Table, path: readonly string[]): Piece[] {
  const entries = Object.entries(table)
  const isTables = (value: Plain): value is readonly Table[] =>
    isList(value) && value.length > 0 && value.every((each) => !isScalar(each) && !isList(each))
  const own = entries.filter(([, value]) => isScalar(value) || (isList(value) && !isTables(value)))
  const below = entries.filter(([key]) => !own.some(([one]) => one === key))
  return [
    ...own.flatMap(([key, value]) => [`${tomlKey(key)} = `, ...tomlValue(value, [...path, key]), '\n']),
    ...below.flatMap(([key, value]): Piece[] => {
      const inner = [...path, key]
      const name = inner.map(tomlKey).join('.')
      if (isTables(value)) return value.flatMap((each) => [`\n[[${name}]]\n`, ...tomlTable(each, inner)])
      return [`\n[${name}]\n`, ...tomlTable(tableOf('toml', value, inner.join('.')), inner)]
    }),
  ]
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quotedKey(key)
}

function tomlValue(plain: Plain, path: readonly string[]): Piece[] {
  if (plain === null)
    throw new TypeError(`toml: ${path.join('.')} is null, which TOML does not have; leave the key out`)
  if (typeof plain === 'number') return [tomlNumber(plain)]
  if (isScalar(plain)) return jsonPieces(plain, '')
  const comma = (items: Piece[][]): Piece[] => items.flatMap((item, index) => (index === 0 ? item : [', ', ...item]))
  if (isList(plain)) return ['[', ...comma(plain.map((each, index) => tomlValue(each, [...path, String(index)]))), ']']
  const items = Object.entries(plain).map(([key, each]): Piece[] => [
    `${tomlKey(key)} = `,
    ...tomlValue(each, [...path, key]),
  ])
  return ['{ ', ...comma(items), ' }']
}

/** A whole number that may have been rounded is a float: not every reader takes one of more than 53 bits. */
function tomlNumber(value: number): string {
  const text = String(value)
  return Number.isInteger(value) && !Number.isSafeInteger(value) && !text.includes('e') ? `${text}.0` : text
}

function iniPieces(data: Table): Piece[] {
  const entries = Object.entries(data)
  const isSection = (value: Plain): value is Table => !isScalar(value) && !isList(value)
  const top = entries.filter(([, value]) => !isSection(value)).flatMap(([key, value]) => iniLines(key, value))
  const sections = entries.flatMap(([name, value]) => {
    if (!isSection(value)) return []
    if (!/^[^\]\p{Cc}]+$/u.test(name)) throw new TypeError(`ini: ${JSON.stringify(name)} is no name of a section`)
    return [`\n[${name}]\n`, ...Object.entries(value).flatMap(([key, each]) => iniLines(key, each))]
  })
  return top.length === 0 && typeof sections[0] === 'string'
    ? [sections[0].slice(1), ...sections.slice(1)]
    : [...top, ...sections]
}

function iniLines(key: string, value: Plain): Piece[] {
  if (!/^[^=:;#[\s\p{Cc}](?:[^=:\p{Cc}]*[^=:\s\p{Cc}])?$/u.test(key))
    throw new TypeError(`ini: ${JSON.stringify(key)} is no key`)
  if (isList(value)) return value.flatMap((each) => iniLines(key, each))
  if (!isScalar(value) || value === null)
    throw new TypeError(`ini: ${key} is ${value === null ? 'null' : 'an object'}, which a line cannot hold`)
  const parts = value instanceof Text ? value.parts : [value instanceof Secret ? value : String(value)]
  const text = parts.map((part) => (typeof part === 'string' ? part : 'x')).join('')
  if (text !== text.trim()) throw new TypeError(`ini: ${key} begins or ends with a blank, which its readers take away`)
  try {
    return [
      `${key} = `,
      ...parts.map((part) => (typeof part === 'string' ? encoded(part, 'line') : part.as('line'))),
      '\n',
    ]
  } catch {
    throw new TypeError(`ini: ${key} has a line break or another control character, which a line cannot hold`)
  }
}

function envWord(name: string, value: Plain): Piece[] {
  if (!isScalar(value) || value === null) throw new TypeError(`env: ${name} must be text, a number, true or false`)
  if (value instanceof Secret || (value instanceof Text && value.isSecret)) return quoted(value, 'shell', '"')
  const text = value instanceof Text ? value.toString() : String(value)
  if (/^[A-Za-z0-9_@%+:,./-]+$/.test(text)) return [text]
  return text.includes("'") ? quoted(text, 'shell', '"') : [`'${text}'`]
}
