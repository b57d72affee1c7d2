/**
 * The runs a host remembers: records of the clients, and what the worker noted of a run that nobody saw end.
 */
import { groupBy } from './group.ts'
import { HostError } from './errors.ts'
import { RUNS_FOLDER } from './facts.ts'
import { type RunAbout, type StoredRun } from './record.ts'
import { excerpt } from './redact.ts'
import type { Cause, ChangeKind, Outcome } from './report.ts'
import type { Ref } from './resource.ts'

/** What became of one change. `applied`: its steps succeeded and nobody has read the host again since. */
export type RunOutcome = Outcome | 'applied' | 'unfinished'

export type Run = RunAbout & {
  /** When its client had seen it end; absent when none did. ISO 8601. */
  endedAt?: string
  /** `running` now · `ok` · `failed`: something of it · `unfinished`: it was cut off, or its client never came back. */
  outcome: 'running' | 'ok' | 'failed' | 'unfinished'
  changes: { ref: Ref; kind: ChangeKind; cause: Cause; outcome: RunOutcome }[]
}

/**
 * Prints the unit that holds the lock, the records, and the notes as `RUN.log:STAGE/TASK WORD`, separated by NUL. It does
 * not write.
 */
export const READ_RUNS = `cd ${RUNS_FOLDER} 2>/dev/null || exit 0
owner=$(sed -n 's/.*"unit":"\\(keelson-[0-9a-f-]*\\)".*/\\1/p' /run/keelson/owner 2>/dev/null)
[ -z "$owner" ] || ! systemctl is-active --quiet "$owner" || printf %s "$owner"
printf '\\0'
find . -maxdepth 1 -name '*.json' -exec cat {} +
printf '\\0'
find . -maxdepth 1 -name '*.log' -exec grep -H '' {} +
:`

/** @returns The latest first. @throws {HostError} On a record that is none. */
export function parseRuns(stdout: string): Run[] {
  if (stdout === '') return []
  const [holder = '', records = '', notes = ''] = stdout.split('\0')
  const noted = groupBy([...notes.matchAll(/^\.\/(\d+)\.log:(\d+\/\d+) (\w+)$/gm)], ([, run]) => run!)
  const runs = records
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const stored = parseRecord(line)
      return runOf(stored, noted.get(stored.run) ?? [], stored.unit === holder)
    })
  return runs.sort((a, b) => Number(b.run) - Number(a.run))
}

function parseRecord(line: string): StoredRun {
  try {
    const stored: StoredRun = JSON.parse(line)
    if (typeof stored.run === 'string' && Array.isArray(stored.changes)) return stored
  } catch {
    // Falls through to the error below, which shows the text itself.
  }
  throw new HostError('a record of a run on the host cannot be read', {
    said: excerpt(line, 'start', 500),
    next: `look at ${RUNS_FOLDER} on the host; a record may be moved away, nothing depends on it`,
  })
}

/** What the worker noted says more than the record of a client that was not there to see it. */
function runOf({ stages = {}, ...stored }: StoredRun, notes: readonly RegExpMatchArray[], isRunning: boolean): Run {
  const noted = new Map<Ref, RunOutcome>()
  for (const [, , place, word] of notes) {
    const [stage, task] = place!.split('/')
    for (const ref of stages[stage!]?.[Number(task)] ?? []) noted.set(ref, OUTCOMES[word!] ?? 'unfinished')
  }
  const changes = stored.changes.map((change) =>
    change.outcome === 'unfinished' ? { ...change, outcome: noted.get(change.ref) ?? change.outcome } : change,
  )
  return { ...stored, outcome: isRunning && stored.endedAt === undefined ? 'running' : stored.outcome, changes }
}

const OUTCOMES: { readonly [word: string]: RunOutcome } = {
  ok: 'applied',
  failed: 'failed',
  stale: 'failed',
  undone: 'failed',
  skipped: 'skipped',
}
