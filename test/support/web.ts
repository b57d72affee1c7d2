/**
 * What a site looks like from outside: asked by name at a given address, as if that name led there.
 */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Duplex } from 'node:stream'

/** How long a port may say nothing until it counts as silent, in milliseconds. */
const SILENT_MS = 3000

export type Page = { status: number; headers: { readonly [name: string]: string | string[] | undefined }; body: string }

/** One GET. Certificates are not judged here. @throws When the connection is refused or closed without an answer. */
export function get(
  scheme: 'http' | 'https',
  address: string,
  domain: string,
  { path = '/', headers = {} }: { path?: string; headers?: { [name: string]: string } } = {},
): Promise<Page> {
  return new Promise((resolve, reject) => {
    const sent = send(scheme, { host: address, path, headers: { host: domain, ...headers }, servername: domain })
    sent.once('error', reject)
    sent.once('response', (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      )
    })
    sent.end()
  })
}

/** Asks to go over to WebSocket. @returns The connection, once the server has agreed. @throws On any other answer. */
export function upgrade(address: string, domain: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: domain,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }
    const sent = send('https', { host: address, path: '/', headers, servername: domain })
    sent.once('error', reject)
    sent.once('response', ({ statusCode }) => reject(new Error(`answered ${statusCode}, not an upgrade`)))
    sent.once('upgrade', (_response, socket) => resolve(socket))
    sent.end()
  })
}

/** What becomes of a TCP connection to a port: made, refused, or no answer at all. */
export function knock(address: string, port: number): Promise<'open' | 'refused' | 'silent'> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: SILENT_MS })
    const end = (outcome: 'open' | 'refused' | 'silent') => () => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('connect', end('open')).once('timeout', end('silent')).once('error', end('refused'))
  })
}

function send(scheme: 'http' | 'https', options: RequestOptions): ReturnType<typeof httpRequest> {
  // A connection of its own for each, so that no answer comes over one that was made for another name.
  if (scheme === 'http') return httpRequest({ ...options, agent: false })
  return httpsRequest({ ...options, agent: false, rejectUnauthorized: false })
}
