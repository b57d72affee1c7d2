/**
 * Parses the event lines of the worker (worker.ts) as they arrive.
 */
import { LONGEST_ANSWER, tooMuch } from '../host/ask.ts'
import { HostError } from '../errors.ts'
import { LineReader } from '../host/lineReader.ts'

/** Maximum bytes of an event line; what a step said is much less. */
const LONGEST_EVENT = 2 ** 20

/** A task of a run: the number of its stage, and its place in that. */
export type TaskPlace = { stage: number; task: number }

export type TaskEvent =
  | { event: 'start'; task: number }
  | { event: 'step'; task: number; step: number }
  | { event: 'ok'; task: number }
  | { event: 'failed'; task: number; exit: number; said: string }
  | { event: 'stale'; task: number }
  | { event: 'skipped'; task: number; because: number }
  /** The run was told to stop before this task. */
  | { event: 'stopped'; task: number }
  /** A step waits for a lock on the host. */
  | { event: 'waits'; task: number; because: string }
  /** How far a step is, in its own words. */
  | { event: 'does'; task: number; what: string }
  /** Task `task` of this stage reverted what task `undone` had changed. */
  | { event: 'undone'; task: number; undone: TaskPlace }

/** Maximum number of lines of a stage, not counting some for each step. */
const MOST_LINES = 10_000

/** Splits a run's output into event lines and, after `over`, the rest. */
export class Events {
  readonly #onEvent: (event: TaskEvent) => void
  readonly #steps: readonly number[]
  #lines = newLines()
  /** Number of lines that the output may still contain. */
  #left: number
  over = false
  #rest: Buffer[] = []
  #restBytes = 0
  readonly #said = new Map<number, string>()
  /** Number of whole event lines so far. */
  count = 0
  locked: string | undefined
  moved = false
  unrecorded: string | undefined
  unguarded: string | undefined
  ended = false

  /** @param steps Number of steps of each task of the stage: a host can only report those. */
  constructor(onEvent: (event: TaskEvent) => void, steps: readonly number[]) {
    this.#onEvent = onEvent
    this.#steps = steps
    this.#left = this.#most
  }

  get #most(): number {
    return MOST_LINES + this.#steps.reduce((sum, steps) => sum + 20 * (1 + steps), 0)
  }

  /** Drops an output that broke off. */
  restart(): void {
    this.#lines = newLines()
    this.#left = this.#most
    this.over = false
    this.#rest = []
    this.#restBytes = 0
  }

  feed(chunk: Buffer): void {
    if (this.over) {
      this.#keep(chunk)
      return
    }
    this.#lines.push(chunk)
    while (!this.over) {
      const line = this.#lines.next()
      if (line === undefined) return
      this.#line(line)
    }
    this.#keep(this.#lines.rest())
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
    this.#left -= 1
    if (this.#left < 0) throw notUnderstood(line)
    if (line === 'over' || line === 'gone') {
      this.over = line === 'over'
      return
    }
    this.count += 1
    // A full disk cut this line off; the worker sends it again.
    if (line.endsWith('~')) return
    const [word, first, second] = line.split(' ')
    if (OF_TASKS.has(word ?? '') && !isBelow(this.#steps.length, first)) throw notUnderstood(line)
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
        if (!isBelow(this.#steps[task]!, second)) throw notUnderstood(line)
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
      case 'stopped':
        this.#onEvent({ event: 'stopped', task })
        break
      case 'skipped':
        if (!isBelow(this.#steps.length, second)) throw notUnderstood(line)
        this.#onEvent({ event: 'skipped', task, because: Number(second) })
        break
      case 'tells':
        this.#tells(task, Buffer.from(second ?? '', 'base64').toString())
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

  #tells(task: number, text: string): void {
    const [, word, rest = ''] = /^(waits|does) ([^]*)$/.exec(text) ?? []
    if (word === 'waits') this.#onEvent({ event: 'waits', task, because: rest })
    else if (word === 'does') this.#onEvent({ event: 'does', task, what: rest })
  }
}

/** Words that are followed by a task's number. */
const OF_TASKS: ReadonlySet<string> = new Set([
  'said',
  'start',
  'step',
  'ok',
  'failed',
  'stale',
  'stopped',
  'skipped',
  'tells',
  'undone',
])

/** Whether a word is a whole number from 0 to `end` - 1. */
function isBelow(end: number, word = ''): boolean {
  return /^[0-9]{1,9}$/.test(word) && Number(word) < end
}

function newLines(): LineReader {
  return new LineReader(LONGEST_EVENT, notUnderstood)
}

function notUnderstood(line: string): HostError {
  return new HostError('an event of the run was not understood', { said: line, next: 'this is a mistake in Keelson' })
}
