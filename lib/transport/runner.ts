/** Running programs as root over any connection: finds out once how the account becomes root, and remembers it. */
import { isIP } from 'node:net'
import { LoginRefused, SudoRefused } from './connection.ts'
import type { Ask, Peer, RunOptions, RunResult } from './connection.ts'
import { follow } from './run.ts'
import type { Child, Followed, SudoPrompt } from './run.ts'
import { INCOMPLETE, randomMark, startCommand } from './wrap.ts'
import type { Privilege } from './wrap.ts'

/** Starts a command line under the account's shell. */
export type Start = (command: string) => Promise<Child>

/** How long asking a program to end may take: the link may be what is stuck. */
const ENDING_MS = 3000

/** The account, its name for messages and questions (`deploy@web-1`), and see `Peer`. */
export type Names = { account: string; label: string; keys?: readonly string[] | undefined; hostKey?: string }

type NotStarted = Extract<Followed, { started: false }>

export class Runner {
  peer: Peer = {}
  execs = 0
  readonly #start: Start
  readonly #ask: Ask
  /** The part of the peer that is known before a program has run. */
  readonly #known: Pick<Peer, 'keys' | 'hostKey'> & { account: string }
  /** Name of the account on its machine, for messages and questions: `deploy@web-1`. */
  readonly #label: string
  readonly #prompt = randomMark()
  #privilege: Privilege
  /** Whether `#privilege` has led to root before. */
  #proven: boolean
  #password: Promise<string | undefined> | undefined
  readonly #endings = new Set<Promise<unknown>>()
  /** A started wrapper that waits for its program. */
  #spare: Promise<Child | undefined> | undefined

  constructor(start: Start, ask: Ask, { account, label, keys, hostKey }: Names) {
    this.#start = start
    this.#ask = ask
    this.#known = {
      account,
      ...(keys === undefined ? {} : { keys }),
      ...(hostKey === undefined ? {} : { hostKey }),
    }
    this.#label = label
    this.#privilege = account === 'root' ? 'root' : 'sudo'
    this.#proven = account === 'root'
  }

  /** @see Connection.run */
  async run(program: string, options: RunOptions): Promise<RunResult> {
    options.signal?.throwIfAborted()
    const followed = await this.#try(program, options)
    if (followed.started) return this.#accept(followed)
    if (this.#privilege === 'sudo' && wantsPassword(followed.said)) {
      this.#privilege = 'sudo-password'
      return this.run(program, options)
    }
    throw this.#explain(followed)
  }

  async #try(program: string, options: RunOptions): Promise<Followed> {
    const sudo = this.#privilege === 'sudo-password' ? await this.#sudoPrompt() : undefined
    this.execs += 1
    const child = await this.#takeChild()
    const followed = follow(child, program, options, {
      sudo,
      awaitStart: !this.#proven && !Buffer.isBuffer(options.input),
      onGivenUp: (group) => this.#end(group),
    })
    if (this.#proven) this.warmUp()
    return followed
  }

  #accept({ result, host }: Extract<Followed, { started: true }>): RunResult {
    this.#proven = true
    const peer = parsePeer(host.connection)
    if (peer !== undefined) this.peer = { ...peer, ...this.#known }
    return result
  }

  /**
   * Starts a wrapper ahead of the program it will run: when that comes, it costs one round trip in place of three, and
   * the account's start files have been read. A spare that cannot be had is no error: the run will start its own.
   */
  warmUp(): void {
    // A spare would sit at sudo's prompt until sudo gives up.
    if (this.#spare || this.#privilege === 'sudo-password') return
    const spare = this.#start(startCommand(this.#privilege, this.#prompt)).catch(() => undefined)
    this.#spare = spare
    // sshd may end an idle channel (ChannelTimeout).
    void spare.then(async (child) => {
      await child?.ended
      if (this.#spare === spare) this.#spare = undefined
    })
  }

  async #takeChild(): Promise<Child> {
    const spare = this.#spare
    this.#spare = undefined
    return (await spare) ?? this.#start(startCommand(this.#privilege, this.#prompt))
  }

  /** Asks a program that was given up to end. Closing its channel alone would let it run on for ever. */
  #end(group: number): void {
    const ended = this.#takeChild()
      .then((child) => follow(child, `kill -s TERM -- -${group}`, { timeoutMs: ENDING_MS }))
      .catch(() => undefined)
      .finally(() => this.#endings.delete(ended))
    this.#endings.add(ended)
  }

  /** Resolves when programs that were given up have been asked to end. */
  async settle(): Promise<void> {
    await Promise.all(this.#endings)
  }

  async #sudoPrompt(): Promise<SudoPrompt> {
    this.#password ??= this.#ask.sudoPassword?.(this.#label) ?? Promise.resolve(undefined)
    const password = await this.#password
    if (password !== undefined) return { prompt: this.#prompt, password }
    throw new SudoRefused(`sudo on ${this.#label} wants a password, and nobody could be asked for it`, {
      next: `Run this from a terminal, or allow the account without one: ${this.#known.account} ALL=(ALL) NOPASSWD: ALL`,
    })
  }

  #explain({ exit, said, passwordRefused }: NotStarted): LoginRefused | SudoRefused {
    if (passwordRefused) {
      return new SudoRefused(`sudo on ${this.#label} did not accept the password`, {
        said,
        next: 'Run again and give the password of that account.',
      })
    }
    if (exit === INCOMPLETE) {
      return new LoginRefused(`the program did not reach ${this.#label} whole, and was not run`, {
        said,
        next: 'A start file of the account (.bashrc, .zshenv, .cshrc) reads standard input; have it stop.',
      })
    }
    if (this.#privilege !== 'root' && /sudo|not allowed/.test(said)) {
      return new SudoRefused(`${this.#label} could not become root with sudo (exit ${exit})`, {
        said,
        next: `Install sudo and allow the account all commands: ${this.#known.account} ALL=(ALL) ALL`,
      })
    }
    return new LoginRefused(`the account ${this.#label} ran something else than the program (exit ${exit})`, {
      said,
      next: 'Its login shell or a forced command (command= in authorized_keys, ForceCommand) must let sh run.',
    })
  }
}

/** sudo says "a password is required" (Debian 12, 13), sudo-rs "interactive authentication is required". */
function wantsPassword(said: string): boolean {
  return /(password|authentication) is required/.test(said)
}

/** SSH_CONNECTION, `client-address client-port server-address server-port`, as sshd(8) sets it. */
function parsePeer(text: string): Peer | undefined {
  const [localAddress = '', , remoteAddress = '', remotePort = ''] = text.split(' ')
  if (isIP(localAddress) === 0 || isIP(remoteAddress) === 0 || !/^\d{1,5}$/.test(remotePort)) return undefined
  return { localAddress, remoteAddress, remotePort: Number(remotePort) }
}
