/**
 * Connections over SSH, with ssh2 in place of the OpenSSH client: no process per command, one login per host.
 * ssh2 knows no certificates, no FIDO keys and no post-quantum key exchange; errors say so where it matters.
 */
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client, ClientChannel } from 'ssh2'
import { ConnectionLost, HungUp, Unreachable } from './connection.ts'
import type { Ask, Connection, RunOptions, RunResult, Target } from './connection.ts'
import { findIdentities } from './keys.ts'
import type { Ssh2 } from './keys.ts'
import { login } from './login.ts'
import { findRoute, openStream } from './route.ts'
import type { Route } from './route.ts'
import type { Child, Ending } from './run.ts'
import { type Names, Runner } from './runner.ts'

/** Pauses before a new attempt when the host hung up: sshd drops logins beyond MaxStartups (10:30:100) at random. */
const RETRY_PAUSES_MS = [200, 800]

/** Programs at the same time; with the spare this stays well under sshd's MaxSessions, 10, which it frees late. */
const MOST_AT_ONCE = 6

/** Pauses before a channel is asked for again: sshd frees a session of its MaxSessions late. */
const CHANNEL_PAUSES_MS = [20, 80, 320]

/** How long the host may take to close a connection it was told the end of. */
const LEAVE_MS = 2000

/**
 * Connects to a machine and logs in, through its jump hosts if it has any.
 *
 * Host keys must be pinned in the target or stand in known_hosts; an unknown one is refused.
 *
 * @throws {Unreachable | WrongHostKey | LoginRefused}
 */
export async function connectSsh(target: Target, ask: Ask): Promise<Connection> {
  // Loaded here, in the time that ssh_config and known_hosts take: most commands never connect.
  const [{ default: ssh2 }, route] = await Promise.all([import('ssh2'), findRoute(target)])
  const { line, keys, hostKey } = await reach(ssh2, route, ask)
  return new SshConnection(line, ask, {
    account: route.sources.user,
    label: `${route.sources.user}@${target.address}`,
    keys,
    hostKey,
  })
}

/** Logged in, and see `Peer`. */
type Reached = { line: Line; keys: string[] | undefined; hostKey: string }

/** Logs in to one host, again when it hung up: a few times, and as often as there are keys left that it did not let us try. */
async function reach(ssh2: Ssh2, route: Route, ask: Ask): Promise<Reached> {
  const identities = await findIdentities(ssh2, route.sources, ask)
  const known = identities.keys.flatMap(({ publicKey }) => publicKey ?? [])
  const keys = known.length === identities.keys.length ? known : undefined
  const pauses = [...RETRY_PAUSES_MS]
  let jump: Line | undefined
  for (;;) {
    const left = identities.keys.length
    try {
      // A jump host whose line broke meanwhile leads nowhere.
      if (route.through && jump?.lost !== undefined) jump = undefined
      if (route.through) jump ??= (await reach(ssh2, route.through, ask)).line
      const stream = await openStream(route, jump?.client)
      const { client, hostKey } = await login(ssh2, stream, route, identities)
      return { line: new Line(client, stream, jump), keys, hostKey }
    } catch (error) {
      const pause = error instanceof HungUp ? (identities.keys.length < left ? 0 : pauses.shift()) : undefined
      if (pause !== undefined) {
        await delay(pause)
        continue
      }
      void jump?.leave()
      throw error instanceof HungUp ? hungUp(route, error) : error
    }
  }
}

/** A client that is logged in, the stream under it, and the line to the jump host that this leads through. */
class Line {
  readonly client: Client
  /** Why nothing can be run any more. */
  lost: string | undefined
  readonly #stream: Duplex
  readonly #closed: Promise<void>

  constructor(client: Client, stream: Duplex, jump: Line | undefined) {
    this.client = client
    this.#stream = stream
    client.on('error', (error) => (this.lost ??= error.message))
    client.once('end', () => (this.lost ??= 'the host ended the connection'))
    this.#closed = new Promise((resolve) => {
      client.once('close', () => {
        this.lost ??= 'the host closed the connection'
        void jump?.leave()
        resolve()
      })
    })
  }

  /** Never fails: of a line that breaks or has fallen silent meanwhile there is nothing more to want. */
  async leave(): Promise<void> {
    if (this.lost !== undefined) return
    this.client.end()
    await Promise.race([this.#closed, delay(LEAVE_MS, undefined, { ref: false })])
    this.#stream.destroy()
  }
}

class SshConnection implements Connection {
  readonly #line: Line
  readonly #runner: Runner
  readonly #running = new Set<Promise<unknown>>()

  constructor(line: Line, ask: Ask, names: Names) {
    this.#line = line
    // One listener for each exec under way.
    line.client.setMaxListeners(MOST_AT_ONCE + 10)
    this.#runner = new Runner((command) => this.#exec(command), ask, names)
    this.#runner.warmUp()
  }

  get trips(): Connection['trips'] {
    return { connections: 1, execs: this.#runner.execs }
  }

  get peer(): Connection['peer'] {
    return this.#runner.peer
  }

  async run(program: string, options: RunOptions = {}): Promise<RunResult> {
    while (this.#running.size >= MOST_AT_ONCE) await Promise.race(this.#running)
    const result = this.#runner.run(program, options)
    const ended = result.then(ignore, ignore).finally(() => this.#running.delete(ended))
    this.#running.add(ended)
    return result
  }

  async close(): Promise<void> {
    await this.#runner.settle()
    await this.#line.leave()
  }

  async #exec(command: string): Promise<Child> {
    for (const pause of CHANNEL_PAUSES_MS) {
      try {
        return await this.#open(command)
      } catch (error) {
        if (this.#line.lost !== undefined) throw error
        await delay(pause)
      }
    }
    return this.#open(command)
  }

  #open(command: string): Promise<Child> {
    const { client } = this.#line
    return new Promise((resolve, reject) => {
      // An exec that is under way when the connection goes is never called back.
      const gone = (): void => reject(notConnected(this.#line.lost ?? 'the host closed the connection'))
      if (this.#line.lost !== undefined) return gone()
      client.once('close', gone)
      try {
        client.exec(command, (error, channel) => {
          client.off('close', gone)
          if (error) reject(notConnected(error.message))
          else resolve(childOf(channel, () => this.#line.lost))
        })
      } catch (error) {
        // ssh2 throws where the stream can no longer be written to.
        client.off('close', gone)
        reject(notConnected(String(error)))
      }
    })
  }
}

function childOf(channel: ClientChannel, lost: () => string | undefined): Child {
  const closed = new Promise<void>((resolve) => {
    channel.once('close', () => resolve())
  })
  const ended = new Promise<Ending>((resolve) => {
    channel.once('exit', (code: number | null, signal?: string) =>
      resolve(code === null ? { signal: signal ?? '' } : { exit: code }),
    )
    // A channel that closes without a word on how the program ended: the connection is gone.
    channel.once('close', () => resolve({ lost: lost() ?? 'the channel was closed without an exit status' }))
  })
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended,
    closed,
    release: () => release(channel),
  }
}

function release(channel: ClientChannel): void {
  // ssh2 emits 'close', and frees the channel, only when both are read to their end.
  channel.resume()
  channel.stderr.resume()
  channel.close()
}

function hungUp({ name }: Route, error: HungUp): Unreachable {
  return new Unreachable(
    `${name} hung up before the login was done`,
    {
      why: error.message,
      next: 'Too many logins at once (MaxStartups), a ban (fail2ban), or a port that is not sshd.',
    },
    error,
  )
}

function notConnected(why: string): ConnectionLost {
  return new ConnectionLost('there is no connection to run the program on', { why, next: 'Connect again.' })
}

function ignore(): void {}
