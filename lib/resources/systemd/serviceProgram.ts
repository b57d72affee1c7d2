/**
 * The program that brings a service to what is wanted and sees that it stays there.
 *
 * It finds out again, on the host, whether the service has yet to load something: a package's own scripts may have
 * restarted it since the plan was made. What it has seen succeed it records; until then the record says that it is pending.
 *
 * A service that ran and does not come up with what this run changed gets its files back as they were before the run, and
 * runs with them again. It is a failure all the same, and those changes are undone.
 */
import { quote } from '../../kit/shell.ts'
import { LISTING, RECORDS, type Load } from './watch.ts'

export type ServiceWork = {
  unit: string
  enabled?: boolean | undefined
  running?: boolean | undefined
  masked?: boolean | undefined
  /** The most the plan allows for; `any` where it could not know. */
  load: Load | 'any'
  /** What ran when the plan was made: a restart that it foresaw must bring another one. */
  invocation?: string | undefined
  /** It ran when the plan was made: with the files of that time it may be expected to run again. */
  goesBack: boolean
  restartPaths: readonly string[]
  reloadPaths: readonly string[]
  settleMs: number
  timeoutMs: number
  listens: readonly string[]
  /** Shell text that exits 0 when the service answers. */
  probe?: string | undefined
  /** Main process replaces all its children on reload, as nginx and gunicorn do. */
  replacesWorkers: boolean
  /** Log files whose new lines tell why something failed. */
  logs: readonly string[]
}

export function serviceProgram(work: ServiceWork): string {
  const settings = [
    `unit=${quote(work.unit)}`,
    `records=${quote(RECORDS)}`,
    `want_enabled=${answer(work.enabled)}`,
    `want_running=${answer(work.running)}`,
    `want_masked=${answer(work.masked)}`,
    `planned=${work.load}`,
    `planned_with=${quote(work.invocation ?? '')}`,
    `settle_ms=${work.settleMs}`,
    `timeout_ms=${work.timeoutMs}`,
    `replaces_workers=${answer(work.replacesWorkers)}`,
    `goes_back=${answer(work.goesBack)}`,
    `list_watched() { kind=$1; shift; [ $# -eq 0 ] || timeout 60 find -H "$@" \\( -type d -printf "$kind d - - %m %U:%G %p\\0" -o -printf "$kind ${LISTING}" \\) 2>/dev/null | head -z -n 100000 || :; }`,
    `restart_paths() { "$@" ${words(work.restartPaths)}; }`,
    `reload_paths() { "$@" ${words(work.reloadPaths)}; }`,
    `listens() { printf '%s\\n' ${words(work.listens)}; }`,
    `log_files() { printf '%s\\n' ${words(work.logs)}; }`,
    `probe() { ${work.probe === undefined ? ':' : `timeout 10 sh -c ${quote(work.probe)}`}; }`,
  ]
  return `${settings.join('\n')}\n${PROGRAM}`
}

const answer = (value: boolean | undefined): string => (value === undefined ? "''" : value ? 'yes' : 'no')
const words = (values: readonly string[]): string => values.map(quote).join(' ')

const PROGRAM = `
record=$records/$unit
show() { systemctl show --timestamp=us+utc -p "$1" --value -- "$unit"; }
# Since the host came up: a clock that is set meanwhile ends no wait, and makes none last.
now_ms() { read -r up rest < /proc/uptime; echo "\${up%.*}\${up#*.}0"; }
is_up() { case $(show ActiveState) in active | reloading | refreshing) return 0 ;; *) return 1 ;; esac; }

# Everything the host can say about why, then the sentence.
give_up() {
  journalctl --sync >/dev/null 2>&1 || :
  {
    systemctl show -p Id,ActiveState,SubState,Result,ExecMainStatus,NRestarts -- "$unit" | tr '\\n' ' '
    printf '\\n'
    journalctl -u "$unit" -n 20 --no-pager -o cat --since "@$began" 2>/dev/null || :
    log_files | while IFS= read -r log; do
      if [ -f "$log" ]; then tail -c "+$(($(log_size "$log") + 1))" -- "$log" | tail -n 20; fi
    done
  } >&2
  [ "$goes_back" = yes ] || fail "$unit: $*"
  goes_back=no
  go_back "$*"
}
# With the files it had before this run. The change it did not come up with is a failure in any case.
go_back() {
  undone=$(restart_paths put_back && reload_paths put_back && loaded_paths put_back) || fail "$unit: $1. What it had before could not be put back"
  [ -n "$undone" ] || fail "$unit: $1"
  printf '%s\\n' "$undone" | cut -d' ' -f1 | sort -u > "\${P%/*}/undone"
  files=$(printf '%s\\n' "$undone" | cut -d' ' -f2- | sort -u | tr '\\n' ' ')
  if again=$(come_up_again 2>&1); then fail "$unit: $1. It runs again with what it had before: \${files% }"; fi
  printf '%s\\n' "$again" >&2
  fail "$unit: $1. What it had before was put back (\${files% }), and it does not run with that either"
}
# What it had loaded besides, as far as that is known: files that are no longer of the site.
loaded_paths() {
  [ -f "$P/loaded" ] || return 0
  tr '\\0' '\\n' < "$P/loaded" | sed -n 's,^re[a-z]* [^/]* \\(/.*\\)$,\\1,p' > "$P/loaded-paths"
  while IFS= read -r path; do set -- "$@" "$path"; done < "$P/loaded-paths"
  "$@"
}
come_up_again() {
  began=$(date +%s)
  mark_logs
  # What was put back has its old time, by which systemd does not see that it changed.
  systemctl daemon-reload
  take_listing "$P/listing"
  if is_up && [ "$action" = reload ]; then act reload; else act restart; fi
  # Ports and probe are what is wanted now, which it may never have had.
  settle
  write_record
}
mark_logs() {
  : > "$P/log-sizes"
  log_files | while IFS= read -r log; do
    if [ -f "$log" ]; then stat -c '%s %n' -- "$log" >> "$P/log-sizes"; fi
  done
}
log_size() { while read -r size name; do if [ "$name" = "$1" ]; then printf '%s' "$size"; return; fi; done < "$P/log-sizes"; printf 0; }

take_listing() { { restart_paths list_watched restart; reload_paths list_watched reload; } | LC_ALL=C sort -z > "$1"; }
part() { grep -az "^$1 " -- "$2" || [ $? -eq 1 ]; }
same_part() { part "$1" "$record" > "$P/then"; part "$1" "$P/listing" > "$P/now"; cmp -s -- "$P/then" "$P/now"; }
find_newer() { [ $# -eq 1 ] || { since=$1; shift; find -H "$@" -newerct "$since" -print -quit 2>/dev/null; }; }
# Prints current, reload or restart.
needed() {
  invocation=$(show InvocationID) pending=
  if [ -f "$record" ]; then pending=$(grep -az '^pending ' -- "$record" | tr -d '\\0') || :; fi
  if [ "$pending" = 'pending restart' ]; then printf restart; return; fi
  if [ -z "$pending" ] && [ -f "$record" ] && [ "$(head -zn 1 -- "$record" | tr -d '\\0')" = "unit $unit $invocation" ]; then
    if ! same_part restart; then printf restart
    elif ! same_part reload; then printf reload
    else printf current; fi
    return
  fi
  started=$(show InactiveExitTimestamp); started=\${started#* }
  if [ -n "$(restart_paths find_newer "$started")" ]; then printf restart
  elif [ -n "$pending" ] || [ -n "$(reload_paths find_newer "$started")" ]; then printf reload
  else printf current; fi
}
# put_record COMMAND…, which prints what is known to be loaded.
put_record() {
  mkdir -p -m 0700 -- "$records"
  { printf 'unit %s %s\\0' "$unit" "$(show InvocationID)"; "$@"; } > "$record.new"
  mv -f -- "$record.new" "$record"
}
write_record() { put_record cat -- "$P/listing"; }

# A unit that dies at once has been "active" too: it must stay the same one for a while.
settle() {
  same='' until=$(($(now_ms) + settle_ms))
  while :; do
    # One process each time: several services may settle at once, and on a small host.
    shown=$(systemctl show -p ActiveState,InvocationID,NRestarts,Result -- "$unit")
    case $(shown ActiveState) in
      active | reloading | refreshing) ;;
      *) give_up "it did not stay up after $action; above is what it said" ;;
    esac
    [ "\${same:=$(shown InvocationID) $(shown NRestarts)}" = "$(shown InvocationID) $(shown NRestarts)" ] ||
      give_up "it was started again by itself after $action; above is what it said"
    case $(shown Result) in success | '') ;; *) give_up "it failed after $action; above is what it said" ;; esac
    [ "$(now_ms)" -lt "$until" ] || return 0
    sleep 0.2
  done
}
# A property in what was shown.
shown() { line="
$shown"; line=\${line#*"
$1="}; printf '%s' "\${line%%
*}"; }
# wait_for SENTENCE COMMAND…: asks again until it holds or the time is up.
wait_for() {
  sentence=$1; shift
  deadline=$(($(now_ms) + timeout_ms))
  until "$@"; do
    is_up || give_up "it went down while it was waited for; above is what it said"
    [ "$(now_ms)" -lt "$deadline" ] || give_up "$sentence within $((timeout_ms / 1000)) s after $action"
    sleep 0.1
  done
}
has_listener() {
  case $1 in
    /*) ss -lxnH | awk -v want="$1" '$5 == want { found = 1 } END { exit !found }' ;;
    *:*) ss -ltnH | awk -v want="$1" '{ port = want; sub(/.*:/, "", port) } $4 == want || $4 == "*:" port { found = 1 } END { exit !found }' ;;
    *) ss -ltnH | awk -v want="$1" '{ port = $4; sub(/.*:/, "", port) } port == want { found = 1 } END { exit !found }' ;;
  esac
}
await_listeners() {
  listens > "$P/listens"
  while IFS= read -r address <&3; do
    [ -z "$address" ] || wait_for "nothing listens on $address" has_listener "$address"
  done 3< "$P/listens"
}
workers() { ps -o pid= --ppid "$(show MainPID)" | tr -d ' ' || :; }
# New workers serve, and each old one is gone or finishing its last requests.
workers_replaced() {
  workers > "$P/workers"
  fresh=no
  while read -r worker; do
    if ! grep -qx "$worker" "$P/old-workers"; then fresh=yes; continue; fi
    tr '\\0' ' ' < "/proc/$worker/cmdline" 2>/dev/null | grep -q 'shutting down' || [ ! -e "/proc/$worker" ] || return 1
  done < "$P/workers"
  [ "$fresh" = yes ]
}

# What systemd has of a start or a reload, to the microsecond: another invocation, or the unit has gone through reloading.
trace() {
  case $action in
    reload) systemctl show -p StateChangeTimestampMonotonic -p ReloadResult -- "$unit" | grep -v '^ReloadResult=success$' ;;
    *) show InvocationID ;;
  esac
}
act() {
  action=$1
  if [ -f "$record" ] && ! grep -qaz '^pending ' -- "$record"; then cp -- "$record" "$P/loaded"; fi
  # Until it is seen to succeed, whatever cuts it off.
  case $action in reload) put_record printf 'pending reload\\0' ;; *) put_record printf 'pending restart\\0' ;; esac
  [ "$action" = reload ] || systemctl reset-failed -- "$unit" 2>/dev/null || :
  if [ "$action" = reload ] && [ "$replaces_workers" = yes ]; then workers > "$P/old-workers"; fi
  was=$(trace)
  systemctl "$action" -- "$unit" || give_up "systemctl $action failed; above is what it said"
  # Had it begun to come up by itself, it may have read what was there before this run.
  if [ "$action" = start ] && [ "$(trace)" = "$was" ]; then action=restart; systemctl restart -- "$unit" || give_up 'systemctl restart failed; above is what it said'; fi
  [ "$(trace)" != "$was" ] || give_up "systemctl $action ended well, and systemd knows of no $action"
  if [ "$action" = reload ] && [ "$replaces_workers" = yes ]; then
    wait_for 'the old workers still serve: the new configuration was not taken' workers_replaced
  fi
}

began=$(date +%s)
mark_logs
action=start
[ "$(show LoadState)" != not-found ] || fail "$unit: there is no such unit; declare its package or unit file before it"
if [ "$(show NeedDaemonReload)" = yes ]; then systemctl daemon-reload; fi
if [ "$want_masked" = yes ]; then
  if is_up; then systemctl stop -- "$unit"; fi
  systemctl --quiet mask -- "$unit"
  [ "$(show LoadState)" = masked ] || fail "$unit: it is not masked; is its file in /etc/systemd/system? Remove that one first"
elif [ "$want_masked" = no ] && [ "$(show LoadState)" = masked ]; then
  systemctl --quiet unmask -- "$unit"
fi
case $want_enabled in
  yes)
    systemctl --quiet enable -- "$unit"
    case $(show UnitFileState) in enabled* | generated | alias) ;; *) fail "$unit: it cannot be enabled, it is $(show UnitFileState); leave enabled out" ;; esac ;;
  no)
    systemctl --quiet disable -- "$unit"
    case $(show UnitFileState) in enabled) fail "$unit: it is still enabled" ;; esac ;;
esac
if [ "$want_running" = no ]; then
  if is_up || [ "$(show ActiveState)" = activating ]; then systemctl stop -- "$unit"; fi
  if is_up; then give_up 'it is still running after stop'; fi
  rm -f -- "$record"
elif [ "$want_running" = yes ] || is_up; then
  take_listing "$P/listing"
  if ! is_up; then
    act start
  else
    need=$(needed)
    if [ "$need" = reload ] && [ "$(show CanReload)" != yes ]; then need=restart; fi
    case $need-$planned in
      current-reload | current-restart)
        # Something else has loaded it since the plan was made, or nothing has: then the plan stands.
        if [ "$(show InvocationID)" = "$planned_with" ]; then act "$planned"; else action=none; fi ;;
      current-*) action=none ;;
      restart-any | restart-restart) act restart ;;
      reload-any | reload-reload | reload-restart) act reload ;;
      restart-reload) fail "$unit: it needs a restart by now, and the plan foresaw a reload only; plan again" ;;
      *-current) action=later ;;
    esac
  fi
  case $action in
    later) ;;
    none) write_record ;;
    *) settle; await_listeners; wait_for 'the probe failed' probe; write_record ;;
  esac
fi
`
