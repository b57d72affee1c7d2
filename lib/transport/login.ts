/** From a byte stream to a logged-in ssh2 client: host key, keys, and what the refusals mean. */
import type { Duplex } from 'node:stream'
import type { AnyAuthMethod, Client, ServerHostKeyAlgorithm } from 'ssh2'
import { HungUp, LoginRefused, Unreachable } from './connection.ts'
import type { TransportError } from './connection.ts'
import { fingerprint, hostKeyAlgorithms, judgeHostKey } from './hostKey.ts'
import type { Identities, Identity, Ssh2 } from './keys.ts'
import type { Route } from './route.ts'

/** How long the host may take for one answer of the handshake or login. */
const ANSWER_TIMEOUT_MS = 20_000

/** A dead link is noticed when four went unanswered: half a minute at most, of the two that a run waits for its client. */
const KEEPALIVE_MS = 5000
const KEEPALIVES = 4

/** What ssh2 1.17.0 can verify. SHA-1 signatures (ssh-rsa) are left out. */
const HOST_KEY_ALGORITHMS: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/** A client that is logged in, and the fingerprint of the key that its host showed. */
export type LoggedIn = { client: Client; hostKey: string }

/**
 * Logs in over an open stream with the identities not tried yet; each is answered at most once in its life.
 *
 * @throws {WrongHostKey | LoginRefused | Unreachable} For good.
 * @throws {HungUp} When the connection broke before the login was done, as sshd has it beyond MaxStartups, or because of
 *   too many keys while some are left to try.
 */
export function login(ssh2: Ssh2, stream: Duplex, route: Route, identities: Identities): Promise<LoggedIn> {
  const attempt = new Attempt(new ssh2.Client(), route, identities)
  return attempt.start(stream)
}

class Attempt {
  readonly #client: Client
  readonly #route: Route
  readonly #identities: Identities
  #wrongKey: TransportError | undefined
  #handshaken = false
  #hostKey = ''
  #methods = ''
  /** The key that the host was shown and has not answered yet. */
  #shown: Identity | undefined
  #timer: NodeJS.Timeout | undefined
  #fail: (error: Error) => void = () => {}

  constructor(client: Client, route: Route, identities: Identities) {
    this.#client = client
    this.#route = route
    this.#identities = identities
  }

  start(stream: Duplex): Promise<LoggedIn> {
    return new Promise((resolve, reject) => {
      this.#fail = (error) => {
        clearTimeout(this.#timer)
        reject(error)
        stream.destroy()
      }
      // The listener stays: ssh2 emits errors until after 'close', and one without a listener ends the process.
      this.#client.on('error', (error) => this.#fail(this.#explain(error)))
      this.#client.once('close', () => this.#fail(this.#hungUp('the host closed the connection')))
      // Nothing more comes from a host that ended its side. It may never take what is on its way to it, and ssh2 would wait.
      this.#client.once('end', () => stream.destroy())
      this.#client.once('handshake', () => (this.#handshaken = true))
      this.#client.once('ready', () => {
        clearTimeout(this.#timer)
        resolve({ client: this.#client, hostKey: this.#hostKey })
      })
      this.#expectAnswer()
      this.#connect(stream)
    })
  }

  #connect(stream: Duplex): void {
    const { trust, name, sources } = this.#route
    this.#client.connect({
      sock: stream,
      username: sources.user,
      // Own timer: a person may take long over a passphrase.
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES,
      algorithms: { serverHostKey: hostKeyAlgorithms(trust, HOST_KEY_ALGORITHMS) },
      // Without a verifier ssh2 accepts any key.
      hostVerifier: (shown: Buffer) => {
        this.#wrongKey = judgeHostKey(shown, trust, name)
        this.#hostKey = fingerprint(shown)
        return this.#wrongKey === undefined
      },
      authHandler: (methods: string[] | null, _partial, next) => {
        this.#methods = methods?.join(', ') ?? ''
        this.#nextKey()
          .then((method) => {
            this.#expectAnswer()
            if (method) next(method)
            else this.#fail(this.#loginError('every key was tried'))
          })
          .catch(this.#fail)
      },
    })
  }

  async #nextKey(): Promise<AnyAuthMethod | undefined> {
    clearTimeout(this.#timer)
    this.#shown = undefined
    for (let key = this.#identities.keys.shift(); key; key = this.#identities.keys.shift()) {
      const method = await key.open()
      if (!method) continue
      this.#identities.notes.push(`${key.label}: refused`)
      // Whoever was asked for its passphrase is not asked again.
      this.#shown = { label: key.label, open: () => Promise.resolve(method) }
      return method
    }
    return undefined
  }

  #expectAnswer(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#fail(this.#silent()), ANSWER_TIMEOUT_MS)
  }

  #silent(): Unreachable {
    return new Unreachable(`${this.#route.name} takes connections but does not answer`, {
      why: `nothing for ${ANSWER_TIMEOUT_MS / 1000} s`,
      next: 'The machine may be overloaded, or the port may not be sshd.',
    })
  }

  #explain(error: Error): Error {
    if (this.#wrongKey) return this.#wrongKey
    if (isOfTheLine(error)) return this.#hungUp(error.message)
    if (!this.#handshaken) return this.#handshakeError(error)
    if (/too many authentication failures/i.test(error.message)) {
      // That was the answer to it; the end of the connection, which follows, is not another.
      this.#shown = undefined
      if (this.#identities.keys.length > 0) return new HungUp(error.message)
    }
    return this.#loginError(error.message)
  }

  /** Whether the key that was shown opens the host is not known, so it is the first to be tried again. */
  #hungUp(said: string): TransportError | HungUp {
    if (this.#wrongKey) return this.#wrongKey
    if (this.#shown !== undefined) {
      this.#identities.keys.unshift(this.#shown)
      this.#identities.notes.pop()
      this.#shown = undefined
    }
    return new HungUp(said)
  }

  #handshakeError(error: Error): Error {
    return new Unreachable(
      `${this.#route.name} and this client do not agree on how to speak`,
      {
        why: error.message,
        next: 'The host must offer one of curve25519-sha256 or ecdh-sha2-nistp256, and a plain host key (no certificate, no post-quantum-only exchange).',
      },
      error,
    )
  }

  #loginError(said: string): LoginRefused {
    const { user } = this.#route.sources
    const { keys, notes } = this.#identities
    const tried = [...notes, ...keys.map(({ label }) => `${label}: not tried`)].join('; ')
    const wants = this.#methods === '' ? '' : ` (the host takes: ${this.#methods})`
    return new LoginRefused(
      `${this.#route.name} refused to log in ${user}: ${tried === '' ? 'there is no key to try' : tried}`,
      {
        said: said + wants,
        next: `Put the public key into ~${user}/.ssh/authorized_keys on the host, or name the right identityFile in the inventory.`,
      },
    )
  }
}

/** Whether the line broke, whatever the system calls that, rather than the host having said something. */
function isOfTheLine(error: Error): boolean {
  const level: unknown = Reflect.get(error, 'level')
  return level === 'client-socket' || level === 'client-timeout' || /before handshake/.test(error.message)
}
