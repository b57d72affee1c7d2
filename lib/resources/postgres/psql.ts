/**
 * psql: one process on the host reads for all PostgreSQL types, and one runs a step's SQL.
 *
 * It connects as the postgres account over the Unix socket of port 5432, Debian's first cluster. Reading is done with
 * default_transaction_read_only; PostgreSQL itself may still write hint bits and its own log.
 */
import { parseJson } from '../../kit/form.ts'
import { refOf } from '../../kit/ref.ts'
import { type Interpreter, type Output, type Step, Unknown } from '../../kit/resourceType.ts'
import { quote, raw, sh } from '../../kit/shell.ts'
import { connectionString, connectTo, literal, psqlArgument } from './sql.ts'

/** The cluster's own binaries: Debian's /usr/bin/psql is a wrapper in Perl that takes ten times as long to start. */
const FIND_PSQL = `k_psql=
for k_bin in /usr/lib/postgresql/*/bin/psql; do [ ! -x "\${k_bin%psql}postgres" ] || k_psql=$k_bin; done`

// setpriv instead of runuser: no PAM session, so nothing is written to the journal. From /, which postgres may enter.
const AS_POSTGRES =
  'cd / && setpriv --reuid=postgres --regid=postgres --init-groups --reset-env env PGHOST=/var/run/postgresql PGPORT=5432 PGUSER=postgres PGCLIENTENCODING=UTF8'

const READ_ONLY = 'set default_transaction_read_only = on;'

const NOT_INSTALLED = 127
export const NO_ANSWER = 2

export const psql: Interpreter = {
  name: 'postgres',
  join(texts) {
    const script = [READ_ONLY, ...texts.flatMap(({ text, mark }) => [text, closing(mark)]), ''].join('\n')
    const close = (exit: number): string => sh`printf '\n%s\n' ${texts.map(({ mark }) => mark(exit))}`
    const unanswered = texts.map(
      ({ mark, otherwise = ':' }) => `${otherwise}\n${sh`printf '\n%s\n' ${mark(NO_ANSWER)}`}`,
    )
    // When psql stops midway, all sections are closed again: the last mark of a name counts.
    return `${FIND_PSQL}
if [ -z "$k_psql" ]; then ${close(NOT_INSTALLED)}
elif ! printf '%s' ${quote(script)} | (${AS_POSTGRES} PGDATABASE=postgres "$k_psql" -XAtq); then
${unanswered.join('\n')}
fi`
  },
}

function closing(mark: (exit: number) => string): string {
  return [
    '\\if :ERROR',
    `\\echo ${psqlArgument(mark(1))}`,
    '\\else',
    `\\echo ${psqlArgument(mark(0))}`,
    '\\endif',
  ].join('\n')
}

/**
 * Read text that runs `query` in each database that exists and accepts connections, and returns to `postgres`. A `\c`
 * that fails would end psql and the reading of all types, so the text first checks that it will succeed.
 */
export function inDatabases(databases: readonly { database: string; query: string }[]): string {
  if (databases.length === 0) return ''
  const each = databases.map(
    ({ database, query }) => `select exists (select from pg_database
  where datname = ${literal(database)} and datallowconn and datconnlimit <> -2) as k_there \\gset
\\if :k_there
${connectTo(database)}
${READ_ONLY}
${query}
\\endif`,
  )
  return [...each, connectTo('postgres'), READ_ONLY].join('\n')
}

/**
 * The JSON objects that a read text printed, one per line.
 *
 * @param fields Fields that each object must have.
 * @throws {Error} When a query failed, or an object is not as expected.
 */
export function parseRows<Row extends object>(output: Output, fields: readonly (keyof Row)[]): Row[] | Unknown {
  if (output.exit === NOT_INSTALLED) return new Unknown('PostgreSQL is not installed')
  if (output.exit === NO_ANSWER) return new Unknown(`PostgreSQL does not answer${sayWhy(output.stderr)}`)
  if (output.exit !== 0) throw new Error(`a query failed: ${output.stderr.trim()}`)
  return output.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const row: unknown = parseJson(line)
      if (hasFields<Row>(row, fields)) return row
      throw new Error(`expected an object with ${fields.join(', ')}, got ${line.slice(0, 200)}`)
    })
}

function hasFields<Row extends object>(row: unknown, fields: readonly (keyof Row)[]): row is Row {
  return typeof row === 'object' && row !== null && fields.every((field) => field in row)
}

/** psql's own error, without the program name; notices and hints surround it. */
function sayWhy(stderr: string): string {
  const said = /(?:^psql: error|^\\connect): (.*)$/m.exec(stderr)
  return said === null ? '' : `: ${said[1]}`
}

/** `pg_sql [PSQL OPTION…]` runs the SQL on its stdin and stops at the first error. */
export const PG_SQL = `${FIND_PSQL}
[ -n "$k_psql" ] || fail 'PostgreSQL is not installed'
pg_sql() { (${AS_POSTGRES} "$k_psql" -XAtq -v ON_ERROR_STOP=1 "$@"); }`

/**
 * A step that runs SQL in a database.
 *
 * @param next What to do when the server refuses; printed after the server's own message.
 */
export function sqlStep({
  title,
  sql,
  next,
  database = 'postgres',
}: {
  title: string
  sql: string
  next: string
  database?: string
}): Step {
  const option = `--dbname=${connectionString(database)}`
  return {
    title,
    run: `${PG_SQL}\n${sh`pg_sql ${option} < ${raw('"$P"/sql')} || fail ${next}`}`,
    payload: { sql },
  }
}

/** Packages that PostgreSQL resources need; only declared ones have effect. */
export const SERVER_PACKAGES = [
  refOf('package', 'postgresql'),
  refOf('package', 'postgresql-15'),
  refOf('package', 'postgresql-17'),
] as const
