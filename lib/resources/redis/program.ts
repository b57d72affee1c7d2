/**
 * Shell text that reads and changes Redis: /etc/redis/redis.conf of Debian's redis-server, and redis-cli.
 *
 * The password is read from the file on the host in its quoted form, and passed to redis-cli on stdin: redis.conf and
 * redis-cli quote alike, and printf is a builtin, so it is never an argument of a process.
 */
import type { Change, Context, Step } from '../../kit/resourceType.ts'
import { restartFunctions } from '../../kit/restart.ts'
import { quote, sh } from '../../kit/shell.ts'
import type { StateText } from '../../kit/value.ts'
import { LOADED } from '../../kit/stateFolders.ts'
import { AT_START, confLine, quoteArgument, SECRET_DIRECTIVES, valueArguments } from './conf.ts'

export const NOT_INSTALLED = 3
/** Maximum bytes of redis.conf, without comments, that are read: the account of Redis can make it as long as it likes. */
export const LONGEST_CONF = 2 ** 20
/** Exit status when Redis is installed and redis.conf does not exist. */
export const NO_CONF = 4

const SECRETS = [...SECRET_DIRECTIVES]

/**
 * Directives that left redis.conf while the running server still uses them, as `INVOCATION_ID NAME`: nothing else
 * records that when a run is cut off before it restarts Redis. A boot empties /run, and has loaded the file.
 */
const DUE = `${LOADED}/redis-server.due`

const USED = `include|rename-command|port|bind|unixsocket|${SECRETS.join('|')}`

/**
 * `read_conf [READ]` sets a variable to the last value of each directive used here, and `config` to what this server calls
 * CONFIG, `""` when it has no such command; `ask_redis [OPTION…]` sends the commands on stdin. Files that redis.conf
 * includes, nine of them and with READ 9 none, are read as Redis' account: it owns the file, and may name those of others.
 */
const ASK = `conf=/etc/redis/redis.conf
# The folder is that of redis, who may put there what never ends.
grep_conf() { timeout --foreground 15 grep -D skip "$@" "$conf"; }
read_conf() {
  port= bind= unixsocket= config=CONFIG k_includes= k_read=\${1:-0} ${SECRETS.map((name) => `${name}=`).join(' ')}
  take_lines "$(grep_conf -E '^[[:space:]]*(${USED})[[:space:]]')"
}
take_lines() {
  while read -r k_name k_value; do
    case $k_name in
      include) k_includes=yes; [ "$k_read" -ge 9 ] || take_included "$k_value" ;;
      rename-command) case $k_value in [Cc][Oo][Nn][Ff][Ii][Gg]' '*) config=\${k_value##* } ;; esac ;;
      # Nothing else is evaluated: the file is that of redis, and grep and read do not split at the same characters.
      port | bind | unixsocket | ${SECRETS.join(' | ')}) eval "$k_name=\\$k_value" ;;
    esac
  done << END
$1
END
}
take_included() {
  k_read=$((k_read + 1)) k_file=\${1#\\"}
  take_lines "$(setpriv --reuid=redis --regid=redis --init-groups timeout --foreground 2 sh -c 'grep -hsE -D skip "$1" -- $2' sh '^[[:space:]]*(${USED})[[:space:]]' "\${k_file%\\"}" | head -c ${LONGEST_CONF})"
}
ask_redis() {
  read_conf
  bind=\${bind%% *} bind=\${bind#-}
  case $bind in ''|'*'|0.0.0.0) bind=127.0.0.1 ;; esac
  if [ "$port" = 0 ]; then set -- "$@" -s "$unixsocket"; else set -- "$@" -h "$bind" -p "\${port:-6379}"; fi
  { case $requirepass in ''|'""') ;; *) printf 'AUTH %s\\n' "$requirepass" ;; esac; cat; } | redis-cli --no-auth-warning "$@" 2>&1
}`

/**
 * Prints five records: redis.conf without comments and secret directives · `NAME DIGEST` of those, the digest being
 * SHA-256 of the value as written in the file · whether the service is active · replies as JSON, one per line · names
 * of directives that are gone and wait for a restart.
 */
export function readRedis(names: readonly string[]): string {
  const asked = names.filter((name) => !SECRET_DIRECTIVES.has(name))
  return `${ASK}
[ -e "$conf" ] || { command -v redis-server > /dev/null && exit ${NO_CONF}; exit ${NOT_INSTALLED}; }
grep_conf -viE ${quote(`^[[:space:]]*(#|$|(${SECRETS.join('|')})[[:space:]])`)} | head -c ${LONGEST_CONF + 1}
printf '\\0'
# Secrets of the file itself; a file that it includes is no part of a setting.
read_conf 9
for k_name in ${SECRETS.join(' ')}; do
  eval "k_value=\\$$k_name"
  [ -z "$k_value" ] || { printf '%s ' "$k_name"; printf '%s' "$k_value" | sha256sum | cut -c 1-64; }
done
printf '\\0'
[ -z "$k_includes" ] || read_conf
if [ "$config" = '""' ]; then answers='[]'; systemctl is-active redis-server || :
elif answers=$(printf '%s %s\\n' "$config" ${quote(['GET', ...(asked.length === 0 ? ['maxmemory'] : asked)].join(' '))} | ask_redis -2 --json)
then echo active; else systemctl is-active redis-server; fi
printf '\\0%s\\n\\0' "$answers"
[ ! -e ${DUE} ] || sed -n "s/^$(systemctl show -P InvocationID redis-server) //p" ${DUE}`
}

type RedisChange = Change<{ lines: StateText[]; seen?: { unheard: string | null } }>

/**
 * One step for several directives: redis-server itself parses the candidate file, one CONFIG SET applies atomically
 * what can be set live, then the file is replaced, and Redis restarted if needed.
 */
export function redisStep(changes: readonly RedisChange[], { reveal }: Context): Step {
  const writes = changes.flatMap((change) =>
    change.kind === 'remove' ? [] : [{ name: change.name, lines: change.after.lines.map(reveal) }],
  )
  const live = writes.filter(({ name }) => !AT_START.has(name))
  const restart = changes.some((change) => change.kind === 'remove' || AT_START.has(change.name) || isUnheard(change))
  return {
    title: `set ${changes.map(({ name }) => name).join(', ')}`,
    run: applyText(restart, live.length > 0),
    payload: {
      gone: changes.flatMap(({ kind, name }) => (kind === 'remove' ? [`${name}\n`] : [])).join(''),
      names: `${changes.map(({ name }) => name).join('\n')}\n`,
      lines: writes.map(({ name, lines }) => lines.map((line) => `${confLine(name, line)}\n`).join('')).join(''),
      live: `${['SET', ...live.map(({ name, lines }) => `${name} ${liveValue(name, lines)}`)].join(' ')}\n`,
    },
  }
}

function isUnheard({ before }: RedisChange): boolean {
  return before !== null && 'seen' in before && typeof before.seen?.unheard === 'string'
}

/** CONFIG SET takes all lines as one argument. */
function liveValue(name: string, lines: readonly string[]): string {
  return quoteArgument(
    lines
      .flatMap((line) => valueArguments(name, line))
      .join(' ')
      .trim(),
  )
}

/** Puts the new lines of a directive where its first one was, and those of a new one at the end. */
const REWRITE = `FILENAME == ARGV[1] { drop[$1] = 1; next }
FILENAME == ARGV[2] { if (!($1 in put)) order[++n] = $1; put[$1] = put[$1] $0 "\\n"; next }
tolower($1) in drop { name = tolower($1); printf "%s", put[name]; put[name] = ""; next }
{ print }
END { for (i = 1; i <= n; i++) printf "%s", put[order[i]] }`

// A directive can only be checked with an invalid last one: otherwise redis-server would start.
const LAST = 'maxmemory keelson-end-of-candidate'

const RESTART = restartFunctions({
  unit: 'redis-server',
  restartSeconds: 120,
  // Redis answers LOADING while it loads its data.
  timeoutMs: 240_000,
  // Whoever is turned away has reached a server that is up.
  probe: "echo PING | ask_redis | grep -qE '^(PONG$|NOAUTH |WRONGPASS |NOPERM |DENIED )'",
  logs: ['/var/log/redis/redis-server.log'],
  putBack: 'put "$P/before" && printf %s "$conf"',
  comeUp: `restart_unit; rm -f ${DUE}`,
  words: {
    again: 'Redis did not start with this redis.conf; it runs again with the one it had',
    never: 'Redis does not start, not even with the redis.conf it had; see journalctl -u redis-server',
  },
})

function applyText(restart: boolean, live: boolean): string {
  return `${ASK}
[ -e "$conf" ] || fail "$(command -v redis-server > /dev/null && echo "$conf is not there" || echo 'Redis is not installed')"
read_file "$conf" "$P/before" || fail "$conf cannot be read"
${sh`awk ${REWRITE}`} "$P/names" "$P/lines" "$P/before" > "$P/candidate"
verdict=$({ cat "$P/candidate"; printf '\\n%s\\n' ${quote(LAST)}; } | in_time setpriv --reuid=redis --regid=redis --init-groups redis-server - 2>&1) || :
case $verdict in
  *">>> '${LAST}'"*) ;;
  *) printf '%s\\n' "$verdict" >&2; fail 'redis-server refuses the new redis.conf; nothing was changed' ;;
esac
restart=${restart ? 'yes' : 'no'}
active=$(systemctl is-active redis-server) || :
if [ "$active" = active ] && ${live ? ':' : 'false'}; then
  read_conf
  if [ "$config" = '""' ]; then said=immutable; else said=$({ printf '%s ' "$config"; cat -- "$P/live"; } | ask_redis) || :; fi
  case $(printf '%s\\n' "$said" | sed '/^$/d' | tail -n 1) in
    OK) ;;
    *immutable*|NOAUTH*|WRONGPASS*|*'Could not connect'*) restart=yes ;;
    *) printf '%s\\n' "$said" >&2; fail 'the running Redis refuses this; nothing was changed' ;;
  esac
fi
put() { replace_text "$conf" "$P/before" "$1"; }
mkdir -p -m 0700 ${DUE.slice(0, DUE.lastIndexOf('/'))}
sed "s/^/$(systemctl show -P InvocationID redis-server) /" "$P/gone" > ${DUE}
put "$P/candidate"
if [ "$active" = active ] && [ "$restart" = yes ]; then
${RESTART}
come_up
else
  rm -f ${DUE}
fi`
}
