/** Lines that break at every byte and in every way: whatever fails is an error of the transport's own, and nothing hangs. */
import { connect, createServer, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openProxy, type Line, type Proxy } from '../../lib/sandbox/proxy.ts'
import {
  type Connection,
  ConnectionLost,
  HungUp,
  LoginRefused,
  type Target,
  TransportError,
  Unreachable,
} from '../../lib/transport/connection.ts'
import { findIdentities } from '../../lib/transport/keys.ts'
import { login } from '../../lib/transport/login.ts'
import { findRoute, openStream } from '../../lib/transport/route.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { rejects } from '../support/rejects.ts'
import { inTime, listening, socketsOf, startHalfCloser, systemError } from './brokenLine.ts'
import { jumpConfig, proxyConfig, withConfig } from './env.ts'
import { startSshd } from './sshd.ts'

const test = suite('breaks')
const sshd = await startSshd()
const jump = await startSshd()

test.after(async () => {
  await sshd.stop()
  await jump.stop()
})

test('a line that is reset while the connection is closed is closed', async () => {
  for (let time = 0; time < 3; time += 1) {
    const { connection, proxy } = await connected()
    const closed = connection.close()
    proxy.cut('reset')
    await closed
    await proxy.close()
  }
})

test('a line that has fallen silent does not hold up closing', async () => {
  const { connection, proxy } = await connected()
  proxy.cut('blackhole')
  await inTime(connection.close())
  await proxy.close()
})

test('a host that ends the line without taking what is sent to it ends the run', async () => {
  const half = await startHalfCloser(sshd.port)
  const connection = await connectSsh({ ...sshd.target, port: half.port }, {})
  const run = connection.run('cat >/dev/null', { input: Buffer.alloc(64 << 20) })
  await half.takesNoMore()
  await inTime(rejects(run, ConnectionLost))
  await inTime(rejects(connection.run(':'), ConnectionLost))
  await inTime(connection.close())
  await half.stop()
})

test('what is run at the very moment at which the host ends the line fails as a lost connection', async () => {
  const half = await startHalfCloser(sshd.port)
  const connection = await connectSsh({ ...sshd.target, port: half.port }, {})
  const first = rejects(connection.run('echo on; cat >/dev/null', { input: Buffer.alloc(64 << 20) }), ConnectionLost)
  await half.takesNoMore()
  // Asked for again and again until the end has been seen: one of them meets a stream that is no longer written to.
  for (let error: Error | undefined; error === undefined;) {
    error = await inTime(
      connection.run(':', { timeoutMs: 5000 }).then(
        () => undefined,
        (thrown: Error) => thrown,
      ),
    )
    if (error) assert.instance(error, ConnectionLost)
  }
  await inTime(first)
  await half.stop()
})

/** Of what the system may say of a line, at points of a login: before the banner, in the key exchange, in the login. */
for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTCONN']) {
  test(`${code} in the middle of a login is a broken line, and no refusal`, async () => {
    for (const pieces of [0, 1, 2, 3, 4]) {
      const error = await failsAfter(pieces, code)
      assert.instance(error, HungUp, `after ${pieces} pieces: ${error}`)
      assert.match(error.message, code)
    }
  })

  test(`${code} while a program runs is a lost connection that says so`, async () => {
    const [connection, [socket]] = await socketsOf(() => connectSsh(sshd.target, {}))
    const run = connection.run('echo on; exec sleep 60', { onStdout: () => socket?.destroy(systemError(code)) })
    assert.match((await inTime(rejects(run, ConnectionLost))).why, code)
    await inTime(connection.close())
  })
}

/** Where in a conversation it is cut, in each direction. */
const PARTS = 7

const WAYS = [
  'straight',
  'through a jump host',
  'through a jump host whose own line breaks',
  'by a ProxyCommand',
] as const

for (const way of WAYS) {
  for (const direction of ['toHost', 'toClient'] as const) {
    test(`${way}: a line that is reset ${direction === 'toHost' ? 'on the way there' : 'on the way back'} ends in words or comes back`, async () => {
      const whole = await conversation(way, {})
      assert.is(whole.error, undefined)
      for (let part = 0; part < PARTS; part += 1) {
        const count = Math.ceil((whole.bytes[direction] * (part + 0.5)) / PARTS)
        const { error } = await conversation(way, { cutAfterBytes: { direction, count, how: 'reset' } })
        if (error === undefined) continue
        assert.instance(error, TransportError, `cut after ${count} bytes: ${error.stack}`)
        assert.not.instance(error, LoginRefused, `cut after ${count} bytes`)
      }
    })
  }
}

test('a jump host that is lost in the login of the target is logged in to again', async () => {
  const proxy = await openProxy({ address: '127.0.0.1', port: jump.port })
  const clients: Socket[] = []
  // The target takes the first connection, and then the jump host goes; later ones it serves.
  const target = createServer((client) => {
    clients.push(client.on('error', () => {}))
    if (clients.length === 1) client.once('data', () => proxy.cut('reset'))
    else client.pipe(connect(sshd.port, '127.0.0.1').on('error', () => {})).pipe(client)
  })
  const port = await listening(target)
  const connection = await inTime(
    withConfig(sshd.dir, atJump(proxy.port), () => connectSsh({ ...sshd.target, port, jump: 'jump' }, {})),
  )
  assert.is(String((await connection.run('echo here')).stdout), 'here\n')
  assert.is(proxy.connections(), 2)
  await connection.close()
  for (const client of clients) client.destroy()
  target.close()
  await proxy.close()
})

test('a jump host that falls silent does not hold up closing', async () => {
  const proxy = await openProxy({ address: '127.0.0.1', port: jump.port })
  const connection = await withConfig(sshd.dir, atJump(proxy.port), () =>
    connectSsh({ ...sshd.target, jump: 'jump' }, {}),
  )
  await connection.run(':')
  proxy.cut('blackhole')
  await inTime(connection.close())
  await proxy.close()
})

test('a ProxyCommand that ends, or that is none, is a host that cannot be reached', async () => {
  for (const command of ['false', 'echo SSH-2.0-odd']) {
    const config = ['Host odd', `  ProxyCommand ${command}`]
    const target = { ...sshd.target, address: 'odd' }
    await inTime(
      rejects(
        withConfig(sshd.dir, config, () => connectSsh(target, {})),
        Unreachable,
      ),
    )
  }
})

/** Connects, runs a program that reads and writes more than a window, and closes. */
async function conversation(
  way: (typeof WAYS)[number],
  line: Line,
): Promise<{ error: Error | undefined; bytes: Proxy['bytes'] }> {
  const cutsJump = way === 'through a jump host whose own line breaks'
  const proxy = await openProxy({ address: '127.0.0.1', port: cutsJump ? jump.port : sshd.port }, line)
  const target = { ...sshd.target, port: cutsJump ? sshd.port : proxy.port }
  const talk = async (to: Target): Promise<void> => {
    const connection = await connectSsh(to, {})
    try {
      await connection.run('cat', { input: Buffer.alloc(200_000, 'x') })
    } finally {
      await connection.close()
    }
  }
  const go = (): Promise<void> => {
    if (way === 'straight') return talk(target)
    if (way === 'by a ProxyCommand')
      return withConfig(sshd.dir, proxyConfig(sshd.dir, proxy.port), () => talk({ ...target, address: 'web-1' }))
    const jumpPort = cutsJump ? proxy.port : jump.port
    return withConfig(sshd.dir, atJump(jumpPort), () => talk({ ...target, jump: 'jump' }))
  }
  const error = await inTime(
    go().then(
      () => undefined,
      (thrown: Error) => thrown,
    ),
  )
  await proxy.close()
  return { error, bytes: { ...proxy.bytes } }
}

/** The jump host, behind a port of its own. */
function atJump(port: number): string[] {
  return jumpConfig({ ...jump, port }, jump.hostKeys.ed25519)
}

async function connected(): Promise<{ connection: Connection; proxy: Proxy }> {
  const proxy = await openProxy(sshd.target)
  const connection = await connectSsh({ ...sshd.target, address: proxy.address, port: proxy.port }, {})
  await connection.run(':')
  return { connection, proxy }
}

/** A login whose socket fails with an error of the system once so many pieces have come over it. */
async function failsAfter(pieces: number, code: string): Promise<Error> {
  const { default: ssh2 } = await import('ssh2')
  const route = await findRoute(sshd.target)
  const stream = await openStream(route, undefined)
  const fail = (): void => void stream.destroy(systemError(code))
  let seen = 0
  const attempt = login(ssh2, stream, route, await findIdentities(ssh2, route.sources, {}))
  stream.on('data', () => (seen += 1) >= pieces && fail())
  if (pieces === 0) fail()
  return inTime(
    attempt.then(
      () => new Error('it logged in'),
      (error: Error) => error,
    ),
  )
}

test.run()
