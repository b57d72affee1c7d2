/**
 * An extension in one PostgreSQL database.
 * Read from pg_extension; changed with CREATE, ALTER and DROP EXTENSION.
 */
import { byField } from '../../kit/byField.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { refOf } from '../../kit/ref.ts'
import type { Compared, FieldChange, ResourceType, Step } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { inDatabases, parseRows, psql, SERVER_PACKAGES, sqlStep } from './psql.ts'
import { identifier, literal, literals, nameMistakes, sqlName } from './sql.ts'

/**
 * @example
 * postgresExtension({ name: 'pgcrypto', database: 'shop', schema: 'crypto', version: 'default' })
 */
export type PostgresExtension = {
  /** Its name in CREATE EXTENSION: `pgcrypto`, `vector`. Its package must be installed. */
  name: string
  /** Where it is created. */
  database: string
  /** Schema of its objects, created when it is missing. */
  schema?: string
  /** `'1.10'`; `'default'` follows the installed package. Left unchanged when omitted. */
  version?: string
  /** Dropped only while nothing else in the database depends on it. @default 'present' */
  ensure?: 'present' | 'absent'
}

type ExtensionState = {
  schema?: string | undefined
  version?: string | undefined
  seen?: ExtensionSeen
}
/** The version of the installed package; null when it is gone. */
type ExtensionSeen = { packaged: string | null }

export const postgresExtension: ResourceType<PostgresExtension, ExtensionState> = {
  type: 'postgres-extension',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'database'],
    properties: {
      name: { type: 'string', maxLength: 63, pattern: '^[A-Za-z][A-Za-z0-9_-]*$' },
      database: sqlName,
      schema: sqlName,
      version: { type: 'string', maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' },
      ensure,
    },
  },
  name: (props) => `${props.database}/${props.name}`,
  check: placeMistakes,
  desired: ({ schema, version }) => ({ schema, version }),
  absent: { check: placeMistakes },
  needs: (name) => [
    ...SERVER_PACKAGES,
    refOf('postgres-database', placeOf(name).database),
    // Some can be created only when the library was loaded at server start.
    refOf('postgres-setting', 'shared_preload_libraries'),
  ],
  state: form.fields<Compared<ExtensionState>>({
    schema: form.optional(form.line()),
    version: form.optional(form.line()),
  }),
  seen: form.optional(form.fields<ExtensionSeen>({ packaged: form.either(form.line(), form.oneOf(null)) })),
  read: {
    via: psql,
    command(entries) {
      const places = groupBy(
        entries.map(({ name }) => placeOf(name)),
        ({ database }) => database,
      )
      return inDatabases(
        [...places].map(([database, ofIt]) => ({ database, query: readQuery(ofIt.map(({ extension }) => extension)) })),
      )
    },
    parse(output) {
      const read = parseRows<ExtensionRow>(output, ['database', 'name', 'schema', 'version'])
      return read instanceof Unknown ? read : new Map(read.map(observedExtension))
    },
  },
  diff: diffExtension,
  consequence: ({ kind }) => (kind === 'remove' ? 'destructive' : 'safe'),
  steps: ({ name, after }) => [extensionStep(name, after)],
  remove({ name }) {
    const { database, extension } = placeOf(name)
    return [
      sqlStep({
        title: `drop extension ${extension} in ${database}`,
        sql: `drop extension if exists ${identifier(extension)};\n`,
        next: 'the extension stays; drop or change what the server says depends on it, and converge again',
        database,
      }),
    ]
  },
  undo({ before, fields }) {
    if (before === null) return undefined
    if (fields.some(({ field }) => field === 'version')) return { cannot: `it was at version ${before.version ?? ''}` }
    const { schema } = before
    return { state: { schema } }
  },
  holdsData: 'an extension may keep data in tables and columns of its own',
}

function placeMistakes({ database, schema }: PostgresExtension): string[] {
  return nameMistakes({ database, schema })
}

/** No extension has a slash in its name; a database may. */
function placeOf(name: string): { database: string; extension: string } {
  const slash = name.lastIndexOf('/')
  return { database: name.slice(0, slash), extension: name.slice(slash + 1) }
}

type ExtensionRow = { database: string; name: string; schema: string; version: string; packaged: string | null }

function readQuery(names: readonly string[]): string {
  return `select json_build_object('database', current_database(), 'name', extname, 'version', extversion,
  'schema', (select nspname from pg_namespace where oid = extnamespace),
  'packaged', (select default_version from pg_available_extensions where name = extname))
from pg_extension where extname in ${literals(names)} order by extname;`
}

function observedExtension({ database, name, packaged, ...state }: ExtensionRow): [string, ExtensionState] {
  return [`${database}/${name}`, { ...state, seen: { packaged } }]
}

function diffExtension({ schema, version }: ExtensionState, observed: ExtensionState): FieldChange[] {
  // A package that is gone cannot update its extension.
  const wanted = version === 'default' ? (observed.seen?.packaged ?? undefined) : version
  return byField({ schema, version: wanted }, observed)
}

function extensionStep(name: string, { schema, version }: ExtensionState): Step {
  const { database, extension } = placeOf(name)
  const [ext, inSchema] = [identifier(extension), schema === undefined ? undefined : identifier(schema)]
  const to = version === undefined || version === 'default' ? undefined : literal(version)
  return sqlStep({
    title: `set up extension ${extension} in ${database}`,
    sql: [
      'begin;',
      ...(inSchema === undefined ? [] : [`create schema if not exists ${inSchema};`]),
      `create extension if not exists ${ext}${inSchema === undefined ? '' : ` schema ${inSchema}`}${to === undefined ? '' : ` version ${to}`};`,
      ...moveStatements(extension, schema),
      ...(version === undefined ? [] : [`alter extension ${ext} update${to === undefined ? '' : ` to ${to}`};`]),
      'commit;',
      '',
    ].join('\n'),
    next: 'nothing was changed; install the package that brings the extension, or correct what the server says',
    database,
  })
}

/** Not every extension can be moved, and PostgreSQL refuses that even when the schema stays the same. */
function moveStatements(extension: string, schema: string | undefined): string[] {
  if (schema === undefined) return []
  return [
    `select exists (select from pg_extension e join pg_namespace n on n.oid = e.extnamespace
  where extname = ${literal(extension)} and nspname <> ${literal(schema)}) as k_moves \\gset`,
    '\\if :k_moves',
    `alter extension ${identifier(extension)} set schema ${identifier(schema)};`,
    '\\endif',
  ]
}
