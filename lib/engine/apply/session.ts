/**
 * One host while it is being worked on, from its first reading to the report.
 */
import { isGuarded } from '../plan/stage.ts'
import { randomBytes } from 'node:crypto'
import { type Connection, ConnectionLost } from '../../transport/connection.ts'
import { Run } from './workerClient.ts'
import { Bookkeeping } from './runLedger.ts'
import { compareTextOf } from '../plan/secondRead.ts'
import { Refused } from '../errors.ts'
import type { TaskEvent } from './workerEvents.ts'
import { explainFailures } from './explain.ts'
import { applyFailure, reportedError, STALE, TAKEN_BACK, undoneFailure } from './failures.ts'
import { CLOCK_S, keepOf, prove } from './loginGuard.ts'
import { armText } from '../onHost/guard.ts'
import { emptyLedger } from '../host/ledger.ts'
import { watchedMarks } from '../host/marks.ts'
import { markOf } from '../../kit/stateFolders.ts'
import { planItems } from '../plan/plan.ts'
import {
  carriedTo,
  type Done,
  labelOfTask,
  prepare,
  type Prepared,
  refsOf,
  skipDependents,
  skippedFor,
  waySteps,
  type Written,
  unusedAfter,
  writtenBy,
} from './readyTask.ts'
import { Proof } from './loginProof.ts'
import { parseReadings, type TypeReading } from '../host/read.ts'
import { logOf, noteOf, RunRecord, type Who } from '../host/runRecord.ts'
import type { HostReport, Plan, PlanChange, PlanReport, Progress, ReportChange, Trips } from '../report.ts'
import type { SurveyOptions } from '../plan/scope.ts'
import type { Ref } from '../../kit/resourceType.ts'
import { finishFiles, stageFiles, type TaskProgram } from '../onHost/stageFiles.ts'
import { summaryOf } from '../plan/summary.ts'
import { againSections, resurvey, type Survey, surveyHost } from '../plan/survey.ts'
import { Verdict } from './verdict.ts'

/** Kinds of change that a run which is cut off leaves undone, or may. */
const LEAVES: ReadonlySet<string> = new Set(['create', 'change', 'remove', 'recheck'])

/** How often a host is read anew whose connection breaks meanwhile, the first time counted. */
const READINGS = 3

export type SessionOptions = Omit<SurveyOptions, 'mark'> & {
  connect: () => Promise<Connection>
  progress: (progress: Progress) => void
  /** Who is at work, for the lock and the record; asked when there is something to apply. */
  who: () => Promise<Who>
  /** How long a client has for coming in again after a change that may lock it out, in seconds. @default 30 */
  clockS?: number
  signal?: AbortSignal
}

/** Reading writes nothing, so that nobody has to look at what was done. */
function lostWhileReading(error: ConnectionLost): ConnectionLost {
  return new ConnectionLost(
    'the connection broke each time the host was read; nothing was written',
    { said: error.said, next: 'run the same again when the line is better' },
    error,
  )
}

/** One host while it is being worked on. */
export class Session {
  readonly #options: SessionOptions
  readonly #survey: SurveyOptions
  readonly #started = performance.now()
  readonly #trips: Trips = { connections: 0, execs: 0 }
  #connection: Connection | undefined
  #run: string | undefined
  /** By stage: what its tasks were. */
  readonly #applied = new Map<number, readonly Prepared[]>()
  /** What somebody watches and has no path. */
  readonly #marks: ReadonlySet<string>
  /** Titles of the steps that tasks have come to. */
  readonly #begun = new Map<Prepared, string>()
  /** Guarded files whose stage was proved before anybody was to make use of them. */
  #written: readonly Written[] = []

  constructor(options: SessionOptions) {
    this.#options = options
    this.#marks = watchedMarks(options.catalog)
    this.#survey = { ...options, mark: `keelson-${randomBytes(16).toString('hex')}` }
  }

  async survey(): Promise<Survey> {
    this.#progress({ event: 'connecting' })
    let connection = await this.#connected()
    for (let attempt = 1; ; attempt += 1) {
      this.#progress({ event: 'reading' })
      try {
        const survey = await surveyHost(connection, this.#survey)
        this.#progress({ event: 'planned', plan: survey.plan })
        return survey
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        if (attempt === READINGS) throw lostWhileReading(error)
        this.#progress({ event: 'reconnecting', because: error.message, attempt })
        connection = await this.#connected(connection)
      }
    }
  }

  planned(plan: Plan): PlanReport {
    this.#progress({ event: 'done' })
    return {
      host: plan.host.name,
      address: plan.host.address,
      summary: plan.summary,
      changes: plan.changes,
      trips: this.#currentTrips(),
      seconds: Math.round(performance.now() - this.#started) / 1000,
      ...(plan.undo === undefined ? {} : { undo: plan.undo }),
    }
  }

  report(plan: Plan, outcome: (change: PlanChange) => ReportChange): HostReport {
    const changes = plan.changes.map(outcome)
    const failed = changes.filter((change) => change.outcome === 'failed').length
    return {
      ...this.planned(plan),
      summary: { ...summaryOf(changes, plan.summary.resources), failed },
      changes,
      ...(this.#run === undefined ? {} : { run: this.#run }),
    }
  }

  /** Stage after stage until nothing is left, then the confirmed ledger. */
  async apply(first: Survey): Promise<HostReport> {
    const { serial } = first.planning.ledger ?? emptyLedger()
    const number = String(serial + 1)
    const id = `${number}-${randomBytes(3).toString('hex')}`
    const record = new RunRecord(number, id, first.plan, await this.#options.who())
    const run = this.#startRun(id, record)
    this.#run = number
    this.#progress({
      event: 'applying',
      run: number,
      unit: run.unit,
      steps: first.items.filter(({ change }) => change !== undefined).length,
    })

    const verdict = new Verdict(first)
    const report = (): HostReport =>
      this.report({ ...first.plan, changes: verdict.changes }, (change) => verdict.outcome(change))
    const ledger = new Bookkeeping(first, number, this.#options.undo?.entries)
    try {
      await this.#stages(first, run, record, ledger, verdict)
      return report()
    } catch (error) {
      const ends = verdict.done.size === 0 || this.#options.signal?.aborted === true
      if (!ends) verdict.giveUp()
      // The worker ends by itself when nobody comes; that it cannot be told so now must not hide why.
      const isTakenBack = error instanceof Refused && !ends
      await (isTakenBack ? this.#finish(run, record, ledger, verdict) : run.dismiss()).catch(() => undefined)
      if (ends) throw error
      return { ...report(), error: reportedError(error) }
    }
  }

  async #stages(first: Survey, run: Run, record: RunRecord, ledger: Bookkeeping, verdict: Verdict): Promise<void> {
    let survey = first
    while (survey.stage.tasks.length > 0) {
      skipDependents(survey.items, verdict.done)
      const readings = await this.#stage(run, survey, ledger, record, verdict)
      const planning = { ...survey.planning, readings, settled: verdict.settled, ledger: ledger.written().ledger }
      const items = verdict.next(planItems(planning))
      if (!items.some(({ change }) => change !== undefined)) break
      const before = survey
      const { ledgerDigest } = ledger.written()
      survey = await run.persist((connection) =>
        resurvey(connection, before, this.#survey, { planning, items, ledgerDigest }),
      )
    }
    verdict.settle()
    this.#progress({ event: 'verifying' })
    const { items, done } = verdict
    await run.persist((connection) => explainFailures(connection, items, done, this.#survey))
    await this.#finish(run, record, ledger, verdict)
  }

  async #finish(run: Run, record: RunRecord, ledger: Bookkeeping, verdict: Verdict): Promise<void> {
    const final = ledger.confirmed(verdict.done, verdict.items)
    await run.finish(finishFiles(run.nextStage, final, record.end(verdict)), final)
  }

  /** Applies one stage and reads all again. */
  async #stage(
    run: Run,
    survey: Survey,
    ledger: Bookkeeping,
    record: RunRecord,
    verdict: Verdict,
  ): Promise<ReadonlyMap<string, TypeReading>> {
    const stage = run.nextStage
    const { done } = verdict
    const prepared = prepare(survey.stage.tasks, survey, done)
    verdict.attempt(
      stage,
      prepared.flatMap(({ items }) => items),
    )
    const programs = prepared.map((one) => this.#program(one, survey, prepared))
    const carried = carriedTo(prepared, this.#written)
    const guard = this.#guard(stage, prepared, carried, survey)
    const was = ledger.digest
    const way = record.way(waySteps(prepared, survey, ledger, this.#run ?? ''))
    const next = ledger.begin(
      prepared.flatMap(({ items }) => items),
      survey.items.filter(({ plan }) => !done.has(plan.ref) && LEAVES.has(plan.kind)),
    )
    const files = stageFiles(
      stage,
      programs,
      { was, next, run: record.begin(stage, prepared.map(refsOf), verdict), way },
      guard,
    )
    const again = againSections(survey, this.#survey)
    this.#applied.set(stage, prepared)
    const proof = guard === undefined ? undefined : new Proof(prepared, () => this.#prove())
    const follow = (event: TaskEvent): void => {
      this.#follow(event, prepared, done)
      proof?.follow(event)
    }
    const counts = prepared.map(({ steps }) => steps.length)
    const answers = await run.stage(files, follow, counts, again.sections).catch(async (error: unknown) => {
      await this.#goOnOver(await proof?.begun(), prepared, carried, done)
      throw error
    })
    const readings = parseReadings(answers, again.requests)
    verdict.look(readings, survey.planning)
    await this.#goOnOver(await proof?.outcome(), prepared, carried, done)
    if (guard !== undefined) this.#written = unusedAfter(prepared, [...this.#written, ...writtenBy(stage, prepared)])
    return new Map([...survey.planning.readings, ...readings])
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
    return armText({ stage, keep, undone: { file: logOf(this.#run ?? ''), lines }, seconds: clockS })
  }

  #prove(): Promise<Connection> {
    this.#progress({ event: 'proving' })
    const { connect, signal, clockS = CLOCK_S } = this.#options
    return prove(connect, { seconds: clockS, signal })
  }

  /** After changes that may lock the operator out: goes on over the new login, or says that the host went back. */
  async #goOnOver(
    proved: PromiseSettledResult<Connection> | undefined,
    prepared: readonly Prepared[],
    carried: readonly Written[],
    done: Map<Ref, Done>,
  ): Promise<void> {
    if (proved === undefined) return
    if (proved.status === 'fulfilled') {
      await this.close()
      this.#connection = proved.value
      return
    }
    // With a guarded change goes what was applied in one batch with it.
    const guarded = prepared.filter(({ items }) => items.some(isGuarded)).flatMap(refsOf)
    for (const ref of [...carried.map((one) => one.ref), ...guarded])
      done.set(ref, { outcome: 'failed', failure: TAKEN_BACK })
    throw proved.reason
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

  #follow(event: TaskEvent, prepared: readonly Prepared[], done: Map<Ref, Done>): void {
    const one = prepared[event.task]!
    const { items, steps } = one
    const about = { ref: items[0]!.plan.ref, label: labelOfTask(items), title: steps[0]?.title ?? '' }
    switch (event.event) {
      case 'start':
        return this.#progress({ event: 'step', ...about, state: 'started' })
      case 'step':
        this.#begun.set(one, steps[event.step]!.title)
        return this.#progress({ event: 'step', ...about, title: steps[event.step]!.title, state: 'started' })
      case 'ok':
        for (const { plan } of items) done.set(plan.ref, { outcome: 'changed' })
        return this.#progress({ event: 'step', ...about, state: 'ok' })
      case 'failed':
        for (const { plan } of items)
          done.set(plan.ref, {
            outcome: 'failed',
            failure: applyFailure(this.#begun.get(one) ?? about.title, event, this.#survey.secrets),
          })
        return this.#progress({ event: 'step', ...about, state: 'failed' })
      case 'stale':
        for (const { plan } of items) done.set(plan.ref, { outcome: 'failed', failure: STALE })
        return this.#progress({ event: 'step', ...about, state: 'failed' })
      case 'skipped': {
        const needs = prepared[event.because]!.items.map(({ plan }) => plan.ref)
        for (const { plan } of items) done.set(plan.ref, skippedFor(needs, done))
        return this.#progress({ event: 'step', ...about, state: 'skipped' })
      }
      case 'waits':
        return this.#progress({ event: 'waiting', because: `${about.label}: ${event.because}` })
      case 'undone': {
        const { stage, task } = event.undone
        const undone = this.#applied.get(stage)?.[task]?.items ?? []
        for (const { plan } of undone) done.set(plan.ref, { outcome: 'failed', failure: undoneFailure(about.label) })
      }
    }
  }

  #startRun(id: string, record: RunRecord): Run {
    const { signal, readMs } = this.#options
    return new Run({
      id,
      who: record.who(),
      mark: this.#survey.mark,
      connection: (lost) => this.#connected(lost),
      reconnecting: (because, attempt) => this.#progress({ event: 'reconnecting', because, attempt }),
      ...(signal === undefined ? {} : { signal }),
      ...(readMs === undefined ? {} : { readMs }),
    })
  }

  async #connected(lost?: Connection): Promise<Connection> {
    if (this.#connection !== undefined && this.#connection !== lost) return this.#connection
    await this.close()
    this.#connection = await this.#options.connect()
    return this.#connection
  }

  async close(): Promise<void> {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#trips.connections += connection.trips.connections
    this.#trips.execs += connection.trips.execs
    await connection.close()
  }

  #currentTrips(): Trips {
    const { connections = 0, execs = 0 } = this.#connection?.trips ?? {}
    return { connections: this.#trips.connections + connections, execs: this.#trips.execs + execs }
  }

  #progress(progress: DistributiveOmit<Progress, 'host'>): void {
    this.#options.progress({ host: this.#options.catalog.host.name, ...progress })
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
