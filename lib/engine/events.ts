/**
 * What a run tells while it goes on: the worker's event lines (worker.ts), taken apart as they come.
 */
import { LONGEST_ANSWER, tooMuch } from './ask.ts'
import { HostError } from './errors.ts'

/** Bytes of an event line, at most: what a step said is much less. */
const LONGEST_EVENT = 2 ** 20

export type TaskEvent =
  | { event: 'start'; task: number }
  | { event: 'step'; task: number; step: number }
  | { event: 'ok'; task: number }
  | { event: 'failed'; task: number; exit: number; said: string }
  | { event: 'stale'; task: number }
  | { event: 'skipped'; task: number; because: number }
  /** A step waits for somebody on the host. */
  | { event: 'waits'; task: number; because: string }
  /** Task `task` of this stage put back what `undone` had changed. */
  | { event: 'undone'; task: number; undone: { stage: number; task: number } }

/** Splits a run's output into event lines and, after `over`, what follows. */
export class Events {
  readonly #onEvent: (event: TaskEvent) => void
  #text: Buffer = Buffer.alloc(0)
  over = false
  #rest: Buffer[] = []
  #restBytes = 0
  readonly #said = new Map<number, string>()
  /** Whole event lines so far. */
  count = 0
  locked: string | undefined
  moved = false
  unrecorded: string | undefined
  unguarded: string | undefined
  ended = false

  constructor(onEvent: (event: TaskEvent) => void) {
    this.#onEvent = onEvent
  }

  /** Forgets an output that broke off. */
  restart(): void {
    this.#text = Buffer.alloc(0)
    this.over = false
    this.#rest = []
    this.#restBytes = 0
  }

  feed(chunk: Buffer): void {
    if (this.over) {
      this.#keep(chunk)
      return
    }
    this.#text = Buffer.concat([this.#text, chunk])
    if (this.#text.length > LONGEST_EVENT) throw notUnderstood(this.#text.subarray(0, 200).toString())
    for (let end = this.#text.indexOf(10); end !== -1 && !this.over; end = this.#text.indexOf(10)) {
      const line = this.#text.subarray(0, end).toString()
      this.#text = this.#text.subarray(end + 1)
      this.#line(line)
    }
    if (this.over) this.#keep(this.#text)
  }

  #keep(chunk: Buffer): void {
    this.#restBytes += chunk.length
    if (this.#restBytes > LONGEST_ANSWER) throw tooMuch()
    this.#rest.push(chunk)
  }

  rest(): Buffer {
    return Buffer.concat(this.#rest)
  }

  #line(line: string): void {
    if (line === 'over' || line === 'gone') {
      this.over = line === 'over'
      return
    }
    this.count += 1
    // A full disk cut it off, and it comes again.
    if (line.endsWith('~')) return
    const [word, first, second] = line.split(' ')
    const task = Number(first)
    switch (word) {
      case 'locked':
        this.locked = line.slice('locked '.length)
        break
      case 'moved':
        this.moved = true
        break
      case 'unrecorded':
        this.unrecorded = Buffer.from(first ?? '', 'base64').toString()
        break
      case 'unguarded':
        this.unguarded = Buffer.from(first ?? '', 'base64').toString()
        break
      case 'end':
        this.ended = true
        break
      case 'said':
        this.#said.set(task, Buffer.from(second ?? '', 'base64').toString())
        break
      case 'start':
        this.#onEvent({ event: 'start', task })
        break
      case 'step':
        this.#onEvent({ event: 'step', task, step: Number(second) })
        break
      case 'ok':
        this.#onEvent({ event: 'ok', task })
        break
      case 'failed':
        this.#onEvent({ event: 'failed', task, exit: Number(second), said: this.#said.get(task) ?? '' })
        break
      case 'stale':
        this.#onEvent({ event: 'stale', task })
        break
      case 'skipped':
        this.#onEvent({ event: 'skipped', task, because: Number(second) })
        break
      case 'waits':
        this.#onEvent({ event: 'waits', task, because: Buffer.from(second ?? '', 'base64').toString() })
        break
      case 'undone': {
        const [stage, other] = (second ?? '').split('/').map(Number)
        this.#onEvent({ event: 'undone', task, undone: { stage: stage ?? NaN, task: other ?? NaN } })
        break
      }
      default:
        throw notUnderstood(line)
    }
  }
}

function notUnderstood(line: string): HostError {
  return new HostError('an event of the run was not understood', { said: line, next: 'this is a mistake in Keelson' })
}
