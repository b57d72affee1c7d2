/**
 * The run that is in progress on a host: who began it, whether its client is still connected, and how it proceeds.
 * Nothing is written.
 */
import { RUNS_FOLDER, RUN_ROOT } from '../../kit/stateFolders.ts'
import { LONGEST_ANSWER, tooMuch } from './ask.ts'
import type { Answer, Section } from './read.ts'
import { fits, parseJson } from '../../kit/form.ts'
import { LineReader } from './lineReader.ts'
import { RUN_ABOUT, type RunAbout, RECORDED_RUN, type RecordedRun } from './runRecord.ts'
import type { Holder } from '../report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import { lines } from '../../kit/shell.ts'

/**
 * Prints what the holder wrote to `owner`, and `alone` when no client follows it. A worker that only waits for its
 * client is not a holder: the next client takes over from it, or is refused.
 *
 * A client is connected while its sshd runs: one that was killed leaves its shell to process 1, with a sudo above it or
 * not.
 */
export const HOLDER_SECTION: Section = {
  name: 'keelson-holder',
  text: `[ ! -e ${RUN_ROOT}/owner ] || (
  unit=$(sed -n 's/.*"unit":"keelson-\\([0-9a-f-]*\\)".*/\\1/p' ${RUN_ROOT}/owner)
  cd "${RUN_ROOT}/$unit" 2>/dev/null && [ ! -e waiting ] && systemctl is-active --quiet "keelson-$unit" || exit 0
  cat ${RUN_ROOT}/owner
  read -r pid < client || exit 0
  while [ "$pid" != 1 ] && read -r name < "/proc/$pid/comm"; do
    case $name in sh | dash | bash | sudo) ;; *) exit 0 ;; esac
    pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
  done
  echo alone
) 2>/dev/null`,
}

/** @returns Undefined when no run is in progress. */
export function parseHolder({ stdout }: Answer): Holder | undefined {
  const [owner, alone] = lines(stdout)
  const about = owner === undefined ? undefined : aboutOf(owner)
  if (about === undefined) return undefined
  return { run: about.run, unit: about.unit, text: textOf(about), alone: alone === 'alone' }
}

/**
 * Describes the holder for people, from its line in `owner`; between taking the lock and writing that line, the holder
 * has no name.
 */
export function holderText(owner: string): string {
  const about = aboutOf(owner)
  return about === undefined ? 'another run' : textOf(about)
}

function aboutOf(owner: string): RunAbout | undefined {
  try {
    const about = parseJson(owner)
    return fits(RUN_ABOUT, about) ? about : undefined
  } catch {
    return undefined
  }
}

function textOf({ run, unit, startedAt, plan, who }: RunAbout): string {
  const commit = who.commit === undefined ? '' : `, commit ${who.commit.slice(0, 7)}`
  return `run ${run} of ${who.user}@${who.host} since ${startedAt.slice(11, 19)} UTC (${unit}${commit}, plan ${plan.slice(0, 7)})`
}

/**
 * Prints the run's record and then all its events, until its present stage or the run ends. Prints nothing when the run
 * has ended.
 */
export function watchText({ run, unit }: Holder): string {
  return `cd ${RUN_ROOT}/${unit.slice('keelson-'.length)} 2>/dev/null || exit 0
pid=$(systemctl show -P MainPID ${unit})
[ "\${pid:-0}" != 0 ] || exit 0
cat ${RUNS_FOLDER}/${run}.json
tail -q -n +1 -f --pid="$pid" events | sed -u "/^end $(($(grep -c '^end ' events) + 1))$/q"
`
}

export type WatchedStep = { ref: Ref; label: string; state: 'started' | 'ok' | 'failed' | 'skipped' }

/** Converts what `watchText` prints, chunk by chunk, into steps. */
export class Watched {
  readonly #onStep: (step: WatchedStep) => void
  readonly #lines = new LineReader(LONGEST_ANSWER, tooMuch)
  #stages: NonNullable<RecordedRun['stages']> | undefined
  #stage = 1

  constructor(onStep: (step: WatchedStep) => void) {
    this.#onStep = onStep
  }

  feed(chunk: Buffer): void {
    this.#lines.push(chunk)
    for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
      if (this.#stages === undefined) this.#stages = stagesIn(line)
      else this.#event(line, this.#stages)
    }
  }

  #event(line: string, stages: NonNullable<RecordedRun['stages']>): void {
    const [word = '', task] = line.split(' ')
    if (word === 'end') this.#stage += 1
    const state = STATES[word]
    if (state === undefined) return
    for (const ref of stages[this.#stage]?.[Number(task)] ?? []) this.#onStep({ ref, label: labelOf(ref), state })
  }
}

const STATES: { readonly [word: string]: WatchedStep['state'] } = {
  start: 'started',
  ok: 'ok',
  failed: 'failed',
  stale: 'failed',
  skipped: 'skipped',
}

/** A record that cannot be parsed names no steps; the run is watched all the same. */
function stagesIn(record: string): NonNullable<RecordedRun['stages']> {
  try {
    const stored = parseJson(record)
    return fits(RECORDED_RUN, stored) ? (stored.stages ?? {}) : {}
  } catch {
    return {}
  }
}
