/**
 * A run on one host: the stages of a plan, one after another until nothing is left, and the ledger and record of them.
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
import type { SurveyOptions } from '../plan/scope.ts'
import { compareTextOf } from '../plan/secondRead.ts'
import { isGuarded } from '../plan/stage.ts'
import { againSections, resurvey, type Survey } from '../plan/survey.ts'
import type { HostProblem, HostProgress } from '../report.ts'
import type { Ref } from '../../kit/resourceType.ts'
import { markOf } from '../../kit/stateFolders.ts'
import { explainFailures } from './explain.ts'
import { applyFailure, reportedError, STALE, TAKEN_BACK, undoneFailure } from './failures.ts'
import { CLOCK_S, hasReverted, keepOf, prove } from './loginGuard.ts'
import { Proof } from './loginProof.ts'
import type { Outcomes } from './outcomes.ts'
import {
  carriedTo,
  labelOfTask,
  prepare,
  type Prepared,
  refsOf,
  unusedAfter,
  waySteps,
  type Written,
  writtenBy,
} from './readyTask.ts'
import { Bookkeeping } from './runLedger.ts'
import { Verdict } from './verdict.ts'
import { Run } from './workerClient.ts'
import type { TaskEvent } from './workerEvents.ts'

/** Kinds of change that a run which is cut off leaves undone, or may. */
const LEAVES: ReadonlySet<string> = new Set(['create', 'change', 'remove', 'recheck'])

export type ApplyOptions = {
  connect: () => Promise<Connection>
  /** Who is at work, for the lock and the record; asked when there is something to apply. */
  who: () => Promise<Who>
  /** How long a client has for coming in again after a change that may lock it out, in seconds. @default 30 */
  clockS?: number
  signal?: AbortSignal
}

/** What a run has of the session that it belongs to. */
export type Line = {
  /** @param lost The connection that broke. */
  connected(lost?: Connection): Promise<Connection>
  /** Goes on over this connection and closes the one before. */
  adopt(connection: Connection): Promise<void>
  progress(progress: HostProgress): void
}

export class Applying {
  readonly number: string
  readonly verdict: Verdict
  readonly #options: ApplyOptions
  readonly #survey: SurveyOptions
  readonly #first: Survey
  readonly #line: Line
  readonly #run: Run
  readonly #record: RunRecord
  readonly #ledger: Bookkeeping
  /** What somebody watches and has no path. */
  readonly #marks: ReadonlySet<string>
  /** By stage: what its tasks were. */
  readonly #applied = new Map<number, readonly Prepared[]>()
  /** Titles of the steps that tasks have come to. */
  readonly #begun = new Map<Prepared, string>()
  /** Guarded files whose stage was proved before anybody was to make use of them. */
  #written: readonly Written[] = []

  constructor(first: Survey, who: Who, line: Line, options: ApplyOptions, survey: SurveyOptions) {
    const { serial } = first.planning.ledger ?? emptyLedger()
    this.number = String(serial + 1)
    const id = `${this.number}-${randomBytes(3).toString('hex')}`
    this.#options = options
    this.#survey = survey
    this.#first = first
    this.#line = line
    this.#marks = watchedMarks(survey.catalog)
    this.verdict = new Verdict(first)
    this.#record = new RunRecord(this.number, id, first.plan, who)
    this.#ledger = new Bookkeeping(first, this.number, survey.undo?.entries)
    const { signal } = options
    this.#run = new Run({
      id,
      who: this.#record.who(),
      mark: survey.mark,
      connection: (lost) => line.connected(lost),
      reconnecting: (because, attempt) => line.progress({ event: 'reconnecting', because, attempt }),
      ...(signal === undefined ? {} : { signal }),
      ...(survey.readMs === undefined ? {} : { readMs: survey.readMs }),
    })
  }

  get #outcomes(): Outcomes {
    return this.verdict.outcomes
  }

  /**
   * Stage after stage until nothing is left, then the confirmed ledger.
   *
   * @returns What ended it early, once something was applied.
   * @throws What ended it before that, or by the signal.
   */
  async toEnd(): Promise<HostProblem | undefined> {
    const steps = this.#first.items.filter(({ change }) => change !== undefined).length
    this.#line.progress({ event: 'applying', run: this.number, unit: this.#run.unit, steps })
    try {
      await this.#stages()
      return undefined
    } catch (error) {
      const ends = this.#outcomes.refs.length === 0 || this.#options.signal?.aborted === true
      if (!ends) this.verdict.giveUp()
      // The worker ends by itself when nobody comes; that it cannot be told so now must not hide why.
      const isTakenBack = error instanceof Refused && !ends
      await (isTakenBack ? this.#finish() : this.#run.dismiss()).catch(() => undefined)
      if (ends) throw error
      return reportedError(error)
    }
  }

  async #stages(): Promise<void> {
    const { verdict } = this
    let survey = this.#first
    while (survey.stage.tasks.length > 0) {
      this.#outcomes.skipDependents(survey.items)
      const readings = await this.#stage(survey)
      const { ledger, ledgerDigest } = this.#ledger.written()
      const planning = { ...survey.planning, readings, settled: verdict.settled, ledger }
      const items = verdict.next(planItems(planning))
      if (!items.some(({ change }) => change !== undefined)) break
      const before = survey
      survey = await this.#run.persist((connection) =>
        resurvey(connection, before, this.#survey, { planning, items, ledgerDigest }),
      )
    }
    verdict.settle()
    this.#line.progress({ event: 'verifying' })
    await this.#run.persist((connection) => explainFailures(connection, verdict.items, this.#outcomes, this.#survey))
    await this.#finish()
  }

  async #finish(): Promise<void> {
    const final = this.#ledger.confirmed(this.#outcomes, this.verdict.items)
    await this.#run.finish(finishFiles(this.#run.nextStage, final, this.#record.end(this.verdict)), final)
  }

  /** Applies one stage and reads all again. */
  async #stage(survey: Survey): Promise<ReadonlyMap<string, TypeReading>> {
    const stage = this.#run.nextStage
    const prepared = prepare(survey.stage.tasks, survey, this.#outcomes)
    const items = prepared.flatMap((one) => one.items)
    this.verdict.attempt(stage, items)
    const carried = carriedTo(prepared, this.#written)
    const guard = this.#guard(stage, prepared, carried, survey)
    const files = this.#files(stage, prepared, survey, guard)
    const again = againSections(survey, this.#survey)
    this.#applied.set(stage, prepared)
    const proof = guard === undefined ? undefined : new Proof(prepared, () => this.#prove())
    const follow = (event: TaskEvent): void => {
      this.#follow(event, prepared)
      proof?.follow(event)
    }
    const counts = prepared.map(({ steps }) => steps.length)
    const answers = await this.#run.stage(files, follow, counts, again.sections).catch(async (error: unknown) => {
      await this.#goOnOver(await proof?.begun(), prepared, carried)
      if (guard !== undefined && error instanceof RunGone) await this.#sayIfGoneBack(error, prepared, carried)
      throw error
    })
    const readings = parseReadings(answers, again.requests, 'unknown')
    this.verdict.look(readings, survey.planning)
    await this.#goOnOver(await proof?.outcome(), prepared, carried)
    if (guard !== undefined) this.#written = unusedAfter(prepared, [...this.#written, ...writtenBy(stage, prepared)])
    return new Map([...survey.planning.readings, ...readings])
  }

  /** Of a stage, with the ledger and the record as they are to be when it begins. */
  #files(
    stage: number,
    prepared: readonly Prepared[],
    survey: Survey,
    guard: string | undefined,
  ): ReturnType<typeof stageFiles> {
    const programs = prepared.map((one) => this.#program(one, survey, prepared))
    const was = this.#ledger.digest
    const way = this.#record.way(waySteps(prepared, survey, this.#ledger, this.number))
    const next = this.#ledger.begin(
      prepared.flatMap(({ items }) => items),
      survey.items.filter(({ plan }) => !this.#outcomes.has(plan.ref) && LEAVES.has(plan.kind)),
    )
    const run = this.#record.begin(stage, prepared.map(refsOf), this.verdict)
    return stageFiles(stage, programs, { was, next, run, way }, guard)
  }

  /** What arms the guard of a stage; undefined where nothing needs one. */
  #guard(
    stage: number,
    prepared: readonly Prepared[],
    carried: readonly Written[],
    { planning }: Survey,
  ): string | undefined {
    const guarded = prepared.flatMap(({ items }, task) => (items.some(isGuarded) ? [task] : []))
    if (guarded.length === 0) return undefined
    const tasks = [...carried, ...guarded.map((task) => ({ stage, task }))]
    const lines = tasks.map((one) => noteOf(one.stage, one.task, 'undone')).join('')
    const { clockS = CLOCK_S } = this.#options
    // With a guarded change goes what is applied in one batch with it.
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

  /** After changes that may lock the operator out: goes on over the new login, or says that the host went back. */
  async #goOnOver(
    proved: PromiseSettledResult<Connection> | undefined,
    prepared: readonly Prepared[],
    carried: readonly Written[],
  ): Promise<void> {
    if (proved === undefined) return
    if (proved.status === 'fulfilled') return this.#line.adopt(proved.value)
    this.#takenBack(prepared, carried)
    throw proved.reason
  }

  /** Of a run whose worker is gone: the host may have started anew meanwhile, which counts as the end of the clock. */
  async #sayIfGoneBack(error: RunGone, prepared: readonly Prepared[], carried: readonly Written[]): Promise<void> {
    // Where that cannot be asked either, the error there is says what is known.
    const hasGoneBack = await hasReverted(this.#options.connect).catch(() => false)
    if (!hasGoneBack) return
    this.#takenBack(prepared, carried)
    throw new Refused(`${error.message}, and the host went back to what it was`, {
      next: 'see why the host started anew, then converge again',
    })
  }

  /** With a guarded change goes what was applied in one batch with it. */
  #takenBack(prepared: readonly Prepared[], carried: readonly Written[]): void {
    const guarded = prepared.filter(({ items }) => items.some(isGuarded)).flatMap(refsOf)
    this.#outcomes.failed([...carried.map(({ ref }) => ref), ...guarded], TAKEN_BACK)
  }

  #program({ task, items, steps }: Prepared, survey: Survey, prepared: readonly Prepared[]): TaskProgram {
    // Where an item fell out, the fingerprint of the whole task says nothing of the rest.
    const digest = items.length === task.items.length ? survey.fingerprints.get(task) : undefined
    const needs = new Set(task.after.map((index) => survey.stage.tasks[index]!))
    return {
      steps,
      beside: items[0]!.type.waits === true,
      after: prepared.flatMap((other, position) => (needs.has(other.task) ? [position] : [])),
      marks: items.map(({ plan }) => markOf(plan.ref)).filter((mark) => this.#marks.has(mark)),
      ...(digest === undefined
        ? {}
        : { unmoved: { text: compareTextOf(survey.planning, task, this.#survey.mark), digest } }),
    }
  }

  #follow(event: TaskEvent, prepared: readonly Prepared[]): void {
    const one = prepared[event.task]!
    const { items, steps } = one
    const refs: Ref[] = refsOf(one)
    const about = { ref: refs[0]!, label: labelOfTask(items), title: steps[0]?.title ?? '' }
    const tell = (state: 'started' | 'ok' | 'failed' | 'skipped', title = about.title): void =>
      this.#line.progress({ event: 'step', ...about, title, state })
    switch (event.event) {
      case 'start':
        return tell('started')
      case 'step':
        this.#begun.set(one, steps[event.step]!.title)
        return tell('started', steps[event.step]!.title)
      case 'ok':
        this.#outcomes.changed(refs)
        return tell('ok')
      case 'failed':
        this.#outcomes.failed(refs, applyFailure(this.#begun.get(one) ?? about.title, event, this.#survey.secrets))
        return tell('failed')
      case 'stale':
        this.#outcomes.failed(refs, STALE)
        return tell('failed')
      case 'skipped':
        this.#outcomes.skipped(refs, refsOf(prepared[event.because]!))
        return tell('skipped')
      case 'waits':
        return this.#line.progress({ event: 'waiting', because: `${about.label}: ${event.because}` })
      case 'undone': {
        const { stage, task } = event.undone
        const undone = this.#applied.get(stage)?.[task]
        if (undone !== undefined) this.#outcomes.failed(refsOf(undone), undoneFailure(about.label))
      }
    }
  }
}
