/**
 * The privileges of one PostgreSQL role on one object: exactly the listed ones. Read with aclexplode() from the
 * catalogs; changed with GRANT, REVOKE and ALTER DEFAULT PRIVILEGES.
 */
import { listDrift } from '../../kit/listDrift.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { refOf } from '../../kit/ref.ts'
import type { Change, FieldChange, ResourceType, Step, Desired } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import {
  aclQuery,
  allPrivileges,
  grantKey,
  type GrantTarget,
  maySameGrant,
  onText,
  parseGrantKey,
  PRIVILEGES,
  type Target,
  targetOf,
} from './grantTarget.ts'
import { inDatabases, parseRows, psql, SERVER_PACKAGES, sqlStep } from './psql.ts'
import { identifier, literal, nameMistakes, sqlName } from './sql.ts'

/**
 * @example
 * postgresGrant({
 *   role: 'report',
 *   on: { database: 'shop', schema: 'public' },
 *   privileges: ['USAGE'],
 *   grantOption: true,
 * })
 * @example
 * // On tables that the owner will make.
 * postgresGrant({
 *   role: 'report',
 *   on: { database: 'shop', newIn: 'public', owner: 'shop', kind: 'tables' },
 *   privileges: ['SELECT'],
 * })
 */
export type PostgresGrant = {
  /** A role's name, or `public` for everyone. */
  role: string
  /** The object: a database, a schema, a table, all tables of a schema, … */
  on: GrantTarget
  /** `['SELECT', 'INSERT']`, or `['ALL']`. All other privileges of the role there are revoked. */
  privileges?: readonly string[]
  /** Whether the role may grant them to others. @default false */
  grantOption?: boolean
  /** `absent`: the role has no privilege there. @default 'present' */
  ensure?: 'present' | 'absent'
}

type GrantState = {
  /** Sorted; for several objects, the privileges that the role has on every one. `ALL` stands alone. */
  privileges: string[]
  /** The privileges that it may grant to others. */
  grantable: string[]
  /** Privileges that it has on only some of several objects. */
  partly: string[]
}

const objectKind = { enum: ['tables', 'sequences', 'functions'] } as const
const signature = {
  type: 'string',
  maxLength: 1000,
  pattern: '^[^\\u0000-\\u001f"(]+\\([A-Za-z0-9_ .,\\[\\]]*\\)$',
} as const

function onForm(properties: { readonly [name: string]: unknown }): { readonly [keyword: string]: unknown } {
  const all = { database: sqlName, ...properties }
  return { type: 'object', additionalProperties: false, required: Object.keys(all), properties: all }
}

export const postgresGrant: ResourceType<PostgresGrant, GrantState> = {
  type: 'postgres-grant',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['role', 'on'],
    properties: {
      role: sqlName,
      on: {
        anyOf: [
          onForm({}),
          onForm({ schema: sqlName }),
          onForm({ schema: sqlName, table: sqlName }),
          onForm({ schema: sqlName, sequence: sqlName }),
          onForm({ schema: sqlName, function: signature }),
          onForm({ allIn: sqlName, kind: objectKind }),
          onForm({ newIn: sqlName, owner: sqlName, kind: objectKind }),
        ],
      },
      privileges: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, uniqueItems: true },
      grantOption: { type: 'boolean' },
      ensure,
    },
  },
  name: ({ role, on }) => grantKey(roleName(role), targetOf(on)),
  check: (props) => [...(props.privileges === undefined ? ['privileges is missing'] : []), ...grantMistakes(props)],
  desired: ({ privileges = [], grantOption = false }) => {
    const each = privileges.map(canonicalPrivilege)
    const canonical = each.includes(ALL) ? [ALL] : [...new Set(each)].sort()
    return { privileges: canonical, grantable: grantOption ? canonical : [], partly: [] }
  },
  absent: { check: grantMistakes },
  needs(name) {
    const { role, target } = parseGrantKey(name)
    const owner = target.owner === undefined ? [] : [refOf('postgres-role', target.owner)]
    return [...SERVER_PACKAGES, refOf('postgres-role', role), refOf('postgres-database', target.database), ...owner]
  },
  state: form.fields<GrantState>({
    privileges: form.list(form.line()),
    // A new grant has nothing that others could be granted, or that is only partly there.
    grantable: form.missingAs([], form.list(form.line())),
    partly: form.inner(form.missingAs([], form.list(form.line()))),
  }),
  read: {
    via: psql,
    command(entries) {
      const byDatabase = groupBy(entries, ({ name }) => parseGrantKey(name).target.database)
      return inDatabases(
        [...byDatabase].map(([database, ofIt]) => ({ database, query: ofIt.map(readQuery).join('\n') })),
      )
    },
    parse(output, entries) {
      const read = parseRows<GrantRow>(output, ['name', 'objects', 'all', 'rights'])
      return read instanceof Unknown ? read : new Map(read.map((row) => [row.name, observedGrant(row, entries)]))
    },
  },
  drift: {
    gone: 'revoked',
    field: driftOf,
  },
  steps: (change) => [grantStep(change)],
  remove: (change) => [grantStep(change)],
  standsFor: ({ name }, gone) => maySameGrant(name, gone.name),
  undo: ({ before }) =>
    before !== null && before.partly.length > 0 ? { cannot: 'it held for some of the objects only' } : undefined,
}

function driftOf(change: FieldChange): string | undefined {
  if (Array.isArray(change.after) && change.after.includes(ALL)) return 'some privileges revoked'
  const words = listDrift(
    change,
    (rights) => `${rights} granted`,
    (rights) => `${rights} revoked`,
  )
  return words || undefined
}

function grantMistakes({ role, on, privileges }: PostgresGrant): string[] {
  const { kind } = targetOf(on)
  const known = PRIVILEGES[kind]
  const wrong = (privileges ?? []).filter((one) => ![ALL, ...known].includes(canonicalPrivilege(one)))
  return [
    // Of a function, the name before its argument types.
    ...nameMistakes({ role, ...on, ...('function' in on ? { function: on.function.split('(')[0] } : {}) }),
    ...wrong.map((one) => `${one} is no privilege of a ${kind}; there are ${[ALL, ...known].join(', ')}`),
  ]
}

/** All privileges that the server has for the kind of object; their number grows with its version. */
const ALL = 'ALL'

function canonicalPrivilege(name: string): string {
  const upper = name.trim().replaceAll(/\s+/g, ' ').toUpperCase()
  if (upper === 'ALL PRIVILEGES') return ALL
  return upper === 'TEMP' ? 'TEMPORARY' : upper
}

/** PUBLIC is a word of SQL, in capitals or not; no role can have that name. */
function roleName(role: string): string {
  return role.toLowerCase() === 'public' ? 'public' : role
}

type GrantRow = {
  name: string
  objects: number
  all: string[]
  rights: { privilege: string; count: number; grantable: number }[] | null
}

function readQuery({ name }: Desired<GrantState>): string {
  const { role, target } = parseGrantKey(name)
  const oid = role === 'public' ? '0' : `(select oid from pg_roles where rolname = ${literal(role)})`
  return `with object as materialized (${aclQuery(target)}),
  held as (select a.privilege_type as privilege, count(*) as count, count(*) filter (where a.is_grantable) as grantable
    from object, aclexplode(object.acl) a where a.grantee = ${oid} group by 1)
select json_build_object('name', ${literal(name)}, 'objects', (select count(*) from object),
  'all', ${allPrivileges(target)},
  'rights', (select jsonb_agg(to_jsonb(held) order by privilege) from held));`
}

function observedGrant(
  { name, objects, all, rights }: GrantRow,
  entries: readonly Desired<GrantState>[],
): GrantState | null | Unknown {
  const { target } = parseGrantKey(name)
  const desired = entries.find((each) => each.name === name)?.desired ?? null
  // Everything is true of an empty set of tables.
  if (objects === 0 && ['tables', 'sequences', 'functions'].includes(target.kind)) return desired
  if (objects === 0) return desired === null ? null : new Unknown(`there is no ${onText(target)}`)
  const held = rights ?? []
  if (held.length === 0) return null
  const whole = held.filter(({ count }) => count === objects)
  const isAll = desired?.privileges.includes(ALL) === true
  const named = (rows: readonly { privilege: string }[]): string[] => {
    const names = rows.map(({ privilege }) => privilege).sort()
    return isAll && all.every((privilege) => names.includes(privilege)) ? [ALL] : names
  }
  return {
    privileges: named(whole),
    grantable: named(whole.filter(({ grantable }) => grantable === objects)),
    partly: held
      .filter(({ count }) => count < objects)
      .map(({ privilege }) => privilege)
      .sort(),
  }
}

function grantStep({ name, before, after }: Change<GrantState>): Step {
  const { role, target } = parseGrantKey(name)
  const have = before === null || before instanceof Unknown ? undefined : before
  const want = after ?? { privileges: [], grantable: [], partly: [] }
  const held = have === undefined ? [] : [...have.privileges, ...have.partly]
  const wants = (list: readonly string[], privilege: string): boolean => list.includes(privilege) || list.includes(ALL)
  const extra = held.filter((privilege) => !wants(want.privileges, privilege))
  const passing = (have?.grantable ?? []).filter(
    (privilege) => wants(want.privileges, privilege) && !wants(want.grantable, privilege),
  )
  return sqlStep({
    title: `set privileges of ${name}`,
    sql: [
      'begin;',
      ...statement(target, 'revoke', extra, `from ${grantee(role)}`),
      ...statement(target, 'revoke grant option for', passing, `from ${grantee(role)}`),
      ...statement(
        target,
        'grant',
        want.privileges,
        `to ${grantee(role)}${want.grantable.length > 0 ? ' with grant option' : ''}`,
      ),
      'commit;',
      '',
    ].join('\n'),
    next: 'no privilege was changed; correct what the server says and converge again',
    database: target.database,
  })
}

function grantee(role: string): string {
  return role === 'public' ? 'public' : identifier(role)
}

function statement(target: Target, verb: string, privileges: readonly string[], whom: string): string[] {
  if (privileges.length === 0) return []
  const list = privileges.join(', ').toLowerCase()
  if (target.owner === undefined) return [`${verb} ${list} on ${onText(target)} ${whom};`]
  const schema = identifier(target.path[0] ?? '')
  return [
    `alter default privileges for role ${identifier(target.owner)} in schema ${schema} ${verb} ${list} on ${target.kind} ${whom};`,
  ]
}
