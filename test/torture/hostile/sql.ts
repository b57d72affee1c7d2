/**
 * Hostile text in PostgreSQL: a role's name, its comment and its settings, and databases of such names.
 *
 * The steps of all roles are run by one psql, as a psql for each would take a minute; what each step says is the type's
 * own. Databases are converged, a few in a batch.
 */
import type { CatalogResource } from '../../../lib/engine/catalog/catalog.ts'
import { types } from '../../../lib/dsl/declare.ts'
import { postgresDatabase, postgresExtension, postgresRole } from '../../../lib/index.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { catalogOf } from '../../support/converge.ts'
import { accepted, assertKept, assertNothingToDo, converge, type HostileClass, runProgram } from './batch.ts'

const DATABASES = 4
/** No secret is in it. */
const CONTEXT = { reveal: String }
const PSQL = 'runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1'

export const sql: HostileClass = {
  name: 'SQL',
  packages: ['postgresql'],
  own: [
    "'",
    "''",
    '"',
    '""',
    '\\',
    '\\\\',
    "E'",
    "\\'",
    "U&'",
    '$$',
    '$a$',
    '$a$ ',
    '--',
    '/*',
    '*/',
    ';',
    ':',
    '::',
    ':x',
    ":'x'",
    ':"x"',
    '\\!',
    '\\g',
    '\\gexec',
    '\\gset',
    '\\q',
    '\\c x',
    '\\if 1',
    '\\copy',
    '\\;',
    '%',
    '%I',
    "');",
    "'; drop role postgres; --",
    "' || 'x",
    '=',
    ',',
    '{',
    '}',
    '(',
    ')',
    'select 1',
    'null',
    'x',
    ' ',
    'é',
    "'; copy (select 1) to program 'touch /srv/canary/hit'; --",
    '\n\\! touch /srv/canary/hit\n',
    "\n';\n",
  ],
  async bring(host, values, random) {
    const names = accepted(host, values, (value) => postgresRole({ name: value }))
    const comments = accepted(host, values, (value) => postgresRole({ name: 'r', comment: value }))
    const settings = accepted(host, values, (value) => postgresRole({ name: 'r', settings: { 'x.y': value } }))
    const roles = comments.map((comment, n) => {
      const value = settings[n]
      return {
        name: names[n] ?? `r${n}`,
        comment,
        ...(value === undefined ? {} : { settings: { application_name: value, 'own.value': value } }),
      }
    })
    const declare = (): void => {
      for (const role of roles) postgresRole(role)
    }
    const conforming = random.next() < 0.5 ? 'on' : 'off'
    const steps = catalogOf(host, declare).resources.map(stepText).join('\n')
    await ask(host, `set standard_conforming_strings = ${conforming};\n${steps}`)
    const seen = await readRoles(host)
    const rows = roles.map(({ name }) => seen.get(name))
    assertKept(
      rows.map((row) => row?.comment ?? 'no such role'),
      comments,
      `comments, ${conforming}`,
    )
    const taken = rows.slice(0, settings.length)
    assertKept(
      taken.map((row) => row?.settings[0] ?? ''),
      settings.map((value) => `application_name=${value}`),
      'settings',
    )
    assertKept(
      taken.map((row) => row?.settings[1] ?? ''),
      settings.map((value) => `own.value=${value}`),
      'own settings',
    )
    await assertNothingToDo(host, declare)
    await inDatabases(host, names)
    await ask(host, `select format('drop role %I', rolname) from pg_roles where oid >= 16384 \\gexec`)
    return new Set([...names, ...comments, ...settings])
  },
}

/** SQL that a role's type has for making it. */
function stepText({ type, name, desired }: CatalogResource): string {
  const steps = types.get(type)!.steps({ kind: 'create', name, before: null, after: desired, fields: [] }, CONTEXT)
  return steps.map(({ payload = {} }) => payload['sql'] ?? '').join('\n')
}

type Row = { comment: string; settings: string[] }

/** As psql has them, in hexadecimal. */
async function readRoles(host: SandboxHost): Promise<Map<string, Row>> {
  const hex = (text: string): string => `encode(convert_to(${text}, 'UTF8'), 'hex')`
  const out = await ask(
    host,
    `select ${hex('rolname')}, ${hex(`coalesce(shobj_description(oid, 'pg_authid'), '')`)},
       (select string_agg(${hex('one')}, ',' order by one) from unnest(rolconfig) one)
     from pg_roles where oid >= 16384;`,
  )
  const rows = out.split('\n').slice(0, -1)
  return new Map(
    rows.map((row) => {
      const [name = '', comment = '', settings = ''] = row.split('|')
      return [text(name), { comment: text(comment), settings: settings === '' ? [] : settings.split(',').map(text) }]
    }),
  )
}

const text = (hex: string): string => Buffer.from(hex, 'hex').toString('utf8')

/** Each is made with its comment, is connected to by its name as the read of an extension does, and goes. */
async function inDatabases(host: SandboxHost, names: readonly string[]): Promise<void> {
  const some = names.slice(0, DATABASES)
  await converge(host, () => {
    for (const name of some) {
      const database = postgresDatabase({ name, owner: name, comment: name, settings: { application_name: name } })
      postgresExtension({ database: name, name: 'plpgsql', after: database })
    }
  })
  const out = await ask(
    host,
    `select encode(convert_to(datname, 'UTF8'), 'hex') from pg_database where oid >= 16384 order by oid;`,
  )
  assertKept(out.split('\n').slice(0, -1).map(text), some, 'databases')
  await ask(host, `select format('drop database %I', datname) from pg_database where oid >= 16384 \\gexec`)
}

async function ask(host: SandboxHost, script: string): Promise<string> {
  return (await runProgram(host, script, `cd / && ${PSQL} <`)).toString()
}
