/** A TCP relay between client and host, to cut connections and to refuse some. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

export type Relay = {
  port: number
  /** Connections taken so far. */
  taken: () => number
  /** Ends every connection there is. */
  cut: () => void
  stop: () => Promise<void>
}

/**
 * Starts a relay to a loopback port.
 *
 * @param refuse How many connections are closed at once, before any byte, as sshd does beyond MaxStartups.
 */
export async function startRelay(to: number, refuse = 0): Promise<Relay> {
  const sockets = new Set<Socket>()
  let taken = 0
  const server = createServer((client) => {
    taken += 1
    if (taken <= refuse) {
      client.destroy()
      return
    }
    const host = connect({ host: '127.0.0.1', port: to, noDelay: true })
    for (const socket of [client, host]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => [client, host].forEach((end) => end.destroy()))
    }
    client.setNoDelay().pipe(host).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const cut = (): void => sockets.forEach((socket) => socket.destroy())
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    taken: () => taken,
    cut,
    stop: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
