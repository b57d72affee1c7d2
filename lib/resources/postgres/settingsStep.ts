/**
 * One step for several settings: all ALTER SYSTEMs, one reload, and one restart if a reload is not enough.
 *
 * ALTER SYSTEM cannot run in a transaction, so the step keeps a copy of the file and restores it when the server
 * refuses a value, or does not start with it.
 */
import type { Change, Step } from '../../kit/resourceType.ts'
import { Unknown } from '../../kit/resourceType.ts'
import { restartFunctions } from '../../kit/restart.ts'
import { raw } from '../../kit/shell.ts'
import { PG_SQL } from './psql.ts'
import { literal, literals, settingIdentifier, settingLiteral } from './sql.ts'

/** `value` of its states is the text for postgresql.auto.conf. */
type SettingChange = Change<{ value: string }>

/**
 * `reload_postgres` reloads and waits until the server says it has loaded; `unit` is the cluster's. pg_conf_load_time() of
 * a new session is the postmaster's own, and only moves when a whole configuration without a mistake was loaded
 * (ProcessConfigFileInternal).
 */
export const LOADING = `
loaded_at() { echo 'select pg_conf_load_time();' | pg_sql --dbname=postgres; }
reload_postgres() {
  was=$(loaded_at)
  echo 'select pg_reload_conf();' | pg_sql --dbname=postgres > /dev/null
  tries=0
  while [ "$(loaded_at)" = "$was" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || return 1
    sleep 0.1
  done
}
# Debian names a cluster, and with it its unit, VERSION/NAME.
cluster=$(echo "select current_setting('cluster_name');" | pg_sql --dbname=postgres) || fail 'PostgreSQL does not answer'
unit=postgresql@$(printf '%s' "$cluster" | tr / -)`

const RESTART = restartFunctions({
  unit: raw('"$unit"'),
  restartSeconds: 120,
  timeoutMs: 30_000,
  probe: '"${k_psql%psql}pg_isready" -q -h /var/run/postgresql -p 5432',
  putBack: 'put_settings_back && printf %s "$auto"',
  words: {
    again: 'PostgreSQL did not start with these settings; it runs again with those it had',
    never: raw('"PostgreSQL does not start, not even with the settings it had; see journalctl -u $unit"'),
  },
})

export function settingsStep(changes: readonly SettingChange[]): Step {
  return {
    title: `set ${changes.map(({ name }) => name).join(', ')}`,
    run: `${PG_SQL}
${LOADING}
auto=$(echo "select current_setting('data_directory') || '/postgresql.auto.conf';" | pg_sql --dbname=postgres)
read_file "$auto" "$P/before" || fail "$auto cannot be read"
put_settings_back() { replace_file "$auto" postgres postgres 0600 "$P/before"; }
pg_sql --dbname=postgres < "$P/settings" || { put_settings_back; fail 'none of these settings was changed; correct what the server says and converge again'; }
reload_postgres || {
  echo "select sourcefile, sourceline, name, error from pg_file_settings where error is not null and not applied;" | pg_sql --dbname=postgres >&2
  put_settings_back
  fail "PostgreSQL did not load its configuration; $auto was put back as it was"
}
if [ "$(pg_sql --dbname=postgres < "$P/pending")" = t ]; then
${RESTART}
restart_unit
fi`,
    payload: {
      settings: `${changes.flatMap(alterStatements).join('\n')}\n`,
      pending: `select exists (select from pg_settings where pending_restart and lower(name) in ${literals(changes.map(({ name }) => name))});\n`,
    },
  }
}

function alterStatements(change: SettingChange): string[] {
  const name = settingIdentifier(change.name)
  if (change.kind === 'remove') return [`alter system reset ${name};`]
  if (isLoadingOnly(change)) return []
  const statement = `alter system set ${name} = ${settingLiteral(change.name, change.after.value)};`
  if (!change.name.includes('.')) return [statement]
  // Before PostgreSQL 17, ALTER SYSTEM accepts a library's setting only when the library is loaded, or the setting is
  // set in the session.
  const set = `select set_config(${literal(change.name)}, ${literal(change.after.value)}, false)
  where not exists (select from pg_settings where lower(name) = ${literal(change.name)}) \\g /dev/null`
  return [set, statement]
}

function isLoadingOnly(change: SettingChange): boolean {
  return (
    change.kind === 'change' &&
    !(change.before instanceof Unknown) &&
    change.fields.every(({ followUp }) => followUp !== undefined)
  )
}
