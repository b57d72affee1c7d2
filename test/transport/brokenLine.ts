/** Ways in which a line breaks, made to happen at will. */
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import type { Server } from 'node:net'

/** An error as the system gives it for a socket, such as `read ETIMEDOUT`. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`read ${code}`), { code, errno: -1, syscall: 'read' })
}

/** The sockets that this process opens while an action runs. */
export async function socketsOf<Value>(action: () => Promise<Value>): Promise<[Value, Socket[]]> {
  const sockets: Socket[] = []
  const note = (message: unknown): void => {
    if (typeof message === 'object' && message !== null && 'socket' in message && message.socket instanceof Socket)
      sockets.push(message.socket)
  }
  const opened = channel('net.client.socket')
  opened.subscribe(note)
  try {
    return [await action(), sockets]
  } finally {
    opened.unsubscribe(note)
  }
}

export type HalfCloser = { port: number; takesNoMore: () => Promise<void>; stop: () => Promise<void> }

/** A relay whose host at some instant takes no more and ends its side, and leaves the connection open. */
export async function startHalfCloser(to: number): Promise<HalfCloser> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const host = connect({ host: '127.0.0.1', port: to, noDelay: true })
    for (const socket of [client, host]) {
      sockets.push(socket)
      socket.on('error', () => {})
    }
    client.pipe(host)
    host.on('data', (chunk) => client.writable && client.write(chunk))
  })
  const port = await listening(server)
  return {
    port,
    async takesNoMore() {
      for (const socket of sockets) socket.unpipe().pause()
      sockets[0]?.end()
      await once(sockets[0] ?? server, 'finish')
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

/** Fails where something hangs; nothing that is tested takes as long as a dead line takes to be noticed (keepalive). */
export async function inTime<Value>(promise: Promise<Value>, limitMs = 15_000): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError(`it hangs: no end within ${limitMs / 1000} s`)), limitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
