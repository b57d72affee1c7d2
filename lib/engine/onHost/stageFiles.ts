/**
 * The files of a stage in the worker's format: the stage itself, its tasks and their steps, the ledger and the record.
 * Text only; workerClient.ts sends it.
 */
import { LEDGER_PATH, RUNS_FOLDER } from '../../kit/stateFolders.ts'
import type { RunFile } from '../host/runRecord.ts'
import { markText } from '../host/marks.ts'
import type { Step } from '../../kit/resourceType.ts'
import { quote, sh } from '../../kit/shell.ts'
import { KEPT_RUNS, type UndoRecord } from '../host/undoRecord.ts'
import { STALE } from './worker.ts'

const STEP_TIMEOUT_MS = 600_000

/** A task ready to be written: its steps, and how to check that the host is still as planned. */
export type TaskProgram = {
  steps: readonly Step[]
  after: readonly number[]
  /** The task runs at the same time as others that do not come after it. */
  beside: boolean
  /** Files whose change time records that the task ran. */
  marks: readonly string[]
  /** Shell text, and the SHA-256 that its output must have. */
  unmoved?: { text: string; digest: string }
}

/**
 * A stage's files, below the folder named by its number. The stage refuses to start when the ledger is not the one the
 * plan was made with, and writes the new ledger (with this stage's entries pending) before its first task.
 *
 * @param ledger.was SHA-256 of the ledger that the plan was made with, or of nothing.
 * @param guard Runs before the first task; when it fails, no task is run.
 */
export function stageFiles(
  number: number,
  tasks: readonly TaskProgram[],
  ledger: { was: string; next: string; run: RunFile; undo?: UndoRecord | undefined },
  guard?: string,
): RunFile[] {
  const { undo } = ledger
  const calls = tasks.map(({ after, beside }, index) => sh`task ${index} ${beside ? 'yes' : 'no'} ${[...after]}`)
  const stage = [
    `was=$(cat ${LEDGER_PATH} 2>/dev/null | sha256sum)`,
    sh`if [ "\${was%% *}" != ${ledger.was} ]; then ev moved ledger; stamp turned-away; finished=yes`,
    `elif ! { ${commitText(number, ledger.run)}${undo === undefined ? '' : commitUndo(number, undo)}; } 2> complaint; then`,
    'ev unrecorded "$(base64 -w0 complaint)"; stamp turned-away; finished=yes',
    ...(guard === undefined
      ? []
      : [
          `elif ! {`,
          guard,
          '} > complaint 2>&1; then ev unguarded "$(base64 -w0 complaint)"; stamp turned-away; finished=yes',
        ]),
    'else :',
    ...(undo === undefined ? [] : [keepText(number, undo)]),
    ...calls,
    'fi',
    '',
  ].join('\n')
  return [
    { name: `${number}/stage`, data: stage },
    { name: `${number}/ledger`, data: ledger.next },
    { name: `${number}/record`, data: ledger.run.data },
    ...(undo === undefined ? [] : [{ name: `${number}/way`, data: undo.states }]),
    ...tasks.flatMap((task, index) => taskFiles(`${number}/${index}`, task)),
  ]
}

/** The last stage of a worker: it writes the confirmed ledger and the run's record, and ends. */
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

function commitUndo(number: number, { folder }: UndoRecord): string {
  return sh` && commit ${`./${number}/way`} ${`${folder}/states`}`
}

/** Maximum bytes kept of one file, and of all files of a run. */
const KEPT_BYTES = 2 * 2 ** 20
const KEPT_BYTES_RUN = 16 * 2 ** 20

/**
 * Keeps the bytes that undo needs, from files that still contain them, and removes those of old runs. Bytes that exceed
 * the limit are not kept, and undo reports that.
 */
function keepText(number: number, { folder, bytes }: UndoRecord): string {
  const calls = bytes.map(({ path, sha256 }) => sh`keep_bytes ${sha256} ${path}`)
  return `(
umask 077
P=$PWD/${number}/way/bytes
. ./prelude
bytes=${quote(`${folder}/bytes`)}
mkdir -p -- "$bytes"
left=$((${KEPT_BYTES_RUN} - $(find "$bytes" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')))
keep_bytes() {
  [ ! -e "$bytes/$1" ] && [ "$left" -gt 0 ] || return 0
  most=${KEPT_BYTES}
  [ "$left" -ge "$most" ] || most=$left
  if read_file "$2" "$bytes/.new" "$most" 2> /dev/null && size=$(stat -c %s -- "$bytes/.new") && printf '%s  %s\n' "$1" "$bytes/.new" | sha256sum --check --status && sync -- "$bytes/.new"; then
    mv -fT -- "$bytes/.new" "$bytes/$1"
    left=$((left - size))
  else
    rm -f -- "$bytes/.new"
  fi
}
${calls.join('\n')}
cd ${RUNS_FOLDER} && find . -maxdepth 1 -name '*.kept' -printf '%P\n' | sort -n | head -n -${KEPT_RUNS} | xargs -r rm -rf --
) || :`
}

function taskFiles(folder: string, { steps, marks, unmoved }: TaskProgram): RunFile[] {
  const index = folder.slice(folder.indexOf('/') + 1)
  const calls = steps.map(({ timeoutMs = STEP_TIMEOUT_MS }, number) => `step ${number} ${Math.ceil(timeoutMs / 1000)}`)
  return [
    { name: `${folder}/run`, data: `${stepFunction(index)}${calls.join('\n')}\n${markText(marks)}` },
    ...steps.flatMap((step, number) => {
      const before = number === 0 ? `${unmoved === undefined ? '' : compareText(unmoved)}${markText(marks)}` : ''
      return stepFiles(`${folder}/${number}`, step, before)
    }),
  ]
}

/**
 * Defines `step NUMBER SECONDS`, which runs a step of a task. A step that ended at its deadline was killed, or reported
 * a timeout of its own.
 */
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

/** @param before Runs under the step's own deadline, because reading may hang as well. */
function stepFiles(folder: string, step: Step, before: string): RunFile[] {
  // P is set from the step's own path: the worker's folder is the working directory of every step.
  const program = `set -eu\n${before}P=$PWD/${folder}\n. ./prelude\n${step.run}\n`
  return [
    { name: `${folder}/program`, data: program },
    ...Object.entries(step.payload ?? {}).map(([name, data]) => ({ name: `${folder}/${name}`, data })),
  ]
}
