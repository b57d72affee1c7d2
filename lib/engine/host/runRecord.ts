/**
 * The record of a run in /var/lib/keelson/runs: one line of JSON each.
 *
 * It is written before a stage, with the changes of that stage unfinished, and again when the run has ended. In
 * between, the worker notes how tasks come out in RUN.log beside it, which is removed when the record is complete.
 */
import { RUNS_FOLDER } from '../../kit/stateFolders.ts'
import * as form from '../../kit/form.ts'
import { refText } from './ledger.ts'
import type { Cause, ChangeKind, Outcome, OutcomesSoFar, Plan, PlanChange } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import { type UndoRecord, undoRecordOf, type UndoStep } from './undoRecord.ts'

/** A file of the run's own folder, by its name there. */
export type RunFile = { name: string; data: string | Uint8Array }

/** Who converges, from where, with which commit. */
export type Who = { user: string; host: string; commit?: string; dirty?: boolean }

export type RunAbout = {
  /** Number of the run on this host. */
  run: string
  unit: string
  /** ISO 8601. */
  startedAt: string
  /** Digest of the plan. */
  plan: string
  who: Who
  /** The run that this one undoes. */
  undoes?: string
}

export type RecordedRun = RunAbout & {
  endedAt?: string
  outcome: 'ok' | 'failed' | 'unfinished'
  changes: { ref: Ref; kind: ChangeKind; cause: Cause; outcome: Outcome | 'unfinished' }[]
  /** What each task of a stage applies; absent once the run has ended. */
  stages?: { [stage: string]: Ref[][] }
}

const WHO: form.Form<Who> = form.fields<Who>({
  user: form.line(300),
  host: form.line(300),
  commit: form.optional(form.line(300)),
  dirty: form.optional(form.flag),
})
const ABOUT = {
  run: form.runNumber,
  unit: form.matching(/^keelson-[0-9a-f-]{1,40}$/, 'name of a unit'),
  startedAt: form.instant,
  plan: form.line(200),
  who: WHO,
  undoes: form.optional(form.runNumber),
} as const

/** The form of a record read from a host. */
export const RECORDED_RUN: form.Form<RecordedRun> = form.fields<RecordedRun>({
  ...ABOUT,
  endedAt: form.optional(form.instant),
  outcome: form.oneOf('ok', 'failed', 'unfinished'),
  changes: form.list(
    form.fields<RecordedRun['changes'][number]>({
      ref: refText,
      kind: form.wordOf<ChangeKind>({
        create: true,
        change: true,
        remove: true,
        'follow-up': true,
        adopt: true,
        forget: true,
        recheck: true,
      }),
      cause: form.wordOf<Cause>({ intent: true, drift: true, both: true }),
      outcome: form.wordOf<Outcome | 'unfinished'>({
        changed: true,
        unchanged: true,
        failed: true,
        skipped: true,
        recorded: true,
        unfinished: true,
      }),
    }),
  ),
  stages: form.optional(
    form.table(form.list(form.list(refText)), form.matching(/^[1-9][0-9]{0,5}$/, 'number of a stage')),
  ),
})

/** The form of what the lock's holder has written about itself. */
export const RUN_ABOUT: form.Form<RunAbout> = form.fields<RunAbout>(ABOUT)

/** The line that a worker writes to a run's log about a task. */
export function noteOf(stage: number, task: number, word: 'undone'): string {
  return `${stage}/${task} ${word}\n`
}

export function logOf(run: string): string {
  return `${RUNS_FOLDER}/${run}.log`
}

/** The changes of a run, and how they came out so far. */
type Judged = { changes: readonly PlanChange[]; outcomes: OutcomesSoFar }

/** Builds a run's record while the run proceeds. */
export class RunRecord {
  readonly #about: RunAbout
  /** In the order of the plan, then changes that were found later. */
  #planned: readonly PlanChange[]
  readonly #stages: { [stage: string]: Ref[][] } = {}
  readonly #steps: UndoStep[] = []

  constructor(run: string, id: string, plan: Plan, who: Who) {
    this.#about = {
      run,
      unit: `keelson-${id}`,
      startedAt: new Date().toISOString(),
      plan: plan.digest,
      who,
      ...(plan.undo === undefined ? {} : { undoes: plan.undo.run }),
    }
    this.#planned = plan.changes
  }

  /** One line for a client that finds the host locked. */
  who(): string {
    return JSON.stringify(this.#about)
  }

  /** @param tasks What each task of the stage applies. */
  begin(stage: number, tasks: Ref[][], { changes, outcomes }: Judged): RunFile {
    this.#stages[stage] = tasks
    this.#planned = changes
    return this.#file({ outcome: 'unfinished', changes: this.#changes(outcomes), stages: this.#stages })
  }

  /** How to undo the steps of a stage and of those before it; undefined for no steps. */
  undo(steps: readonly UndoStep[]): UndoRecord | undefined {
    this.#steps.push(...steps)
    return this.#steps.length === 0 ? undefined : undoRecordOf(this.#about.run, this.#steps, steps)
  }

  end({ changes: planned, outcomes }: Judged): RunFile {
    this.#planned = planned
    const changes = this.#changes(outcomes)
    const outcome = changes.some((change) => change.outcome === 'unfinished')
      ? 'unfinished'
      : changes.some(({ outcome: one }) => one === 'failed' || one === 'skipped')
        ? 'failed'
        : 'ok'
    return this.#file({ endedAt: new Date().toISOString(), outcome, changes })
  }

  #changes(outcomes: OutcomesSoFar): RecordedRun['changes'] {
    return this.#planned.map(({ ref, kind, cause }) => ({
      ref,
      kind,
      cause,
      outcome: outcomes.of(ref)?.outcome ?? 'unfinished',
    }))
  }

  #file(how: Omit<RecordedRun, keyof RunAbout>): RunFile {
    return { name: `${this.#about.run}.json`, data: `${JSON.stringify({ ...this.#about, ...how })}\n` }
  }
}
