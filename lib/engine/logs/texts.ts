/**
 * Shell text that prints logs of a host. It writes nothing. Pure.
 */
import { quote, sh } from '../../kit/shell.ts'

/** A point in time: so many seconds ago by the host's clock, or seconds since 1970. */
export type Time = { agoS: number } | { epochS: number }

export type Wanted = {
  /** Units; none for all. */
  units: readonly string[]
  /** Whether the journal is wanted. */
  journal: boolean
  /** Whether requests are wanted as well. */
  access: boolean
  since: Time
  until?: Time
}

const FIELDS = 'MESSAGE,PRIORITY,UNIT,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER,_COMM'
const FOLDER = '/var/log/nginx'
const CURRENT = `${FOLDER}/access.log`

/** Seconds since 1970, as a word of shell text. */
function seconds(time: Time): string {
  return 'agoS' in time ? `$(($(date +%s) - ${Math.round(time.agoS)}))` : String(Math.round(time.epochS))
}

function journal({ units }: Wanted, more: string): string {
  return `journalctl -q --no-pager -o json --output-fields=${FIELDS} ${units.map((unit) => sh`-u ${unit}`).join(' ')} ${more}`
}

/** Prints the time of a line of the access log in microseconds, a letter, and the line. `-v` gives the bounds. */
const STAMP = `{
  if (!match($0, /"ts":"[^"]*"/)) next
  s = substr($0, RSTART + 6, RLENGTH - 7)
  t = mktime(substr(s, 1, 4) " " substr(s, 6, 2) " " substr(s, 9, 2) " " substr(s, 12, 2) " " substr(s, 15, 2) " " substr(s, 18, 2))
  z = substr(s, 20)
  if (z ~ /^[+-]/) t -= (substr(z, 1, 1) "1") * (substr(z, 2, 2) * 3600 + substr(z, 5, 2) * 60)
  if (t >= since && t <= until) print t "000000 A " $0
}`

/**
 * Journal and access log as one stream by time: lines \`MICROSECONDS J|A LINE\`. It takes as much memory for a million
 * lines as for one: each log is in order already, and the two are merged.
 */
export function historyText(wanted: Wanted): string {
  const { access, journal: isJournal, since, until } = wanted
  const end = until === undefined ? '' : ' --until=@$k_until'
  const stamped = !isJournal
    ? ':'
    : `${journal(wanted, `--since=@$k_since${end}`)} | sed -n 's/^.*"__REALTIME_TIMESTAMP" *: *"\\([0-9]*\\)".*$/\\1 J &/p'`
  const files = `find ${FOLDER} -maxdepth 1 -type f -name '*access.log*' -newermt @$k_since -printf '%T@ %p\\n' 2>/dev/null | sort -n | cut -d ' ' -f 2- | tr '\\n' '\\0' | xargs -0 -r zcat -f --`
  return `k_since=${seconds(since)}
k_until=${until === undefined ? '9999999999' : seconds(until)}
${
  access
    ? `{ ${files} | TZ=UTC0 awk -v since=$k_since -v until=$k_until ${quote(STAMP)}; } | { ${stamped} | sort -m -s -n -k 1,1 - /dev/fd/3; } 3<&0`
    : stamped
}`
}

/** Where following goes on. Without a cursor, by time. */
export type Mark = { cursor?: string; sinceS?: number }

/** Prints \`@SECONDS\`, then lines of the journal as they come. */
export function followJournalText(wanted: Wanted, { cursor, sinceS }: Mark): string {
  const from = cursor === undefined ? `--since=@${sinceS ?? '$k_since'}` : sh`--after-cursor=${cursor}`
  return `k_since=${seconds(wanted.since)}
printf '@%s\\n' "$k_since"
exec ${journal(wanted, `-f --no-tail ${from}`)}`
}

/**
 * Prints \`@SECONDS\`, then lines of the access log as they come: all that is in it and in the one before it, of which the
 * reader leaves out what it knows.
 */
export function followAccessText({ since }: Wanted): string {
  return `printf '@%s\\n' "${seconds(since)}"
cat -- ${CURRENT}.1 2>/dev/null
exec tail -n +1 -F -- ${CURRENT} 2>/dev/null`
}
