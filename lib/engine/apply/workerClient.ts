/**
 * Carries out a run on a host: starts the worker, sends it one stage after another, follows its events, and reconnects
 * after the connection was lost.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Connection, ConnectionLost, TimedOut, TooMuchOutput, Unreachable } from '../../transport/connection.ts'
import { ask, explained, READ_MS } from '../host/ask.ts'
import { HostError, lockedBy, Refused, RunGone, Stale } from '../errors.ts'
import { Events, type TaskEvent } from './workerEvents.ts'
import { remedyFor } from './remedies.ts'
import { holderText } from '../host/lockHolder.ts'
import { PRELUDE } from '../../kit/prelude.ts'
import { type Answer, framedProgram, parseFrames, type Section } from '../host/read.ts'
import {
  awaitEndText,
  dismissText,
  followText,
  handOverText,
  launchText,
  NOT_STARTED,
  OVER,
  WHOLE,
} from '../onHost/runText.ts'
import type { RunFile } from '../host/runRecord.ts'
import { PATIENCE_S, stopText, unitOf, workerProgram } from '../onHost/worker.ts'

/** Milliseconds between attempts to reconnect; the worker waits longer than their sum. */
const RETRY_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000, 30_000]
/** A connection that lasted this long resets the attempts when it breaks. */
const STEADY_MS = 60_000

export type RunOptions = {
  /** Unique on the host and valid in a unit's name. */
  id: string
  /** One line of JSON about who runs this. */
  who: string
  /** Mark of the read programs, see read.ts. */
  mark: string
  /** Returns the connection to use now; after a loss it makes a new one. */
  connection: (lost?: Connection) => Promise<Connection>
  reconnecting: (because: string, attempt: number) => void
  signal?: AbortSignal
  /** Time limit for reading the host after a stage, in milliseconds. */
  readMs?: number
}

export class WorkerClient {
  readonly #options: RunOptions
  #stage = 0
  /** Number of event lines of the run received so far. */
  #seen = 0
  #stop: 'no' | 'wanted' | 'told' = 'no'

  constructor(options: RunOptions) {
    this.#options = options
  }

  get unit(): string {
    return unitOf(this.#options.id)
  }

  /** Number for which the next stage's files must be made. */
  get nextStage(): number {
    return this.#stage + 1
  }

  /**
   * Runs one stage, starting the worker for the first, and reads the host again when it has ended: one trip.
   *
   * @param steps Number of steps of each of its tasks.
   * @returns The answers to `sections`.
   * @throws {Locked | Stale | HostError} Nothing of this stage was applied, or the worker was killed in it.
   */
  async stage(
    files: readonly RunFile[],
    onEvent: (event: TaskEvent) => void,
    steps: readonly number[],
    sections: readonly Section[],
  ): Promise<Map<string, Answer>> {
    const { id, mark } = this.#options
    const start = await this.#start(files)
    const events = new Events(onEvent, steps)
    const tail = framedProgram(sections, mark)
    const names = sections.map(({ name }) => name)
    let answers: Map<string, Answer> | undefined
    const stderr = await this.persist(async (connection) => {
      events.restart()
      const follow = events.ended ? OVER : followText(id, this.#stage, this.#seen + events.count + 1)
      const begin = events.count === 0 && !start.isOver() ? start : undefined
      // A stop that the previous connection may not have delivered.
      const stop = this.#stop === 'wanted' ? stopText(id, this.#seen + events.count > 0) : ''
      const program = `${stop}${begin?.text ?? ''}${follow}${tail}`
      const result = await this.#follow(connection, program, begin?.input, events).catch(async (error) => {
        if (!(error instanceof TooMuchOutput && events.over))
          throw await explained(error, connection, sections, this.#options.readMs)
        answers = await ask(connection, sections, mark, names, this.#options.readMs)
        return { exit: 0, stderr: '' }
      })
      if (result.exit === NOT_STARTED) throw notStarted(this.#stage, result.stderr)
      return result.stderr
    })
    this.#seen += events.count
    this.#judge(events)
    return answers ?? parseFrames(events.rest(), stderr, mark, names)
  }

  /**
   * Makes the run begin no further task. The host knows it when this resolves to true; otherwise it is told with the next
   * connection.
   */
  async stop(): Promise<boolean> {
    this.#stop = 'wanted'
    // Nothing was sent yet; the caller does not begin.
    if (this.#stage === 0) return false
    try {
      const connection = await this.#options.connection()
      const { exit } = await connection.run(stopText(this.#options.id, this.#seen > 0), { timeoutMs: 10_000 })
      if (exit === 0) this.#stop = 'told'
    } catch (error) {
      if (!(error instanceof ConnectionLost || error instanceof Unreachable || error instanceof TimedOut)) throw error
    }
    return this.#stop === 'told'
  }

  /** The steps have no time limit here; the reading after the last of them has. */
  async #follow(
    connection: Connection,
    program: string,
    input: Buffer | undefined,
    events: Events,
  ): Promise<{ exit: number; stderr: string }> {
    const { signal, readMs = READ_MS } = this.#options
    const deadline = new AbortController()
    const late = (): void =>
      deadline.abort(new TimedOut(`reading did not end within ${readMs / 1000} s`, { next: 'look at the host' }))
    let timer: NodeJS.Timeout | undefined
    try {
      return await connection.run(program, {
        ...(input === undefined ? {} : { input }),
        signal: AbortSignal.any([deadline.signal, ...(signal === undefined ? [] : [signal])]),
        onStdout(chunk) {
          events.feed(chunk)
          if (events.over) timer ??= setTimeout(late, readMs)
        },
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Sends the last stage, in which the worker writes the ledger and ends. @throws {HostError} When the ledger is not as
   * sent.
   */
  async finish(files: readonly RunFile[], ledger: string): Promise<void> {
    const start = await this.#start(files)
    // A worker that received it before the connection broke has ended by now, and cannot receive it again.
    const text = `(${start.text})\n${awaitEndText(this.#options.id)}`
    const { stdout, stderr } = await this.persist((connection) => connection.run(text, { input: start.input }))
    const digest = createHash('sha256').update(ledger).digest('hex')
    if (stdout.toString().startsWith(digest)) return
    throw new HostError('the run was not recorded on the host', {
      said: stderr,
      next: `what was applied stays; ${remedyFor(stderr) ?? 'converge again'} to record it`,
    })
  }

  /** Dismisses the worker after a stage, when the client cannot continue. What was applied stays; nothing is confirmed. */
  async dismiss(): Promise<void> {
    if (this.#stage === 0) return
    const connection = await this.#options.connection()
    await connection.run(dismissText(this.#options.id), { timeoutMs: 10_000 })
  }

  /**
   * Retries `work`, which must be idempotent, after each lost connection.
   *
   * @throws {ConnectionLost} When the host cannot be reached any more; the worker continues without this client.
   */
  async persist<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const pauses = new Pauses()
    let connection = await this.#options.connection()
    for (;;) {
      const began = performance.now()
      try {
        return await work(connection)
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        if (performance.now() - began > STEADY_MS) pauses.restart()
        connection = await this.#reconnect(connection, error, pauses)
      }
    }
  }

  async #start(files: readonly RunFile[]): Promise<Start> {
    const { id, who } = this.#options
    const first = this.#stage === 0
    const all = first
      ? [{ name: 'worker', data: workerProgram(id, who) }, { name: 'prelude', data: PRELUDE }, ...files]
      : files
    const text = first ? launchText(id) : handOverText(id, this.nextStage)
    this.#stage += 1
    const input = await archive([...all, WHOLE])
    const began = performance.now()
    return { text, input, isOver: () => performance.now() - began > PATIENCE_S * 1000 }
  }

  async #reconnect(lost: Connection, error: ConnectionLost, pauses: Pauses): Promise<Connection> {
    const { signal } = this.#options
    let because = error.message
    for (let wait = pauses.next(); wait !== undefined; wait = pauses.next()) {
      this.#options.reconnecting(because, pauses.taken)
      await delay(wait, undefined, signal === undefined ? {} : { signal })
      try {
        return await this.#options.connection(lost)
      } catch (failure) {
        if (!(failure instanceof Unreachable || failure instanceof ConnectionLost)) throw failure
        because = failure.message
      }
    }
    throw new ConnectionLost(
      `${because}; the run goes on as ${this.unit} without this client`,
      {
        next: 'converge again when the host can be reached: it starts from what is there then',
      },
      error,
    )
  }

  #judge(events: Events): void {
    if (events.locked !== undefined) {
      throw lockedBy(holderText(events.locked))
    }
    if (events.moved) {
      throw new Stale('another run has changed this host since the plan was made; nothing was written', {
        next: 'plan again',
      })
    }
    if (events.unrecorded !== undefined) {
      throw new HostError('what the run was about to do could not be recorded on the host, so it was not done', {
        said: events.unrecorded,
        next: remedyFor(events.unrecorded) ?? 'see that /var/lib/keelson can be written, then converge again',
      })
    }
    if (events.unguarded !== undefined) {
      throw new Refused('a change that may lock you out could not be guarded, so it was not made', {
        said: events.unguarded,
        next: 'the guard keeps a copy of what it may have to put back in /var/lib/keelson; see that there is room',
      })
    }
    if (!events.ended) {
      throw new RunGone(`the run ended before its stage did (${this.unit})`, {
        next: `journalctl -u ${this.unit} on the host may say why; converge again: it starts from what is there now`,
      })
    }
  }
}

/** Starts a stage. Once `isOver`, the worker has ended, and starting it would be another run. */
type Start = { text: string; input: Buffer; isOver: () => boolean }

/** The pauses between attempts to reconnect, until none are left. */
class Pauses {
  taken = 0

  next(): number | undefined {
    const pause = RETRY_MS[this.taken]
    this.taken += 1
    return pause
  }

  restart(): void {
    this.taken = 0
  }
}

function notStarted(stage: number, said: string): HostError {
  const next = remedyFor(said) ?? 'converge again'
  return stage === 1
    ? new HostError('the run could not be started', { said, next: `nothing was changed by it; ${next}` })
    : new HostError('the run could not go on', { said, next: `what was applied stays; ${next} for the rest` })
}

async function archive(files: readonly RunFile[]): Promise<Buffer> {
  const { createTar } = await import('nanotar')
  const folders = new Set(files.flatMap(({ name }) => parents(name)))
  const attrs = { uid: 0, gid: 0, user: 'root', group: 'root', mtime: 0 }
  return Buffer.from(
    createTar([
      ...[...folders].map((name) => ({ name: `${name}/`, attrs: { ...attrs, mode: '700' } })),
      ...files.map(({ name, data }) => ({ name, data, attrs: { ...attrs, mode: '600' } })),
    ]),
  )
}

function parents(name: string): string[] {
  const parts = name.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
