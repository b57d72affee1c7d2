/**
 * Single attempts from this machine: a TCP connection, an HTTP request, in clear or over TLS. Nothing is judged here.
 */
import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { TLSSocket } from 'node:tls'

/** How long a connection may take, in milliseconds. A packet that a firewall drops is answered by nothing. */
const CONNECT_MS = 2000
/** How long an answer may take. */
const ANSWER_MS = 6000

/** What became of a TCP connection. `noRoute`: this machine cannot send packets there at all. */
export type Knock = 'open' | 'refused' | 'silent' | 'noRoute'

export function knock(address: string, port: number): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (outcome: Knock): void => {
      clearTimeout(limit)
      socket.destroy()
      resolve(outcome)
    }
    const limit = setTimeout(() => end('silent'), CONNECT_MS)
    socket.once('connect', () => end('open'))
    socket.once('error', (error) => end(isNoRoute(error) ? 'noRoute' : 'refused'))
  })
}

function isNoRoute(error: Error): boolean {
  return 'code' in error && (error.code === 'ENETUNREACH' || error.code === 'EADDRNOTAVAIL')
}

/** A certificate as it was served, in DER, and why its chain does not hold, if it does not. */
export type Served = { certificate: Buffer; distrusted?: string }

export type Answer = { status: number; location: string }

/** What requests came to; `failed` is why there is no answer, or not to all of them. */
export type Asked = { served?: Served; answers: Answer[]; failed?: string; isNoRoute?: boolean }

/** Where to ask, and by which name. */
export type Aim = {
  address: string
  port: number
  name: string
  tls: boolean
  /** Authorities in PEM that are trusted in place of those that Node brings. */
  ca?: string
}

/** Asks for paths, one after the other, over one connection. */
export async function ask(aim: Aim, paths: readonly string[]): Promise<Asked> {
  const asked: Asked = { answers: [] }
  // One connection for all paths: a handshake costs a server more than an answer.
  const agent = aim.tls ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined
  try {
    for (const path of paths)
      asked.answers.push(await answerTo(aim, path, agent, (served) => (asked.served ??= served)))
  } catch (error) {
    asked.failed = error instanceof Error ? wordsOf(error) : String(error)
    if (error instanceof Error && isNoRoute(error)) asked.isNoRoute = true
  } finally {
    agent?.destroy()
  }
  return asked
}

function answerTo(aim: Aim, path: string, agent: Agent | undefined, seen: (served: Served) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = requestFor(aim, path, agent)
    sent.once('socket', (socket) => {
      if (socket instanceof TLSSocket) socket.once('secureConnect', () => seen(servedBy(socket)))
    })
    sent.once('error', reject)
    sent.once('response', (response) => {
      const answer = { status: response.statusCode ?? 0, location: response.headers.location ?? '' }
      // A body may be long, or have no end: only its beginning is waited for where nothing else is asked.
      if (agent === undefined) response.destroy()
      else response.resume()
      response.once('close', () => resolve(answer))
      response.once('error', () => resolve(answer))
    })
    sent.end()
  })
}

function requestFor({ address, port, name, tls, ca }: Aim, path: string, agent: Agent | undefined): ClientRequest {
  const options: RequestOptions = {
    host: address,
    port,
    path,
    headers: { host: name, 'user-agent': 'keelson verify' },
    signal: AbortSignal.timeout(ANSWER_MS),
  }
  if (!tls) return httpRequest({ ...options, agent: false })
  // What is wrong with the certificate is reported; it must not hide what else is.
  const more = { servername: name, rejectUnauthorized: false, ...(ca === undefined ? {} : { ca }) }
  return httpsRequest({ ...options, ...more, ...(agent === undefined ? { agent: false } : { agent }) })
}

function servedBy(socket: TLSSocket): Served {
  const certificate = socket.getPeerCertificate().raw
  return { certificate, ...(socket.authorized ? {} : { distrusted: reasonOf(socket) }) }
}

/** `CERT_HAS_EXPIRED`; Node gives a code or an error, depending on what failed. */
function reasonOf({ authorizationError }: TLSSocket): string {
  const reason: unknown = authorizationError
  if (reason instanceof Error) return 'code' in reason ? String(reason.code) : reason.message
  return typeof reason === 'string' ? reason : 'not trusted'
}

function wordsOf(error: Error): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1000} s`
  return error.message.split('\n', 1).join('') || error.name
}
