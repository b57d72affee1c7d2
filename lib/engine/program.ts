/**
 * The shell programs of a run: the worker that lives on the host, a stage's tasks, and what the client sends to start,
 * feed, follow and end it. Text only; apply.ts sends it.
 *
 * A run lives in /run/keelson/<id>/ (root, 0700, tmpfs). The worker is a transient systemd unit: it holds the lock,
 * runs the stage it was handed, appends events to a file, and then waits for the next stage on a fifo. It does not
 * need the client; when none comes back it ends by itself.
 *
 * Events, one a line: `locked WHO` · `moved ledger` · `unrecorded BASE64` · `unguarded BASE64` · `start T` ·
 * `step T S` · `ok T` · `failed T EXIT` · `stale T` · `skipped T BECAUSE_OF_T` · `said T BASE64` · `undone T STAGE/TASK` ·
 * `waits T BASE64` · `end STAGE`. T counts tasks of the stage from 0. A task says of another that it has undone it in its
 * file `undone`. A line that ends in `~` is one that a full disk cut off; it comes again.
 *
 * Ages are told by /proc/uptime: a clock that is set while a run is under way changes nothing.
 */
import { LEDGER_PATH, RUNS_FOLDER } from './facts.ts'
import { SETTLE } from './guard.ts'
import { PRELUDE } from './prelude.ts'
import type { Step } from './resource.ts'
import { quote, sh } from './shell.ts'
import { KEPT_RUNS, type Way } from './wayBack.ts'

export const RUN_ROOT = '/run/keelson'
/** Seconds the worker waits for a client that went away after a stage. */
export const PATIENCE_S = 120
/** Seconds that what may still be arriving, or waits to be read, is left alone. */
const GRACE_S = 60
/** Seconds after which a client that has not come back may be replaced by another; between stages it needs one or two. */
const AWAY_S = 5
const STEP_TIMEOUT_MS = 600_000
/** What a failed step said, at most: bytes kept of its end. */
export const SAID_BYTES = 16_384
/** Room on /run that is set aside, so that a run can say how it comes out when its own steps have filled it. */
const BALLAST_BYTES = 65_536
/** Exit status by which a task says that the host is not as planned. */
const STALE = 86
/** Exit status of a program that could not start a run, or hand a stage to it. */
export const NOT_STARTED = 99

export type RunFile = { name: string; data: string | Uint8Array }

/** A task ready to be written: its steps, and how to see that the host still is as planned. */
export type TaskProgram = {
  steps: readonly Step[]
  after: readonly number[]
  /** Runs beside others that do not come after it. */
  beside: boolean
  /** Shell text and the SHA-256 its output must have. */
  unmoved?: { text: string; digest: string }
}

export function unitOf(id: string): string {
  return `keelson-${id}`
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
trap 'rm -rf ${RUN_ROOT}/owner; [ -e turned-away ] || rm -rf ${RUN_ROOT}/${id}' EXIT
${SETTLE}
# What runs that were killed left behind.
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
  mkdir -p -m 0700 /var/lib/keelson "\${2%/*}" &&
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
# contain T GROUP: runs a task, and takes away all that is left of it, whatever session it went to: a daemon is a unit.
contain() {
  (echo 0 > "$2/cgroup.procs" && exec sh "$stage/$1/run" "$stage/$1")
  code=$?
  echo 1 > "$2/cgroup.kill"
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

/**
 * A stage's files, below the folder named by its number. The stage refuses to start when the ledger is not the one the
 * plan was made with, and writes the new ledger (with this stage's entries pending) before its first task.
 *
 * @param ledger.was SHA-256 of the ledger the plan knew, or of nothing.
 * @param guard Runs before the first task; when it fails, none is run.
 */
export function stageFiles(
  number: number,
  tasks: readonly TaskProgram[],
  ledger: { was: string; next: string; run: RunFile; way?: Way | undefined },
  guard?: string,
): RunFile[] {
  const { way } = ledger
  const calls = tasks.map(({ after, beside }, index) => sh`task ${index} ${beside ? 'yes' : 'no'} ${[...after]}`)
  const stage = [
    `was=$(cat ${LEDGER_PATH} 2>/dev/null | sha256sum)`,
    sh`if [ "\${was%% *}" != ${ledger.was} ]; then ev moved ledger; stamp turned-away; finished=yes`,
    `elif ! { ${commitText(number, ledger.run)}${way === undefined ? '' : commitWay(number, way)}; } 2> complaint; then`,
    'ev unrecorded "$(base64 -w0 complaint)"; stamp turned-away; finished=yes',
    ...(guard === undefined
      ? []
      : [
          `elif ! {`,
          guard,
          '} > complaint 2>&1; then ev unguarded "$(base64 -w0 complaint)"; stamp turned-away; finished=yes',
        ]),
    'else :',
    ...(way === undefined ? [] : [keepText(way)]),
    ...calls,
    'fi',
    '',
  ].join('\n')
  return [
    { name: `${number}/stage`, data: stage },
    { name: `${number}/ledger`, data: ledger.next },
    { name: `${number}/record`, data: ledger.run.data },
    ...(way === undefined ? [] : [{ name: `${number}/way`, data: way.states }]),
    ...tasks.flatMap((task, index) => taskFiles(`${number}/${index}`, task)),
  ]
}

/** The last thing a worker does: the confirmed ledger and the run's record, then it ends. */
export function finishFiles(number: number, ledger: string, run: RunFile): RunFile[] {
  return [
    {
      name: `${number}/stage`,
      data: `{ ${commitText(number, run)} && rm -f -- ${RUNS_FOLDER}/${run.name.replace(/json$/, 'log')}; } 2> complaint || stamp turned-away
finished=yes
`,
    },
    { name: `${number}/ledger`, data: ledger },
    { name: `${number}/record`, data: run.data },
  ]
}

function commitText(number: number, run: RunFile): string {
  return `commit ./${number}/ledger ${LEDGER_PATH} && ${sh`commit ${`./${number}/record`} ${`${RUNS_FOLDER}/${run.name}`}`}`
}

function commitWay(number: number, { folder }: Way): string {
  return sh` && commit ${`./${number}/way`} ${`${folder}/states`}`
}

/** Bytes that are kept of one file, and of all files of a run. */
const KEPT_BYTES = 2 * 2 ** 20
const KEPT_BYTES_RUN = 16 * 2 ** 20

/**
 * Keeps the bytes that undo needs, of files that still hold them, and forgets those of old runs. What there is no room for
 * is left out: undo says so.
 */
function keepText({ folder, bytes }: Way): string {
  const calls = bytes.map(({ path, sha256 }) => sh`keep_bytes ${sha256} ${path}`)
  return `(
umask 077
kept=${quote(`${folder}/bytes`)}
mkdir -p -- "$kept"
left=$((${KEPT_BYTES_RUN} - $(find "$kept" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')))
keep_bytes() {
  [ ! -e "$kept/$1" ] && [ -f "$2" ] && [ ! -L "$2" ] || return 0
  size=$(stat -c %s -- "$2")
  [ "$size" -le ${KEPT_BYTES} ] && [ "$size" -le "$left" ] || return 0
  if cat -- "$2" > "$kept/.new" && printf '%s  %s\n' "$1" "$kept/.new" | sha256sum --check --status && sync -- "$kept/.new"; then
    mv -fT -- "$kept/.new" "$kept/$1"
    left=$((left - size))
  else
    rm -f -- "$kept/.new"
  fi
}
${calls.join('\n')}
cd ${RUNS_FOLDER} && find . -maxdepth 1 -name '*.kept' -printf '%P\n' | sort -n | head -n -${KEPT_RUNS} | xargs -r rm -rf --
) || :`
}

function taskFiles(folder: string, { steps, unmoved }: TaskProgram): RunFile[] {
  const index = folder.slice(folder.indexOf('/') + 1)
  const calls = steps.map(({ timeoutMs = STEP_TIMEOUT_MS }, number) => `step ${number} ${Math.ceil(timeoutMs / 1000)}`)
  return [
    { name: `${folder}/run`, data: `${stepFunction(index)}${calls.join('\n')}\n` },
    ...steps.flatMap((step, number) => stepFiles(`${folder}/${number}`, step, number === 0 ? unmoved : undefined)),
  ]
}

/** `step NUMBER SECONDS`, of a task. One that ended at its deadline may have said so itself, or been killed for it. */
function stepFunction(task: string): string {
  return `set -u
folder=$1
hundredths() { read -r up rest < /proc/uptime; echo "\${up%.*}\${up#*.}"; }
step() {
  printf '%s\\n' "step ${task} $1" >> events || { rm -f ballast; echo '~' >> events; }
  began=$(hundredths)
  timeout --kill-after=10 "$2" sh "$folder/$1/program" && return 0
  code=$?
  [ $(($(hundredths) - began)) -lt $(($2 * 100 - 5)) ] ||
    echo "no end within $2 s; it was killed, with all that it had started" > "$folder/late"
  exit "$code"
}
`
}

function compareText({ text, digest }: { text: string; digest: string }): string {
  return `seen=$({ ${text}; } | sha256sum)
if [ "\${seen%% *}" != ${digest} ]; then
  echo 'the host is no longer as the plan saw it; nothing was written for this' >&2
  exit ${STALE}
fi
`
}

/** @param unmoved Compared under the step's own deadline, because reading may hang as well. */
function stepFiles(folder: string, step: Step, unmoved: TaskProgram['unmoved']): RunFile[] {
  // P is set by the step's own path: the worker's folder is the working directory of every step.
  const compare = unmoved === undefined ? '' : compareText(unmoved)
  const program = `set -eu\n${compare}P=$PWD/${folder}\n${PRELUDE}\n${step.run}\n`
  return [
    { name: `${folder}/program`, data: program },
    ...Object.entries(step.payload ?? {}).map(([name, data]) => ({ name: `${folder}/${name}`, data })),
  ]
}

/** Last in an archive: where it is there, so is all the rest. A tar that was cut off between two files is none to tar(1). */
export const WHOLE: RunFile = { name: 'whole', data: '' }

/**
 * Starts a run: its files come as a tar archive on stdin, `WHOLE` last. A client that does not know whether this
 * arrived sends it again: the first that is whole starts the run, later ones find it started.
 */
export function launchText(id: string): string {
  const start = sh`systemd-run --quiet --collect --unit=${unitOf(id)} --description=${`Keelson run ${id}`} --property=Type=exec --property=Delegate=pids`
  return arrivalText(`if [ ! -e ${id} ]; then
  [ -e /sys/fs/cgroup/cgroup.procs ] || [ -e /sys/fs/cgroup/unified/cgroup.procs ] ||
    { echo 'it has no unified control groups (cgroup v2), by which nothing of a step is left behind' >&2; exit 1; }
  mkfifo "$new/next"
  : > "$new/events"
  head -c ${BALLAST_BYTES} /dev/zero > "$new/ballast"
  mv -T "$new" ${id}
  ${start} -- /bin/sh ${RUN_ROOT}/${id}/worker 8<&- || { rm -rf ${id}; exit 1; }
fi`)
}

/** Hands the next stage to a waiting worker, as `launchText` does the first. */
export function handOverText(id: string, stage: number): string {
  return arrivalText(`[ -d ${id} ] || { echo 'the run is over: its client stayed away too long' >&2; exit 1; }
if [ ! -e ${id}/handed-${stage} ]; then
  mv -T "$new/${stage}" ${id}/${stage}
  : > ${id}/handed-${stage}
  exec 8<&-
  timeout ${PATIENCE_S} sh -c 'echo ${stage} > ${id}/next'
fi`)
}

/**
 * Unpacks stdin beside the runs, into `$new`, and does `rest` there, one client at a time. Exits with `NOT_STARTED` when
 * that fails.
 */
function arrivalText(rest: string): string {
  return `set -eu
umask 077
new=
trap '[ -z "$new" ] || rm -rf "$new"; exit ${NOT_STARTED}' EXIT
mkdir -p -m 0700 ${RUN_ROOT}
cd ${RUN_ROOT}
read -r up rest < /proc/uptime
new=$(mktemp -d ".\${up%%.*}.XXXXXX")
# Words to a client that is gone must not end this before it has cleaned up.
trap '' PIPE
tar -xf - --no-same-owner -C "$new" && [ -e "$new/${WHOLE.name}" ] || { echo 'it did not arrive whole' >&2; exit 1; }
exec 8< .
flock 8
${rest}
exec 8<&-
rm -rf "$new"
trap - EXIT PIPE
`
}

/** Tells a waiting worker that no stage follows; what one that was killed left is taken away. */
export function dismissText(id: string): string {
  return `cd ${RUN_ROOT}/${id} 2>/dev/null || exit 0
systemctl is-active --quiet ${unitOf(id)} || { rm -rf ${RUN_ROOT}/${id}; exit 0; }
timeout 5 sh -c 'echo none > next'
`
}

/** Waits for the lock, for so long at most; exit 1 when another run still has it then. Nothing is held afterwards. */
export function awaitLockText(seconds: number): string {
  return `[ ! -e ${RUN_ROOT}/lock ] || flock -w ${seconds} ${RUN_ROOT}/lock true
`
}

/** Parts events from what follows. */
export const OVER = 'echo over\n'

/**
 * Prints the run's events from line `from` on (counting from 1) until the stage ends or the worker does, then `over`.
 * The first line is `gone` when there is no such run.
 */
export function followText(id: string, stage: number, from: number): string {
  return `set +e
if cd ${RUN_ROOT}/${id} 2>/dev/null; then
  # Where this client is, for others that find the host locked (holder.ts).
  echo $$ > client
  pid=$(systemctl show -P MainPID ${unitOf(id)} 2>/dev/null)
  # No such process, so that tail prints what is there and ends.
  [ "\${pid:-0}" != 0 ] || pid=2147483647
  tail -q -n +${from} -f --pid="$pid" events | sed -u '/^end ${stage}$/q'
  [ ! -e turned-away ] || rm -rf ${RUN_ROOT}/${id}
  cd /
else
  echo gone
fi
${OVER}`
}

/** Waits until the worker has ended, then prints the SHA-256 of the ledger it left, and what was in the way of a new one. */
export function awaitEndText(id: string): string {
  return `set +e
pid=$(systemctl show -P MainPID ${unitOf(id)} 2>/dev/null)
[ "\${pid:-0}" = 0 ] || tail -f -s 0.05 --pid="$pid" /dev/null
if [ -e ${RUN_ROOT}/${id}/turned-away ]; then
  cat ${RUN_ROOT}/${id}/complaint >&2
  rm -rf ${RUN_ROOT}/${id}
fi
sha256sum < ${LEDGER_PATH}
`
}
