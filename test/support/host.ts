/**
 * Real hosts for tests: booted under a name of their own, and taken down however the test ends.
 */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { down, up } from '../../lib/sandbox/sandbox.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import type { SandboxOs } from '../../lib/sandbox/image.ts'

/** Names of hosts this process has yet to take down. */
const standing = new Set<string>()
let cleanupInstalled = false

/**
 * Boots a host that lives until this process ends: by itself, by an error, by `process.exit` or by a signal.
 * Only SIGKILL leaves it behind, for `downAll` to clear.
 */
export async function freshHost(os: SandboxOs): Promise<SandboxHost> {
  const host = await up(uniqueName(), { os })
  // Else each login of a test starts a service manager for root and ends it, a third of what a short case costs.
  await sshOk(host, 'loginctl enable-linger')
  return host
}

/** Does the same on all hosts at once. An error names the release. */
export async function onEach(
  hosts: readonly SandboxHost[],
  work: (host: SandboxHost) => Promise<unknown>,
): Promise<void> {
  const named = async (host: SandboxHost): Promise<void> => {
    try {
      await work(host)
    } catch (error) {
      if (error instanceof Error) error.message = `on ${host.os}: ${error.message}`
      throw error
    }
  }
  const ends = await Promise.allSettled(hosts.map(named))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** A name for a host no other test has; whatever boots under it is taken down when this process ends. */
export function uniqueName(): string {
  const name = `t-${process.pid}-${randomBytes(3).toString('hex')}`
  installCleanup()
  standing.add(name)
  return name
}

export async function takeDown(name: string): Promise<void> {
  await down(name)
  standing.delete(name)
}

/** A non-zero exit is an answer. 255 is the client's own: it could not connect or the connection broke. */
export type SshAnswer = { exit: number; stdout: string; stderr: string }

/**
 * Runs a command on a host through the OpenSSH client, as a witness independent of our own transport.
 * @param command For the login shell of root.
 */
export function ssh(host: SandboxHost, command: string): Promise<SshAnswer> {
  return new Promise((resolve) => {
    execFile('ssh', [...sshArguments(host), command], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ exit: error === null ? 0 : typeof error.code === 'number' ? error.code : 255, stdout, stderr })
    }).stdin?.end()
  })
}

/** As `ssh`, for commands that must succeed. @returns stdout. @throws With what the host said otherwise. */
export async function sshOk(host: SandboxHost, command: string): Promise<string> {
  const { exit, stdout, stderr } = await ssh(host, command)
  if (exit !== 0) throw new Error(`${host.name}: ${command} ended with exit ${exit}: ${stderr || stdout}`)
  return stdout
}

/** Arguments of ssh(1) up to and with the destination. The host's key is given, so a wrong one is refused. */
export function sshArguments(host: SandboxHost): string[] {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'ConnectTimeout=10',
    'StrictHostKeyChecking=yes',
    'UserKnownHostsFile=/dev/null',
    'GlobalKnownHostsFile=/dev/null',
    'HostKeyAlgorithms=ssh-ed25519',
    // printf only, with the key as an argument: ssh(1) splits this text by itself and runs it without a shell.
    `KnownHostsCommand=/usr/bin/printf %%s\\n "%H ${host.hostKey}"`,
  ]
  const login = ['-F', 'none', '-i', host.identityFile, '-p', String(host.port)]
  return [...login, ...options.flatMap((option) => ['-o', option]), `${host.user}@${host.address}`]
}

/** A signal becomes an orderly end, and every end takes the hosts down; only synchronous work is possible by then. */
function installCleanup(): void {
  if (cleanupInstalled) return
  cleanupInstalled = true
  process.once('SIGINT', () => endBy(130))
  process.once('SIGTERM', () => endBy(143))
  process.once('exit', () => {
    if (standing.size > 0) spawnSync(process.execPath, downArguments([...standing]), { stdio: 'inherit' })
  })
}

/** This process may hold the lock of a host that it is just booting, and lets go of it only with its end. */
function endBy(code: number): void {
  if (standing.size > 0)
    spawn(process.execPath, downArguments([...standing]), { stdio: 'ignore', detached: true }).unref()
  standing.clear()
  process.exit(code)
}

function downArguments(names: string[]): string[] {
  const sandbox = new URL('../../lib/sandbox/sandbox.ts', import.meta.url).href
  const script = `const { down } = await import(${JSON.stringify(sandbox)}); for (const name of process.argv.slice(1)) await down(name)`
  return ['--import', 'tsx', '--input-type=module', '-e', script, ...names]
}
