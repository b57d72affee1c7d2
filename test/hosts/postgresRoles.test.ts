import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/dsl/declare.ts'
import { secret } from '../../lib/kit/secret.ts'
import { postgresDatabase } from '../../lib/resources/postgres/database.ts'
import { postgresExtension } from '../../lib/resources/postgres/extension.ts'
import { postgresRole } from '../../lib/resources/postgres/role.ts'
import { verifier } from '../../lib/resources/postgres/scram.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'
import { askPostgres, installPostgres } from '../support/postgres.ts'

const test = suite('postgres roles, databases, extensions')

const role = resource(postgresRole)
const database = resource(postgresDatabase)
const extension = resource(postgresExtension)

const PASSWORD = `ünïcode 'quoted" $(touch /tmp/pwned) \\ text`
const secrets = { app: PASSWORD }
const HOSTILE = `o'dd "ro\\le" $(id) :name =; --`

const [twelve, thirteen] = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])

function full(): void {
  role({ name: 'reader' })
  role({
    name: 'app',
    login: true,
    password: secret('app'),
    createdb: true,
    connectionLimit: 20,
    validUntil: '2031-02-03T01:00:00+01:00',
    memberOf: ['reader'],
    settings: { statement_timeout: '30s', search_path: '"$user", app, public', jit: false },
    comment: `it's the app's\nrole`,
  })
  role({ name: HOSTILE })
  database({
    name: 'shop',
    owner: 'app',
    encoding: 'UTF-8',
    locale: 'C.UTF-8',
    publicConnect: false,
    connectionLimit: 50,
    settings: { timezone: 'UTC' },
    comment: 'the shop',
  })
  database({ name: HOSTILE, owner: HOSTILE })
  extension({ name: 'pgcrypto', database: 'shop', schema: 'crypto', version: 'default' })
  extension({ name: 'pg_trgm', database: HOSTILE })
  extension({ name: 'hstore', database: 'shop', version: 'default' })
}

const bare = await planOn(twelve, full)
await Promise.all([twelve, thirteen].map(installPostgres))

test('on a bare host everything is planned as unknown, because PostgreSQL is not installed', () => {
  assert.equal([...new Set(bare.changes.map(({ because }) => because))], ['PostgreSQL is not installed'])
})

for (const host of [twelve, thirteen]) onEach(host)

function onEach(host: SandboxHost): void {
  test(`${host.os}: creates roles, databases and extensions, hostile names included`, async () => {
    await convergeAsPlanned(host, full, { secrets })
    assert.is(
      await askPostgres(host, `select comment from shobj_description('app'::regrole, 'pg_authid') comment`),
      `it's the app's\nrole`,
    )
    assert.is(
      await askPostgres(host, `select count(*) from pg_roles where rolname = 'o''dd "ro\\le" $(id) :name =; --'`),
      '1',
    )
    assert.is((await ssh(host, 'test -e /tmp/pwned')).exit, 1)
  })

  test(`${host.os}: the password logs in over TCP, and its clear text is in no log and no catalog`, async () => {
    const login = await ssh(
      host,
      `PGPASSWORD=${shellQuote(PASSWORD)} psql -h 127.0.0.1 -U app -d shop -XAtc 'select current_user, current_schemas(false)'`,
    )
    assert.is(login.stdout.trim(), 'app|{public}', login.stderr)
    const found = await ssh(
      host,
      `grep -rlF ${shellQuote(PASSWORD)} /var/log /var/lib/postgresql /var/lib/keelson /run/keelson`,
    )
    assert.is(found.stdout, '')
  })

  test(`${host.os}: drift in every kind of field is seen and repaired`, async () => {
    await askPostgres(
      host,
      `alter role app superuser connection limit 3 password 'other' valid until 'infinity'; revoke reader from app;
       alter role app set statement_timeout = '1s'; alter role app set work_mem = '1MB'; comment on role app is null;
       alter database shop owner to postgres; grant connect on database shop to public; alter database shop reset all`,
    )
    const plan = await planOn(host, full, { secrets })
    const fields = (ref: string) =>
      changeOf(plan, ref)
        .fields.map(({ field }) => field)
        .sort()
    assert.equal(fields('postgres-role:app'), [
      'comment',
      'connectionLimit',
      'memberOf',
      'password',
      'settings',
      // Not declared, and a right.
      'superuser',
      'validUntil',
    ])
    assert.equal(fields('postgres-database:shop'), ['owner', 'publicConnect', 'settings'])
    assert.equal([...new Set(plan.changes.map(({ cause }) => cause))], ['drift'])
    await convergeAsPlanned(host, full, { secrets })
  })

  test(`${host.os}: a new value of a secret is a change of the password and nothing else`, async () => {
    const { plan } = await convergeAsPlanned(host, full, { secrets: { app: 'another' } })
    assert.equal(
      plan.changes.map(({ ref, fields }) => [ref, fields]),
      [['postgres-role:app', [{ field: 'password', form: 'secret' }]]],
    )
  })

  test(`${host.os}: a verifier from another server is stored as it is, and its password logs in`, async () => {
    const given = verifier('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096)
    const declare = (): void => void role({ name: 'moved', login: true, password: secret('app') })
    const only = ({ name }: { name: string }): boolean => name === 'moved'
    await convergeAsPlanned(host, declare, { secrets: { app: given }, only })
    assert.is(await askPostgres(host, `select rolpassword from pg_authid where rolname = 'moved'`), given)
    const login = await ssh(
      host,
      `PGPASSWORD=pencil psql -h 127.0.0.1 -U moved -d postgres -XAtc 'select current_user'`,
    )
    assert.is(login.stdout.trim(), 'moved', login.stderr)
    const cut = await convergeOn(host, declare, { secrets: { app: given.slice(0, -1) }, only })
    assert.match(changeOf(cut, 'postgres-role:moved').failure?.said ?? '', 'not a whole one')
    assert.is(await askPostgres(host, `select rolpassword from pg_authid where rolname = 'moved'`), given)
    await convergeAsPlanned(host, () => role({ name: 'moved', ensure: 'absent' }), { only })
  })

  test(`${host.os}: an extension is updated and moved`, async () => {
    await askPostgres(
      host,
      `drop extension hstore; create extension hstore version '1.4'; alter extension pgcrypto set schema public`,
      'shop',
    )
    const { plan } = await convergeAsPlanned(host, full, { secrets: { app: 'another' } })
    assert.equal(
      plan.changes.map(({ ref, fields }) => [ref, fields.map(({ field }) => field)]),
      [
        ['postgres-extension:shop/pgcrypto', ['schema']],
        ['postgres-extension:shop/hstore', ['version']],
      ],
    )
  })

  test(`${host.os}: an encoding that cannot be changed is refused with what to do`, async () => {
    const report = await convergeOn(host, () => database({ name: 'shop', encoding: 'LATIN1' }), {
      only: ({ type }) => type === 'postgres-database',
    })
    assert.match(changeOf(report, 'postgres-database:shop').failure?.said ?? '', 'encoding cannot be changed')
  })

  test(`${host.os}: what is no longer declared goes, but a role that owns something and a database stay`, async () => {
    const report = await convergeOn(host, () => role({ name: 'reader' }), { allowRemove: 9 })
    const kinds = Object.fromEntries(report.changes.map(({ ref, kind, outcome }) => [ref, `${kind} ${outcome}`]))
    assert.is(kinds['postgres-role:app'], 'forget recorded')
    assert.is(kinds['postgres-database:shop'], 'forget recorded')
    assert.is(await askPostgres(host, `select count(*) from pg_database where datname = 'shop'`), '1')
  })

  test(`${host.os}: dropping a role that owns something fails with the server's list`, async () => {
    const report = await convergeOn(host, () => role({ name: 'app', ensure: 'absent' }), { allowRemove: 9 })
    assert.match(changeOf(report, 'postgres-role:app').failure?.said ?? '', 'owner of database shop')
  })

  test(`${host.os}: a database in use is not dropped, and is dropped when it is not`, async () => {
    const absent = (): void => {
      database({ name: 'shop', ensure: 'absent' })
      database({ name: HOSTILE, ensure: 'absent' })
    }
    await sshOk(host, `systemd-run --quiet --unit=busy --uid=postgres psql -d shop -c 'select pg_sleep(600)'`)
    await askPostgres(host, waitFor(`select from pg_stat_activity where datname = 'shop'`))
    const report = await convergeOn(host, absent, { allowRemove: 9 })
    assert.match(changeOf(report, 'postgres-database:shop').failure?.said ?? '', 'being accessed by other users')
    await askPostgres(host, `select pg_terminate_backend(pid, 20000) from pg_stat_activity where datname = 'shop'`)
    await convergeAsPlanned(host, absent, { allowRemove: 9 })
    assert.is(await askPostgres(host, `select count(*) from pg_database where datname = 'shop'`), '0')
  })

  test(`${host.os}: a right that nobody declared is drift of a role that was made, and is taken away`, async () => {
    const declare = (): void => {
      role({ name: 'team' })
      role({ name: 'worker', login: true })
    }
    await convergeAsPlanned(host, declare, { allowRemove: 9 })
    for (const [byHand, what] of [
      ['alter role worker superuser', 'given superuser'],
      ['alter role worker createdb createrole', 'given createdb, given createrole'],
      ['alter role worker replication bypassrls', 'given replication, given bypassRls'],
      ['grant team to worker with admin option', 'given the admin option of team'],
      ['grant pg_execute_server_program to worker', 'made a member of pg_execute_server_program'],
    ] as const) {
      await askPostgres(host, byHand)
      const { cause, drift } = changeOf(await planOn(host, declare), 'postgres-role:worker')
      assert.equal([cause, drift?.what.join(', ')], ['drift', what])
      await convergeAsPlanned(host, declare)
    }
    const flags = 'rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls'
    assert.is(await askPostgres(host, `select ${flags} from pg_roles where rolname = 'worker'`), 'f')
    const memberships = `select string_agg(roleid::regrole || ' ' || admin_option, ',') from pg_auth_members where member = 'worker'::regrole`
    assert.is(await askPostgres(host, memberships), 'team false')
  })

  test(`${host.os}: a role that was there keeps its rights, which the plan names; what it gains later is drift`, async () => {
    await askPostgres(host, 'create role legacy login createdb')
    const declare = (): void => {
      role({ name: 'legacy', login: true })
      role({ name: 'postgres' })
    }
    const plan = await planOn(host, declare)
    assert.ok(
      plan.warnings.includes(
        'postgres role legacy has createdb, which is not declared; it was there before Keelson, and stays',
      ),
      plan.warnings.join('\n'),
    )
    assert.match(plan.warnings.join('\n'), /postgres role postgres has superuser, createdb, /)
    await convergeAsPlanned(host, declare, { allowRemove: 9 })
    assert.is(await askPostgres(host, `select rolcreatedb from pg_roles where rolname = 'legacy'`), 't')
    assert.equal(
      (await planOn(host, declare)).warnings,
      plan.warnings.filter((one) => !one.includes('not declared')),
    )
    await askPostgres(host, 'alter role legacy superuser')
    assert.equal(changeOf(await planOn(host, declare), 'postgres-role:legacy').drift?.what, ['given superuser'])
    await convergeAsPlanned(host, declare)
    const left = `select rolsuper, rolcreatedb from pg_roles where rolname = 'legacy'`
    assert.is(await askPostgres(host, left), 'f|t')
  })

  test(`${host.os}: a stopped server makes everything unknown, and says why`, async () => {
    await sshOk(host, 'systemctl stop postgresql')
    const plan = await planOn(host, full, { secrets })
    assert.match(
      changeOf(plan, 'postgres-role:app').because ?? '',
      /PostgreSQL does not answer: .*connection to server on socket/,
    )
    await sshOk(host, 'systemctl start postgresql')
  })
}

/** SQL that ends when the query finds something, and fails when that takes more than 20 seconds. */
function waitFor(query: string): string {
  return `set statement_timeout = '20s'; do $$ begin while not exists (${query}) loop
    perform pg_sleep(0.05); perform pg_stat_clear_snapshot(); end loop; end $$`
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

test.run()
