/**
 * Shell texts by which a client starts, feeds, follows and ends a run. Text only; workerClient.ts sends it.
 */
import { LEDGER_PATH, RUN_ROOT } from '../../kit/stateFolders.ts'
import { sh } from '../../kit/shell.ts'
import type { RunFile } from '../host/runRecord.ts'
import { PATIENCE_S, unitOf } from './worker.ts'

/** Bytes reserved on /run, so that a run can report its result when its own steps have filled /run. */
const BALLAST_BYTES = 65_536
/** Exit status of a program that could not start a run or hand a stage to it. */
export const NOT_STARTED = 99

/**
 * The last file of an archive: when it is there, all others are. tar(1) does not detect an archive that was cut off
 * between two files.
 */
export const WHOLE: RunFile = { name: 'whole', data: '' }

/**
 * Starts a run: its files arrive as a tar archive on stdin, `WHOLE` last. A client that does not know whether the
 * archive arrived sends it again: the first whole one starts the run, later ones find it started.
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
 * Unpacks stdin beside the runs, into `$new`, and runs `rest` there, one client at a time. Exits with `NOT_STARTED`
 * when that fails.
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

/** Tells a waiting worker that no stage follows, and removes what a killed worker left. */
export function dismissText(id: string): string {
  return `cd ${RUN_ROOT}/${id} 2>/dev/null || exit 0
systemctl is-active --quiet ${unitOf(id)} || { rm -rf ${RUN_ROOT}/${id}; exit 0; }
timeout 5 sh -c 'echo none > next'
`
}

/** Waits up to `seconds` for the lock; exits with 1 when another run still holds it. It releases the lock at once. */
export function awaitLockText(seconds: number): string {
  return `[ ! -e ${RUN_ROOT}/lock ] || flock -w ${seconds} ${RUN_ROOT}/lock true
`
}

/** Separates the events from what follows. */
export const OVER = 'echo over\n'

/**
 * Prints the run's events from line `from` on (counting from 1) until the stage or the worker ends, then `over`. The
 * first line is `gone` when there is no such run.
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

/** Waits until the worker has ended, then prints the SHA-256 of its ledger, and what prevented it from writing a new one. */
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
