/**
 * Shows progress on stderr while hosts are read and converged. A terminal has one live line for each host at its
 * bottom, and finished steps scroll away above it; other outputs get plain lines.
 */
import type { Progress } from '../engine/report.ts'
import { cleanLine } from '../render/clean.ts'
import { pad, shorten, widest } from '../render/text/page.ts'
import { counted, duration } from '../render/words.ts'
import type { Sink } from './output.ts'

export type ProgressView = {
  show: (progress: Progress) => void
  /** Writes a line about other slow work. */
  note: (text: string) => void
  /** Removes the live lines while `work` uses the terminal. */
  aside: <T>(work: () => Promise<T>) => Promise<T>
  /** Writes a text above the live lines, to either sink. */
  print: (to: Sink, text: string) => void
  close: () => void
}

const REDRAW_MS = 200
const STOPPING = 'the host stops after this step, whatever becomes of this terminal'

type Live = { since: number; doing: string; steps: number; done: number; stepSince: number }

export function openProgress(sink: Sink): ProgressView {
  return sink.isTerminal ? new LiveView(sink) : plainView(sink)
}

/** Plain lines: what was done and how it ended, without live lines. */
function plainView({ write }: Sink): ProgressView {
  return {
    show: (progress) => {
      const text = plainLine(progress)
      if (text !== undefined) write(`${cleanLine(progress.host)}: ${text}\n`)
    },
    note: (text) => write(`${cleanLine(text)}\n`),
    aside: (work) => work(),
    print: (to, text) => to.write(text),
    close: () => undefined,
  }
}

function plainLine(progress: Progress): string | undefined {
  switch (progress.event) {
    case 'applying':
      return `applying ${counted(progress.steps, 'change')} as run ${cleanLine(progress.run)} (${cleanLine(progress.unit)})`
    case 'step':
      return progress.state === 'started' ? undefined : `${progress.state} ${cleanLine(progress.label)}`
    case 'reconnecting':
      return `reconnecting, attempt ${progress.attempt}: ${cleanLine(progress.because)}`
    case 'waiting':
      return `waiting: ${cleanLine(progress.because)}`
    case 'stopping':
      return STOPPING
    case 'proving':
      return 'checking that a new login works'
    default:
      return undefined
  }
}

/** Draws live lines below all other output and removes them before anything else is written. */
class LiveView implements ProgressView {
  readonly #sink: Sink
  readonly #live = new Map<string, Live>()
  #drawn = 0
  #timer: NodeJS.Timeout | undefined
  #hosts = 0
  #asides = 0
  /** Text that arrived while `aside` was running. */
  readonly #waiting: [to: Sink, text: string][] = []

  constructor(sink: Sink) {
    this.#sink = sink
  }

  show = (progress: Progress): void => {
    const { host } = progress
    const live = this.#live.get(host) ?? this.#begin(host)
    switch (progress.event) {
      case 'connecting':
        live.doing = 'connecting'
        break
      case 'reading':
        live.doing = 'reading'
        break
      case 'planned':
        live.doing = 'planned'
        break
      case 'applying':
        live.steps = progress.steps
        live.doing = 'applying'
        break
      case 'step':
        this.#step(live, progress)
        break
      case 'reconnecting':
        live.doing = `reconnecting, attempt ${progress.attempt}: ${cleanLine(progress.because)}`
        break
      case 'waiting':
        live.doing = `waiting: ${cleanLine(progress.because)}`
        break
      case 'proving':
        live.doing = 'checking that a new login works'
        break
      case 'stopping':
        this.print(this.#sink, `${cleanLine(host)}: ${STOPPING}\n`)
        break
      case 'verifying':
        live.doing = 'verifying'
        break
      case 'done':
        this.#live.delete(host)
        break
    }
    this.#draw()
  }

  note = (text: string): void => {
    this.print(this.#sink, `${this.#sink.page.colors.dim(cleanLine(text))}\n`)
  }

  print = (to: Sink, text: string): void => {
    if (this.#asides > 0) {
      this.#waiting.push([to, text])
      return
    }
    this.#clear()
    to.write(text)
    this.#draw()
  }

  aside = async <T>(work: () => Promise<T>): Promise<T> => {
    this.#clear()
    this.#asides += 1
    try {
      return await work()
    } finally {
      this.#asides -= 1
      for (const [to, text] of this.#asides === 0 ? this.#waiting.splice(0) : []) this.print(to, text)
      this.#draw()
    }
  }

  close = (): void => {
    clearInterval(this.#timer)
    this.#clear()
    this.#live.clear()
  }

  #begin(host: string): Live {
    const now = performance.now()
    const live = { since: now, doing: '', steps: 0, done: 0, stepSince: now }
    this.#live.set(host, live)
    this.#hosts = Math.max(this.#hosts, this.#live.size)
    this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS).unref()
    return live
  }

  #step(live: Live, { host, label, title, state }: Extract<Progress, { event: 'step' }>): void {
    const now = performance.now()
    if (state === 'started') {
      if (!live.doing.startsWith(cleanLine(label))) live.stepSince = now
      live.doing = `${cleanLine(label)}  ${cleanLine(title)}`
      return
    }
    live.done += 1
    live.doing = 'applying'
    const took = state === 'skipped' ? '' : `  ${duration((now - live.stepSince) / 1000)}`
    live.stepSince = now
    this.print(this.#sink, `${this.#finished(host, cleanLine(label), state, took)}\n`)
  }

  #finished(host: string, label: string, state: 'ok' | 'failed' | 'skipped', took: string): string {
    const { colors } = this.#sink.page
    const marks = { ok: colors.green('✓'), failed: colors.red('✗ failed'), skipped: colors.yellow('· skipped') }
    const name = this.#hosts > 1 ? `${colors.dim(cleanLine(host))} ` : ''
    return `${marks[state]} ${name}${label}${colors.dim(took)}`
  }

  #draw(): void {
    if (this.#asides > 0) return
    this.#clear()
    const column = widest([...this.#live.keys()].map(cleanLine))
    const lines = [...this.#live].map(([host, live]) => this.#liveLine(pad(cleanLine(host), column), live))
    if (lines.length > 0) this.#sink.write(`${lines.join('\n')}\n`)
    this.#drawn = lines.length
  }

  #liveLine(host: string, { since, doing, steps, done }: Live): string {
    const { colors, width = 80 } = this.#sink.page
    const count = steps === 0 ? '' : `${done}/${steps}  `
    const elapsed = duration((performance.now() - since) / 1000)
    const room = width - widest([`${host}  ${elapsed}  ${count}`]) - 1
    return `${colors.bold(host)}  ${colors.dim(elapsed)}  ${count}${shorten(doing, Math.max(10, room))}`
  }

  #clear(): void {
    if (this.#drawn > 0) this.#sink.erase(this.#drawn)
    this.#drawn = 0
  }
}
