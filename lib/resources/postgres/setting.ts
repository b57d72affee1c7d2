/**
 * A setting of the PostgreSQL cluster.
 *
 * Changed with ALTER SYSTEM, which writes postgresql.auto.conf: the server checks name and value before it writes, and
 * replaces the file atomically; RESET removes the setting again; and the file overrides every other, so that the
 * declaration takes effect. Read from pg_file_settings (the present file) and pg_settings (the running server),
 * compared in base units. What the server has yet to load is derived from those two and never stored.
 */
import type { Change, Compared, Consequence, FieldChange, ResourceType } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { parseRows, psql, SERVER_PACKAGES } from './psql.ts'
import { settingsStep } from './settingsStep.ts'
import { literals, settingName, settingText, settingValue, type SettingValue } from './sql.ts'
import { canonicalSetting, type SettingKind } from './units.ts'

/**
 * @example
 * // Statements that take longer than 500 ms are logged.
 * postgresSetting({ name: 'log_min_duration_statement', value: 500 })
 */
export type PostgresSetting = {
  /** `shared_buffers`, or `pg_stat_statements.max` of a library in shared_preload_libraries. */
  name: string
  /** `'256MB'`, `'5min'`, `'scram-sha-256'`; a number is in the setting's own unit; lists are separated by commas. */
  value?: SettingValue
  /** `absent`: not set by ALTER SYSTEM; postgresql.conf or the default applies. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type SettingState = {
  /** Text in postgresql.auto.conf. */
  value: string
  seen?: SettingSeen
}
type SettingSeen = {
  /** Value of the running server; null when this session cannot tell. */
  running: string | null
  kind: SettingKind['kind'] | null
  unit: string | null
  /** `postmaster`: only a restart loads it. */
  context: string | null
  /**
   * The setting left the file, and the server still runs with it: its removal is complete only once the server has
   * loaded the file.
   */
  gone: boolean
}

/** Settings loaded at start only: context `postmaster` in PostgreSQL 15 and 17. For a plan made before there is a server. */
const AT_START = new Set(
  `archive_mode autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age cluster_name
commit_timestamp_buffers dynamic_shared_memory_type event_source external_pid_file hot_standby huge_page_size huge_pages
jit_provider listen_addresses logging_collector max_connections max_files_per_process max_locks_per_transaction
max_logical_replication_workers max_pred_locks_per_transaction max_prepared_transactions max_replication_slots
max_wal_senders max_worker_processes min_dynamic_shared_memory multixact_member_buffers multixact_offset_buffers
notify_buffers old_snapshot_threshold pg_stat_statements.max port reserved_connections serializable_buffers
shared_buffers shared_memory_type shared_preload_libraries subtransaction_buffers superuser_reserved_connections
track_activity_query_size track_commit_timestamp transaction_buffers unix_socket_directories unix_socket_group
unix_socket_permissions wal_buffers wal_decode_buffer_size wal_level wal_log_hints`.split(/\s+/),
)

export const postgresSetting: ResourceType<PostgresSetting, SettingState> = {
  type: 'postgres-setting',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: { name: settingName, value: settingValue, ensure },
  },
  name: (props) => props.name.toLowerCase(),
  check: checkSetting,
  desired: ({ name, value = '' }) => ({ value: settingText(name, value) }),
  needs: () => [...SERVER_PACKAGES],
  state: form.fields<Compared<SettingState>>({ value: form.text() }),
  seen: form.optional(
    form.fields<SettingSeen>({
      running: form.either(form.text(), form.oneOf(null)),
      kind: form.oneOf('bool', 'enum', 'integer', 'real', 'string', null),
      unit: form.either(form.line(), form.oneOf(null)),
      context: form.either(form.line(), form.oneOf(null)),
      gone: form.flag,
    }),
  ),
  read: {
    via: psql,
    command: (entries) => readQuery(entries.map(({ name }) => name)),
    parse(output) {
      const read = parseRows<SettingRow>(output, ['name', 'value', 'running', 'kind', 'unit', 'context', 'gone'])
      return read instanceof Unknown ? read : new Map(read.map(observedSetting))
    },
  },
  diff: diffSetting,
  consequence,
  steps: (change) => [settingsStep([change])],
  remove: (change) => [settingsStep([change])],
  batch: (changes) => [settingsStep(changes)],
  undo: ({ before }) =>
    before === null ? undefined : { state: before.seen?.gone === true ? null : { value: before.value } },
}

function checkSetting({ name, value }: PostgresSetting): string[] {
  if (value === undefined) return ['value is missing']
  // ALTER SYSTEM stores an empty list of libraries as one library without a name, and the next start fails.
  const emptyList = name.toLowerCase().endsWith('_libraries') && settingText(name, value) === ''
  return emptyList ? [`an empty ${name} is written ensure: 'absent'`] : []
}

type SettingRow = SettingSeen & { name: string; value: string }

/**
 * A name's last line in the file counts. Values that belong only to the session say nothing about the server. The
 * server remembers the file of a running value even when the line is gone.
 */
function readQuery(names: readonly string[]): string {
  return `with auto as (select current_setting('data_directory') || '/postgresql.auto.conf' as path),
f as (select distinct on (lower(name)) lower(name) as name, setting from pg_file_settings, auto
  where sourcefile = path order by lower(name), seqno desc)
select json_build_object('name', lower(coalesce(f.name, s.name)), 'value', coalesce(f.setting, ''),
  'running', case when s.source not in ('client', 'session', 'user', 'database', 'database user') then s.reset_val end,
  'kind', s.vartype, 'unit', s.unit, 'context', s.context, 'gone', f.name is null)
from f full join pg_settings s on lower(s.name) = f.name
where lower(coalesce(f.name, s.name)) in ${literals(names)} and (f.name is not null or s.sourcefile = (select path from auto));`
}

function observedSetting({ name, value, ...row }: SettingRow): [string, SettingState] {
  const running = row.running === null ? null : settingText(name, row.running)
  return [name, { value: settingText(name, value), seen: { ...row, running } }]
}

function kindOf({ kind, unit }: SettingSeen): SettingKind | undefined {
  return kind === null ? undefined : { kind, unit }
}

function diffSetting(desired: SettingState, observed: SettingState): FieldChange[] {
  const { seen } = observed
  if (seen?.gone === true) return [{ field: 'value', form: 'value', after: desired.value }]
  const about = seen === undefined ? undefined : kindOf(seen)
  const same = (a: string, b: string): boolean => canonicalSetting(a, about) === canonicalSetting(b, about)
  if (!same(desired.value, observed.value))
    return [{ field: 'value', form: 'value', before: observed.value, after: desired.value }]
  if (seen === undefined || seen.running === null || same(seen.running, observed.value)) return []
  const { running, context } = seen
  const action = context === 'postmaster' ? 'restart' : 'reload'
  const because = `it still runs with ${running === '' ? 'nothing' : running}`
  return [
    {
      field: 'running',
      form: 'value',
      before: running,
      after: desired.value,
      followUp: { action, because, unit: 'postgresql' },
    },
  ]
}

function consequence({ name, before }: Change<SettingState>): Consequence {
  const context = before === null || before instanceof Unknown ? undefined : before.seen?.context
  if (context === undefined || context === null) return AT_START.has(name) ? 'restart' : 'reload'
  return context === 'postmaster' ? 'restart' : 'reload'
}
