/**
 * One step for several lines of pg_hba.conf. The server only checks the file on disk, so the step installs the new one,
 * checks it with pg_hba_file_rules, restores the old one when the server finds a mistake, and loads it otherwise.
 */
import type { Change, Context, Step } from '../../kit/resourceType.ts'
import { sh } from '../../kit/shell.ts'
import { PG_SQL } from './psql.ts'
import { LOADING } from './settingsStep.ts'

export const BLOCK_BEGIN = '# Keelson: begin. Lines up to the end mark are declared elsewhere and rewritten.'
export const BLOCK_END = '# Keelson: end.'

/** Ends a line of the block that nobody declared: another line precedes the one that it copies. */
export const COPIED = '# Keelson: a copy of the line by which the postgres account logs in.'
/** The line by which the postgres account logs in, unless its method is reject. */
export const ENTRY = 'local all postgres'

/**
 * The block follows the entry when that is the first of all rules. When others or an include stand before it, the block
 * precedes them and begins with a copy of the entry.
 *
 * Arguments: keys to remove · lines to write · keys in their order · the file. Lines of the block that are in none of
 * the three stay in it, last.
 */
const REWRITE = `function key() { return $1 == "local" ? $1 " " $2 " " $3 : $1 " " $2 " " $3 " " $4 }
FILENAME == ARGV[1] { gone[$0] = 1; next }
FILENAME == ARGV[2] { have[key()] = $0; mine[key()] = 1; next }
FILENAME == ARGV[3] { order[++n] = $0; next }
$0 == begin { block = 1; next }
$0 == end { block = 0; next }
index($0, copied) { next }
block { if ($1 ~ /^(local|host(no)?(ssl|gssenc)?)$/ && !(key() in gone)) { if (!(key() in mine)) have[key()] = $0; order[++n] = key() } next }
NF && $1 !~ /^#/ && key() in gone { next }
{ out[++m] = $0; if (NF && $1 !~ /^#/) { if (!first) first = m; if (!entry && key() == postgres && $4 != "reject") entry = m } }
END {
  at = !first ? m : entry == first ? first : first - 1
  for (i = 1; i <= at; i++) print out[i]
  for (i = 1; i <= n; i++) if (order[i] in have) {
    if (!any++) {
      print begin
      if (entry > at && !(postgres in have)) print out[entry] " " copied
    }
    print have[order[i]]
    delete have[order[i]]
  }
  if (any) print end
  for (i = at + 1; i <= m; i++) print out[i]
}`

/**
 * Sets k_hba to the pg_hba.conf of the cluster on Keelson's port, and k_unit to its unit; used when the server does not
 * answer. Debian keeps a cluster's configuration in /etc/postgresql/VERSION/NAME.
 */
export const FIND_HBA = `k_hba=
for k_conf in /etc/postgresql/*/*/postgresql.conf; do
  k_dir=\${k_conf%/postgresql.conf}
  if timeout --foreground 15 grep -Eqs -D skip '^[[:space:]]*port[[:space:]]*=[[:space:]]*5432([[:space:]]|#|$)' "$k_conf" && [ -e "$k_dir/pg_hba.conf" ]; then
    k_hba=$k_dir/pg_hba.conf k_unit=postgresql@$(printf '%s' "\${k_dir#/etc/postgresql/}" | tr / -)
  fi
done`

type HbaChange = Change<{ method: string }>

export function hbaStep(changes: readonly HbaChange[], { declared = [] }: Context): Step {
  const gone = changes.filter(({ kind }) => kind === 'remove').map(({ name }) => name)
  const lines = changes.flatMap((change) => (change.kind === 'remove' ? [] : [`${change.name} ${change.after.method}`]))
  const order = [...declared, ...changes].map(({ name }) => name)
  return {
    title: `write ${changes.length === 1 ? 'a line' : `${changes.length} lines`} of pg_hba.conf`,
    run: `${PG_SQL}
if hba=$(echo "select current_setting('hba_file');" | pg_sql --dbname=postgres); then
${LOADING}
else
  ${FIND_HBA}
  hba=$k_hba unit=
  [ -n "$hba" ] || fail 'PostgreSQL does not answer'
fi
put() { replace_text "$hba" "$P/before" "$1"; }
mistakes() { echo "select line_number, error from pg_hba_file_rules where error is not null;" | pg_sql --dbname=postgres; }
read_file "$hba" "$P/before" || fail "$hba cannot be read"
${sh`awk -v begin=${BLOCK_BEGIN} -v end=${BLOCK_END} -v copied=${COPIED} -v postgres=${ENTRY} ${REWRITE}`} "$P/gone" "$P/lines" "$P/order" "$P/before" > "$P/candidate"
cmp -s "$P/candidate" "$P/before" || put "$P/candidate"
# A server that is down reads the file when it is started, and one that turned us away now.
if [ -z "$unit" ]; then systemctl reload "$k_unit" > /dev/null 2>&1 || :; exit 0; fi
said=$(mistakes)
if [ -n "$said" ]; then
  put "$P/before"
  printf '%s\\n' "$said" >&2
  fail "the server does not understand these lines of pg_hba.conf; the old file is in place again"
fi
reload_postgres || fail "PostgreSQL did not load its configuration after $hba was written; see its log"
# The account that all this is done by must still get in.
echo 'select 1;' | pg_sql --dbname=postgres > /dev/null || {
  put "$P/before"
  systemctl reload "$unit" || :
  fail 'with these lines the postgres account is locked out; the old file is in place again'
}`,
    payload: { gone: text(gone), lines: text(lines), order: text([...new Set(order)]) },
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
