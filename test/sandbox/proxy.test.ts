import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openProxy } from '../../lib/sandbox/proxy.ts'
import type { Line, Proxy } from '../../lib/sandbox/proxy.ts'

const test = suite('sandbox proxy')

type Peers = { client: Socket; host: Socket; bytes: Proxy['bytes']; cut: Proxy['cut'] }

/** A client connected through a proxy to a host of our own, both ends in hand. */
async function withLine(line: Line, work: (peers: Peers, again: () => Promise<Peers>) => Promise<void>): Promise<void> {
  const server = createServer({ noDelay: true, allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await openProxy({ address: '127.0.0.1', port: portOf(server) }, line)
  const open = async (): Promise<Peers> => {
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    const client = connect({ host: proxy.address, port: proxy.port, noDelay: true })
    const host = await accepted
    for (const socket of [client, host]) socket.on('error', () => undefined)
    return { client, host, bytes: proxy.bytes, cut: proxy.cut }
  }
  try {
    await work(await open(), open)
  } finally {
    await proxy.close()
    server.close()
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

/** Everything a socket receives up to `count` bytes. */
async function receive(socket: Socket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  const incoming: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false })
  for await (const chunk of incoming) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= count) break
  }
  return Buffer.concat(chunks)
}

/** Code of the error a connection ends with. */
function errorOf(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)))
}

test('passes bytes on unchanged and in order, whatever the latency', async () => {
  await withLine({ latencyMs: 20 }, async ({ client, host, bytes }) => {
    const sent = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 251 }, (_, index) => index)))
    for (let at = 0; at < sent.length; at += 10_007) client.write(sent.subarray(at, at + 10_007))
    assert.ok((await receive(host, sent.length)).equals(sent))
    assert.is(bytes.toHost, sent.length)
    assert.is(bytes.toClient, 0)
  })
})

test('keeps many pieces under way at once', async () => {
  await withLine({ latencyMs: 1000 }, async ({ client, host }) => {
    // The first byte arrives after one and a half round trips at the earliest: until then the line holds all of them.
    let arrivedWhileSending = 0
    host.on('data', () => (arrivedWhileSending += 1))
    for (let piece = 0; piece < 20; piece++) await new Promise((resolve) => client.write('x', resolve))
    assert.is(arrivedWhileSending, 0)
    host.removeAllListeners('data')
    assert.is((await receive(host, 20)).toString(), 'x'.repeat(20))
  })
})

test('an answer takes longer than half of the round trip', async () => {
  await withLine({ latencyMs: 60 }, async ({ client, host }) => {
    host.pipe(host)
    const start = performance.now()
    client.write('?')
    await receive(client, 1)
    assert.ok(performance.now() - start >= 60)
  })
})

test('passes the end of each direction on by itself', async () => {
  await withLine({ latencyMs: 5 }, async ({ client, host }) => {
    client.end('question')
    assert.is((await receive(host, 8)).toString(), 'question')
    if (!host.readableEnded) await once(host.resume(), 'end')
    host.end('answer')
    assert.is((await receive(client, 6)).toString(), 'answer')
  })
})

test('resets after exactly the given number of bytes', async () => {
  const cut = { direction: 'toHost', count: 1000, how: 'reset' } as const
  await withLine({ cutAfterBytes: cut }, async ({ client, host, bytes }) => {
    client.write(Buffer.alloc(1500))
    // The host's side is not asked: libuv reports a reset that comes with the last data as an orderly end.
    assert.is(await errorOf(client), 'ECONNRESET')
    assert.is((await receive(host, 1000)).length, 1000)
    assert.is(bytes.toHost, 1000)
  })
})

test('a black hole swallows what comes after, both ways, and closes nothing', async () => {
  const cut = { direction: 'toClient', count: 4, how: 'blackhole' } as const
  await withLine({ cutAfterBytes: cut }, async ({ client, host, bytes }, again) => {
    host.write('1234567')
    assert.is((await receive(client, 4)).toString(), '1234')
    client.write('lost')
    // What goes through a second, whole connection afterwards shows that the first was given its time.
    const second = await again()
    second.client.write('kept')
    assert.is((await receive(second.host, 4)).toString(), 'kept')
    assert.equal({ ...bytes }, { toHost: 4, toClient: 4 })
    assert.not(client.destroyed || host.destroyed)
  })
})

test('cuts once: a connection made afterwards is whole', async () => {
  const cut = { direction: 'toHost', count: 1, how: 'reset' } as const
  await withLine({ cutAfterBytes: cut }, async ({ client }, again) => {
    client.write('xx')
    assert.is(await errorOf(client), 'ECONNRESET')
    const second = await again()
    second.client.write('whole')
    assert.is((await receive(second.host, 5)).toString(), 'whole')
  })
})

test('cuts when it is told to, and a connection made afterwards is whole', async () => {
  await withLine({}, async ({ client, host, cut }, again) => {
    client.write('ab')
    await receive(host, 2)
    const ends = Promise.all([errorOf(client), errorOf(host)])
    cut('reset')
    assert.equal(await ends, ['ECONNRESET', 'ECONNRESET'])
    const second = await again()
    second.client.write('cd')
    assert.is((await receive(second.host, 2)).toString(), 'cd')
  })
})

test.run()
