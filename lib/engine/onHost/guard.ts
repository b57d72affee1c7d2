/**
 * The host side of the lock-out guard (../apply/loginGuard.ts): keeps what may be lost (guardKeep.ts), starts the
 * clock, and then reverts (guardRevert.ts) or is disarmed. Shell text only; the callers in apply/ send it.
 *
 * A file that nothing has loaded yet when its stage is proved is reverted with the change that loads it, in whatever
 * later stage of the run that is.
 */
import { GUARD_BEFORE, GUARD_FILTERS, GUARD_FOLDER } from '../../kit/stateFolders.ts'
import { type Keep, keepText } from './guardKeep.ts'
import { UNIT } from './guardPlaces.ts'
import { revertProgram } from './guardRevert.ts'
import { quote } from '../../kit/shell.ts'
import { FILTER_UNITS, KEPT_UNITS } from '../host/waysIn.ts'

/** Exit status of `disarmText` when the clock ran out first. */
const TOO_LATE = 75

export type Arming = {
  stage: number
  keep: Keep
  /** Lines that the guard appends to a file when it reverts. */
  undone: { file: string; lines: string }
  /** Time until the host reverts. */
  seconds: number
}

/** Removes the clock, whether it has run or not. */
const STOP = `systemctl stop ${UNIT}.timer
systemctl --quiet disable ${UNIT}.service
rm -f ${GUARD_FILTERS}.*
rm -f /etc/systemd/system/${UNIT}.service /etc/systemd/system/${UNIT}.timer
systemctl daemon-reload
systemctl reset-failed '${UNIT}.*' 2>/dev/null || :`

/**
 * Keeps what may be lost and starts the clock. A non-zero exit means that nothing is guarded, and that nothing of the
 * guard is left.
 */
export function armText({ stage, keep, undone, seconds }: Arming): string {
  return `(guard=${GUARD_FOLDER}
mkdir -p -m 0700 ${GUARD_BEFORE} &&
  { [ ! -e "$guard/proved" ] || mv "$guard/saved.tar" "${GUARD_BEFORE}/$(cat "$guard/stage").tar"; } &&
  rm -rf "$guard" && mkdir -p -m 0700 "$guard" && echo ${stage} > "$guard/stage" || exit 1
${keepText(keep)} &&
  printf '%s' ${quote(undone.lines)} > "$guard/undone" &&
  printf '%s' ${quote(revertProgram(undone.file, keep.settings, STOP))} > "$guard/revert" &&
  printf '%s' ${quote(SERVICE)} > /etc/systemd/system/${UNIT}.service &&
  printf '%s' ${quote(timerUnit(seconds))} > /etc/systemd/system/${UNIT}.timer &&
  : > "$guard/armed" && sync -f "$guard" &&
  systemctl daemon-reload && systemctl --quiet enable ${UNIT}.service && systemctl start ${UNIT}.timer) ||
  { { rm -rf ${GUARD_FOLDER}; ${STOP}; } > /dev/null 2>&1; false; }`
}

/** Units that read files which the guard puts back, and so must start after it. */
const READERS = [
  ...[...KEPT_UNITS.keys()].filter((unit) => !FILTER_UNITS.includes(unit)),
  ...FILTER_UNITS,
  'network-pre.target',
  'shutdown.target',
].join(' ')

const SERVICE = `[Unit]
Description=Take back a change that nobody could come in after
ConditionPathExists=|${GUARD_FOLDER}/armed
ConditionPathExists=|${GUARD_FOLDER}/reverting
DefaultDependencies=no
RequiresMountsFor=/etc /usr ${GUARD_FOLDER}
After=local-fs.target
Before=${READERS}
Conflicts=shutdown.target
[Service]
Type=oneshot
ExecStart=/bin/sh ${GUARD_FOLDER}/revert
Restart=on-failure
RestartSec=1
[Install]
WantedBy=multi-user.target
`

function timerUnit(seconds: number): string {
  return `[Unit]
Description=The time a client has for coming in again
[Timer]
OnActiveSec=${seconds}
AccuracySec=1
`
}

/** Stops the clock if it is still running. */
export function disarmText(): string {
  // A client that lost the answer sends this again.
  return `mv ${GUARD_FOLDER}/armed ${GUARD_FOLDER}/proved 2>/dev/null || [ -e ${GUARD_FOLDER}/proved ] || exit ${TOO_LATE}
${STOP}
`
}

/** At the end of a run: removes what its proved stages had kept, which is no longer needed. */
export const FORGET_PROVED = `rm -rf ${GUARD_BEFORE}; [ ! -e ${GUARD_FOLDER}/proved ] || rm -rf ${GUARD_FOLDER}`

/** Waits for a revert in progress. */
export const AWAIT_REVERT = `[ ! -e ${GUARD_FOLDER}/reverting ] || systemctl start ${UNIT}.service`

/**
 * Run by a worker before anything else: disarms the clock that a dead client left, because this client has logged in
 * since. Waits for a revert in progress.
 */
export const SETTLE = `[ ! -e ${GUARD_FOLDER}/armed ] || (
${disarmText()})
${AWAIT_REVERT}
${FORGET_PROVED}`

/** Exits with 0 when the host has reverted and the guard has finished. */
export const HAS_REVERTED = `[ -e ${GUARD_FOLDER}/reverted ] && [ "$(systemctl show -P ActiveState ${UNIT}.service)" != activating ]`
