/**
 * A PostgreSQL role. Read from pg_authid and its neighbours; changed with CREATE ROLE, ALTER ROLE, GRANT and DROP ROLE.
 *
 * A password is sent as a complete SCRAM verifier: the server, its log and pg_stat_statements never see the clear text.
 * Whether it differs is computed from the stored salt and count, because every new verifier has a salt of its own.
 */
import { byField } from '../../kit/byField.ts'
import { listDrift } from '../../kit/listDrift.ts'
import { refOf } from '../../kit/ref.ts'
import type { Change, Compared, Context, FieldChange, ResourceType, Step } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure, secretToken } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'
import type { Comparing, Secret, SecretToken } from '../../kit/value.ts'
import {
  canonicalSettings,
  commentStatements,
  parseSettings,
  type Settings,
  settingsSchema,
  settingStatements,
} from './ownSettings.ts'
import { parseRows, psql, SERVER_PACKAGES, sqlStep } from './psql.ts'
import { POWERS, revokeStatement, revokeStatements, rightsBeyond, withoutRights } from './roleRights.ts'
import { isPasswordOf, newVerifier, passwordMistake, STORED_FORM, type StoredPassword } from './scram.ts'
import { identifier, literal, literals, nameMistakes, type SettingValue, sqlName } from './sql.ts'

/**
 * Omitted attributes stay unchanged; a new role has PostgreSQL's defaults: none but `inherit`.
 *
 * @example
 * postgresRole({
 *   name: 'report',
 *   memberOf: ['pg_read_all_data'],
 *   connectionLimit: 5,
 *   validUntil: '2035-12-31',
 *   settings: { statement_timeout: '30s' },
 *   comment: 'Reads for the nightly report',
 * })
 */
export type PostgresRole = {
  /** As PostgreSQL has it, without quotes. */
  name: string
  /** May log in. */
  login?: boolean
  /** Stored as SCRAM-SHA-256; a verifier as PostgreSQL has it is stored as it is. A stored MD5 hash counts as different. */
  password?: Secret
  /** Passes every check of rights. */
  superuser?: boolean
  /** May create databases. */
  createdb?: boolean
  /** May create, change and drop roles. */
  createrole?: boolean
  /** Has the privileges of the roles it is a member of without SET ROLE. */
  inherit?: boolean
  /** May start replication. */
  replication?: boolean
  /** Bypasses row-level security. */
  bypassRls?: boolean
  /** Maximum number of connections; -1 for no limit. */
  connectionLimit?: number
  /** Until when the password is valid: `2027-01-31`, `2027-01-31T12:00:00Z`, `infinity`. Days begin at midnight UTC. */
  validUntil?: string
  /** Exactly the roles that it is a member of. */
  memberOf?: readonly string[]
  /** Exactly the settings with which its sessions start (ALTER ROLE SET): `{ statement_timeout: '30s' }`. */
  settings?: { readonly [name: string]: SettingValue }
  /** What COMMENT ON says of it. Empty for none. */
  comment?: string
  /** A role that owns objects, or has grants elsewhere, is not dropped. @default 'present' */
  ensure?: 'present' | 'absent'
}

const ATTRIBUTES = ['login', 'superuser', 'createdb', 'createrole', 'inherit', 'replication', 'bypassRls'] as const
type Attribute = (typeof ATTRIBUTES)[number]

type RoleState = { [name in Attribute]?: boolean | undefined } & {
  connectionLimit?: number | undefined
  validUntil?: string | undefined
  memberOf?: string[] | undefined
  settings?: Settings | undefined
  comment?: string | undefined
  password?: SecretToken | undefined
  /** Observed only: roles whose membership it may grant. */
  adminOf?: string[]
  /** Roles that it must neither be in nor grant; never declared, but found. */
  leaves?: string[]
  hands?: string[]
  seen?: RoleSeen
}
type RoleSeen = {
  /** What is stored, or why that is not a SCRAM verifier. */
  stored: StoredPassword | 'none' | 'other'
  /** Whether it owns any object. */
  owns: boolean
}

const WORDS: { [name in Attribute]: string } = {
  login: 'login',
  superuser: 'superuser',
  createdb: 'createdb',
  createrole: 'createrole',
  inherit: 'inherit',
  replication: 'replication',
  bypassRls: 'bypassrls',
}

const flag = { type: 'boolean' } as const

export const postgresRole: ResourceType<PostgresRole, RoleState> = {
  type: 'postgres-role',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: sqlName,
      login: flag,
      password: secretToken,
      superuser: flag,
      createdb: flag,
      createrole: flag,
      inherit: flag,
      replication: flag,
      bypassRls: flag,
      connectionLimit: { type: 'integer', minimum: -1, maximum: 262_143 },
      validUntil: {
        type: 'string',
        pattern: '^(infinity|\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(Z|[+-]\\d{2}:\\d{2}))?)$',
        description: 'a day or a time, such as "2027-01-31", or "infinity"',
      },
      memberOf: { type: 'array', items: sqlName, uniqueItems: true },
      settings: settingsSchema,
      comment: { type: 'string', maxLength: 10_000 },
      ensure,
    },
  },
  name: (props) => props.name,
  check: roleMistakes,
  desired: desiredRole,
  absent: {
    check: (props) => [
      ...roleMistakes(props),
      ...(props.name === 'postgres' ? ['Debian and Keelson need the role postgres: it stays'] : []),
    ],
  },
  needs: (_name, { memberOf = [] }) => [...SERVER_PACKAGES, ...memberOf.map((role) => refOf('postgres-role', role))],
  state: form.fields<Compared<RoleState>>({
    login: form.optional(form.flag),
    superuser: form.optional(form.flag),
    createdb: form.optional(form.flag),
    createrole: form.optional(form.flag),
    inherit: form.optional(form.flag),
    replication: form.optional(form.flag),
    bypassRls: form.optional(form.flag),
    connectionLimit: form.optional(form.whole(-1, form.MAX_ID)),
    validUntil: form.optional(form.line()),
    memberOf: form.optional(form.list(form.line())),
    settings: form.optional(form.table(form.text())),
    comment: form.optional(form.text()),
    password: form.optional(form.secretForm),
    adminOf: form.optional(form.list(form.line())),
    leaves: form.optional(form.list(form.line())),
    hands: form.optional(form.list(form.line())),
  }),
  seen: form.optional(
    form.fields<RoleSeen>({ stored: form.either(STORED_FORM, form.oneOf('none', 'other')), owns: form.flag }),
  ),
  read: {
    via: psql,
    command: (entries) => readQuery(entries.map(({ name }) => name)),
    parse(output) {
      const read = parseRows<RoleRow>(output, ROLE_FIELDS)
      return read instanceof Unknown ? read : new Map(read.map((row) => [row.name, observedRole(row)]))
    },
  },
  diff: diffRole,
  drift: { gone: 'dropped', field: driftOf },
  opens: ({ kind, after, fields }) =>
    kind === 'remove' || after === null
      ? []
      : POWERS.filter((power) => after[power] === true && fields.some(({ field }) => field === power)).map(
          (power) => `gives it ${power}`,
        ),
  rights: { beyond: rightsBeyond, without: withoutRights },
  consequence: () => 'safe',
  steps: (change, context) => [roleStep(change, context)],
  remove: ({ name }) => [
    sqlStep({
      title: `drop role ${name}`,
      sql: `drop role if exists ${identifier(name)};\n`,
      next: `the role stays, because of what the server says depends on it. In each of those databases, give it away (REASSIGN OWNED BY … TO …) or drop it (DROP OWNED BY …), and converge again`,
    }),
  ],
  undo({ before }) {
    if (before === null) return undefined
    const { adminOf: _, ...state } = before
    return { state }
  },
  holdsData: (observed) =>
    observed instanceof Unknown || observed.seen?.owns === true ? 'it owns objects' : undefined,
}

function roleMistakes({ name, memberOf = [], validUntil }: PostgresRole): string[] {
  return [
    ...nameMistakes({ name, ...Object.fromEntries(memberOf.map((role) => [`memberOf ${role}`, role])) }),
    ...(isReserved(name) ? [`name ${JSON.stringify(name)} is reserved by PostgreSQL`] : []),
    ...(memberOf.includes(name) ? [`${JSON.stringify(name)} cannot be a member of itself`] : []),
    ...(validUntil !== undefined && canonicalTime(validUntil) === undefined
      ? [`validUntil ${JSON.stringify(validUntil)} is no date of the calendar`]
      : []),
  ]
}

function isReserved(name: string): boolean {
  return name.startsWith('pg_') || name === 'public' || name === 'none'
}

function desiredRole(props: PostgresRole): RoleState {
  const { password, validUntil, memberOf, settings, connectionLimit, comment } = props
  return {
    ...Object.fromEntries(ATTRIBUTES.map((name) => [name, props[name]])),
    connectionLimit,
    comment,
    validUntil: validUntil === undefined ? undefined : canonicalTime(validUntil),
    memberOf: memberOf === undefined ? undefined : [...memberOf].sort(),
    settings: settings === undefined ? undefined : canonicalSettings(settings),
    password: password?.toJSON(),
  }
}

/** `2027-01-31T00:00:00Z`; undefined for a day that does not exist. */
function canonicalTime(text: string): string | undefined {
  if (text === 'infinity') return text
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  const time = new Date(text.includes('T') ? text : `${text}T00:00:00Z`)
  if (Number.isNaN(day.getTime()) || Number.isNaN(time.getTime())) return undefined
  return day.toISOString().startsWith(text.slice(0, 10)) ? `${time.toISOString().slice(0, 19)}Z` : undefined
}

/** Only salt, count and a digest of the verifier leave the host. */
function readQuery(names: readonly string[]): string {
  return `select json_build_object(
  'name', rolname, 'login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
  'inherit', rolinherit, 'replication', rolreplication, 'bypassRls', rolbypassrls, 'connectionLimit', rolconnlimit,
  'validUntil', coalesce(case when isfinite(rolvaliduntil)
    then to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end, 'infinity'),
  'memberOf', (select coalesce(json_agg(distinct g.rolname order by g.rolname), '[]')
    from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = a.oid),
  'adminOf', (select coalesce(json_agg(distinct g.rolname order by g.rolname), '[]')
    from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = a.oid and m.admin_option),
  'settings', (select to_json(setconfig) from pg_db_role_setting where setrole = a.oid and setdatabase = 0),
  'comment', coalesce(shobj_description(oid, 'pg_authid'), ''),
  'scheme', case when rolpassword is null then 'none' when rolpassword like 'SCRAM-SHA-256$%' then 'scram' else 'other' end,
  'iterations', split_part(split_part(rolpassword, '$', 2), ':', 1),
  'salt', split_part(split_part(rolpassword, '$', 2), ':', 2),
  'digest', encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex'),
  'owns', exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = a.oid and deptype = 'o'))
from pg_authid a where rolname in ${literals(names)} order by rolname;`
}

type RoleRow = { [name in Attribute]: boolean } & {
  name: string
  connectionLimit: number
  validUntil: string
  memberOf: string[]
  adminOf: string[]
  settings: string[] | null
  comment: string
  scheme: 'none' | 'scram' | 'other'
  iterations: string | null
  salt: string | null
  digest: string | null
  owns: boolean
}

const ROLE_FIELDS = [
  ...ATTRIBUTES,
  'name',
  'connectionLimit',
  'validUntil',
  'memberOf',
  'adminOf',
  'scheme',
  'owns',
] as const

function observedRole({
  name: _name,
  settings,
  scheme,
  iterations,
  salt,
  digest,
  memberOf,
  owns,
  ...row
}: RoleRow): RoleState {
  return {
    ...row,
    memberOf: [...memberOf].sort(),
    settings: parseSettings(settings),
    seen: {
      stored: scheme === 'scram' ? { iterations: Number(iterations), salt: salt ?? '', digest: digest ?? '' } : scheme,
      owns,
    },
  }
}

function diffRole(
  { password, leaves = [], hands = [], ...desired }: RoleState,
  observed: RoleState,
  { agrees }: Comparing,
): FieldChange[] {
  const { memberOf = [], adminOf = [] } = observed
  const stays = leaves.length === 0 ? {} : { memberOf: memberOf.filter((role) => !leaves.includes(role)) }
  const admin = hands.length === 0 ? {} : { adminOf: adminOf.filter((role) => !hands.includes(role)) }
  const fields = byField({ ...desired, ...stays, ...admin }, observed)
  if (password === undefined) return fields
  const stored = observed.seen?.stored
  const same = typeof stored === 'object' && agrees(password, (clear) => isPasswordOf(stored, clear))
  return same ? fields : [...fields, { field: 'password', form: 'secret' }]
}

function driftOf(change: FieldChange): string | undefined {
  const { field, after } = change
  if (field === 'memberOf')
    return listDrift(
      change,
      (roles) => `made a member of ${roles}`,
      (roles) => `taken out of ${roles}`,
    )
  if (field === 'adminOf')
    return listDrift(
      change,
      (roles) => `given the admin option of ${roles}`,
      (roles) => `the admin option of ${roles} taken away`,
    )
  if (!ATTRIBUTES.some((name) => name === field)) return undefined
  return after === true ? `${field} taken away` : `given ${field}`
}

type RoleChange = Extract<Change<RoleState>, { kind: 'create' | 'change' }>

function roleStep(change: RoleChange, context: Context): Step {
  const title = `${change.kind === 'create' ? 'create' : 'alter'} role ${change.name}`
  const { password } = change.after
  const mistake = password === undefined ? undefined : passwordMistake(context.reveal(password))
  if (mistake !== undefined) return { title, run: sh`fail ${`the password of ${change.name} ${mistake}`}` }
  return sqlStep({
    title,
    sql: roleSql(change, context),
    next: 'nothing of the role was changed; correct what the server says and converge again',
  })
}

/** One transaction. Creating and altering are one text, so that a step that was cut off can be run again. */
function roleSql({ name, before, after, fields }: RoleChange, { reveal }: Context): string {
  const role = identifier(name)
  const have = before instanceof Unknown ? null : before
  return [
    // Otherwise a statement that is refused for its value would be logged with the verifier in it.
    `set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic';`,
    `set "pg_stat_statements"."track" = 'none';`,
    '\\set VERBOSITY terse',
    'begin;',
    `select not exists (select from pg_roles where rolname = ${literal(name)}) as k_new \\gset`,
    '\\if :k_new',
    `create role ${role};`,
    '\\endif',
    ...attributeStatements(role, after),
    ...memberStatements(name, after.memberOf),
    ...revokeStatements(name, '', after.leaves),
    ...revokeStatements(name, 'admin option for ', after.hands),
    ...settingStatements(`role ${role}`, after.settings, have?.settings),
    ...commentStatements('role', name, after.comment),
    ...(after.password !== undefined && fields.some(({ field }) => field === 'password')
      ? [`alter role ${role} password ${literal(newVerifier(reveal(after.password)))};`]
      : []),
    'commit;',
    '',
  ].join('\n')
}

function attributeStatements(role: string, after: RoleState): string[] {
  const { connectionLimit, validUntil } = after
  const options = [
    ...ATTRIBUTES.flatMap((name) => (after[name] === undefined ? [] : [`${after[name] ? '' : 'no'}${WORDS[name]}`])),
    ...(connectionLimit === undefined ? [] : [`connection limit ${connectionLimit}`]),
    ...(validUntil === undefined ? [] : [`valid until ${literal(validUntil)}`]),
  ]
  return options.length === 0 ? [] : [`alter role ${role} ${options.join(' ')};`]
}

/** The server generates the REVOKEs: only it knows the grantors, which PostgreSQL 16 and later require. */
function memberStatements(name: string, memberOf: readonly string[] | undefined): string[] {
  if (memberOf === undefined) return []
  return [
    revokeStatement(name, '', `not in ${literals(memberOf.length === 0 ? [''] : memberOf)}`),
    ...memberOf.map((group) => `grant ${identifier(group)} to ${identifier(name)};`),
  ]
}
