/**
 * One host from its first reading to the report: `open` → `plan` → `apply` → report.
 */
import { randomBytes } from 'node:crypto'
import { type Connection, ConnectionLost } from '../../transport/connection.ts'
import { staleBy } from '../errors.ts'
import { differenceOf } from '../plan/difference.ts'
import { type Explanation, explanationOf } from '../plan/explanation.ts'
import { type Agreed, isPending, lockoutOf, refusalOf } from '../plan/refusals.ts'
import type { PlanOptions } from '../plan/scope.ts'
import { summaryOf } from '../plan/summary.ts'
import { type HostPlan, planHost } from '../plan/planHost.ts'
import type {
  HostProgress,
  HostReport,
  Plan,
  PlanChange,
  PlanReport,
  Progress,
  ReportChange,
  Trips,
} from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import { Applying, type ApplyOptions, type Line } from './applying.ts'
import { reportedError } from './failures.ts'

/** Maximum number of readings when the connection breaks, including the first. */
const READINGS = 3

export type HostOptions = Omit<PlanOptions, 'mark'> &
  ApplyOptions & {
    progress: (progress: Progress) => void
  }

/** Reading writes nothing, so the operator has nothing to check. */
function lostWhileReading(error: ConnectionLost): ConnectionLost {
  return new ConnectionLost(
    'the connection broke each time the host was read; nothing was written',
    { why: error.why, next: 'try again when the connection is stable' },
    error,
  )
}

/**
 * Opens a host to plan and apply changes. It connects at the first reading, and must be closed.
 *
 * @example
 * const host = open(options)
 * try {
 *   const plan = await host.plan()
 *   const report = await host.apply(plan)
 * } finally {
 *   await host.close()
 * }
 */
export function open(options: HostOptions): OpenHost {
  return new OpenHost(options)
}

export class OpenHost {
  readonly #options: HostOptions
  readonly #planOptions: PlanOptions
  readonly #started = performance.now()
  readonly #trips: Trips = { connections: 0, execs: 0 }
  #connection: Connection | undefined
  /** The last plan with what is needed to carry it out; undefined once something is applied. */
  #planned: HostPlan | undefined
  #run: string | undefined

  constructor(options: HostOptions) {
    this.#options = options
    this.#planOptions = { ...options, mark: `keelson-${randomBytes(16).toString('hex')}` }
  }

  /**
   * Reads the host and returns what differs; writes nothing.
   *
   * @returns Plain data: a plan that went through JSON can be applied as well.
   * @throws {HostError | Stale | ConnectionLost} When the host cannot be read.
   */
  async plan(): Promise<Plan> {
    this.#planned = await this.#read()
    return this.#planned.plan
  }

  /** Reads the host, and returns what is known of one resource; undefined when neither recipes nor host know it. */
  async explain(ref: Ref): Promise<Explanation | undefined> {
    this.#planned = await this.#read()
    return explanationOf(this.#options, ref, this.#planned)
  }

  /** The report of a plan that is not applied, with the reason why it would be refused. */
  report(plan: Plan, agreed: Agreed = {}): PlanReport {
    const refused = agreed.allowLockout === true ? undefined : lockoutOf(plan)
    return refused === undefined ? this.#about(plan) : { ...this.#about(plan), error: reportedError(refused) }
  }

  /** The report of a converge that applied nothing. */
  untouched(plan: Plan, outcome: 'unchanged' | 'skipped'): HostReport {
    return this.#reportOf(plan, (change) => ({ ...change, outcome }))
  }

  /**
   * Applies a plan, and reads again everything that is declared. The report contains failures of single changes, and
   * what ended the run once something was applied.
   *
   * @param plan Of this host, made here or elsewhere: unless it is the latest result of `plan`, the host is read first.
   * @throws {Stale} When the host is no longer as it was planned.
   * @throws {Refused} When the plan would remove, replace or lock out what the operator has not agreed to.
   * @throws What ended the run before anything was applied, or the signal's reason.
   */
  async apply(plan: Plan, agreed: Agreed = {}): Promise<HostReport> {
    const planned = await this.#current(plan)
    if (!isPending(planned.plan)) return this.untouched(planned.plan, 'unchanged')
    const refused = refusalOf(planned.plan, agreed)
    if (refused !== undefined) throw refused
    this.#options.stop?.throwIfAborted()
    this.#planned = undefined
    const applying = new Applying(planned, await this.#options.who(), this.#line(), this.#options, this.#planOptions)
    this.#run = applying.number
    const error = await applying.toEnd()
    const { verdict } = applying
    const report = this.#reportOf({ ...planned.plan, changes: verdict.changes }, (change) => verdict.outcome(change))
    return error === undefined ? report : { ...report, error }
  }

  async close(): Promise<void> {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#trips.connections += connection.trips.connections
    this.#trips.execs += connection.trips.execs
    await connection.close()
  }

  async #read(): Promise<HostPlan> {
    this.#progress({ event: 'connecting' })
    let connection = await this.#connected()
    for (let attempt = 1; ; attempt += 1) {
      this.#progress({ event: 'reading' })
      try {
        const planned = await planHost(connection, this.#planOptions)
        this.#progress({ event: 'planned', plan: planned.plan })
        return planned
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        if (attempt === READINGS) throw lostWhileReading(error)
        this.#progress({ event: 'reconnecting', because: error.message, attempt })
        connection = await this.#connected(connection)
      }
    }
  }

  /** The host plan that carries out `plan`: the one it was made from, or a new one that comes to the same changes. */
  async #current(plan: Plan): Promise<HostPlan> {
    const planned = this.#planned
    if (planned !== undefined && differenceOf(plan, planned.plan) === undefined) return planned
    const now = await this.#read()
    const moved = differenceOf(plan, now.plan)
    if (moved === undefined) return now
    throw staleBy(moved)
  }

  #about(plan: Plan): PlanReport {
    this.#progress({ event: 'done' })
    const standIn = plan.machine?.standIn
    return {
      host: plan.host.name,
      address: plan.host.address,
      ...(standIn === undefined ? {} : { standIn }),
      summary: plan.summary,
      changes: plan.changes,
      trips: this.#currentTrips(),
      seconds: Math.round(performance.now() - this.#started) / 1000,
      ...(plan.partial ? { partial: true as const } : {}),
      ...(plan.undo === undefined ? {} : { undo: plan.undo }),
    }
  }

  #reportOf(plan: Plan, outcome: (change: PlanChange) => ReportChange): HostReport {
    const changes = plan.changes.map(outcome)
    const failed = changes.filter((change) => change.outcome === 'failed').length
    return {
      ...this.#about(plan),
      summary: { ...summaryOf(changes, plan.summary.resources), failed },
      changes,
      ...(this.#run === undefined ? {} : { run: this.#run }),
    }
  }

  #line(): Line {
    return {
      connected: (lost) => this.#connected(lost),
      adopt: async (connection) => {
        await this.close()
        this.#connection = connection
      },
      progress: (progress) => this.#progress(progress),
    }
  }

  async #connected(lost?: Connection): Promise<Connection> {
    if (this.#connection !== undefined && this.#connection !== lost) return this.#connection
    await this.close()
    this.#connection = await this.#options.connect()
    return this.#connection
  }

  #currentTrips(): Trips {
    const { connections = 0, execs = 0 } = this.#connection?.trips ?? {}
    return { connections: this.#trips.connections + connections, execs: this.#trips.execs + execs }
  }

  #progress(progress: HostProgress): void {
    this.#options.progress({ host: this.#options.catalog.host.name, ...progress })
  }
}
