/**
 * What a connection to a machine looks like to the engine, whether it goes over SSH or stays on this machine,
 * and the ways in which one can fail. Opening one is the business of `ssh.ts` and `local.ts`.
 */
import type { Readable } from 'node:stream'

/** Where a machine is and how to log in. What is left out is taken from ssh_config, as `ssh -G` reads it. */
export type Target = {
  /** Name or IP address, as it would be given to ssh(1). */
  address: string
  port?: number
  /** @default ssh_config, where it names another account than the local one, then 'root' */
  user?: string
  /** Pinned public host keys, `ssh-ed25519 AAAA…`. When given, known_hosts is not consulted. */
  hostKey?: string | string[]
  identityFile?: string
  /** ProxyJump, `user@host:port[,…]`. */
  jump?: string
}

/** Questions a connection may have to put to a person. Each is asked at most once per connection. */
export type Ask = {
  /** Passphrase of an encrypted key file. Undefined: nobody can be asked. */
  passphrase?: (file: string) => Promise<string | undefined>
  /** Password for sudo on the host. Undefined: nobody can be asked. */
  sudoPassword?: (account: string) => Promise<string | undefined>
}

export type RunOptions = {
  /**
   * Bytes the program finds on its standard input. A stream that fails fails the run, but what the program has read by
   * then ends like a whole one: where that matters, let it check a length or digest.
   */
  input?: Buffer | Readable
  /** Wall time in milliseconds after which the run is given up with `TimedOut`, and the program asked to end. */
  timeoutMs?: number
  /** Called with each piece of stdout as it arrives; the pieces are then not kept. What it throws fails the run. */
  onStdout?: (chunk: Buffer) => void
  /** Upper bound in bytes for kept stdout; beyond it the run fails with `TooMuchOutput`. @default 64 MiB */
  maxOutput?: number
  /** Gives the run up: the channel is closed and the promise rejects with the signal's reason. */
  signal?: AbortSignal
}

/** A non-zero exit is a result, not an error. `stderr` keeps at most its last 256 kB. */
export type RunResult = { exit: number; stdout: Buffer; stderr: string }

/** Numeric addresses, and the port the machine was reached on. */
export type Peer = {
  localAddress?: string
  remoteAddress?: string
  remotePort?: number
  /** The account that was logged in to. */
  account?: string
  /** Fingerprint of the key that the machine showed: `SHA256:…` */
  hostKey?: string
  /** Public halves, in base64, of all keys this client would show; left out where one of them is not known. */
  keys?: readonly string[]
}

export interface Connection {
  /**
   * Runs one POSIX sh program as root and waits for it to end.
   *
   * The program travels on stdin, never in argv. It starts with `LC_ALL=C`, umask 022, a standard PATH, the working
   * directory `/` and no terminal, whatever the account's login shell or its start files say; what those print is
   * cut off.
   *
   * @throws {Unreachable | WrongHostKey | LoginRefused | SudoRefused | ConnectionLost | TimedOut | TooMuchOutput}
   */
  run(program: string, options?: RunOptions): Promise<RunResult>
  /** How often this connection has connected and run a program. */
  readonly trips: { connections: number; execs: number }
  /**
   * How the machine sees this client, behind NAT and jump hosts too. Known once a program has run; never for a local
   * connection.
   */
  readonly peer: Peer
  close(): Promise<void>
}

/** Common shape: one sentence, what the other side said, what this side knows besides, what to do next. */
export abstract class TransportError extends Error {
  readonly said: string
  readonly why: string
  readonly next: string

  constructor(
    message: string,
    { said = '', why = '', next }: { said?: string; why?: string; next: string },
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.said = said
    this.why = why
    this.next = next
  }
}

/** No connection could be made: name, route, port, handshake. Exit 5. */
export class Unreachable extends TransportError {}
/** Inside this folder: the line broke before the login was done, in a way that a new one may not meet again. */
export class HungUp extends Error {}
/** The host's key is unknown, changed or revoked; the message holds both fingerprints. Exit 5. */
export class WrongHostKey extends TransportError {}
/** The host answered and refused the login. Exit 5. */
export class LoginRefused extends TransportError {}
/** sudo wants a password nobody gave, or refused the one given, or refused the account. Exit 1. */
export class SudoRefused extends TransportError {}
/** The connection ended while a program ran; what it did on the host is not known from here. */
export class ConnectionLost extends TransportError {}
export class TimedOut extends TransportError {}
export class TooMuchOutput extends TransportError {}
