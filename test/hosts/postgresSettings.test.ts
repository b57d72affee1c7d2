import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resource } from '../../lib/dsl/declare.ts'
import { postgresDatabase } from '../../lib/resources/postgres/database.ts'
import { postgresGrant } from '../../lib/resources/postgres/grant.ts'
import { postgresHba } from '../../lib/resources/postgres/hba.ts'
import { postgresRole } from '../../lib/resources/postgres/role.ts'
import { postgresSetting } from '../../lib/resources/postgres/setting.ts'
import type { SettingValue } from '../../lib/resources/postgres/sql.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { askPostgres, installPostgres } from '../support/postgres.ts'

const test = suite('postgres settings, hba lines, grants')
const database = resource(postgresDatabase)
const grant = resource(postgresGrant)
const hba = resource(postgresHba)
const role = resource(postgresRole)
const setting = resource(postgresSetting)

type Values = { [name: string]: SettingValue }

const base: Values = {
  shared_buffers: '96MB',
  max_connections: 90,
  work_mem: '5MB',
  random_page_cost: 1.2,
  log_lock_waits: true,
  search_path: '"$user", public, app',
  shared_preload_libraries: 'pg_stat_statements, auto_explain',
  'pg_stat_statements.max': 7000,
}

function settings(more: Values = {}): () => void {
  return () => {
    for (const [name, value] of Object.entries({ ...base, ...more })) setting({ name, value })
  }
}

const SHOP = {
  type: 'hostssl',
  database: 'shop',
  user: 'app',
  address: '10.0.0.0/24',
  method: 'scram-sha-256',
} as const
const lines = {
  shop: () => hba(SHOP),
  peer: () => hba({ type: 'local', database: 'shop', user: 'app', method: 'peer', options: { map: 'crm' } }),
  rest: () => hba({ type: 'host', database: 'all', user: 'all', address: '10.0.0.0/8', method: 'reject' }),
}
type Line = keyof typeof lines

function inOrder(...names: Line[]): () => void {
  return () => {
    for (const name of names) lines[name]()
  }
}

const [twelve, thirteen] = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
await Promise.all([twelve, thirteen].map(installPostgres))

for (const host of [twelve, thirteen]) onEach(host)

function onEach(host: SandboxHost): void {
  const unit = host.os === 'debian-12' ? 'postgresql@15-main' : 'postgresql@17-main'
  const started = (): Promise<string> => sshOk(host, `systemctl show -P InvocationID ${unit}`)
  const rules = (): Promise<string> =>
    askPostgres(
      host,
      `select string_agg(concat_ws(' ', type, array_to_string(database, ','), auth_method), ' | ' order by line_number) from (select * from pg_hba_file_rules order by line_number limit 4) r`,
    )

  test(`${host.os}: settings are loaded with one restart, a library's own included`, async () => {
    const { plan } = await convergeAsPlanned(host, settings())
    assert.is(changeOf(plan, 'postgres-setting:shared_buffers').consequence, 'restart')
    assert.is(changeOf(plan, 'postgres-setting:work_mem').consequence, 'reload')
    const shown = `select string_agg(setting, ' ' order by name) from pg_settings where name in ('max_connections', 'pg_stat_statements.max', 'shared_buffers', 'work_mem')`
    assert.is(await askPostgres(host, shown), '90 7000 12288 5120')
  })

  test(`${host.os}: the same value in another unit is no change`, async () => {
    const plan = await planOn(host, settings({ work_mem: '5120kB', shared_buffers: 12_288 }))
    assert.equal(
      plan.changes.map(({ kind }) => kind),
      ['adopt', 'adopt'],
    )
  })

  test(`${host.os}: a reload is enough where it is, and is seen to have come through`, async () => {
    const before = await started()
    await convergeAsPlanned(host, settings({ work_mem: '6MB' }))
    assert.is(await started(), before)
    assert.is(await askPostgres(host, 'show work_mem'), '6MB')
  })

  test(`${host.os}: a restart that another hand left due is a follow-up`, async () => {
    await askPostgres(host, `alter system set max_connections = 80`)
    await sshOk(host, `systemctl restart ${unit}`)
    await askPostgres(host, `alter system set max_connections = 90`)
    const { plan } = await convergeAsPlanned(host, settings({ work_mem: '6MB' }))
    assert.equal(
      plan.followUps.map(({ action, unit: name }) => [action, name]),
      [['restart', 'postgresql']],
    )
    assert.is(await askPostgres(host, 'show max_connections'), '90')
  })

  test(`${host.os}: a setting that left the file is there until the server no longer runs with it`, async () => {
    const declare = settings({ work_mem: '6MB', autovacuum_max_workers: 5, lock_timeout: '7min' })
    await convergeAsPlanned(host, declare)
    const before = await started()
    // As a run does that is cut off before it reloads, or restarts.
    await askPostgres(host, 'alter system reset autovacuum_max_workers')
    await askPostgres(host, 'alter system reset lock_timeout')
    const { plan } = await convergeAsPlanned(host, settings({ work_mem: '6MB' }))
    assert.equal(plan.changes.map(({ kind, ref }) => `${kind} ${ref}`).sort(), [
      'remove postgres-setting:autovacuum_max_workers',
      'remove postgres-setting:lock_timeout',
    ])
    assert.is.not(await started(), before)
    const shown = `select string_agg(setting, ' ' order by name) from pg_settings where name in ('autovacuum_max_workers', 'lock_timeout')`
    assert.is(await askPostgres(host, shown), '3 0')
    assert.equal((await planOn(host, settings({ work_mem: '6MB' }))).changes, [])
  })

  test(`${host.os}: a bad value is refused in the server's words, and none of the batch is half done`, async () => {
    const report = await convergeOn(host, settings({ work_mem: '7MB', jit: 'perhaps' }))
    assert.match(changeOf(report, 'postgres-setting:jit').failure?.said ?? '', 'requires a Boolean value')
    assert.is(await askPostgres(host, `select setting from pg_file_settings where name = 'work_mem'`), '6MB')
  })

  test(`${host.os}: when the server does not start with a setting, it comes back with the old ones`, async () => {
    const report = await convergeOn(host, settings({ work_mem: '6MB', shared_preload_libraries: 'nosuch' }))
    const { said = '' } = changeOf(report, 'postgres-setting:shared_preload_libraries').failure ?? {}
    assert.match(said, 'could not access file "nosuch"')
    assert.match(said, 'it runs again with those it had')
    assert.is(await askPostgres(host, 'show shared_preload_libraries'), 'pg_stat_statements, auto_explain')
  })

  test(`${host.os}: an absent setting is reset`, async () => {
    const one = { only: ({ name }: { name: string }) => name === 'work_mem' }
    await convergeAsPlanned(host, () => setting({ name: 'work_mem', ensure: 'absent' }), one)
    assert.is(await askPostgres(host, 'show work_mem'), '4MB')
  })

  test(`${host.os}: hba lines stand first but for the postgres account, in the order of their declaration`, async () => {
    const only = { only: ({ type }: { type: string }) => type === 'postgres-hba' }
    await convergeAsPlanned(host, inOrder('shop', 'rest'), only)
    await convergeAsPlanned(host, inOrder('shop', 'peer', 'rest'), only)
    assert.is(await rules(), 'local all peer | hostssl shop scram-sha-256 | local shop peer | host all reject')
    await convergeAsPlanned(host, inOrder('rest', 'shop', 'peer'), only)
    assert.is(await rules(), 'local all peer | host all reject | hostssl shop scram-sha-256 | local shop peer')
  })

  test(`${host.os}: hba lines stand first whatever precedes the line of the postgres account`, async () => {
    const only = { only: ({ type }: { type: string }) => type === 'postgres-hba' }
    const file = `/etc/postgresql/*/main/pg_hba.conf`
    const text = await sshOk(host, `sed '/^# Keelson: begin/,/^# Keelson: end/d' ${file}`)
    // As other hands leave the file, and what its first rules are after the block was put into it.
    const topWith = async (first: string, change = (other: string): string => other): Promise<string> => {
      await sshOk(host, `cat > $(echo ${file}) <<'EOF'\n${first}\n${change(text)}EOF`)
      await convergeAsPlanned(host, inOrder('rest', 'shop', 'peer'), only)
      return sshOk(host, `grep -v '^#' ${file} | sed 's/  */ /g; s/#.*/(copy)/' | grep . | head -6`)
    }
    const block = [
      'host all all 10.0.0.0/8 reject',
      'hostssl shop app 10.0.0.0/24 scram-sha-256',
      'local shop app peer map=crm',
    ]
    const after = (...first: string[]): string => `${first.join('\n')}\n`
    const entry = 'local all postgres peer'
    assert.is(
      await topWith('local all zabbix trust'),
      after(`${entry} (copy)`, ...block, 'local all zabbix trust', entry),
    )
    await sshOk(host, `echo 'own postgres postgres' >> $(dirname ${file})/pg_ident.conf`)
    const mapped = (other: string): string => other.replace(/^(local +all +postgres +peer)$/m, '$1 map=own')
    const own = `${entry} map=own`
    assert.is(
      await topWith('# own', mapped),
      after(own, ...block, 'local all all peer', 'host all all 127.0.0.1/32 scram-sha-256'),
    )
    assert.is(
      await topWith('local postgres all reject\nlocal all zabbix trust', mapped),
      after(`${own} (copy)`, ...block, 'local postgres all reject', 'local all zabbix trust'),
    )
    if (host.os === 'debian-13') {
      await sshOk(
        host,
        `install -d $(dirname ${file})/hba.d; echo 'local all all reject' > $(dirname ${file})/hba.d/a.conf`,
      )
      assert.is(await topWith('include_dir hba.d'), after(`${entry} (copy)`, ...block, 'include_dir hba.d', entry))
    }
    // The copy goes with the need for it.
    assert.is(
      await topWith('# nothing'),
      after(entry, ...block, 'local all all peer', 'host all all 127.0.0.1/32 scram-sha-256'),
    )
  })

  test(`${host.os}: a line the server does not understand leaves the file as it was`, async () => {
    const before = await rules()
    const wrong = () => hba({ type: 'host', database: 'all', user: 'all', address: '10.300.0.0/8', method: 'reject' })
    const report = await convergeOn(host, wrong, { only: ({ type }) => type === 'postgres-hba' })
    assert.match(changeOf(report, 'postgres-hba:host all all 10.300.0.0/8').failure?.said ?? '', 'CIDR mask is invalid')
    assert.is(await rules(), before)
  })

  test(`${host.os}: a file changed by another hand and not loaded is a reload to follow`, async () => {
    await sshOk(host, `touch /etc/postgresql/*/main/pg_hba.conf`)
    const { plan } = await convergeAsPlanned(host, inOrder('rest', 'shop', 'peer'), {
      only: ({ type }) => type === 'postgres-hba',
    })
    assert.equal(
      plan.followUps.map(({ action }) => action),
      ['reload'],
    )
  })

  test(`${host.os}: a role has exactly the privileges that are named`, async () => {
    const only = {
      only: ({ type }: { type: string }) => ['postgres-grant', 'postgres-role', 'postgres-database'].includes(type),
    }
    const people = (): void => {
      role({ name: 'own"er' })
      role({ name: 'ro' })
      database({ name: 'gr.db', owner: 'own"er' })
    }
    await convergeAsPlanned(host, people, only)
    await askPostgres(
      host,
      `create table t1 (a int); create table "t 2" (a int); create function total(integer, text) returns int language sql as 'select 1'`,
      'gr.db',
    )
    const grants = (privileges: string[]) => (): void => {
      people()
      grant({ role: 'public', on: { database: 'gr.db' }, ensure: 'absent' })
      grant({ role: 'ro', on: { database: 'gr.db' }, privileges: ['connect', 'TEMP'] })
      grant({ role: 'ro', on: { database: 'gr.db', schema: 'public' }, privileges: ['USAGE'] })
      grant({ role: 'ro', on: { database: 'gr.db', schema: 'public', table: 't 2' }, privileges, grantOption: true })
      grant({
        role: 'ro',
        on: { database: 'gr.db', schema: 'public', function: 'total(integer, text)' },
        privileges: ['EXECUTE'],
      })
      grant({ role: 'own"er', on: { database: 'gr.db', allIn: 'public', kind: 'tables' }, privileges: ['SELECT'] })
      grant({ role: 'ro', on: { database: 'gr.db', newIn: 'public', owner: 'own"er', kind: 'tables' }, privileges })
    }
    await convergeAsPlanned(host, grants(['SELECT', 'INSERT']), only)
    await askPostgres(host, 'grant truncate on "t 2" to ro; create table t3 (a int)', 'gr.db')
    await convergeAsPlanned(host, grants(['SELECT']), only)
    const held = `select string_agg(privilege_type, ' ') from information_schema.role_table_grants where grantee = 'ro'`
    assert.is(await askPostgres(host, held, 'gr.db'), 'SELECT')
  })

  /** Undeclared resources are removed. */
  const alone = async (declare: () => void): Promise<void> =>
    void (await convergeAsPlanned(host, () => {
      role({ name: 'own"er' })
      role({ name: 'ro' })
      database({ name: 'gr.db', owner: 'own"er' })
      declare()
    }))
  const executors = (): Promise<string> =>
    askPostgres(
      host,
      `select coalesce(string_agg(grantee, ',' order by grantee), '') from information_schema.role_routine_grants
       where routine_name = 'total' and grantee <> 'postgres'`,
      'gr.db',
    )

  test(`${host.os}: a function is one and the same however its signature is written`, async () => {
    // Of no earlier test anything is owned.
    await sshOk(host, 'rm -rf /var/lib/keelson')
    await askPostgres(
      host,
      `create type public.colour as enum ('red');
       create function total(colour, int, varchar[], timestamptz) returns int language sql as 'select 1';
       revoke execute on all functions in schema public from public, ro`,
      'gr.db',
    )
    const spelt =
      (...signatures: string[]) =>
      (): void => {
        for (const signature of signatures) {
          const on = { database: 'gr.db', schema: 'public', function: signature }
          grant({ role: 'ro', on, privileges: ['execute'] })
        }
      }
    await alone(spelt('total(colour, int, varchar[], timestamptz)', 'total(int,text)'))
    assert.is(await executors(), 'ro,ro')
    await alone(spelt('total(colour,INT4, character  varying[],timestamp with time zone)', 'total( integer , TEXT )'))
    assert.is(await executors(), 'ro,ro')
    // Only the server knows that these two are the same.
    await alone(spelt('total(public.colour, integer, varchar[], timestamptz)'))
    assert.is(await executors(), 'ro')
    await alone(() => {})
    assert.is(await executors(), '')
  })

  test(`${host.os}: PUBLIC and ALL are the words of SQL, in capitals or not`, async () => {
    const on = { database: 'gr.db', schema: 'public', table: 't1' }
    const held = (): Promise<string> =>
      askPostgres(
        host,
        `select coalesce(string_agg(distinct a.grantee::text || ' ' || a.privilege_type, ', '), '')
         from pg_class, aclexplode(relacl) a where relname = 't1' and a.grantee = 0`,
        'gr.db',
      )
    const all = (privileges: string[]) => (): void => void grant({ role: 'PUBLIC', on, privileges })
    await alone(all(['ALL']))
    const version = await askPostgres(host, 'show server_version_num')
    const rights = ['DELETE', 'INSERT', 'MAINTAIN', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE']
    const ofVersion = rights.filter((right) => right !== 'MAINTAIN' || Number(version) >= 170_000)
    assert.is(await held(), ofVersion.map((right) => `0 ${right}`).join(', '))
    await askPostgres(host, 'revoke insert on t1 from public', 'gr.db')
    const plan = await planOn(host, all(['all privileges']), { only: ({ type }) => type === 'postgres-grant' })
    const { cause, drift } = changeOf(plan, 'postgres-grant:public on table "gr.db".public.t1')
    assert.equal([cause, drift?.what], ['drift', ['some privileges revoked']])
    await alone(all(['all privileges']))
    assert.is(await held(), ofVersion.map((right) => `0 ${right}`).join(', '))
    await alone(all(['select']))
    assert.is(await held(), '0 SELECT')
    await alone(() => {})
    assert.is(await held(), '')
  })
}

test.run()
