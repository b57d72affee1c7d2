/**
 * Follows one started wrapper (see `wrap.ts`) from its first byte to the program's last: sends the program and its
 * input, cuts the output out, and settles when both closing marks are there. A background process that keeps
 * stdout open does not hold it up.
 */
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { ConnectionLost, TimedOut, TooMuchOutput } from './connection.ts'
import type { RunOptions, RunResult } from './connection.ts'
import { Frame } from './frame.ts'
import { envelope, randomMark, READY } from './wrap.ts'

/** How a child ended, as the side that started it tells. `lost`: nobody will tell any more. */
export type Ending = { exit: number } | { signal: string } | { lost: string }

/** A wrapper that was started, over SSH or on this machine. */
export type Child = {
  stdin: Writable
  stdout: Readable
  stderr: Readable
  /** The process ended; output may still be on its way. */
  ended: Promise<Ending>
  /** Nothing more will come from stdout and stderr. */
  closed: Promise<void>
  /** Lets go of the process, which may go on. */
  release(): void
}

/** What a program that ended left, or what was said instead of starting it. */
export type Followed =
  | { started: true; result: RunResult; host: Surroundings }
  | { started: false; exit: number; said: string; passwordRefused: boolean }

/** What the host says of a program as it starts. */
export type Surroundings = {
  /** Process group the program runs in. */
  group: number
  /** SSH_CONNECTION, as sshd(8) sets it; empty without SSH. */
  connection: string
}

/** What sudo asks with, and what it is answered. */
export type SudoPrompt = { prompt: string; password: string }

/** Kept stdout when the caller sets no bound, in bytes. */
const DEFAULT_MAX_OUTPUT = 64 * 1024 * 1024

/** Kept end of stderr, in bytes. */
const KEPT_STDERR = 256 * 1024

/** How long output may lag behind the end of a wrapper that was killed before it could write its closing marks. */
const LAG_MS = 2000

/** What following a program needs besides the program and its options. */
export type FollowSettings = {
  /** Given when sudo will ask: nothing of the program is sent before it has its answer. */
  sudo?: SudoPrompt | undefined
  /** Holds `options.input` back until the program runs, so that the same stream can serve a second try. */
  awaitStart?: boolean
  /** Told when a program is given up that may still run. */
  onGivenUp?: (group: number) => void
}

/**
 * Sends a program to a child and waits for it to end.
 *
 * @throws {ConnectionLost | TimedOut | TooMuchOutput} or the reason of `options.signal`, or the error of `options.input`.
 */
export async function follow(
  child: Child,
  program: string,
  options: RunOptions,
  settings: FollowSettings = {},
): Promise<Followed> {
  const run = new Run(child, program, options, settings)
  try {
    return await run.settled
  } catch (error) {
    if (run.host && !(error instanceof ConnectionLost)) settings.onGivenUp?.(run.host.group)
    throw error
  } finally {
    run.stop()
    child.release()
  }
}

class Run {
  readonly settled: Promise<Followed>
  readonly #child: Child
  readonly #options: RunOptions
  readonly #envelope: Buffer
  readonly #awaitStart: boolean
  readonly #stdout: Frame
  readonly #stderr: Frame
  readonly #kept: Buffer[] = []
  readonly #keptErrors: Tail = new Tail(KEPT_STDERR)
  #keptBytes = 0
  #sudo: Sudo | undefined
  #inputSent = false
  #settle: (followed: Followed) => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #timer: NodeJS.Timeout | undefined

  constructor(child: Child, program: string, options: RunOptions, { sudo, awaitStart = false }: FollowSettings) {
    const mark = randomMark()
    this.#child = child
    this.#options = options
    this.#envelope = envelope(program, mark)
    this.#awaitStart = awaitStart
    this.#stdout = new Frame(mark)
    this.#stderr = new Frame(mark)
    this.settled = new Promise((resolve, reject) => {
      this.#settle = resolve
      this.#fail = reject
    })
    if (sudo) this.#sudo = new Sudo(sudo)
    this.#listen()
    if (!sudo) this.#send()
  }

  /** Undefined until the program runs. */
  get host(): Surroundings | undefined {
    if (this.#stdout.phase === 'before') return undefined
    const [group = '', ...connection] = this.#stdout.opening.split(' ')
    return { group: Number(group), connection: connection.join(' ') }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#options.signal?.removeEventListener('abort', this.#aborted)
    const { input } = this.#options
    if (!input || Buffer.isBuffer(input)) return
    input.unpipe(this.#child.stdin)
    // A run that never started leaves the stream whole for the next try.
    if (this.#inputSent) input.destroy()
  }

  #listen(): void {
    const { stdin, stdout, stderr, ended } = this.#child
    const { signal, timeoutMs } = this.#options
    stdout.on('data', (chunk: Buffer) => this.#onStdout(chunk))
    stderr.on('data', (chunk: Buffer) => this.#onStderr(chunk))
    // A program may end without reading its input; how it ended is told by its status, not by the broken pipe.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
    void ended.then((ending) => this.#onEnded(ending))
    if (signal?.aborted) this.#aborted()
    signal?.addEventListener('abort', this.#aborted)
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#fail(this.#timedOut(timeoutMs)), timeoutMs)
  }

  #timedOut(timeoutMs: number): TimedOut {
    return this.#stdout.phase === 'before' ? notBegun(timeoutMs, this.#said()) : timedOut(timeoutMs)
  }

  readonly #aborted = (): void => this.#fail(this.#options.signal?.reason)

  #send(): void {
    this.#child.stdin.write(this.#envelope)
    if (!this.#awaitStart) this.#sendInput()
  }

  #sendInput(): void {
    if (this.#inputSent) return
    this.#inputSent = true
    const { input } = this.#options
    if (!input) this.#child.stdin.end()
    else if (Buffer.isBuffer(input)) this.#child.stdin.end(input)
    else this.#pipe(input)
  }

  #pipe(input: Readable): void {
    input.once('error', (error) => this.#fail(error))
    input.once('close', () => {
      if (!input.readableEnded) this.#fail(new Error('the input of the program ended before it was read to its end'))
    })
    input.pipe(this.#child.stdin)
  }

  #onStdout(chunk: Buffer): void {
    const bytes = this.#stdout.push(chunk)
    if (this.#awaitStart && this.#stdout.phase !== 'before') this.#sendInput()
    if (bytes.length > 0) this.#keep(bytes)
    this.#settleWhenClosed()
  }

  #keep(bytes: Buffer): void {
    const { onStdout, maxOutput = DEFAULT_MAX_OUTPUT } = this.#options
    if (onStdout) {
      try {
        onStdout(bytes)
      } catch (error) {
        this.#fail(error)
      }
      return
    }
    this.#keptBytes += bytes.length
    if (this.#keptBytes > maxOutput) this.#fail(tooMuchOutput(maxOutput))
    else this.#kept.push(bytes)
  }

  #onStderr(chunk: Buffer): void {
    const answer = this.#sudo?.push(chunk)
    if (answer === 'refused') this.#child.stdin.end()
    else if (answer === 'ready') this.#send()
    else if (answer) this.#child.stdin.write(answer.password)
    this.#keptErrors.push(this.#stderr.push(chunk))
    this.#settleWhenClosed()
  }

  #settleWhenClosed(): void {
    if (this.#stdout.phase === 'after' && this.#stderr.phase === 'after') this.#finish(Number(this.#stdout.closing))
  }

  #finish(exit: number): void {
    const result = { exit, stdout: Buffer.concat(this.#kept), stderr: this.#keptErrors.toString() }
    const host = this.host ?? { group: 0, connection: '' }
    this.#settle({ started: true, result, host })
  }

  /** The wrapper ended, as a rule after its marks; when it was killed, or never started, they will not come. */
  async #onEnded(ending: Ending): Promise<void> {
    if ('lost' in ending) {
      this.#fail(connectionLost(ending.lost))
      return
    }
    await Promise.race([this.#child.closed, lag()])
    const exit = 'exit' in ending ? ending.exit : 128 + signalNumber(ending.signal)
    if (this.#stdout.phase !== 'before') this.#finish(exit)
    else this.#settle({ started: false, exit, said: this.#said(), passwordRefused: this.#sudo?.refused ?? false })
  }

  /** What was said in place of running the program, without what was ours. */
  #said(): string {
    const prompt = this.#sudo?.prompt ?? READY
    const errors = this.#stderr.noise.replaceAll(READY, '').replaceAll(prompt, '')
    return `${errors}\n${this.#stdout.noise}`.replaceAll(/\n+/g, '\n').trim()
  }
}

/** Watches stderr for sudo's prompt and the wrapper's readiness, in pieces split at any byte. */
class Sudo {
  readonly prompt: string
  refused = false
  readonly #password: string
  #seen = ''
  #asked = false
  #done = false

  constructor({ prompt, password }: SudoPrompt) {
    this.prompt = prompt
    this.#password = password
  }

  /** What the piece calls for: the password once, the program when sudo let the wrapper through, an end when asked again. */
  push(chunk: Buffer): { password: string } | 'refused' | 'ready' | undefined {
    if (this.#done) return undefined
    this.#seen += chunk.toString('latin1')
    if (this.#seen.includes(READY)) return this.#end('ready')
    const prompts = this.#seen.split(this.prompt).length - 1
    if (prompts > 1) return this.#end('refused')
    if (prompts === 0 || this.#asked) return undefined
    this.#asked = true
    return { password: `${this.#password}\n` }
  }

  #end(how: 'refused' | 'ready'): 'refused' | 'ready' {
    this.#done = true
    this.refused = how === 'refused'
    this.#seen = ''
    return how
  }
}

/** The last bytes of a stream, in memory bounded by twice their number. */
class Tail {
  readonly #limit: number
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#bytes > 2 * this.#limit) this.#trim()
  }

  toString(): string {
    this.#trim()
    return this.#pieces.map(String).join('')
  }

  #trim(): void {
    const kept = Buffer.concat(this.#pieces).subarray(-this.#limit)
    this.#pieces = [kept]
    this.#bytes = kept.length
  }
}

function lag(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LAG_MS).unref()
  })
}

/** `KILL` or `SIGKILL` to 9; an unknown name to 0. */
function signalNumber(name: string): number {
  const signals: Record<string, number> = constants.signals
  return signals[name.startsWith('SIG') ? name : `SIG${name}`] ?? 0
}

function notBegun(timeoutMs: number, said: string): TimedOut {
  return new TimedOut(`the host did not begin to run the program within ${timeoutMs / 1000} s`, {
    said: said.slice(-2000),
    next: 'A start file of the account (.bashrc, .zshenv, .cshrc) or its shell waits or prints without end; have it stop.',
  })
}

function timedOut(timeoutMs: number): TimedOut {
  return new TimedOut(`the program did not end within ${timeoutMs / 1000} s`, {
    next: 'It was asked to end, and may not have. Look at the host, or allow more time.',
  })
}

function tooMuchOutput(maxOutput: number): TooMuchOutput {
  return new TooMuchOutput(`the program wrote more than ${maxOutput} bytes`, {
    next: 'Have the program write less, or take its output piece by piece.',
  })
}

export function connectionLost(why: string): ConnectionLost {
  return new ConnectionLost(
    'the connection ended while the program ran; what it did on the host is not known from here',
    {
      why,
      next: 'Connect again and look at what the program was to change before running it once more.',
    },
  )
}
