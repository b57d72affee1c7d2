/** Where a target really is and how to get there: the inventory first, then ssh_config, then OpenSSH's defaults. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, isIP } from 'node:net'
import { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { HungUp, Unreachable } from './connection.ts'
import type { Target } from './connection.ts'
import { parsePinned } from './hostKey.ts'
import type { Trust } from './hostKey.ts'
import type { KeySources } from './keys.ts'
import { knownHostsName, readTrust } from './knownHosts.ts'
import { parseSshConfig, readSshConfig } from './sshConfig.ts'
import type { SshConfig } from './sshConfig.ts'

const CONNECT_TIMEOUT_MS = 15_000

/** Jump hosts in a row; more is taken for a circle in ssh_config. */
const MOST_JUMPS = 8

/** One host on the way, the last being the target. */
export type Route = {
  host: string
  port: number
  sources: KeySources
  trust: Trust
  /** The name its key is known under. */
  name: string
  /** The host to go through. */
  through?: Route
  proxyCommand?: string
}

/**
 * Finds the way to a target.
 *
 * @throws {Unreachable} For a name that is none, an unreadable ssh_config, or jumps in a circle.
 */
export async function findRoute(target: Target, fallbackUser = 'root', depth = 0): Promise<Route> {
  if (depth > MOST_JUMPS)
    throw new Unreachable(`more than ${MOST_JUMPS} jump hosts, or a circle of them`, { next: 'Correct ProxyJump.' })
  const config = isComplete(target)
    ? parseSshConfig(`hostname ${target.address}`)
    : await readSshConfig(target.address, target)
  const port = target.port ?? config.port
  const name = config.hostKeyAlias ?? knownHostsName(config.hostName, port)
  const through = await findJump(target.jump ?? config.proxyJump, depth)
  return {
    host: config.hostName,
    port,
    name,
    sources: {
      ...config,
      user: target.user ?? config.user ?? fallbackUser,
      identityFile: target.identityFile,
      agent: config.agent,
    },
    trust: target.hostKey === undefined ? await knownKeys(config, name) : parsePinned(target.hostKey),
    ...(through && { through }),
    ...(config.proxyCommand !== undefined && target.jump === undefined && { proxyCommand: config.proxyCommand }),
  }
}

/** Whether ssh_config has nothing to add: it is keyed by name, and this is an address with everything given. */
function isComplete({ address, port, user, identityFile, hostKey }: Target): boolean {
  return (
    isIP(address) !== 0 &&
    port !== undefined &&
    user !== undefined &&
    identityFile !== undefined &&
    hostKey !== undefined
  )
}

async function knownKeys({ knownHostsFiles, hostName }: SshConfig, name: string): Promise<Trust> {
  const trust = await readTrust(knownHostsFiles, name)
  // Like ssh(1): a key known for the host's port 22 serves its other ports as well.
  if (trust.keys.length > 0 || !name.startsWith('[')) return trust
  const plain = await readTrust(knownHostsFiles, knownHostsName(hostName, 22))
  return { ...plain, revoked: [...trust.revoked, ...plain.revoked] }
}

/** The last of the jumps is the one that sees the target; the ones before it lead there. */
async function findJump(jumps: string | undefined, depth: number): Promise<Route | undefined> {
  if (jumps === undefined || jumps === '') return undefined
  const hops = jumps.split(',')
  const before = hops.slice(0, -1).join(',')
  return findRoute({ ...parseHop(hops.at(-1) ?? ''), ...(before !== '' && { jump: before }) }, localUser(), depth + 1)
}

/** `[user@]host[:port]`, the host in brackets when it is an IPv6 address, optionally as `ssh://…`. */
function parseHop(text: string): Target {
  const parts = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text.trim())
  if (!parts)
    throw new Unreachable(`ProxyJump: expected user@host:port, got ${JSON.stringify(text)}`, { next: 'Correct it.' })
  const [, user, bracketed, plain, port] = parts
  return {
    address: bracketed ?? plain ?? '',
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port: Number(port) }),
  }
}

function localUser(): string {
  return process.env['USER'] ?? 'root'
}

/**
 * Opens a byte stream to the SSH port at the end of a route.
 *
 * @param jump Logged in to `route.through`, when there is one.
 * @throws {Unreachable}
 * @throws {HungUp} When the line to the jump host broke.
 */
export async function openStream(route: Route, jump: Client | undefined): Promise<Duplex> {
  if (jump) return openForward(route, jump)
  if (route.proxyCommand !== undefined) return openProxy(route, route.proxyCommand)
  return openSocket(route)
}

async function openSocket({ host, port }: Route): Promise<Duplex> {
  // Without TCP_NODELAY a command takes 47-92 ms instead of 4, and ssh2 does not set it by itself.
  const socket = connect({ host, port, noDelay: true })
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)),
    CONNECT_TIMEOUT_MS,
  )
  try {
    await once(socket, 'connect')
    return socket
  } catch (error) {
    throw new Unreachable(
      `${host} port ${port} cannot be reached`,
      {
        why: saidBy(error),
        next: 'Check the address and port in the inventory, that the machine is up, and its firewall.',
      },
      error,
    )
  } finally {
    clearTimeout(timer)
  }
}

function openForward({ host, port, through }: Route, jump: Client): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    // Neither a throw (ssh2 throws where the stream cannot be written to) nor an error without a reason is an answer.
    const refused = (error: Error): void => {
      if (!('reason' in error)) return reject(new HungUp(`the line to ${through?.name} broke: ${error.message}`))
      const next = 'Check the address, and that the jump host allows forwarding (AllowTcpForwarding).'
      const message = `${host} port ${port} cannot be reached through ${through?.name}`
      reject(new Unreachable(message, { why: error.message, next }, error))
    }
    try {
      jump.forwardOut('127.0.0.1', 0, host, port, (error, channel) => (error ? refused(error) : resolve(channel)))
    } catch (error) {
      refused(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

/** ProxyCommand: a process of this machine whose stdin and stdout are the stream. */
function openProxy({ host, port, sources }: Route, command: string): Duplex {
  const tokens: Record<string, string> = { '%h': host, '%p': String(port), '%r': sources.user, '%n': host, '%%': '%' }
  const text = command.replaceAll(/%[hprn%]/g, (token) => tokens[token] ?? token)
  const child = spawn('/bin/sh', ['-c', `exec ${text}`], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stderr.setEncoding('utf8').on('data', (said: string) => process.stderr.write(shown(said)))
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout })
  child.once('error', (error) => stream.destroy(error))
  stream.once('close', () => child.kill())
  return stream
}

/** What a command of ssh_config says is for the operator, but a host far away may have a say in it. */
function shown(said: string): string {
  return said.replace(
    /[^\P{Cc}\n\t]|\p{Bidi_Control}|[\u2028\u2029]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A name with several addresses fails with one error for each. */
function saidBy(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(saidBy).join('; ')
  return error instanceof Error ? error.message : String(error)
}
