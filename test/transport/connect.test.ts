/** Finding the way, trusting the host and logging in, against real sshds of this machine. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LoginRefused, Unreachable, WrongHostKey } from '../../lib/transport/connection.ts'
import type { Ask, Target } from '../../lib/transport/connection.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { rejects } from '../support/rejects.ts'
import { openProxy, type Line } from '../../lib/sandbox/proxy.ts'
import { jumpConfig, proxyConfig, withConfig, withEnv } from './env.ts'
import { startRelay } from './relay.ts'
import { freePort, makeKey, startSshd } from './sshd.ts'

const test = suite('connect')
const sshd = await startSshd()
const jump = await startSshd()
const agent = await startAgent(join(sshd.dir, 'agent'))

test.after(async () => {
  agent.stop()
  await sshd.stop()
  await jump.stop()
})

test('an unknown host key is refused with its fingerprint and what to add', async () => {
  const { hostKey: _, ...unpinned } = sshd.target
  const error = await rejects(connectSsh(unpinned, {}), WrongHostKey)
  assert.match(error.message, fingerprintOf(join(sshd.dir, 'host_ed25519')))
  assert.match(error.message, 'expected: none known')
  assert.match(error.next, `hostKey: '${withoutComment(sshd.hostKeys.ed25519)}'`)
})

test('a changed host key is refused with both fingerprints', async () => {
  const error = await rejects(connectSsh({ ...sshd.target, hostKey: jump.hostKeys.ed25519 }, {}), WrongHostKey)
  assert.match(error.message, fingerprintOf(join(sshd.dir, 'host_ed25519')))
  assert.match(error.message, fingerprintOf(join(jump.dir, 'host_ed25519')))
})

test('a host with several keys shows the one that is pinned', async () => {
  await logsIn({ ...sshd.target, hostKey: sshd.hostKeys.rsa })
})

test('any of several pinned keys will do', async () => {
  await logsIn({ ...sshd.target, hostKey: [jump.hostKeys.ed25519, sshd.hostKeys.ed25519] })
})

test('a key that was not authorized is refused by name', async () => {
  const stranger = join(sshd.dir, 'stranger')
  makeKey(stranger, 'ed25519')
  const error = await rejects(connectSsh({ ...sshd.target, identityFile: stranger }, {}), LoginRefused)
  assert.match(error.message, `${stranger}: refused`)
  assert.match(error.said, 'publickey')
})

test('a key file that is not there is named', async () => {
  const error = await rejects(connectSsh({ ...sshd.target, identityFile: '/nonexistent/id' }, {}), LoginRefused)
  assert.match(error.message, '/nonexistent/id: ENOENT')
})

test('an encrypted key is opened with the passphrase, asked for once', async () => {
  const asked: string[] = []
  const file = authorizedKey('locked', 'open sesame')
  const passphrase = async (name: string): Promise<string> => {
    asked.push(name)
    return 'open sesame'
  }
  await logsIn({ ...sshd.target, identityFile: file }, { passphrase })
  assert.equal(asked, [file])
})

test('a wrong passphrase, or nobody to ask, is told apart', async () => {
  const target = { ...sshd.target, identityFile: authorizedKey('locked2', 'open sesame') }
  const wrong = await rejects(connectSsh(target, { passphrase: async () => 'guess' }), LoginRefused)
  assert.match(wrong.message, 'the passphrase does not open it')
  const silent = await rejects(connectSsh(target, {}), LoginRefused)
  assert.match(silent.message, 'nobody could be asked')
})

test('a FIDO key and a certificate are named as unsupported', async () => {
  const file = join(sshd.dir, 'fido')
  makeKey(file, 'ed25519')
  // The public half of a FIDO key, as ssh-keygen -t ed25519-sk writes it; making one needs the device.
  const type = 'sk-ssh-ed25519@openssh.com'
  const blob = Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type)])
  writeFileSync(`${file}.pub`, `${type} ${blob.toString('base64')} test\n`)
  writeFileSync(`${file}-cert.pub`, '')
  const error = await rejects(connectSsh({ ...sshd.target, identityFile: file }, {}), LoginRefused)
  assert.match(error.message, 'keys on FIDO devices are not supported')
  assert.match(error.message, 'certificates are not supported')
})

test('the agent signs with the key of the identity file, and no other of its keys is shown', async () => {
  for (let index = 0; index < 8; index += 1) agent.add(strangerKey(`agent${index}`))
  const file = authorizedKey('in-agent', 'secret')
  agent.add(file, 'secret')
  const failures = countFailures()
  await withEnv({ SSH_AUTH_SOCK: agent.socket }, () => logsIn({ ...sshd.target, identityFile: file }))
  assert.is(countFailures(), failures)
})

test('more keys in the agent than the host lets one connection try are tried all the same', async () => {
  // The agent of the test before: eight strangers, then the right key; MaxAuthTries is 6.
  const { identityFile: _, ...target } = sshd.target
  const failures = countFailures()
  await withEnv({ SSH_AUTH_SOCK: agent.socket }, () => logsIn(target))
  assert.is(countFailures() - failures, 8)
})

test('a jump host leads to the target, each with its own host key', async () => {
  await withConfig(sshd.dir, jumpConfig(jump, jump.hostKeys.ed25519), () => logsIn({ ...sshd.target, jump: 'jump' }))
  assert.match(jump.log(), 'Accepted publickey')
})

test('a jump host with a wrong key is not gone through', async () => {
  await withConfig(sshd.dir, jumpConfig(jump, sshd.hostKeys.ed25519), () =>
    rejects(connectSsh({ ...sshd.target, jump: 'jump' }, {}), WrongHostKey),
  )
})

test('ssh_config gives address, port, account, key, alias and known hosts of a name', async () => {
  const config = [
    'Host web-1',
    '  HostName 127.0.0.1',
    `  Port ${sshd.port}`,
    '  User root',
    `  IdentityFile ${sshd.target.identityFile}`,
    '  HostKeyAlias the-web',
    `  UserKnownHostsFile ${scratch('web-known', `the-web ${sshd.hostKeys.ed25519}`)}`,
  ]
  await withConfig(sshd.dir, config, () => logsIn({ address: 'web-1' }))
})

test('a revoked key is refused though it is also known', async () => {
  const line = `[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ed25519}`
  const config = ['Host *', `  UserKnownHostsFile ${scratch('revoked', `${line}@revoked ${line}`)}`]
  const { hostKey: _, ...unpinned } = sshd.target
  const error = await withConfig(sshd.dir, config, () => rejects(connectSsh(unpinned, {}), WrongHostKey))
  assert.match(error.message, 'revoked')
})

test('a ProxyCommand is the way there', async () => {
  const relay = await startRelay(sshd.port)
  await withConfig(sshd.dir, proxyConfig(sshd.dir, relay.port), () => logsIn({ ...sshd.target, address: 'web-1' }))
  assert.is(relay.taken(), 1)
  await relay.stop()
})

test('what a ProxyCommand says is shown, and steers no terminal', async () => {
  const relay = await startRelay(sshd.port)
  const [host = '', command = ''] = proxyConfig(sshd.dir, relay.port)
  const loud = command.replace(
    'ProxyCommand ',
    `ProxyCommand sh -c 'printf "hello\\033]0;x\\007\\n" >&2; exec "$0" "$@"' `,
  )
  const shown: string[] = []
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (piece: string | Uint8Array) => shown.push(String(piece)) > 0
  try {
    await withConfig(sshd.dir, [host, loud], () => logsIn({ ...sshd.target, address: 'web-1' }))
  } finally {
    process.stderr.write = write
    await relay.stop()
  }
  assert.is(shown.join(''), 'hello\\u001b]0;x\\u0007\n')
})

test('a host that hangs up before the handshake is tried again', async () => {
  const relay = await startRelay(sshd.port, 2)
  await logsIn({ ...sshd.target, port: relay.port })
  assert.is(relay.taken(), 3)
  await relay.stop()
})

test('a line that breaks anywhere in the login is no refusal: the login is tried again', async () => {
  const bytesOfLogin = async (line: Line): Promise<number> => {
    const proxy = await openProxy(sshd.target, line)
    try {
      const connection = await connectSsh({ ...sshd.target, address: proxy.address, port: proxy.port }, {})
      await connection.close()
      return proxy.bytes.toClient
    } finally {
      await proxy.close()
    }
  }
  const whole = await bytesOfLogin({})
  for (let part = 1; part <= 12; part += 1) {
    const count = Math.floor((whole * part) / 13)
    await bytesOfLogin({ cutAfterBytes: { direction: 'toClient', count, how: 'reset' } })
  }
})

test('a host that always hangs up is unreachable', async () => {
  const relay = await startRelay(sshd.port, 100)
  const error = await rejects(connectSsh({ ...sshd.target, port: relay.port }, {}), Unreachable)
  assert.match(error.message, 'hung up')
  assert.is(relay.taken(), 3)
  await relay.stop()
})

test('a closed port, an unknown name and a name that is an option are unreachable', async () => {
  const closed = await rejects(connectSsh({ ...sshd.target, port: await freePort() }, {}), Unreachable)
  assert.match(closed.why, 'ECONNREFUSED')
  await rejects(connectSsh({ ...sshd.target, address: 'nosuch.invalid' }, {}), Unreachable)
  const option = await rejects(connectSsh({ ...sshd.target, address: '-oProxyCommand=true' }, {}), Unreachable)
  assert.match(option.message, 'is not a host name')
})

/** Connects, runs something and closes. */
async function logsIn(target: Target, ask: Ask = {}): Promise<void> {
  const connection = await connectSsh(target, ask)
  const { stdout } = await connection.run('id -un')
  await connection.close()
  assert.is(String(stdout), 'root\n')
}

/** Keys that the host has refused so far; sshd logs each at LogLevel VERBOSE. */
function countFailures(): number {
  return sshd.log().match(/Failed publickey/g)?.length ?? 0
}

/** A file in the scratch directory. */
function scratch(name: string, text: string): string {
  writeFileSync(join(sshd.dir, name), text)
  return join(sshd.dir, name)
}

/** A key file that the host lets in. */
function authorizedKey(name: string, passphrase = ''): string {
  const file = join(sshd.dir, name)
  appendFileSync(join(sshd.dir, 'authorized_keys'), makeKey(file, 'ed25519', passphrase))
  return file
}

function strangerKey(name: string): string {
  makeKey(join(sshd.dir, name), 'ed25519')
  return join(sshd.dir, name)
}

function withoutComment(publicLine: string): string {
  return publicLine.split(' ').slice(0, 2).join(' ')
}

function fingerprintOf(file: string): string {
  return execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? ''
}

type Agent = { socket: string; add: (file: string, passphrase?: string) => void; stop: () => void }

async function startAgent(socket: string): Promise<Agent> {
  const started = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(started.stdout, 'data')
  const add = (file: string, passphrase = ''): void => {
    const askpass = scratch('askpass', `#!/bin/sh\necho '${passphrase}'\n`)
    chmodSync(askpass, 0o755)
    const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' }
    execFileSync('ssh-add', ['-q', file], { env })
  }
  return { socket, add, stop: () => started.kill() }
}

test.run()
