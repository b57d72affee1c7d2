/**
 * A run on one host: applies the stages of a plan one after another until nothing is left, and keeps the run's ledger
 * and record.
 */
import { randomBytes } from 'node:crypto'
import type { Connection } from '../../transport/connection.ts'
import { Refused, RunGone } from '../errors.ts'
import { emptyLedger } from '../host/ledger.ts'
import { watchedMarks } from '../host/marks.ts'
import { parseReadings, type TypeReading } from '../host/read.ts'
import { logOf, noteOf, RunRecord, type Who } from '../host/runRecord.ts'
import { armText } from '../onHost/guard.ts'
import { finishFiles, stageFiles, type TaskProgram } from '../onHost/stageFiles.ts'
import { planItems } from '../plan/plan.ts'
import type { PlanOptions } from '../plan/scope.ts'
import { compareTextOf } from '../plan/secondRead.ts'
import { isGuarded } from '../plan/stage.ts'
import { againSections, replan, type HostPlan } from '../plan/planHost.ts'
import type { HostProblem, HostProgress } from '../report.ts'
import { markOf } from '../../kit/stateFolders.ts'
import { explainFailures } from './explain.ts'
import { reportedError, stoppedProblem, TAKEN_BACK, UNREACHED } from './failures.ts'
import { CLOCK_S, hasReverted, keepOf, prove } from './loginGuard.ts'
import { Proof } from './loginProof.ts'
import type { Outcomes } from './outcomes.ts'
import {
  carriedTo,
  prepare,
  type ReadyTask,
  refsOf,
  unusedAfter,
  undoStepsOf,
  type Written,
  writtenBy,
} from './readyTask.ts'
import { RunLedger } from './runLedger.ts'
import { StageEvents } from './stageEvents.ts'
import { Verdict } from './verdict.ts'
import { WorkerClient } from './workerClient.ts'
import type { TaskEvent } from './workerEvents.ts'

/** Kinds of change that a run leaves undone, or may have, when it is cut off. */
const LEAVES: ReadonlySet<string> = new Set(['create', 'change', 'remove', 'recheck'])

export type ApplyOptions = {
  connect: () => Promise<Connection>
  /** Who runs this, for the lock and the record; called only when there is something to apply. */
  who: () => Promise<Who>
  /** Seconds that a client has to log in again after a change that may lock it out. @default 30 */
  clockS?: number
  /** Ends this client; what was handed over goes on. */
  signal?: AbortSignal
  /** Ends the run after the step in progress. */
  stop?: AbortSignal
}

/** The parts of the session that a run uses. */
export type Line = {
  /** @param lost The connection that broke. */
  connected(lost?: Connection): Promise<Connection>
  /** Continues over this connection and closes the previous one. */
  adopt(connection: Connection): Promise<void>
  progress(progress: HostProgress): void
}

export class Applying {
  readonly number: string
  readonly verdict: Verdict
  readonly #options: ApplyOptions
  readonly #planOptions: PlanOptions
  readonly #first: HostPlan
  readonly #line: Line
  readonly #run: WorkerClient
  readonly #record: RunRecord
  readonly #ledger: RunLedger
  /** Marks of watched resources that have no path. */
  readonly #marks: ReadonlySet<string>
  /** What became of each stage. */
  readonly #applied = new Map<number, StageEvents>()
  /** Guarded files whose stage was proved before anything was to use them. */
  #written: readonly Written[] = []

  constructor(first: HostPlan, who: Who, line: Line, options: ApplyOptions, planOptions: PlanOptions) {
    const { serial } = first.planning.ledger ?? emptyLedger()
    this.number = String(serial + 1)
    const id = `${this.number}-${randomBytes(3).toString('hex')}`
    this.#options = options
    this.#planOptions = planOptions
    this.#first = first
    this.#line = line
    this.#marks = watchedMarks(planOptions.catalog)
    this.verdict = new Verdict(first)
    this.#record = new RunRecord(this.number, id, first.plan, who)
    this.#ledger = new RunLedger(first, this.number, planOptions.undo?.entries)
    const { signal } = options
    this.#run = new WorkerClient({
      id,
      who: this.#record.who(),
      mark: planOptions.mark,
      connection: (lost) => line.connected(lost),
      reconnecting: (because, attempt) => line.progress({ event: 'reconnecting', because, attempt }),
      ...(signal === undefined ? {} : { signal }),
      ...(planOptions.readMs === undefined ? {} : { readMs: planOptions.readMs }),
    })
  }

  get #outcomes(): Outcomes {
    return this.verdict.outcomes
  }

  /**
   * Runs stages until nothing is left, then writes the confirmed ledger.
   *
   * @returns What ended the run early, after something was applied.
   * @throws What ended it before that, or the signal's reason.
   */
  async toEnd(): Promise<HostProblem | undefined> {
    const steps = this.#first.items.filter(({ change }) => change !== undefined).length
    this.#line.progress({ event: 'applying', run: this.number, unit: this.#run.unit, steps })
    const { stop } = this.#options
    const onStop = (): void => void this.#stop()
    stop?.addEventListener('abort', onStop)
    try {
      return await this.#stages()
    } catch (error) {
      // What could not be read has failed before anything was applied.
      const hasBegun = [...this.#applied.values()].some((events) => events.hasBegun)
      const ends = !hasBegun || this.#options.signal?.aborted === true
      if (!ends) this.verdict.giveUp()
      // The worker ends by itself when no client returns; failing to dismiss it must not hide the cause.
      const isTakenBack = error instanceof Refused && !ends
      await (isTakenBack ? this.#finish() : this.#run.dismiss()).catch(() => undefined)
      if (ends) throw error
      return reportedError(error)
    } finally {
      stop?.removeEventListener('abort', onStop)
    }
  }

  async #stop(): Promise<void> {
    const isTold = await this.#run.stop().catch(() => false)
    if (isTold) this.#line.progress({ event: 'stopping' })
  }

  /** @returns Set when the run was stopped before its end. */
  async #stages(): Promise<HostProblem | undefined> {
    const { verdict } = this
    let hostPlan = this.#first
    while (hostPlan.stage.tasks.length > 0) {
      this.#outcomes.skipDependents(hostPlan.items)
      const readings = await this.#stage(hostPlan)
      const { ledger, ledgerDigest } = this.#ledger.written()
      const planning = { ...hostPlan.planning, readings, settled: verdict.settled, ledger }
      const items = verdict.next(planItems(planning))
      if (!items.some(({ change }) => change !== undefined)) break
      if (this.#options.stop?.aborted === true) {
        verdict.stop(items)
        break
      }
      const before = hostPlan
      hostPlan = await this.#run.persist((connection) =>
        replan(connection, before, this.#planOptions, { planning, items, ledgerDigest }),
      )
    }
    verdict.settle()
    this.#line.progress({ event: 'verifying' })
    await this.#run.persist((connection) =>
      explainFailures(connection, verdict.items, this.#outcomes, this.#planOptions),
    )
    await this.#finish()
    return this.#stopped
  }

  get #stopped(): HostProblem | undefined {
    const outcomes = this.verdict.changes.map((change) => this.verdict.outcome(change))
    const left = outcomes.filter(({ failure }) => failure === UNREACHED).length
    const wasApplied = outcomes.some(({ outcome }) => outcome === 'changed')
    return left === 0 ? undefined : stoppedProblem(left, outcomes.length, wasApplied)
  }

  async #finish(): Promise<void> {
    const final = this.#ledger.confirmed(this.#outcomes, this.verdict.items)
    await this.#run.finish(finishFiles(this.#run.nextStage, final, this.#record.end(this.verdict)), final)
  }

  /** Applies one stage and reads everything again. */
  async #stage(hostPlan: HostPlan): Promise<ReadonlyMap<string, TypeReading>> {
    const stage = this.#run.nextStage
    const prepared = prepare(hostPlan.stage.tasks, hostPlan, this.#outcomes)
    const items = prepared.flatMap((one) => one.items)
    this.verdict.attempt(stage, items)
    const carried = carriedTo(prepared, this.#written)
    const guard = this.#guard(stage, prepared, carried, hostPlan)
    const files = this.#files(stage, prepared, hostPlan, guard)
    const again = againSections(hostPlan, this.#planOptions)
    const events = new StageEvents(prepared, {
      outcomes: this.#outcomes,
      secrets: this.#planOptions.secrets,
      progress: (progress) => this.#line.progress(progress),
      applied: (place) => this.#applied.get(place.stage)?.tasks[place.task],
    })
    this.#applied.set(stage, events)
    const proof = guard === undefined ? undefined : new Proof(prepared, () => this.#prove())
    const follow = (event: TaskEvent): void => {
      events.follow(event)
      proof?.follow(event)
    }
    const counts = prepared.map(({ steps }) => steps.length)
    const answers = await this.#run.stage(files, follow, counts, again.sections).catch(async (error: unknown) => {
      events.cutShort()
      await this.#goOnOver(await proof?.begun(), prepared, carried)
      if (guard !== undefined && error instanceof RunGone) await this.#sayIfGoneBack(error, prepared, carried)
      throw error
    })
    const readings = parseReadings(answers, again.requests, 'unknown')
    this.verdict.look(readings, hostPlan.planning)
    await this.#goOnOver(await proof?.outcome(), prepared, carried)
    if (guard !== undefined) this.#written = unusedAfter(prepared, [...this.#written, ...writtenBy(stage, prepared)])
    return new Map([...hostPlan.planning.readings, ...readings])
  }

  /** The files of a stage, with the ledger and the record as they are when it begins. */
  #files(
    stage: number,
    prepared: readonly ReadyTask[],
    hostPlan: HostPlan,
    guard: string | undefined,
  ): ReturnType<typeof stageFiles> {
    const programs = prepared.map((one) => this.#program(one, hostPlan, prepared))
    const was = this.#ledger.digest
    const undo = this.#record.undo(undoStepsOf(prepared, hostPlan, this.#ledger, this.number))
    const next = this.#ledger.begin(
      prepared.flatMap(({ items }) => items),
      hostPlan.items.filter(({ shown }) => !this.#outcomes.has(shown.ref) && LEAVES.has(shown.kind)),
    )
    const run = this.#record.begin(stage, prepared.map(refsOf), this.verdict)
    return stageFiles(stage, programs, { was, next, run, undo }, guard)
  }

  /** The text that arms the guard of a stage; undefined when no task needs it. */
  #guard(
    stage: number,
    prepared: readonly ReadyTask[],
    carried: readonly Written[],
    { planning }: HostPlan,
  ): string | undefined {
    const guarded = prepared.flatMap(({ items }, task) => (items.some(isGuarded) ? [task] : []))
    if (guarded.length === 0) return undefined
    const tasks = [...carried, ...guarded.map((task) => ({ stage, task }))]
    const lines = tasks.map((one) => noteOf(one.stage, one.task, 'undone')).join('')
    const { clockS = CLOCK_S } = this.#options
    // What is applied in one batch with a guarded change is kept with it.
    const keep = keepOf(
      guarded.flatMap((task) => prepared[task]!.items),
      carried,
      planning.context,
    )
    return armText({ stage, keep, undone: { file: logOf(this.number), lines }, seconds: clockS })
  }

  #prove(): Promise<Connection> {
    this.#line.progress({ event: 'proving' })
    const { connect, signal, clockS = CLOCK_S } = this.#options
    return prove(connect, { seconds: clockS, signal })
  }

  /** After changes that may lock the operator out: continues over the new login, or reports that the host reverted. */
  async #goOnOver(
    proved: PromiseSettledResult<Connection> | undefined,
    prepared: readonly ReadyTask[],
    carried: readonly Written[],
  ): Promise<void> {
    if (proved === undefined) return
    if (proved.status === 'fulfilled') return this.#line.adopt(proved.value)
    this.#takenBack(prepared, carried)
    throw proved.reason
  }

  /**
   * Of a run whose worker is gone: reports a revert. The host may have rebooted meanwhile, which counts as the end of
   * the clock.
   */
  async #sayIfGoneBack(error: RunGone, prepared: readonly ReadyTask[], carried: readonly Written[]): Promise<void> {
    // When this cannot be asked either, the error already at hand says what is known.
    const hasGoneBack = await hasReverted(this.#options.connect).catch(() => false)
    if (!hasGoneBack) return
    this.#takenBack(prepared, carried)
    throw new Refused(`${error.message}, and the host went back to what it was`, {
      next: 'see why the host started anew, then converge again',
    })
  }

  /** Notes the revert of guarded changes and of what was applied in one batch with them. */
  #takenBack(prepared: readonly ReadyTask[], carried: readonly Written[]): void {
    const guarded = prepared.filter(({ items }) => items.some(isGuarded)).flatMap(refsOf)
    this.#outcomes.failed([...carried.map(({ ref }) => ref), ...guarded], TAKEN_BACK)
  }

  #program({ task, items, steps }: ReadyTask, hostPlan: HostPlan, prepared: readonly ReadyTask[]): TaskProgram {
    // When an item was dropped, the fingerprint of the whole task does not apply to the rest.
    const digest = items.length === task.items.length ? hostPlan.fingerprints.get(task) : undefined
    const needs = new Set(task.after.map((index) => hostPlan.stage.tasks[index]!))
    return {
      steps,
      beside: items[0]!.type.runsBeside === true,
      after: prepared.flatMap((other, position) => (needs.has(other.task) ? [position] : [])),
      marks: items.map(({ shown }) => markOf(shown.ref)).filter((mark) => this.#marks.has(mark)),
      ...(digest === undefined
        ? {}
        : { unmoved: { text: compareTextOf(hostPlan.planning, task, this.#planOptions.mark), digest } }),
    }
  }
}
