/**
 * One host while it is being worked on, from its first reading to the report.
 */
import { randomBytes } from 'node:crypto'
import { type Connection, ConnectionLost } from '../../transport/connection.ts'
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
import { Applying, type ApplyOptions } from './applying.ts'

/** How often a host is read anew whose connection breaks meanwhile, the first time counted. */
const READINGS = 3

export type SessionOptions = Omit<PlanOptions, 'mark'> &
  ApplyOptions & {
    progress: (progress: Progress) => void
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
  readonly #planOptions: PlanOptions
  readonly #started = performance.now()
  readonly #trips: Trips = { connections: 0, execs: 0 }
  #connection: Connection | undefined
  #run: string | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#planOptions = { ...options, mark: `keelson-${randomBytes(16).toString('hex')}` }
  }

  async readPlan(): Promise<HostPlan> {
    this.#progress({ event: 'connecting' })
    let connection = await this.#connected()
    for (let attempt = 1; ; attempt += 1) {
      this.#progress({ event: 'reading' })
      try {
        const hostPlan = await planHost(connection, this.#planOptions)
        this.#progress({ event: 'planned', plan: hostPlan.plan })
        return hostPlan
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

  /** Does what the plan says. @throws What ended the run before anything was applied, or by the signal. */
  async apply(first: HostPlan): Promise<HostReport> {
    const line = {
      connected: (lost?: Connection) => this.#connected(lost),
      adopt: async (connection: Connection) => {
        await this.close()
        this.#connection = connection
      },
      progress: (progress: HostProgress) => this.#progress(progress),
    }
    const applying = new Applying(first, await this.#options.who(), line, this.#options, this.#planOptions)
    this.#run = applying.number
    const error = await applying.toEnd()
    const { verdict } = applying
    const report = this.report({ ...first.plan, changes: verdict.changes }, (change) => verdict.outcome(change))
    return error === undefined ? report : { ...report, error }
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

  #progress(progress: HostProgress): void {
    this.#options.progress({ host: this.#options.catalog.host.name, ...progress })
  }
}
