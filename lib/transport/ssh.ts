/**
 * Connections over SSH, with ssh2 in place of the OpenSSH client: no process per command, one login per host.
 * ssh2 knows no certificates, no FIDO keys and no post-quantum key exchange; errors say so where it matters.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client, ClientChannel, ServerHostKeyAlgorithm } from 'ssh2'
import { ConnectionLost, LoginRefused, Unreachable } from './connection.ts'
import type { Ask, Connection, RunOptions, RunResult, Target } from './connection.ts'
import { hostKeyAlgorithms, judgeHostKey, parsePinned } from './hostKey.ts'
import type { Trust } from './hostKey.ts'
import type { Child, Ending } from './run.ts'
import { Runner } from './runner.ts'
import { readSshConfig } from './sshConfig.ts'

const CONNECT_TIMEOUT_MS = 15_000
const HANDSHAKE_TIMEOUT_MS = 20_000

const KEY_ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/**
 * Connects to a machine and logs in.
 *
 * @throws {Unreachable | WrongHostKey | LoginRefused}
 */
export async function connectSsh(target: Target, ask: Ask): Promise<Connection> {
  const [{ default: ssh2 }, config] = await Promise.all([import('ssh2'), readSshConfig(target.address, target)])
  const user = target.user ?? config.user ?? 'root'
  const port = target.port ?? config.port
  const trust = target.hostKey === undefined ? { keys: [], revoked: [], authorities: 0 } : parsePinned(target.hostKey)
  const socket = await openSocket(config.hostName, port)
  const privateKey = await readFile(target.identityFile ?? config.identityFiles[0] ?? '')
  const client = new ssh2.Client()
  await login(client, {
    socket,
    user,
    trust,
    privateKey,
    name: port === 22 ? config.hostName : `[${config.hostName}]:${port}`,
  })
  return new SshConnection(client, ask, user, `${user}@${target.address}`)
}

async function openSocket(host: string, port: number): Promise<Duplex> {
  // Without TCP_NODELAY a command takes 47-92 ms instead of 4, and ssh2 does not set it.
  const socket = connectSocket({ host, port, noDelay: true })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) })
    return socket
  } catch (error) {
    socket.destroy()
    throw new Unreachable(
      `${host} port ${port} does not answer`,
      { said: String(error), next: 'Check address, port and firewall.' },
      error,
    )
  }
}

type Login = { socket: Duplex; user: string; trust: Trust; privateKey: Buffer; name: string }

function login(client: Client, { socket, user, trust, privateKey, name }: Login): Promise<void> {
  return new Promise((resolve, reject) => {
    let refused: Error | undefined
    client.on('error', (error) =>
      reject(
        refused ??
          new LoginRefused(`${name} refused the login`, { said: error.message, next: 'Check the key.' }, error),
      ),
    )
    client.once('ready', () => resolve())
    client.connect({
      sock: socket,
      username: user,
      privateKey,
      readyTimeout: HANDSHAKE_TIMEOUT_MS,
      keepaliveInterval: 15_000,
      keepaliveCountMax: 3,
      algorithms: { serverHostKey: hostKeyAlgorithms(trust, KEY_ALGORITHMS) as ServerHostKeyAlgorithm[] },
      hostVerifier: (shown: Buffer) => {
        refused = judgeHostKey(shown, trust, name)
        return refused === undefined
      },
    })
  })
}

class SshConnection implements Connection {
  readonly #client: Client
  readonly #runner: Runner
  #lost: string | undefined

  constructor(client: Client, ask: Ask, account: string, label: string) {
    this.#client = client
    this.#runner = new Runner((command) => this.#exec(command), ask, { account, label })
    client.on('error', (error) => (this.#lost ??= error.message))
    client.once('close', () => (this.#lost ??= 'the host closed the connection'))
  }

  get trips(): Connection['trips'] {
    return { connections: 1, execs: this.#runner.execs }
  }

  get peer(): Connection['peer'] {
    return this.#runner.peer
  }

  run(program: string, options: RunOptions = {}): Promise<RunResult> {
    return this.#runner.run(program, options)
  }

  async close(): Promise<void> {
    if (this.#lost !== undefined) return
    const closed = once(this.#client, 'close')
    this.#client.end()
    await closed
  }

  #exec(command: string): Promise<Child> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(notConnected(this.#lost))
      this.#client.exec(command, (error, channel) => {
        if (error) reject(notConnected(this.#lost ?? error.message))
        else resolve(childOf(channel, () => this.#lost))
      })
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
    // A channel that closes without saying how the program ended: the connection is gone.
    channel.once('close', () => resolve({ lost: lost() ?? 'the channel was closed without an exit status' }))
  })
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended,
    closed,
    release(how) {
      if (how === 'kill') channel.signal('TERM')
      channel.resume()
      channel.stderr.resume()
      channel.close()
    },
  }
}

function notConnected(said: string): ConnectionLost {
  return new ConnectionLost('there is no connection to run the program on', { said, next: 'Connect again.' })
}
