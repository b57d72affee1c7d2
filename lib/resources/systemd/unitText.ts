/**
 * Unit files as text: sections of `Key=value` lines (systemd.syntax(7)).
 */
import type { JsonSchema } from '../../kit/schema.ts'
import { oneLine, secretToken, textValue } from '../../kit/schema.ts'
import { Secret, Text } from '../../kit/value.ts'

/**
 * One setting's value.
 *
 * - A string is the value in systemd's own syntax for that key (a command line, a list of words), except that `%` is a
 *   plain per cent sign: specifiers such as `%n` need `{ raw }`.
 * - `{ argv }` is a command line as a list of words: no word is split, and `$`, `%` and quotes in it have no special
 *   meaning.
 * - `{ words }` is a list of words, as `Environment=` takes it: no word is split, `%` is plain.
 * - `{ raw }` is passed on unchanged.
 */
export type UnitValue =
  | string
  | number
  | boolean
  | { argv: readonly string[] }
  | { words: readonly string[] }
  | { raw: string }

/** Settings of one section; a list repeats the key, and an empty string in it (`['', …]`) resets the previous values. */
export type UnitSection = { readonly [key: string]: UnitValue | readonly UnitValue[] }

/** Sections as a recipe writes them. */
export type UnitSections = {
  /** Settings of the [Unit] section. */
  unit?: UnitSection
  /** Settings of the [Service] section. */
  service?: UnitSection
  /** Settings of the [Socket] section: `{ ListenStream: '/run/app.sock' }`. */
  socket?: UnitSection
  /** Settings of the [Timer] section: `{ OnCalendar: ['', '03:00'] }`. */
  timer?: UnitSection
  /** Settings of the [Path] section: `{ PathChanged: '/srv/inbox' }`. */
  path?: UnitSection
  /** Settings of the [Mount] section: `{ What: 'tmpfs', Where: '/srv/cache', Type: 'tmpfs' }`. */
  mount?: UnitSection
  /** Settings of the [Slice] section: `{ MemoryMax: '2G' }`. */
  slice?: UnitSection
  /** Settings of the [Install] section: `{ WantedBy: 'multi-user.target' }`. */
  install?: UnitSection
}

/** The source of a unit file: sections, or the whole text. */
export type UnitContent = UnitSections & {
  /** The whole file, in the place of the sections: `'[Service]\nNice=5\n'`. */
  text?: string | Text
}

const HEADINGS = {
  unit: 'Unit',
  service: 'Service',
  socket: 'Socket',
  timer: 'Timer',
  path: 'Path',
  mount: 'Mount',
  slice: 'Slice',
  install: 'Install',
} as const satisfies { [K in keyof Required<UnitSections>]: string }

const SECTION_NAMES = ['unit', 'service', 'socket', 'timer', 'path', 'mount', 'slice', 'install'] as const

/** @throws {TypeError} On a value that would not stay on its line. */
export function renderUnit(sections: UnitSections): string {
  const parts = SECTION_NAMES.flatMap((name) => {
    const section = sections[name]
    return section === undefined ? [] : [renderSection(HEADINGS[name], section)]
  })
  return parts.join('\n')
}

/** Text of the whole file: `text` with a final newline, or the sections. */
export function renderContent(content: UnitContent): string {
  if (content.text === undefined) return renderUnit(content)
  const text = String(content.text)
  return text.endsWith('\n') ? text : `${text}\n`
}

function renderSection(heading: string, section: UnitSection): string {
  const settings = Object.entries(section).flatMap(([key, value]) =>
    (isList(value) ? value : [value]).map((one) => `${key}=${renderValue(one)}\n`),
  )
  return `[${heading}]\n${settings.join('')}`
}

function isList(value: UnitValue | readonly UnitValue[]): value is readonly UnitValue[] {
  return Array.isArray(value)
}

function renderValue(value: UnitValue): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return stayOnLine(value.replaceAll('%', '%%'))
  if ('raw' in value) return stayOnLine(value.raw)
  if ('argv' in value) return value.argv.map((word) => quoteWord(word).replaceAll('$', '$$$$')).join(' ')
  return value.words.map(quoteWord).join(' ')
}

/** A newline would start another setting, a backslash at the end would swallow the next one (systemd.syntax(7)). */
function stayOnLine(value: string): string {
  if (/[\n\r\0]/.test(value) || value.endsWith('\\'))
    throw new TypeError(`unit setting ${JSON.stringify(value)} does not fit on one line`)
  return value
}

/** One word in double quotes, where systemd reads C escapes (systemd.service(5), "Command lines"; systemd.syntax(7)). */
export function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_/.:=,+-]+$/.test(word)) return word
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('%', '%%')
  return `"${escaped}"`
}

const wordList = {
  type: 'array',
  minItems: 1,
  items: { type: 'string', pattern: '^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$' },
}
// A value may be empty, which resets a list, and does not end in a backslash.
const settingText = {
  type: 'string',
  pattern: '^([^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*[^\\\\\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029])?$',
}

// Secrets pass the schema so that `checkContent` can say what to do instead.
const unitValue: JsonSchema = {
  anyOf: [
    settingText,
    { type: 'number' },
    { type: 'boolean' },
    secretToken,
    { type: 'object', additionalProperties: false, required: ['argv'], properties: { argv: wordList } },
    { type: 'object', additionalProperties: false, required: ['words'], properties: { words: wordList } },
    { type: 'object', additionalProperties: false, required: ['raw'], properties: { raw: settingText } },
    textValue.anyOf[2],
  ],
}

const section: JsonSchema = {
  type: 'object',
  minProperties: 1,
  propertyNames: {
    pattern: '^[A-Z][A-Za-z0-9]*$',
    description: 'the name of a setting as systemd writes it, such as "ExecStart"',
  },
  additionalProperties: { anyOf: [unitValue, { type: 'array', minItems: 1, items: unitValue }] },
}

/** Referenced by `contentProperties`: the schema of a section is large, so it is compiled once for all of them. */
export const contentDefinitions = { section } as const

const sectionRef = { $ref: '#/$defs/section' } as const

/** Schema of `UnitContent`'s keys. */
export const contentProperties = {
  unit: sectionRef,
  service: sectionRef,
  socket: sectionRef,
  timer: sectionRef,
  path: sectionRef,
  mount: sectionRef,
  slice: sectionRef,
  install: sectionRef,
  text: textValue,
} as const

/** `api.service`, `backup@.timer`, `backup@db.timer` (systemd.unit(5)). */
export const unitName = {
  type: 'string',
  maxLength: 255,
  pattern:
    '^[A-Za-z0-9_][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]*)?\\.(service|socket|timer|path|mount|slice|target)$',
  description: 'the name of a unit with its suffix, such as "api.service"',
} as const

/** Name of a drop-in without `.conf`. */
export const dropInName = {
  ...oneLine,
  maxLength: 200,
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*$',
  description: 'a file name without ".conf"',
} as const

/** Mistakes in content that a schema cannot express; every user can read unit files, so they must not contain a secret. */
export function checkContent(content: UnitContent): string[] {
  const mistakes: string[] = []
  if (holdsSecretValue(content))
    mistakes.push(
      'unit files and `systemctl show` are readable by every user: put the secret in a file of mode 0600 and name it with EnvironmentFile or LoadCredential',
    )
  const hasSections = SECTION_NAMES.some((name) => content[name] !== undefined)
  if (content.text !== undefined && hasSections) mistakes.push('give either text or sections, not both')
  if (content.text === undefined && !hasSections) mistakes.push('give text, or at least one section')
  if (hasPrefixedProgram(content))
    mistakes.push('the first word of argv is a program, not one of the prefixes `-@:+!`; use { raw } for those')
  return mistakes
}

/** systemd strips prefixes from the first word even when it is quoted (systemd.service(5), "Command lines"). */
function hasPrefixedProgram(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if ('argv' in value && Array.isArray(value.argv)) return !/^[A-Za-z0-9_/.]/.test(String(value.argv[0]))
  return Object.values(value).some(hasPrefixedProgram)
}

function holdsSecretValue(value: unknown): boolean {
  if (value instanceof Secret) return true
  if (value instanceof Text) return value.isSecret
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsSecretValue)
}
