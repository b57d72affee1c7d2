/**
 * A TCP proxy that stands for a long or broken line between a client and a host.
 */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { once } from 'node:events'

type Direction = 'toHost' | 'toClient'
/** Connections are reset, or fall silent without being closed. */
type Break = 'reset' | 'blackhole'

export type Line = {
  /** Round-trip time in milliseconds: half of it per direction, one and a half until the host sees a connection. */
  latencyMs?: number
  /**
   * Breaks the line, once, when exactly `count` bytes have passed in `direction`, counted over all connections. Every
   * connection then open is broken; later ones are whole.
   */
  cutAfterBytes?: { direction: Direction; count: number; how: Break }
}

export type Proxy = {
  address: string
  port: number
  /** Bytes passed on so far, over all connections. */
  readonly bytes: Readonly<Record<Direction, number>>
  /** How many connections were taken so far. */
  readonly connections: () => number
  /** Breaks every open connection now; later ones are whole. */
  cut: (how: Break) => void
  /** Ends every connection and the proxy itself. */
  close(): Promise<void>
}

/** A side that is this many bytes ahead of the other is not read from until they are delivered. */
const WINDOW_BYTES = 16 * 1024 * 1024

/** Opens a proxy on the loopback interface. */
export async function openProxy(target: { address: string; port: number }, line: Line = {}): Promise<Proxy> {
  const meter = createMeter(line)
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    meter.connections += 1
    openLink(client, target, line.latencyMs ?? 0, meter)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: '127.0.0.1',
    port: portOf(server),
    bytes: meter.bytes,
    connections: () => meter.connections,
    cut: (how) => breakAll(meter.links, how),
    close: () => closeAll(server, meter),
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy listens on no TCP port.')
  return address.port
}

async function closeAll(server: Server, meter: Meter): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const link of meter.links) link.destroy()
  await closed
}

/** One client's connection and the one made for it to the host. */
type Link = { silent: boolean; reset: () => void; destroy: () => void }

/** What passes on all links together, and the cut that waits for its byte. */
type Meter = {
  bytes: Record<Direction, number>
  connections: number
  links: Set<Link>
  /** How much of `chunk` may pass; cuts the line when that is not all of it, or when it is the last that may. */
  admit: (direction: Direction, chunk: Buffer, write: (part: Buffer) => void) => void
}

function createMeter({ cutAfterBytes: cut }: Line): Meter {
  let cutDone = cut === undefined
  const links = new Set<Link>()
  const bytes = { toHost: 0, toClient: 0 }
  const admit: Meter['admit'] = (direction, chunk, write) => {
    const due = !cutDone && cut?.direction === direction
    const part = due ? chunk.subarray(0, cut.count - bytes[direction]) : chunk
    bytes[direction] += part.length
    write(part)
    if (!due || bytes[direction] < cut.count) return
    cutDone = true
    breakAll(links, cut.how)
  }
  return { bytes, connections: 0, links, admit }
}

function breakAll(links: ReadonlySet<Link>, how: Break): void {
  for (const link of links) {
    if (how === 'reset') link.reset()
    else link.silent = true
  }
}

function openLink(client: Socket, target: { address: string; port: number }, latencyMs: number, meter: Meter): void {
  const start = performance.now()
  const host = connect({ host: target.address, port: target.port, noDelay: true, allowHalfOpen: true })
  const both = [client, host]
  const link: Link = {
    silent: false,
    reset: () => both.forEach(reset),
    destroy: () => both.forEach((socket) => socket.destroy()),
  }
  meter.links.add(link)
  for (const socket of both) socket.on('error', () => link.silent || link.reset())
  host.once('close', () => meter.links.delete(link))
  // Three halves: the handshake's way there and back, and the first byte's way there.
  carry(client, host, { direction: 'toHost', halfTripMs: latencyMs / 2, notBefore: start + latencyMs }, link, meter)
  carry(
    host,
    client,
    { direction: 'toClient', halfTripMs: latencyMs / 2, notBefore: start + 1.5 * latencyMs },
    link,
    meter,
  )
}

/** A socket that has been ended cannot be reset any more: node would lose its handle, and at times never exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded || socket.destroyed) socket.destroy()
  else socket.resetAndDestroy()
}

type Way = {
  direction: Direction
  halfTripMs: number
  /** On the clock of performance.now(): when the sender can have sent its first byte at the earliest. */
  notBefore: number
}

/**
 * Passes on what `from` sends, each piece half a round trip after it came: any number of pieces are under way at once,
 * so latency does not narrow the line.
 */
function carry(from: Socket, to: Socket, way: Way, link: Link, meter: Meter): void {
  const underWay: Array<{ due: number; chunk: Buffer | 'end' }> = []
  let bytesUnderWay = 0
  let timer: NodeJS.Timeout | undefined

  const send = (chunk: Buffer | 'end'): void => {
    underWay.push({ due: Math.max(performance.now(), way.notBefore) + way.halfTripMs, chunk })
    if (chunk !== 'end') bytesUnderWay += chunk.length
    if (bytesUnderWay > WINDOW_BYTES) from.pause()
    if (timer === undefined) deliver()
  }
  const deliver = (): void => {
    timer = undefined
    for (let next = underWay[0]; next; next = underWay[0]) {
      const waitMs = next.due - performance.now()
      if (waitMs > 0) {
        timer = setTimeout(deliver, waitMs)
        return
      }
      underWay.shift()
      arrive(next.chunk)
    }
    from.resume()
  }
  const arrive = (chunk: Buffer | 'end'): void => {
    if (chunk !== 'end') bytesUnderWay -= chunk.length
    if (link.silent || to.destroyed) return
    if (chunk === 'end') to.end()
    else meter.admit(way.direction, chunk, (part) => to.write(part))
  }

  from.on('data', send)
  from.once('end', () => send('end'))
  to.once('close', () => clearTimeout(timer))
}
