/**
 * The runs stored on a host: the clients' records, and the worker's notes of a run whose end no client saw.
 */
import { RUN_ROOT, RUNS_FOLDER } from '../../kit/stateFolders.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { fits, parseJson } from '../../kit/form.ts'
import { type RunAbout, RECORDED_RUN, type RecordedRun } from './runRecord.ts'
import type { Cause, ChangeKind, Outcome } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'

/** How one change came out. `applied`: its steps succeeded and nobody has read the host again since. */
export type RunOutcome = Outcome | 'applied' | 'unfinished'

export type StoredRun = RunAbout & {
  /** When its client saw it end; absent when none did. ISO 8601. */
  endedAt?: string
  /**
   * `running` now · `waiting`: its steps have ended and it waits for its client · `ok` · `partial`: applied, except for
   * something that failed · `failed`: everything that was tried failed · `unfinished`: cut off, or its client never
   * came back.
   */
  outcome: 'running' | 'waiting' | 'ok' | 'partial' | 'failed' | 'unfinished'
  changes: { ref: Ref; kind: ChangeKind; cause: Cause; outcome: RunOutcome }[]
}

/**
 * Prints the unit that holds the lock, with ` waiting` when it only waits for its client, the records as
 * `RUN.json:RECORD`, and the notes as `RUN.log:STAGE/TASK WORD`, separated by NUL. It does not write.
 */
export const READ_RUNS = `cd ${RUNS_FOLDER} 2>/dev/null || exit 0
owner=$(sed -n 's/.*"unit":"\\(keelson-[0-9a-f-]*\\)".*/\\1/p' ${RUN_ROOT}/owner 2>/dev/null)
if [ -n "$owner" ] && systemctl is-active --quiet "$owner"; then
  printf %s "$owner"
  [ ! -e "${RUN_ROOT}/\${owner#keelson-}/waiting" ] || printf ' waiting'
fi
printf '\\0'
find . -maxdepth 1 -name '[1-9]*.json' -exec grep -aH '' {} +
printf '\\0'
find . -maxdepth 1 -name '[1-9]*.log' -exec grep -aH '' {} +
:`

/** @returns The valid records, the latest first. */
export function parseRuns(stdout: string): StoredRun[] {
  return parseRecords(stdout).runs
}

/** With sentences about the invalid records: each is skipped alone. */
export function parseRecords(stdout: string): { runs: StoredRun[]; damaged: string[] } {
  const [holder = '', records = '', notes = ''] = stdout.split('\0', 3)
  const [unit, wait] = holder.split(' ')
  const state = wait === undefined ? 'running' : 'waiting'
  const noted = groupBy([...notes.matchAll(/^\.\/(\d+)\.log:(\d+\/\d+) (\w+)$/gm)], ([, run]) => run!)
  const runs = new Map<string, StoredRun>()
  const damaged = new Set<string>()
  for (const [, file = '', record = ''] of records.matchAll(/^\.\/([1-9][0-9]{0,8})\.json:(.*)$/gm)) {
    const stored = storedIn(record, file)
    if (stored === undefined || runs.has(file))
      damaged.add(
        `the record of run ${file} is damaged: see ${RUNS_FOLDER}/${file}.json on the host; nothing depends on it`,
      )
    else runs.set(file, runOf(stored, noted.get(file) ?? [], stored.unit === unit ? state : undefined))
  }
  return { runs: [...runs.values()].sort((a, b) => Number(b.run) - Number(a.run)), damaged: [...damaged] }
}

function storedIn(record: string, file: string): RecordedRun | undefined {
  try {
    const stored = parseJson(record)
    return fits(RECORDED_RUN, stored) && stored.run === file ? stored : undefined
  } catch {
    return undefined
  }
}

/** The worker's notes are later than the record of a client that did not see the run end. */
function runOf(
  { stages = {}, ...stored }: RecordedRun,
  notes: readonly RegExpMatchArray[],
  now: 'running' | 'waiting' | undefined,
): StoredRun {
  const noted = new Map<Ref, RunOutcome>()
  for (const [, , place, word] of notes) {
    const [stage, task] = place!.split('/')
    for (const ref of stages[stage!]?.[Number(task)] ?? []) noted.set(ref, OUTCOMES[word!] ?? 'unfinished')
  }
  const changes = stored.changes.map((change) =>
    change.outcome === 'unfinished' ? { ...change, outcome: noted.get(change.ref) ?? change.outcome } : change,
  )
  const wasApplied = changes.some(({ outcome }) => ['changed', 'recorded', 'applied'].includes(outcome))
  const ended = stored.outcome === 'failed' && wasApplied ? 'partial' : stored.outcome
  return { ...stored, outcome: stored.endedAt === undefined ? (now ?? ended) : ended, changes }
}

const OUTCOMES: { readonly [word: string]: RunOutcome } = {
  ok: 'applied',
  failed: 'failed',
  stale: 'failed',
  undone: 'failed',
  skipped: 'skipped',
}
