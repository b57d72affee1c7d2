/**
 * A PostgreSQL database.
 * Read from pg_database; changed with CREATE DATABASE, which is all or nothing, ALTER DATABASE and DROP DATABASE.
 */
import { refOf } from '../../kit/ref.ts'
import type { Change, Compared, Consequence, ResourceType, Step } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import {
  canonicalSettings,
  commentStatements,
  parseSettings,
  type Settings,
  settingsSchema,
  settingStatements,
} from './ownSettings.ts'
import { parseRows, psql, SERVER_PACKAGES, sqlStep } from './psql.ts'
import { identifier, literal, literals, nameMistakes, type SettingValue, sqlName } from './sql.ts'

/**
 * @example
 * postgresDatabase({
 *   name: 'metrics',
 *   owner: 'shop',
 *   encoding: 'UTF8',
 *   locale: 'C.UTF-8',
 *   template: 'template0',
 *   connectionLimit: 50,
 *   publicConnect: false,
 *   settings: { timezone: 'UTC' },
 *   comment: 'Counts of every minute',
 * })
 */
export type PostgresDatabase = {
  /** As PostgreSQL has it, without quotes. */
  name: string
  /** Left unchanged when omitted; a new database then belongs to postgres. */
  owner?: string
  /** Fixed when it is created: `UTF8`. The cluster's own when omitted. */
  encoding?: string
  /** Fixed when it is created: collation and character classes, `de_DE.UTF-8`. The cluster's own when omitted. */
  locale?: string
  /** Only used when it is created. @default template0 when encoding or locale is given, else template1 */
  template?: string
  /** Maximum number of connections; -1 for no limit. */
  connectionLimit?: number
  /** Whether anybody may connect. */
  allowConnections?: boolean
  /** Whether every role may connect, as PostgreSQL allows in a new database. False revokes that. */
  publicConnect?: boolean
  /** Exactly the settings with which its sessions start (ALTER DATABASE SET): `{ timezone: 'UTC' }`. */
  settings?: { readonly [name: string]: SettingValue }
  /** What COMMENT ON says of it. Empty for none. */
  comment?: string
  /** Dropped with all its data only when `absent` is declared, and only while nobody is connected. @default 'present' */
  ensure?: 'present' | 'absent'
}

type DatabaseState = {
  owner?: string | undefined
  encoding?: string | undefined
  locale?: string | undefined
  connectionLimit?: number | undefined
  allowConnections?: boolean | undefined
  publicConnect?: boolean | undefined
  settings?: Settings | undefined
  comment?: string | undefined
  how?: DatabaseHow
}
/** Used only on creation. */
type DatabaseHow = { template?: string | undefined }

/** Properties that CREATE DATABASE fixes. */
const FIXED = ['encoding', 'locale'] as const
/** pg_database.datconnlimit of a database whose DROP was interrupted (DATCONNLIMIT_INVALID_DB). */
const INVALID = -2

const localeName = { type: 'string', maxLength: 63, pattern: '^[A-Za-z][A-Za-z0-9_.@-]*$' } as const

export const postgresDatabase: ResourceType<PostgresDatabase, DatabaseState> = {
  type: 'postgres-database',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: sqlName,
      owner: sqlName,
      encoding: { type: 'string', maxLength: 20, pattern: '^[A-Za-z][A-Za-z0-9_-]*$' },
      locale: localeName,
      template: sqlName,
      connectionLimit: { type: 'integer', minimum: -1, maximum: 262_143 },
      allowConnections: { type: 'boolean' },
      publicConnect: { type: 'boolean' },
      settings: settingsSchema,
      comment: { type: 'string', maxLength: 10_000 },
      ensure,
    },
  },
  name: (props) => props.name,
  check: checkNames,
  desired: desiredDatabase,
  absent: {
    check: (props) => [
      ...checkNames(props),
      ...(['postgres', 'template0', 'template1'].includes(props.name)
        ? [`${props.name} belongs to PostgreSQL itself: it stays`]
        : []),
    ],
  },
  needs: (_name, { owner, how }) => [
    ...SERVER_PACKAGES,
    ...(owner === undefined ? [] : [refOf('postgres-role', owner)]),
    ...(how?.template === undefined ? [] : [refOf('postgres-database', how.template)]),
  ],
  state: form.fields<Compared<DatabaseState>>({
    owner: form.optional(form.line()),
    encoding: form.optional(form.line()),
    locale: form.optional(form.line()),
    connectionLimit: form.optional(form.whole(-2, form.MAX_ID)),
    allowConnections: form.optional(form.flag),
    publicConnect: form.optional(form.flag),
    settings: form.optional(form.table(form.text())),
    comment: form.optional(form.text()),
  }),
  how: form.optional(form.fields<DatabaseHow>({ template: form.optional(form.line()) })),
  read: {
    via: psql,
    command: (entries) => readQuery(entries.map(({ name }) => name)),
    parse(output) {
      const read = parseRows<DatabaseRow>(output, DATABASE_FIELDS)
      return read instanceof Unknown ? read : new Map(read.map((row) => [row.name, observedDatabase(row)]))
    },
  },
  consequence,
  steps: databaseSteps,
  remove: ({ name }) => [
    sqlStep({
      title: `drop database ${name}`,
      sql: `drop database if exists ${identifier(name)};\n`,
      next: 'the database and its data are still there; end what is connected to it, and converge again',
    }),
  ],
  holdsData: 'a database holds data',
}

function checkNames({ name, owner, template }: PostgresDatabase): string[] {
  return nameMistakes({ name, owner, template })
}

function desiredDatabase(props: PostgresDatabase): DatabaseState {
  const { owner, encoding, locale, template, connectionLimit, allowConnections, publicConnect, comment } = props
  return {
    owner,
    encoding: encoding === undefined ? undefined : canonicalEncoding(encoding),
    locale: locale === undefined ? undefined : canonicalLocale(locale),
    connectionLimit,
    allowConnections,
    publicConnect,
    settings: props.settings === undefined ? undefined : canonicalSettings(props.settings),
    comment,
    how: { template },
  }
}

/** `UTF-8` is `UTF8`; the other names have no hyphen. */
function canonicalEncoding(name: string): string {
  return name.toUpperCase().replaceAll('-', '')
}

/** glibc treats `de_DE.UTF-8` and `de_DE.utf8` as one locale; `locale -a` prints the second. */
function canonicalLocale(name: string): string {
  return name.replace(/\.[^@]*/, (codeset) => codeset.toLowerCase().replaceAll('-', ''))
}

function readQuery(names: readonly string[]): string {
  return `select json_build_object('name', datname, 'owner', pg_get_userbyid(datdba),
  'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
  'connectionLimit', datconnlimit, 'allowConnections', datallowconn,
  'publicConnect', exists (select from aclexplode(coalesce(datacl, acldefault('d', datdba)))
    where grantee = 0 and privilege_type = 'CONNECT'),
  'settings', (select to_json(setconfig) from pg_db_role_setting where setdatabase = d.oid and setrole = 0),
  'comment', coalesce(shobj_description(oid, 'pg_database'), ''))
from pg_database d where datname in ${literals(names)} order by datname;`
}

type DatabaseRow = {
  name: string
  owner: string
  encoding: string
  collate: string
  ctype: string
  connectionLimit: number
  allowConnections: boolean
  publicConnect: boolean
  settings: string[] | null
  comment: string
}

const DATABASE_FIELDS = ['name', 'owner', 'encoding', 'collate', 'ctype', 'connectionLimit', 'publicConnect'] as const

function observedDatabase(row: DatabaseRow): DatabaseState | Unknown {
  if (row.connectionLimit === INVALID)
    return new Unknown(`an earlier DROP DATABASE of ${JSON.stringify(row.name)} was interrupted; drop it again by hand`)
  const { name: _name, collate, ctype, settings, ...state } = row
  const locales = [...new Set([collate, ctype].map(canonicalLocale))]
  return { ...state, locale: locales.join(' and '), settings: parseSettings(settings) }
}

function consequence(change: Change<DatabaseState>): Consequence {
  if (change.kind === 'remove') return 'destructive'
  const shutsOut = change.kind === 'change' && change.after.allowConnections === false
  return shutsOut && change.before.allowConnections === true ? 'disruptive' : 'safe'
}

type DatabaseChange = Extract<Change<DatabaseState>, { kind: 'create' | 'change' }>

function databaseSteps(change: DatabaseChange): Step[] {
  const { name, kind, after, fields } = change
  const fixed = FIXED.filter((field) => kind === 'change' && fields.some((each) => each.field === field))
  if (fixed.length > 0) return [{ title: `alter database ${name}`, run: `fail ${quoteFixed(fixed)}` }]
  return [
    sqlStep({
      title: `${kind === 'create' ? 'create' : 'alter'} database ${name}`,
      sql: [...createStatements(name, after), ...alterStatements(change), ''].join('\n'),
      next: 'correct what the server says and converge again',
    }),
  ]
}

function quoteFixed(fields: readonly string[]): string {
  return `'${fields.join(' and ')} cannot be changed in an existing database: dump it, restore it into a new one, or declare what is there; nothing was changed'`
}

function createStatements(name: string, { owner, encoding, locale, how }: DatabaseState): string[] {
  const from = how?.template ?? (encoding === undefined && locale === undefined ? undefined : 'template0')
  const options = [
    ...(owner === undefined ? [] : [`owner ${identifier(owner)}`]),
    ...(from === undefined ? [] : [`template ${identifier(from)}`]),
    ...(encoding === undefined ? [] : [`encoding ${literal(encoding)}`]),
    ...(locale === undefined ? [] : [`lc_collate ${literal(locale)} lc_ctype ${literal(locale)}`]),
  ]
  return [
    `select not exists (select from pg_database where datname = ${literal(name)}) as k_new \\gset`,
    '\\if :k_new',
    `create database ${[identifier(name), ...options].join(' ')};`,
    '\\endif',
  ]
}

function alterStatements({ name, before, after }: DatabaseChange): string[] {
  const database = identifier(name)
  const { owner, connectionLimit, allowConnections, publicConnect, settings, comment } = after
  const have = before === null || before instanceof Unknown ? undefined : before.settings
  return [
    'begin;',
    ...(owner === undefined ? [] : [`alter database ${database} owner to ${identifier(owner)};`]),
    ...(connectionLimit === undefined ? [] : [`alter database ${database} connection limit ${connectionLimit};`]),
    ...(allowConnections === undefined
      ? []
      : [`alter database ${database} allow_connections ${String(allowConnections)};`]),
    ...(publicConnect === undefined ? [] : [publicStatement(database, publicConnect)]),
    ...settingStatements(`database ${database}`, settings, have),
    ...commentStatements('database', name, comment),
    'commit;',
  ]
}

function publicStatement(database: string, connect: boolean): string {
  return connect
    ? `grant connect on database ${database} to public;`
    : `revoke connect on database ${database} from public;`
}
