/**
 * PostgreSQL's quoting, and the schema fragments for its names.
 *
 * Quoting follows the manual's "Lexical Structure": an identifier is between `"`, a literal between `'`, each doubled
 * inside. A literal with a backslash is written `E'…'`, which reads the same for any standard_conforming_strings. psql
 * leaves quoted text alone, `:name` and backslashes included.
 */

/** Maximum bytes of a name; PostgreSQL truncates longer ones without an error (NAMEDATALEN - 1). */
const NAME_BYTES = 63

/** Name of a role, database, schema or table: one line. `nameMistakes` checks its length in bytes. */
export const sqlName = {
  type: 'string',
  minLength: 1,
  maxLength: NAME_BYTES,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
} as const

/** Mistakes in names that the schema accepts: `prop` names the place in the recipe. */
export function nameMistakes(names: { [prop: string]: string | undefined }): string[] {
  return Object.entries(names)
    .filter(([, name]) => name !== undefined && Buffer.byteLength(name) > NAME_BYTES)
    .map(([prop, name]) => `${prop} ${JSON.stringify(name)} is longer than ${NAME_BYTES} bytes, and would be cut off`)
}

/** @throws {TypeError} On a NUL, which PostgreSQL's text cannot hold. */
export function identifier(name: string): string {
  return `"${withoutNul(name).replaceAll('"', '""')}"`
}

/** @throws {TypeError} On a NUL. */
export function literal(value: string): string {
  const quoted = withoutNul(value).replaceAll("'", "''")
  return quoted.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}

/** `('a', 'b')` for `in`, and a list that matches nothing when it is empty. */
export function literals(values: readonly string[]): string {
  return values.length === 0 ? '(null)' : `(${values.map(literal).join(', ')})`
}

/**
 * An argument of a psql meta-command: single quotes, in which psql(1) reads C-like escapes.
 * @throws {TypeError} On a line break, which would end the command, and on a NUL.
 */
export function psqlArgument(value: string): string {
  if (/[\n\r]/.test(value)) throw new TypeError('an argument of a psql command cannot hold a line break')
  return `'${withoutNul(value).replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** libpq's connection string for a database: libpq would parse a bare name with `=` in it as one. */
export function connectionString(database: string): string {
  return `dbname='${withoutNul(database).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/**
 * psql's `\c` to a database of the same server. psql interprets `"` as a quote even inside single quotes, and two
 * between them as one: so a run of them is doubled and enclosed in two more.
 */
export function connectTo(database: string): string {
  return `\\c ${psqlArgument(connectionString(database).replaceAll(/"+/g, (run) => `"${run}${run}"`))}`
}

function withoutNul(text: string): string {
  if (text.includes('\0')) throw new TypeError('PostgreSQL text cannot hold a NUL character')
  return text
}

/** Settings whose value is a list of names that PostgreSQL quotes one by one (GUC_LIST_QUOTE in guc.c). */
const NAME_LISTS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
])
/** Settings whose value is a list that is stored as it was written (GUC_LIST_INPUT). */
const LISTS = new Set([
  ...NAME_LISTS,
  'createrole_self_grant',
  'datestyle',
  'debug_io_direct',
  'listen_addresses',
  'log_destination',
  'synchronous_standby_names',
  'wal_consistency_checking',
])

export type SettingValue = string | number | boolean

/** A setting's value in a recipe: text, a number in the setting's own unit, or true and false. */
export const settingValue = {
  anyOf: [
    { type: 'string', maxLength: 10_000, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$' },
    { type: 'number' },
    { type: 'boolean' },
  ],
} as const

/** `work_mem`, or `pg_stat_statements.max` of an extension. */
export const settingName = {
  type: 'string',
  maxLength: 127,
  pattern: '^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_$]*)*$',
} as const

/** A value as text: `on` and `off`, and lists with one comma and one space between bare items. */
export function settingText(name: string, value: SettingValue): string {
  const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)
  return LISTS.has(name.toLowerCase()) ? listItems(text).join(', ') : text
}

/** The text after `SET name =`. A list of names in one literal would become one name with commas in it. */
export function settingLiteral(name: string, text: string): string {
  return NAME_LISTS.has(name.toLowerCase()) ? listItems(text).map(literal).join(', ') : literal(text)
}

/** `"work_mem"`, `"pg_stat_statements"."max"`. */
export function settingIdentifier(name: string): string {
  return name.split('.').map(identifier).join('.')
}

function listItems(text: string): string[] {
  const items = text.match(/\s*("(?:[^"]|"")*"|[^,]*)\s*(?:,|$)/g) ?? []
  return items
    .map((item) => item.replace(/,$/, '').trim())
    .filter((item) => item !== '')
    .map((item) => (item.startsWith('"') ? item.slice(1, -1).replaceAll('""', '"') : item))
}
