/**
 * The two output streams: stdout for the requested output, stderr for progress. All text passes the redactor.
 */
import { isatty } from 'node:tty'
import picocolors from 'picocolors'
import { redactor, type Redactor, type RedactStream } from '../kit/redact.ts'
import { coloursOnly } from '../render/clean.ts'
import type { Page } from '../render/text/page.ts'

/** One of stdout and stderr. */
export type Sink = {
  /** Writes text. Of terminal control sequences only colours are kept; others are made visible. */
  write: (text: string) => void
  /** Erases so many lines above the cursor, on a terminal. */
  erase: (lines: number) => void
  page: Page
  isTerminal: boolean
}

export type Output = {
  out: Sink
  err: Sink
  /** Masks these values from now on. */
  hide: (secrets: Iterable<string>) => void
  /** Masks those values in a text that goes elsewhere. */
  redact: (text: string) => string
  /** Writes what was held back because it might have been the start of a secret. */
  flush: () => void
}

export type OutputOptions = { colour: boolean; verbose: boolean }

/** @param options.colour False for --no-color, which overrides the environment. */
export function openOutput(options: OutputOptions): Output {
  const hidden = new Set<string>()
  let redactors: Redactor = redactor([])
  const out = new RedactedStream(process.stdout, redactors)
  const err = new RedactedStream(process.stderr, redactors)
  const flush = (): void => [out, err].forEach((stream) => stream.flush())
  return {
    out: sinkOf(out, process.stdout, options),
    err: sinkOf(err, process.stderr, options),
    hide: (secrets) => {
      for (const secret of secrets) hidden.add(secret)
      redactors = redactor(hidden)
      for (const stream of [out, err]) stream.use(redactors)
    },
    redact: (text) => redactors.redact(text),
    flush,
  }
}

class RedactedStream {
  readonly #to: NodeJS.WriteStream
  #text: RedactStream

  constructor(to: NodeJS.WriteStream, { stream }: Redactor) {
    this.#to = to
    this.#text = stream()
    // A reader that closes the pipe early (`| head`) is not an error.
    to.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }

  write(text: string): void {
    this.#to.write(this.#text.write(text))
  }

  flush(): void {
    this.#to.write(this.#text.end())
  }

  use({ stream }: Redactor): void {
    this.flush()
    this.#text = stream()
  }
}

function sinkOf(
  stream: RedactedStream,
  to: NodeJS.WriteStream & { fd: number },
  { colour, verbose }: OutputOptions,
): Sink {
  const isTerminal = isatty(to.fd) && process.env['TERM'] !== 'dumb'
  const colors = picocolors.createColors(colour && wantsColour(process.env, isTerminal))
  const page: Page = { colors, verbose, now: Date.now, ...(isTerminal ? { width: to.columns } : {}) }
  if (isTerminal) to.on('resize', () => (page.width = to.columns))
  return {
    write: (text) => stream.write(coloursOnly(text)),
    // Moves the cursor up to the first of the lines, then erases everything below (ECMA-48: CPL, ED).
    erase: (lines) => stream.write(`\x1b[${lines}F\x1b[J`),
    page,
    isTerminal,
  }
}

/** NO_COLOR (no-color.org) overrides FORCE_COLOR; without either, a terminal has colours, in CI or not. */
export function wantsColour(env: { [name: string]: string | undefined }, isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return isTerminal
}
