/**
 * The worker of a run, which lives on the host, as a shell program. It is a transient systemd unit: it holds the lock,
 * runs the stage it was handed, appends events to a file, and then waits for the next stage on a fifo. It does not need
 * the client; when no client returns, it ends by itself. A run lives in /run/keelson/<id>/ (root, 0700, tmpfs). Text
 * only.
 *
 * Events, one per line: `locked WHO` · `moved ledger` · `unrecorded BASE64` · `unguarded BASE64` · `start T` ·
 * `step T S` · `ok T` · `failed T EXIT` · `stale T` · `skipped T BECAUSE_OF_T` · `said T BASE64` ·
 * `undone T STAGE/TASK` · `stopped T` ·
 * `tells T BASE64` (`waits …` or `does …`, from a step) · `end STAGE`. T counts tasks of the stage from 0. A task reports in its file `undone` that it has
 * undone another. A line that ends in `~` was cut off by a full disk; the worker writes it again.
 *
 * Once the file of `stopText` is there, no further task begins: each is `stopped`.
 *
 * Ages are measured by /proc/uptime, so that setting the clock during a run has no effect.
 */
import { FORGET_PROVED, SETTLE } from './guard.ts'
import { quote } from '../../kit/shell.ts'
import { RUN_ROOT, RUNS_FOLDER, STATE } from '../../kit/stateFolders.ts'

/** Seconds that the worker waits for a client that disconnected after a stage. */
export const PATIENCE_S = 120
/** Seconds for which files that may still be arriving, or wait to be read, are not removed. */
const GRACE_S = 60
/** Seconds after which another client may replace one that has not returned; between stages a client needs one or two. */
const AWAY_S = 5
/** Maximum bytes kept of a failed step's output, from its end. */
export const SAID_BYTES = 16_384
/** Exit status by which a task reports that the host is not as planned. */
export const STALE = 86

export function unitOf(id: string): string {
  return `keelson-${id}`
}

/** Tells the run that it has to stop: beside its folder, which may still be arriving. */
function stopFile(id: string): string {
  return `${RUN_ROOT}/${id}.stop`
}

/**
 * Makes a run begin no further task, whatever becomes of its client.
 *
 * @param hasBegun The run is known to have begun; one that has ended since is left alone.
 */
export function stopText(id: string, hasBegun: boolean): string {
  return `mkdir -p -m 0700 ${RUN_ROOT} && ${hasBegun ? `{ [ ! -d ${RUN_ROOT}/${id} ] || : > ${stopFile(id)}; }` : `: > ${stopFile(id)}`}
`
}

/** The worker's own program. `who` is one line of JSON that tells a second client who holds the lock. */
export function workerProgram(id: string, who: string): string {
  return `set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
umask 022
cd ${RUN_ROOT}/${id}
mkdir -p -m 0700 kept
ev() { printf '%s\\n' "$*" >> events || { rm -f ballast; printf '~\\n%s\\n' "$*" >> events; }; }
stamp() { read -r up rest < /proc/uptime; echo "\${up%%.*}" > "$1"; }
# age STAMP: seconds since then; none for one that is being written.
age() { read -r up rest < /proc/uptime; echo $((\${up%%.*} - \${1:-\${up%%.*}})); }
# How tasks come out, for when no client sees it. That it cannot be noted stops nothing, and the journal has it.
note() { printf '%s\\n' "$*" >> ${RUNS_FOLDER}/${id.split('-')[0]!}.log || :; }
exec 9>> ${RUN_ROOT}/lock
# A holder that has nothing to do but wait for its client is let go when that does not come back.
take_over() {
  [ -n "$(find ${RUN_ROOT} -mindepth 2 -maxdepth 2 -name waiting)" ] || return 1
  ! flock -w ${AWAY_S} 9 || return 0
  for wait in $(find ${RUN_ROOT} -mindepth 2 -maxdepth 2 -name waiting); do
    [ "$(age "$(cat "$wait")")" -ge ${AWAY_S} ] || continue
    timeout 5 sh -c 'echo none > "$1"' sh "\${wait%waiting}next" || :
    flock -w 5 9 && return 0
  done
  return 1
}
if ! flock -n 9 && ! take_over; then
  stamp turned-away
  ev locked "$(cat ${RUN_ROOT}/owner 2>/dev/null)"
  exit 0
fi
printf '%s\\n' ${quote(who)} > ${RUN_ROOT}/owner
# A run that is turned away leaves its events to its client, which may not have come to read them yet.
trap '${FORGET_PROVED}; rm -rf ${RUN_ROOT}/owner ${stopFile(id)}; [ -e turned-away ] || rm -rf ${RUN_ROOT}/${id}' EXIT
${SETTLE}
# What runs that were killed left behind.
find ${RUN_ROOT} -maxdepth 1 -name '*.stop' ! -path ${stopFile(id)} -delete
exec 8< ${RUN_ROOT}
flock 8
for left in $(find ${RUN_ROOT} -mindepth 1 -maxdepth 1 -type d ! -name loaded ! -name ${quote(id)} -printf '%f '); do
  case $left in
    # What is arriving: its name begins with when it did.
    .[0-9]*.*)
      stamped=\${left#.}
      [ "$(age "\${stamped%%.*}")" -lt ${GRACE_S} ] || rm -rf "${RUN_ROOT}/$left" ;;
    *)
      systemctl is-active --quiet "keelson-$left" || {
        [ -e "${RUN_ROOT}/$left/turned-away" ] && [ "$(age "$(cat "${RUN_ROOT}/$left/turned-away")")" -lt ${GRACE_S} ]
      } || rm -rf "${RUN_ROOT}/$left" ;;
  esac
done
exec 8<&-
# commit FILE DEST: DEST is as it was, or FILE, whatever happens.
commit() {
  mkdir -p -m 0700 ${STATE} "\${2%/*}" &&
    (umask 077; cat -- "$1" > "$2.new") &&
    sync -- "$2.new" &&
    mv -f -- "$2.new" "$2" &&
    sync -- "\${2%/*}" && return 0
  rm -f -- "$2.new"
  echo "$2 cannot be written" >&2
  return 1
}
# Tasks run in control groups of their own, below the worker's: what has left the process group of a task is in there all
# the same. The folder is another one where systemd has the old control groups beside the unified ones.
group=$(sed -n 's/^0:://p' /proc/self/cgroup)
if [ -e "/sys/fs/cgroup$group/cgroup.procs" ]; then group=/sys/fs/cgroup$group; else group=/sys/fs/cgroup/unified$group; fi
mkdir "$group/now"
# What became of task $1, in $was; one that runs beside the others is waited for.
outcome_of() {
  eval "was=\\$task_$1"
  [ "$was" = running ] || return 0
  if eval "wait \\$pid_$1"; then was=ok; else was=failed; fi
  eval "task_$1=$was"
}
# Whether something of group $1 is left.
is_populated() {
  while read -r key value; do [ "$key" != populated ] || return "$((1 - value))"; done < "$1/cgroup.events"
  return 1
}
# contain T GROUP: runs a task, and takes away all that is left of it, whatever session it went to: a daemon is a unit. The
# kernel ends processes in their own time, and what comes next must not meet them; one that cannot end is left after a while.
contain() {
  (echo 0 > "$2/cgroup.procs" && exec sh "$stage/$1/run" "$stage/$1")
  code=$?
  echo 1 > "$2/cgroup.kill"
  tries=0
  while is_populated "$2" && [ "$tries" -lt 500 ]; do sleep 0.02; tries=$((tries + 1)); done
  [ ! -e "$stage/$1/late" ] || cat "$stage/$1/late"
  return "$code"
}
# perform T GROUP. Of what it says no more is kept than is told, however much it is, and in no file: /run may be full. Its
# status comes first, because the rest comes when all of it has ended.
perform() {
  ev start "$1"
  result=$({ { contain "$@" 3>&-; echo "$?" >&3; } 2>&1 < /dev/null 9>&- | tail -c ${SAID_BYTES} | base64 -w0 >&3; } 3>&1)
  code=\${result%%
*}
  said=\${result#*
}
  if [ "$code" = 0 ]; then
    ev ok "$1"
    note "$stage/$1" ok
    return 0
  fi
  if [ -f "$stage/$1/undone" ]; then while read -r other; do ev undone "$1" "$other"; note "$other" undone; done < "$stage/$1/undone"; fi
  ev said "$1" "$said"
  if [ "$code" = ${STALE} ]; then ev stale "$1"; else ev failed "$1" "$code"; fi
  note "$stage/$1" failed
  return 1
}
# task T BESIDE NEEDS…
task() {
  t=$1 beside=$2
  shift 2
  if [ -e ${stopFile(id)} ]; then
    eval "task_$t=stopped"
    ev stopped "$t"
    return 0
  fi
  for need; do
    outcome_of "$need"
    if [ "$was" != ok ]; then
      eval "task_$t=skipped"
      ev skipped "$t" "$need"
      note "$stage/$t" skipped
      return 0
    fi
  done
  if [ "$beside" = yes ]; then
    mkdir "$group/$stage-$t"
    perform "$t" "$group/$stage-$t" &
    eval "pid_$t=$! task_$t=running"
  elif perform "$t" "$group/now"; then
    eval "task_$t=ok"
  else
    eval "task_$t=failed"
  fi
}
n=1
while :; do
  stage=$n
  . "./$n/stage"
  wait
  ev end "$n"
  rm -rf "./$n"
  [ "\${finished:-no}" = no ] || exit 0
  stamp waiting
  n=$(timeout ${PATIENCE_S} cat next) || exit 0
  rm -f waiting
  [ -d "./$n" ] || exit 0
done
`
}
