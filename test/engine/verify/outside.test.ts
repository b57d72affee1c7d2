/** Probes against servers of this process, and how what they found is judged. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createPlain } from 'node:net'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { daysLeft, judgeServed, parseCertificates } from '../../../lib/engine/verify/certificates.ts'
import { judgeName } from '../../../lib/engine/verify/dns.ts'
import { together, tryOutside } from '../../../lib/engine/verify/outside.ts'
import type { Finding, Probe } from '../../../lib/kit/verify.ts'
import { selfSigned } from '../../support/certificate.ts'

const test = suite('verify from outside')

const MARK = 'keelson-0123456789abcdef0123456789abcdef'
const good = selfSigned(['good.example', '*.good.example'], 90)
const other = selfSigned(['other.example'], 90)
const short = selfSigned(['short.example'], 8)
const HERE = [{ family: 'IPv4' as const, address: '127.0.0.1' }]
const open = new Set<Server | ReturnType<typeof createPlain>>()

async function listen(server: Server | ReturnType<typeof createPlain>): Promise<number> {
  open.add(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const answering = (listener: RequestListener): Promise<number> => listen(createServer(listener))
const answeringTls = (listener: RequestListener): Promise<number> =>
  listen(createTlsServer({ cert: good.certificate, key: good.key }, listener))

async function only(probe: Probe): Promise<Finding> {
  const { findings } = await tryOutside([probe], HERE, MARK)
  assert.is(findings.length, 1)
  return findings[0]!
}

test('a redirect to https of the same name passes, one elsewhere and an answer do not', async () => {
  const port = await answering(({ headers }, response) => {
    const leads: { [host: string]: string } = {
      'good.example': 'https://good.example/',
      'longer.example': 'https://longer.example.evil.example/',
    }
    const location = leads[headers.host ?? ''] ?? 'https://evil.example/'
    response.writeHead(headers.host === 'plain.example' ? 200 : 301, { location }).end()
  })
  const of = (name: string) => only({ probe: 'redirect', name, port })
  assert.is((await of('good.example')).state, 'ok')
  assert.match((await of('bad.example')).said, '301 to https://evil.example/ in place of a redirect to https over IPv4')
  assert.match((await of('longer.example')).said, '301 to https://longer.example.evil.example/ in place of a redirect')
  assert.match((await of('plain.example')).said, '200 in place of a redirect to https')
})

test('https asks for / and for the path of the mark over one connection, and keeps the certificate', async () => {
  const asked: string[] = []
  const sockets = new Set<unknown>()
  const port = await answeringTls(({ url = '', socket }, response) => {
    asked.push(url)
    sockets.add(socket)
    response.writeHead(url === '/' ? 200 : 404).end('x'.repeat(100_000))
  })
  const probe = { probe: 'https', name: 'good.example', port, certificate: '/etc/ssl/good.pem' } as const
  const { findings, served } = await tryOutside([probe], HERE, MARK)
  assert.equal([findings[0]!.state, findings[0]!.said], ['ok', '200 over IPv4'])
  assert.equal(asked, ['/', `/.well-known/keelson/${MARK}`])
  assert.is(sockets.size, 1)
  assert.is(served[0]!.served.distrusted, 'DEPTH_ZERO_SELF_SIGNED_CERT')
})

test('an error of the server, an answer without end and none at all are wrong', async () => {
  const failing = await answeringTls((_request, response) => response.writeHead(502).end())
  const https = (port: number) => only({ probe: 'https', name: 'good.example', port, certificate: '/c' })
  assert.equal([(await https(failing)).state, (await https(failing)).said], ['wrong', '502 over IPv4'])
  const hangs = await answering(() => {})
  assert.match((await only({ probe: 'http', name: 'a.example', port: hangs })).said, 'no answer within 6 s')
  const closes = await listen(createPlain((socket) => socket.destroy()))
  assert.match((await https(closes)).said, /socket|closed|ECONNRESET|disconnected/)
})

test('an unknown name is refused by a closed connection, and an answer to it is wrong', async () => {
  const closes = await listen(createPlain((socket) => socket.destroy()))
  const answers = await answering((_request, response) => response.end('hello'))
  const serves = await answeringTls((_request, response) => response.end('hello'))
  assert.is((await only({ probe: 'unknown', port: closes, tls: false })).state, 'ok')
  assert.is((await only({ probe: 'unknown', port: closes, tls: true })).state, 'ok')
  assert.match((await only({ probe: 'unknown', port: answers, tls: false })).said, 'it answers 200 to a name that')
  assert.is((await only({ probe: 'unknown', port: serves, tls: true })).state, 'wrong')
})

test('a closed port is closed when it refuses, and not when anyone can connect', async () => {
  const port = await answering(() => {})
  assert.match((await only({ probe: 'closed', port })).said, 'anyone can connect over IPv4')
  assert.is((await only({ probe: 'closed', port: 1 })).state, 'ok')
})

test('a family that this machine cannot reach never counts as passed', () => {
  const words = { check: 'https', about: 'a', next: 'do' }
  const none = { family: 'IPv6', said: '', isNoRoute: true } as const
  assert.is(together(words, [none]).state, 'unchecked')
  assert.is(together(words, []).state, 'unchecked')
  assert.equal(together(words, [{ family: 'IPv4', said: '200' }, none]).said, '200 over IPv4; not over IPv6')
  const wrong = together(words, [
    { family: 'IPv4', said: '200' },
    { family: 'IPv6', said: '502', problem: '502' },
  ])
  assert.equal([wrong.state, wrong.said, wrong.next], ['wrong', '502 over IPv6', 'do'])
})

test('a name leads to this host alone', () => {
  const own = ['192.0.2.1', '2001:db8::1']
  const of = (a: string[], aaaa: string[] | { failed: string }) => judgeName('a.example', { a, aaaa }, own)
  assert.is(of(['192.0.2.1'], []).state, 'ok')
  assert.is(of(['192.0.2.1'], ['2001:DB8:0::1']).state, 'ok')
  assert.match(of(['192.0.2.1', '192.0.2.9'], []).said, 'A 192.0.2.9 is not this host')
  assert.match(of(['192.0.2.1'], ['2001:db8::dead']).said, 'AAAA 2001:db8::dead is not this host')
  assert.match(of([], []).said, 'the name has no address')
  assert.is(of(['192.0.2.1'], { failed: 'ETIMEOUT' }).state, 'wrong')
})

const onDisk = (files: { [path: string]: string }) =>
  parseCertificates(
    Object.entries(files)
      .flatMap(([path, pem]) => [path, pem])
      .map((part) => `${part}\0`)
      .join(''),
  )

test('a certificate needs 14 days, one that lives shorter a quarter of its life', () => {
  const kept = onDisk({ '/good': good.certificate, '/short': short.certificate, '/none': '', '/odd': 'x' })
  const at = (days: number, path: string) => daysLeft(path, kept, Date.now() + days * 86_400_000)
  assert.is(at(0, '/good').state, 'ok')
  assert.is(at(75, '/good').state, 'ok')
  assert.match(at(77, '/good').said, /^only 12 days left, until /)
  assert.match(at(91, '/good').said, /^it ended on /)
  assert.match(at(-2, '/good').said, /^it begins on /)
  assert.is(at(1, '/short').state, 'ok')
  assert.is(at(7, '/short').state, 'wrong')
  assert.is(at(0, '/none').said, 'it is not there, or cannot be read')
  assert.is(at(0, '/odd').said, 'there is no certificate in it')
})

async function judged(name: string, files: { [path: string]: string }, standIn: boolean): Promise<Finding> {
  const port = await answeringTls((_request, response) => response.end())
  const probe = { probe: 'https', name, port, certificate: '/c' } as const
  const { served } = await tryOutside([probe], HERE, MARK)
  const [finding, ...more] = judgeServed(served, onDisk(files), standIn)
  assert.equal(more, [])
  return finding!
}

test('what is served is what lies on disk, for the name, and trusted', async () => {
  const own = { '/c': good.certificate }
  assert.match(
    (await judged('good.example', { '/c': other.certificate }, true)).said,
    /is not the one in \/c: it is for good.example/,
  )
  assert.match((await judged('else.example', own, true)).said, 'the certificate is for good.example, *.good.example')
  assert.match(
    (await judged('a.good.example', own, false)).said,
    'clients do not trust it: DEPTH_ZERO_SELF_SIGNED_CERT',
  )
  const standIn = await judged('a.good.example', own, true)
  assert.is(standIn.state, 'unchecked')
  assert.match(standIn.said, 'not its chain')
})

test('an authority of one own is trusted', async () => {
  const port = await answeringTls((_request, response) => response.end())
  const probe = { probe: 'https', name: 'good.example', port, certificate: '/c' } as const
  const { served } = await tryOutside([probe], HERE, MARK, good.certificate)
  assert.is(judgeServed(served, onDisk({ '/c': good.certificate }), false)[0]!.state, 'ok')
})

test('the servers of this test close', () => {
  for (const server of open) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})

test.run()
