/**
 * A real sshd of this machine on a free loopback port, with its own host keys, for one test file.
 * Needs root and the Debian package openssh-server; the system's own sshd need not run.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import type { Target } from '../../lib/transport/connection.ts'

export type Sshd = {
  port: number
  /** Scratch directory that goes with it. */
  dir: string
  /** Its host keys as public key lines. */
  hostKeys: { ed25519: string; rsa: string }
  /** A target that logs in as root with a key that is accepted. */
  target: Target & { port: number; identityFile: string }
  /** What it has logged so far. */
  log: () => string
  stop: () => Promise<void>
}

/**
 * Starts sshd and waits until it listens.
 *
 * @param settings Lines of sshd_config(5), which win over the ones used here.
 */
export async function startSshd(settings: string[] = []): Promise<Sshd> {
  if (!existsSync('/usr/sbin/sshd')) throw new Error('these tests need a real sshd: apt-get install openssh-server')
  mkdirSync('/run/sshd', { recursive: true })
  const dir = mkdtempSync(join(tmpdir(), 'keelson-sshd-'))
  const hostKeys = {
    ed25519: makeKey(join(dir, 'host_ed25519'), 'ed25519'),
    rsa: makeKey(join(dir, 'host_rsa'), 'rsa'),
  }
  writeFileSync(join(dir, 'authorized_keys'), makeKey(join(dir, 'id'), 'ed25519'))
  const port = await freePort()
  writeFileSync(join(dir, 'sshd_config'), sshdConfig(dir, port, settings))
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const log: string[] = []
  const lines = createInterface(sshd.stderr).on('line', (line) => log.push(line))
  await until(lines, (line) => line.startsWith('Server listening'))
  return {
    port,
    dir,
    hostKeys,
    target: { address: '127.0.0.1', port, user: 'root', identityFile: join(dir, 'id'), hostKey: hostKeys.ed25519 },
    log: () => log.join('\n'),
    stop: async () => {
      sshd.kill()
      await once(sshd, 'exit')
      rmSync(dir, { recursive: true })
    },
  }
}

function sshdConfig(dir: string, port: number, settings: string[]): string {
  return [
    ...settings,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${dir}/host_ed25519`,
    `HostKey ${dir}/host_rsa`,
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    'PidFile none',
    'LogLevel VERBOSE',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin yes',
    '',
  ].join('\n')
}

/** Makes a key pair and returns its public line. */
export function makeKey(file: string, type: string, passphrase = ''): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', file])
  return readFileSync(`${file}.pub`, 'utf8')
}

/** Resolves at the first line that is wanted. */
function until(lines: Interface, wanted: (line: string) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => wanted(line) && resolve())
    lines.once('close', () => reject(new Error('sshd ended before it listened')))
  })
}

/** A loopback port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
