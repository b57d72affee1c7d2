/**
 * Settings and a comment of one role or one database: `ALTER ROLE|DATABASE x SET`, pg_db_role_setting, `COMMENT ON`.
 */
import { identifier, literal, settingIdentifier, settingLiteral, settingText, type SettingValue } from './sql.ts'

/** By lower-case name, with values in their canonical text. */
export type Settings = { [name: string]: string }

/** The schema of a prop that holds settings. */
export const settingsSchema = {
  type: 'object',
  propertyNames: {
    pattern: '^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_$]*)*$',
    description: 'the name of a setting, such as "work_mem"',
  },
  additionalProperties: {
    anyOf: [
      { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$' },
      { type: 'number' },
      { type: 'boolean' },
    ],
  },
} as const

export function canonicalSettings(settings: { [name: string]: SettingValue }): Settings {
  return sorted(Object.entries(settings).map(([name, value]) => [name.toLowerCase(), settingText(name, value)]))
}

/** Parses setconfig, an array of `name=value`. */
export function parseSettings(config: readonly string[] | null): Settings {
  return sorted(
    (config ?? []).map((entry) => {
      const equals = entry.indexOf('=')
      const name = entry.slice(0, equals)
      return [name.toLowerCase(), settingText(name, entry.slice(equals + 1))]
    }),
  )
}

/**
 * Statements that set exactly these settings.
 *
 * @param of `role "x"` or `database "x"`, already quoted.
 */
export function settingStatements(of: string, want: Settings | undefined, have: Settings = {}): string[] {
  if (want === undefined) return []
  const gone = Object.keys(have).filter((name) => want[name] === undefined)
  const changed = Object.entries(want).filter(([name, value]) => have[name] !== value)
  return [
    ...gone.map((name) => `alter ${of} reset ${settingIdentifier(name)};`),
    ...changed.map(([name, value]) => `alter ${of} set ${settingIdentifier(name)} = ${settingLiteral(name, value)};`),
  ]
}

/** An empty comment removes it. */
export function commentStatements(kind: 'role' | 'database', name: string, comment: string | undefined): string[] {
  if (comment === undefined) return []
  return [`comment on ${kind} ${identifier(name)} is ${comment === '' ? 'null' : literal(comment)};`]
}

function sorted(entries: [string, string][]): Settings {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
