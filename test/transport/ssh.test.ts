/** Running programs over SSH against a real sshd of this machine. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConnectionLost, TimedOut, TooMuchOutput } from '../../lib/transport/connection.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { rejects } from '../support/rejects.ts'
import { startRelay } from './relay.ts'
import { startSshd } from './sshd.ts'

const test = suite('ssh')
const sshd = await startSshd()
const host = await connectSsh(sshd.target, {})

test.after(async () => {
  await host.close()
  await sshd.stop()
})

test('a program runs as root in known surroundings', async () => {
  const { stdout } = await host.run('id -u; umask; pwd; echo "$LC_ALL|$PATH|${LANG-}|${ENV-}|${CDPATH-}|$#"')
  assert.equal(String(stdout).split('\n'), [
    '0',
    '0022',
    '/',
    'C|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin||||0',
    '',
  ])
})

test('exit status, stdout and stderr come back apart', async () => {
  const result = await host.run('echo out; echo err >&2; exit 3')
  assert.equal({ ...result, stdout: String(result.stdout) }, { exit: 3, stdout: 'out\n', stderr: 'err\n' })
})

test('the program finds its input, byte for byte, on stdin', async () => {
  const input = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256))
  const { stdout } = await host.run('cat', { input })
  assert.ok(stdout.equals(input))
})

test('every byte but NUL passes through a program', async () => {
  const text = Array.from({ length: 0x17f }, (_, index) => String.fromCodePoint(index + 1))
    .filter((char) => char !== "'")
    .join('')
  const { stdout } = await host.run(`printf %s '${text}'`)
  assert.is(String(stdout), text)
})

test('a program of 5 MB runs', async () => {
  const { stdout } = await host.run(`printf %s '${'x'.repeat(5_000_000)}' | wc -c`)
  assert.is(String(stdout).trim(), '5000000')
})

test('the end of output is kept with and without a last newline', async () => {
  assert.is(String((await host.run('printf "a\\n\\n"')).stdout), 'a\n\n')
  assert.is(String((await host.run('printf a')).stdout), 'a')
})

test('a program with a syntax error fails with what sh said', async () => {
  const { exit, stderr } = await host.run('echo one\nfi')
  assert.is(exit, 2)
  assert.match(stderr, /"fi" unexpected/)
})

test('a program that replaces or kills its shell still ends', async () => {
  assert.is((await host.run('exec sh -c "exit 7"')).exit, 7)
  assert.is((await host.run('kill -KILL $$')).exit, 137)
})

test('errexit holds inside a program', async () => {
  const { exit, stdout } = await host.run('set -e; false; echo not reached')
  assert.equal([exit, String(stdout)], [1, ''])
})

test('a background child that keeps stdout open does not hold the run up', async () => {
  const { stdout } = await host.run('sleep 60 & echo $!')
  const alive = await host.run(`kill ${String(stdout)}`)
  assert.is(alive.exit, 0)
})

test('50 MB of streamed input arrive whole', async () => {
  const piece = Buffer.alloc(1 << 20, 'keelson')
  const expected = createHash('sha256')
  for (let index = 0; index < 50; index += 1) expected.update(piece)
  const { stdout } = await host.run('sha256sum', { input: Readable.from(repeat(piece, 50), { objectMode: false }) })
  assert.is(String(stdout).split(' ')[0], expected.digest('hex'))
})

test('a program that does not read holds the input back', async () => {
  const stop = new AbortController()
  let given = 0
  const input = Readable.from(
    (function* () {
      for (; given < 200; given += 1) yield Buffer.alloc(1 << 20)
    })(),
    { objectMode: false },
  )
  const run = host.run('exec sleep 60', { input, signal: stop.signal })
  // Meanwhile 20 MB go another way over the same connection: the first run had its time to swallow as much.
  await host.run('cat >/dev/null', { input: Buffer.alloc(20_000_000) })
  stop.abort(new RangeError('enough'))
  await rejects(run, RangeError)
  assert.ok(given < 10, `${given} MiB were taken from the input`)
  assert.ok(input.destroyed)
})

test('a program that ends without reading its input is not waited for', async () => {
  const { exit } = await host.run('exit 4', { input: Buffer.alloc(20_000_000) })
  assert.is(exit, 4)
})

test('an input that fails fails the run', async () => {
  const input = new Readable({ read() {} })
  const run = host.run('cat >/dev/null', { input })
  input.push('half')
  input.destroy(new Error('disk gone'))
  assert.is((await rejects(run, Error)).message, 'disk gone')
})

test('output beyond the bound ends the run', async () => {
  const run = host.run('exec cat /dev/zero', { maxOutput: 1_000_000 })
  assert.match((await rejects(run, TooMuchOutput)).message, '1000000 bytes')
})

test('200 MB of followed output are not kept', async () => {
  let bytes = 0
  const { stdout } = await host.run('head -c 200000000 /dev/zero', { onStdout: (chunk) => (bytes += chunk.length) })
  assert.equal([bytes, stdout.length], [200_000_000, 0])
})

test('of a long stderr its last 256 kB are kept', async () => {
  const { stderr } = await host.run('seq 1 200000 >&2; echo last >&2')
  assert.ok(stderr.length <= 256 * 1024)
  assert.ok(stderr.endsWith('\n200000\nlast\n'))
})

test('a program that takes too long is given up and ended', async () => {
  let pid = ''
  const run = host.run('echo $$; exec sleep 60', { timeoutMs: 1500, onStdout: (chunk) => (pid += String(chunk)) })
  await rejects(run, TimedOut)
  const { exit } = await host.run(
    `for i in $(seq 100); do kill -0 ${pid.trim()} 2>/dev/null || exit 0; sleep 0.05; done; exit 1`,
  )
  assert.is(exit, 0)
})

test('runs at the same time do not mix', async () => {
  const results = await Promise.all(Array.from({ length: 12 }, (_, index) => host.run(`sleep 0.1; echo ${index}`)))
  assert.equal(
    results.map(({ stdout }) => Number(String(stdout))),
    results.map((_, index) => index),
  )
})

test('the host says what address it sees, and which keys either side shows is known', async () => {
  await host.run(':')
  const { account, keys, hostKey, ...seen } = host.peer
  assert.equal(seen, { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1', remotePort: sshd.port })
  assert.is(account, sshd.target.user)
  const printed = execFileSync('ssh-keygen', ['-lf', '-'], { input: sshd.hostKeys.ed25519, encoding: 'utf8' })
  assert.is(hostKey, printed.split(' ')[1])
  assert.equal(keys, [(await readFile(`${sshd.target.identityFile}.pub`, 'utf8')).split(' ')[1]])
})

test('every run is counted, and the connection once', async () => {
  const connection = await connectSsh(sshd.target, {})
  await connection.run(':')
  await connection.run(':')
  assert.equal(connection.trips, { connections: 1, execs: 2 })
  await connection.close()
})

test('a connection that goes while a program runs is an error of its own', async () => {
  const relay = await startRelay(sshd.port)
  const connection = await connectSsh({ ...sshd.target, port: relay.port }, {})
  await rejects(connection.run('echo on; exec sleep 60', { onStdout: relay.cut }), ConnectionLost)
  await rejects(connection.run(':'), ConnectionLost)
  await connection.close()
  await relay.stop()
})

test('a program cut off on its way is not run in part', async () => {
  const relay = await startRelay(sshd.port)
  const connection = await connectSsh({ ...sshd.target, port: relay.port }, {})
  const witness = join(sshd.dir, 'witness')
  const stop = new AbortController()
  const run = connection.run(`: >${witness}\n# ${'x'.repeat(30_000_000)}`, { signal: stop.signal })
  stop.abort(new RangeError('enough'))
  await rejects(run, RangeError)
  relay.cut()
  await relay.stop()
  assert.not(existsSync(witness))
})

/** The same piece again and again. */
function* repeat(piece: Buffer, times: number): Generator<Buffer> {
  for (let index = 0; index < times; index += 1) yield piece
}

test.run()
