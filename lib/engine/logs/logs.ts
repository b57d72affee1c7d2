/**
 * The logs of one host as one stream of entries by time: what there is, or what comes, over one connection at a time. A
 * line that drops is picked up where it was: the journal by its cursor, the access log by the time of its last line.
 */
import { setTimeout as wait } from 'node:timers/promises'
import {
  type Connection,
  ConnectionLost,
  type RunResult,
  TransportError,
  Unreachable,
} from '../../transport/connection.ts'
import { HostError } from '../errors.ts'
import { LineReader } from '../host/lineReader.ts'
import { accessEntry, type Entry, journalEntry } from './entries.ts'
import { followAccessText, followJournalText, historyText, type Mark, type Wanted } from './texts.ts'

const LONGEST_LINE = 4 * 2 ** 20
/** How long entries of both logs are held while they are followed, to put them in order, in milliseconds. */
const HOLD_MS = 250
/** Waits between attempts to connect again, in milliseconds; the last one is repeated. */
const PAUSES_MS = [250, 500, 1000, 2000, 5000]

export type LogOptions = {
  connect: () => Promise<Connection>
  wanted: Wanted
  onEntry: (entry: Entry) => void
  signal?: AbortSignal
  /** Told when following lost its connection and tries again. */
  onLost?: (because: string) => void
}

/** @throws {HostError | TransportError} When the host cannot be asked. */
export async function readLogs({ connect, wanted, onEntry, signal }: LogOptions): Promise<void> {
  const connection = await connect()
  try {
    const each = splitter((line) => {
      const [, kind, text] = /^\d+ ([JA]) (.*)$/s.exec(line) ?? []
      const entry = text === undefined ? undefined : kind === 'J' ? journalEntry(text) : accessEntry(text)
      if (entry !== undefined) onEntry(entry)
    })
    const { exit, stderr } = await connection.run(historyText(wanted), {
      onStdout: each,
      ...(signal ? { signal } : {}),
    })
    if (exit !== 0)
      throw new HostError('the logs of the host cannot be read', { said: stderr, next: 'look at journalctl there' })
  } finally {
    await connection.close()
  }
}

/** Follows until the signal. @throws {TransportError} When the first connection cannot be made. */
export async function followLogs(options: LogOptions & { signal: AbortSignal }): Promise<void> {
  const { connect, signal, onLost } = options
  const following = new Following(options)
  let connection = await connect()
  for (let failures = 0; ;) {
    try {
      await following.on(connection)
      if (signal.aborted) return
      failures = 0
      onLost?.('the host ended it')
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ConnectionLost || error instanceof Unreachable)) throw error
      onLost?.(error.message)
    } finally {
      following.flush()
      await connection.close().catch(() => undefined)
    }
    for (;;) {
      await wait(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)], undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      failures += 1
      const next = await connect().catch((error: unknown) => {
        // A host that starts anew refuses logins for a while.
        if (!(error instanceof TransportError)) throw error
        return undefined
      })
      if (next === undefined) continue
      connection = next
      break
    }
  }
}

/** What has been seen of both logs of a host, whatever connection it came over. */
export class Following {
  readonly #options: LogOptions & { signal: AbortSignal }
  readonly #mark: Mark = {}
  readonly #access = new AccessSeen()
  #held: Entry[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: LogOptions & { signal: AbortSignal }) {
    this.#options = options
  }

  async on(connection: Connection): Promise<void> {
    const { wanted, signal } = this.#options
    const stop = new AbortController()
    const both = AbortSignal.any([signal, stop.signal])
    this.#access.again()
    // What still arrives of a connection that is given up would come again over the next one.
    let isOpen = true
    const run = (text: string, each: (line: string) => void): Promise<RunResult> =>
      connection.run(text, { onStdout: splitter((line) => (isOpen ? each(line) : undefined)), signal: both })
    const runs = [
      ...(wanted.journal ? [run(followJournalText(wanted, this.#mark), (line) => this.#onJournal(line))] : []),
      ...(wanted.access ? [run(followAccessText(wanted), (line) => this.#onAccess(line))] : []),
    ]
    try {
      const { stderr, exit } = await Promise.race(runs)
      if (!signal.aborted && exit !== 0)
        throw new HostError('the logs of the host cannot be followed', {
          said: stderr,
          next: 'look at journalctl there',
        })
    } finally {
      isOpen = false
      stop.abort()
      await Promise.allSettled(runs)
    }
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const held = this.#held.sort((a, b) => a.time - b.time)
    this.#held = []
    for (const entry of held) this.#options.onEntry(entry)
  }

  #onJournal(line: string): void {
    if (line.startsWith('@')) {
      this.#mark.sinceS ??= Number(line.slice(1))
      return
    }
    const entry = journalEntry(line)
    if (entry === undefined) return
    this.#mark.cursor = entry.cursor
    this.#hold(entry)
  }

  #onAccess(line: string): void {
    if (line.startsWith('@')) this.#access.begin(Number(line.slice(1)) * 1e6)
    const entry = accessEntry(line)
    if (entry !== undefined && this.#access.isNew(line, entry.time)) this.#hold(entry)
  }

  #hold(entry: Entry): void {
    this.#held.push(entry)
    this.#timer ??= setTimeout(() => this.flush(), HOLD_MS)
  }
}

/** By how much lines of the access log may be out of order, in microseconds: each worker has a clock of its own. */
const SLACK = 5_000_000

/**
 * Which lines of the access log are new when it is read again from its beginning: those of the last seconds that have not
 * been seen as often, and all that are later.
 */
export class AccessSeen {
  /** From here on lines are wanted, in microseconds. */
  #from: number | undefined
  #last = 0
  /** Lines of the last seconds, with their time, and how often each has been seen in all, and in the present reading. */
  readonly #recent = new Map<string, { time: number; seen: number; now: number }>()

  /** The first time only: earlier lines are not wanted. */
  begin(time: number): void {
    this.#from ??= time
  }

  /** The log will be read again from its beginning. */
  again(): void {
    for (const one of this.#recent.values()) one.now = 0
  }

  isNew(line: string, time: number): boolean {
    if (time < (this.#from ?? 0) || time < this.#last - SLACK) return false
    if (time > this.#last) this.#advance(time)
    const one = this.#recent.get(line) ?? { time, seen: 0, now: 0 }
    this.#recent.set(line, one)
    one.now += 1
    if (one.now <= one.seen) return false
    one.seen = one.now
    return true
  }

  #advance(time: number): void {
    this.#last = time
    // The oldest come first, but for what was out of order, which goes a little later.
    for (const [line, one] of this.#recent) {
      if (one.time >= time - SLACK) break
      this.#recent.delete(line)
    }
  }
}

function splitter(each: (line: string) => void): (chunk: Buffer) => void {
  const lines = new LineReader(
    LONGEST_LINE,
    (start) => new HostError('a line of the log is too long', { said: start, next: 'see what writes it' }),
  )
  return (chunk) => {
    lines.push(chunk)
    for (let line = lines.next(); line !== undefined; line = lines.next()) each(line)
  }
}
