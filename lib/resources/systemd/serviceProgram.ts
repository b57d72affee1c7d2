/**
 * The program that brings a service to its desired state and checks that it stays there.
 *
 * It checks again, on the host, whether the service has yet to load something: a package's own scripts may have
 * restarted it since the plan was made. It records each action that succeeded; until then the record says that the
 * action is pending.
 *
 * When a service that ran does not start with what this run changed, the program restores its files from before the run
 * and starts the service with them. The step still fails, and those changes are undone.
 */
import { restartFunctions } from '../../kit/restart.ts'
import { quote } from '../../kit/shell.ts'
import { LIST_ALIASES, SOCKETS } from './serviceReading.ts'
import { listForRecord } from '../../kit/files/watched.ts'
import { RECORDS, type Load } from './watch.ts'

export type ServiceWork = {
  unit: string
  enabled?: boolean | undefined
  running?: boolean | undefined
  masked?: boolean | undefined
  /** The strongest action that the plan allows; `any` when it could not know. */
  load: Load | 'any'
  /** Invocation that ran when the plan was made: a planned restart must start another one. */
  invocation?: string | undefined
  /** It ran when the plan was made, so it should run again with the files of that time. */
  goesBack: boolean
  restartPaths: readonly string[]
  reloadPaths: readonly string[]
  settleMs: number
  timeoutMs: number
  listens: readonly string[]
  /** Shell text that exits 0 when the service answers. */
  probe?: string | undefined
  /** The main process replaces all its children on reload, as nginx and gunicorn do. */
  replacesWorkers: boolean
  /** Log files whose new lines show why something failed. */
  logs: readonly string[]
}

export function serviceProgram(work: ServiceWork): string {
  const settings = [
    `records=${quote(RECORDS)}`,
    `want_enabled=${answer(work.enabled)}`,
    `want_running=${answer(work.running)}`,
    `want_masked=${answer(work.masked)}`,
    `planned=${work.load}`,
    `planned_with=${quote(work.invocation ?? '')}`,
    `replaces_workers=${answer(work.replacesWorkers)}`,
    `list_watched() { kind=$1; shift; [ $# -eq 0 ] || ${listForRecord('$kind ')}; }`,
    `restart_paths() { "$@" ${words(work.restartPaths)}; }`,
    `reload_paths() { "$@" ${words(work.reloadPaths)}; }`,
    `listens() { printf '%s\\n' ${words(work.listens)}; }`,
    restartFunctions({
      unit: work.unit,
      settleMs: work.settleMs,
      timeoutMs: work.timeoutMs,
      probe: work.probe === undefined ? ':' : `timeout 10 sh -c ${quote(work.probe)}`,
      logs: work.logs,
      putBack: PUT_BACK,
      comeUp: COME_UP,
    }),
    `goes_back=${answer(work.goesBack)}`,
  ]
  return `${settings.join('\n')}\n${PROGRAM}`
}

const answer = (value: boolean | undefined): string => (value === undefined ? "''" : value ? 'yes' : 'no')
const words = (values: readonly string[]): string => values.map(quote).join(' ')

/** Restores all files of the service that this run has changed, and tells the worker which of its tasks that undoes. */
const PUT_BACK = `undone=$(restart_paths put_back && reload_paths put_back && loaded_paths put_back) || return 1
  [ -n "$undone" ] || return 0
  printf '%s\\n' "$undone" | cut -d' ' -f1 | sort -u > "\${P%/*}/undone" || return 1
  printf '%s\\n' "$undone" | cut -d' ' -f2- | sort -u`

/** Ports and probe belong to the present declaration; the previous version may never have had them. */
const COME_UP = `take_listing "$P/listing"
  if is_up && [ "$action" = reload ]; then act reload; else act restart; fi
  settle
  write_record`

const PROGRAM = `
record=$records/$unit
# What it had loaded besides, as far as that is known: files that are no longer of the site.
loaded_paths() {
  [ -f "$P/loaded" ] || return 0
  tr '\\0' '\\n' < "$P/loaded" | sed -n 's,^re[a-z]* [^/]* \\(/.*\\)$,\\1,p' > "$P/loaded-paths"
  while IFS= read -r path; do set -- "$@" "$path"; done < "$P/loaded-paths"
  "$@"
}
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
# A reload of such a service is a restart, see SOCKETS.
loses_socket() {
  case $(show Id) in
    ${[...SOCKETS].map(([unit, socket]) => `${unit}) systemctl --quiet is-active -- ${socket} ;;`).join('\n    ')}
    *) return 1 ;;
  esac
}
act() {
  action=$1
  if [ "$action" = reload ] && loses_socket; then action=restart; fi
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

mark_logs
action=start
# Prints the unit that is called so too once it is enabled.
alias_of() {
  ${LIST_ALIASES} | while IFS= read -r line; do
    case " \${line#*:Alias=} " in *" $unit "*) file=\${line%%:Alias=*}; printf '%s\\n' "\${file##*/}"; break ;; esac
  done
}
# systemctl(1) enables, disables and masks no unit by an alias.
real=$(show Id)
if [ "$(show LoadState)" = not-found ]; then
  real=$(alias_of)
  [ -n "$real" ] || fail "$unit: there is no such unit; declare its package or unit file before it"
  [ "$want_enabled" = yes ] || fail "$unit: this is what $real is called too while it is enabled; declare $real"
fi
if [ "$(show NeedDaemonReload)" = yes ]; then systemctl daemon-reload; fi
if [ "$want_masked" = yes ]; then
  if is_up; then systemctl stop -- "$unit"; fi
  systemctl --quiet mask -- "$real"
  [ "$(show LoadState)" = masked ] || fail "$unit: it is not masked; is its file in /etc/systemd/system? Remove that one first"
elif [ "$want_masked" = no ] && [ "$(show LoadState)" = masked ]; then
  systemctl --quiet unmask -- "$real"
  [ "$(show LoadState)" != masked ] || systemctl --quiet --runtime unmask -- "$real"
  [ "$(show LoadState)" != masked ] || fail "$unit: it is still masked, by $(show FragmentPath)"
fi
case $want_enabled in
  yes)
    systemctl --quiet enable -- "$real"
    case $(show UnitFileState) in enabled | generated | alias | indirect) ;; *) fail "$unit: it cannot be enabled, it is $(show UnitFileState); leave enabled out" ;; esac ;;
  no)
    systemctl --quiet disable -- "$real"
    case $(show UnitFileState) in enabled-runtime) systemctl --quiet disable --runtime -- "$real" ;; esac
    case $(show UnitFileState) in enabled*) fail "$unit: it is still enabled" ;; esac ;;
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
