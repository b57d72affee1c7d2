/**
 * Restarting a daemon for what a step has just written: it has to come up, stay up and answer. One that does not gets
 * back what it had before, runs with that again, and the step fails with what the unit said.
 */
import { quote, raw, sh, type ShellText } from './shell.ts'

export type Restart = {
  /** Its unit, or the shell word that has the name: `raw('"$unit"')`. */
  unit: string | ShellText
  /** How long it has to stay the same invocation, active. 0: it is enough that systemctl and the probe are content. */
  settleMs?: number
  /** How long to wait until the probe succeeds. */
  timeoutMs: number
  /** Shell text that exits 0 when the daemon answers; it may call functions of the step. */
  probe?: string
  /** Log files that tell why something failed. */
  logs?: readonly string[]
  /**
   * Shell text that puts back what the daemon had before, and prints the paths of it; exits other than 0 where that
   * cannot be done, and prints nothing where there is nothing to put back.
   */
  putBack: string
  /** Shell text that brings it up, in place of `restart_unit` and around it. */
  comeUp?: string
  /** Seconds that systemctl may take. @default as long as the unit's own limits allow */
  restartSeconds?: number
  /** What the step fails with, as text or as a shell word. @default sentences with the reason and the paths */
  words?: {
    /** It runs again with what it had. */
    again: string | ShellText
    /** It does not run with that either. */
    never: string | ShellText
  }
}

/**
 * Shell functions for a step that restarts a daemon. They expect what the daemon reads to be in place already.
 *
 * - `restart_unit` restarts it, waits until it has settled and the probe succeeds, and otherwise gives up.
 * - `come_up` is `comeUp`, or else `restart_unit`.
 * - `settle`: it has to stay up for its time, the same invocation. `wait_for SENTENCE COMMAND…` asks again until the command
 *   succeeds. Both give up where that does not come; `$action` is what was done to the unit, as systemctl has it.
 * - `give_up WHY` prints what the unit and its logs said, puts back what it had before, brings it up with that, and fails
 *   in any case. With `goes_back=no` it fails at once.
 * - `mark_logs`: only lines that come after that are told of. `show PROPERTY` of the unit, `is_up`, `now_ms`.
 *
 * They use `unit`, `action`, `settle_ms`, `timeout_ms`, `goes_back` and variables that begin with `re_`.
 *
 * @example
 * run: `read_file /etc/app.conf "$P/before"
 * replace_text /etc/app.conf "$P/before" "$P/conf"
 * ${restartFunctions({
 *   unit: 'app.service',
 *   settleMs: 2000,
 *   timeoutMs: 30_000,
 *   probe: 'curl -fsS http://127.0.0.1:8000/health > /dev/null',
 *   putBack: 'replace_text /etc/app.conf "$P/before" "$P/before" && echo /etc/app.conf',
 * })}
 * restart_unit`
 */
export function restartFunctions(work: Restart): string {
  const {
    unit,
    settleMs = 0,
    timeoutMs,
    probe = ':',
    logs = [],
    putBack,
    comeUp = 'restart_unit',
    words = WORDS,
  } = work
  const limit = work.restartSeconds === undefined ? '' : `timeout ${work.restartSeconds} `
  return `${sh`unit=${unit}`} settle_ms=${settleMs} timeout_ms=${timeoutMs} goes_back=yes action=restart
probe() { ${probe}
}
log_files() { printf '%s\\n' ${logs.map(quote).join(' ')}; }
put_before() { ${putBack}
}
come_up() { ${comeUp}
}
restart_command() { ${limit}systemctl restart -- "$unit"; }
runs_again() { ${sh`fail ${words.again}`}; }
runs_neither() { ${sh`fail ${words.never}`}; }
${FUNCTIONS}`
}

/** `$1` is the reason, `$2` what was put back. */
const WORDS = {
  again: raw('"$unit: $1. It runs again with what it had before: $2"'),
  never: raw('"$unit: $1. What it had before was put back ($2), and it does not run with that either"'),
}

const FUNCTIONS = `show() { systemctl show --timestamp=us+utc -p "$1" --value -- "$unit"; }
# Since the host came up: a clock that is set meanwhile ends no wait, and makes none last.
now_ms() { read -r re_up re_rest < /proc/uptime; echo "\${re_up%.*}\${re_up#*.}0"; }
is_up() { case $(show ActiveState) in active | reloading | refreshing) return 0 ;; *) return 1 ;; esac; }
re_began=$(now_ms)

# Everything the host can say about why.
unit_said() {
  journalctl --sync >/dev/null 2>&1 || :
  systemctl show -p Id,ActiveState,SubState,Result,ExecMainStatus,NRestarts -- "$unit" | tr '\\n' ' '
  printf '\\n'
  journalctl -u "$unit" -n 20 --no-pager -o cat --since="-$(($(now_ms) - re_began + 1000))ms" 2>/dev/null || :
  log_files | while IFS= read -r re_log; do
    if [ -f "$re_log" ]; then tail -c "+$(($(log_size "$re_log") + 1))" -- "$re_log" | tail -n 20; fi
  done
}
mark_logs() {
  : > "$P/log-sizes"
  log_files | while IFS= read -r re_log; do
    if [ -f "$re_log" ]; then stat -c '%s %n' -- "$re_log" >> "$P/log-sizes"; fi
  done
}
log_size() {
  if [ -f "$P/log-sizes" ]; then
    while read -r re_size re_name; do if [ "$re_name" = "$1" ]; then printf '%s' "$re_size"; return; fi; done < "$P/log-sizes"
  fi
  printf 0
}

give_up() {
  unit_said >&2
  [ "$goes_back" = yes ] || fail "$unit: $*"
  goes_back=no
  go_back "$*"
}
# With what it had before this step. What it did not come up with is a failure in any case.
go_back() {
  re_files=$(put_before) || fail "$unit: $1. What it had before could not be put back"
  [ -n "$re_files" ] || fail "$unit: $1"
  re_files=$(printf '%s' "$re_files" | tr '\\n' ' ')
  if re_again=$(come_up_again 2>&1); then runs_again "$1" "$re_files"; fi
  printf '%s\\n' "$re_again" >&2
  runs_neither "$1" "$re_files"
}
come_up_again() {
  re_began=$(now_ms)
  mark_logs
  # What was put back has its old time, by which systemd does not see that it changed.
  systemctl daemon-reload
  systemctl reset-failed -- "$unit" 2>/dev/null || :
  come_up
}

restart_unit() {
  action=restart
  restart_command || give_up 'systemctl restart failed; above is what it said'
  [ "$settle_ms" -eq 0 ] || settle
  wait_for 'the probe failed' probe
}
# A unit that dies at once has been "active" too: it must stay the same one for a while.
settle() {
  re_same='' re_until=$(($(now_ms) + settle_ms))
  while :; do
    # One process each time: several services may settle at once, and on a small host.
    re_shown=$(systemctl show -p ActiveState,InvocationID,NRestarts,Result -- "$unit")
    case $(shown ActiveState) in
      active | reloading | refreshing) ;;
      *) give_up "it did not stay up after $action; above is what it said" ;;
    esac
    [ "\${re_same:=$(shown InvocationID) $(shown NRestarts)}" = "$(shown InvocationID) $(shown NRestarts)" ] ||
      give_up "it was started again by itself after $action; above is what it said"
    case $(shown Result) in success | '') ;; *) give_up "it failed after $action; above is what it said" ;; esac
    [ "$(now_ms)" -lt "$re_until" ] || return 0
    sleep 0.2
  done
}
# A property in what was shown.
shown() { re_line="
$re_shown"; re_line=\${re_line#*"
$1="}; printf '%s' "\${re_line%%
*}"; }
wait_for() {
  re_sentence=$1; shift
  re_deadline=$(($(now_ms) + timeout_ms))
  until "$@"; do
    is_up || give_up "it went down while it was waited for; above is what it said"
    [ "$(now_ms)" -lt "$re_deadline" ] || give_up "$re_sentence within $((timeout_ms / 1000)) s after $action"
    sleep 0.1
  done
}`
