/** What ssh_config says about a host, read by OpenSSH itself: `ssh -G` resolves Include, Match and tokens. */
import { execFile } from 'node:child_process'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Unreachable } from './connection.ts'

/** The part of ssh_config(5) that is honoured here. Paths are absolute. */
export type SshConfig = {
  hostName: string
  port: number
  /** Left out when ssh_config leaves it to the local account's name. */
  user: string | undefined
  identityFiles: string[]
  identitiesOnly: boolean
  /** Socket of the agent; left out when there is none or it is not to be used. */
  agent: string | undefined
  /** Files with known host keys, those of the user first. */
  knownHostsFiles: string[]
  /** Name to look the host's key up under, in place of its address. */
  hostKeyAlias: string | undefined
  /** `user@host:port[,…]` */
  proxyJump: string | undefined
  proxyCommand: string | undefined
}

/**
 * Asks `ssh -G` (7 ms) about a host. Without OpenSSH on this machine its defaults hold.
 *
 * @throws {Unreachable} When ssh_config cannot be read, or the address would be taken for an option.
 */
export async function readSshConfig(address: string, given: { user?: string; port?: number }): Promise<SshConfig> {
  // OpenSSH refuses these names too: they would be options of ssh, or commands of a shell.
  if (!/^[\w.:%[\]-]+$/.test(address) || address.startsWith('-')) {
    throw new Unreachable(`${JSON.stringify(address)} is not a host name or address`, {
      next: 'Correct it in the inventory.',
    })
  }
  const options = [...(given.user ? ['-l', given.user] : []), ...(given.port ? ['-p', String(given.port)] : [])]
  try {
    const { stdout } = await promisify(execFile)('ssh', ['-G', ...options, '--', address])
    return parseSshConfig(stdout)
  } catch (error) {
    if (isMissing(error)) return parseSshConfig(`hostname ${address}`)
    throw new Unreachable(
      `the ssh configuration for ${address} cannot be read`,
      {
        why: saidBy(error),
        next: `Try: ssh -G ${address}`,
      },
      error,
    )
  }
}

/** Defaults of OpenSSH for what `ssh -G` leaves out: see ssh_config(5). */
const DEFAULT_IDENTITIES = ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa']
const DEFAULT_KNOWN_HOSTS = '~/.ssh/known_hosts ~/.ssh/known_hosts2'
const DEFAULT_GLOBAL_KNOWN_HOSTS = '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2'

/** @param text Lines `keyword value`, keywords in lower case, as `ssh -G` prints them. */
export function parseSshConfig(text: string): SshConfig {
  const values = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [keyword = '', ...rest] = line.split(' ')
    const value = rest.join(' ').trim()
    if (value !== '' && value !== 'none') values.set(keyword, [...(values.get(keyword) ?? []), value])
  }
  const first = (keyword: string): string | undefined => values.get(keyword)?.[0]
  const files = [
    first('userknownhostsfile') ?? DEFAULT_KNOWN_HOSTS,
    first('globalknownhostsfile') ?? DEFAULT_GLOBAL_KNOWN_HOSTS,
  ]
  const user = first('user')
  return {
    hostName: first('hostname') ?? '',
    port: Number(first('port') ?? 22),
    identityFiles: (values.get('identityfile') ?? DEFAULT_IDENTITIES).map(expandHome),
    identitiesOnly: first('identitiesonly') === 'yes',
    knownHostsFiles: files.flatMap((list) => list.split(/\s+/)).map(expandHome),
    user: user === userInfo().username ? undefined : user,
    agent: agentSocket(text, first('identityagent')),
    hostKeyAlias: first('hostkeyalias'),
    proxyJump: first('proxyjump'),
    proxyCommand: first('proxycommand'),
  }
}

/** IdentityAgent may be `none`, `SSH_AUTH_SOCK`, `$VARIABLE` or a path. */
function agentSocket(text: string, value: string | undefined): string | undefined {
  if (/^identityagent none$/m.test(text)) return undefined
  if (value === undefined || value === 'SSH_AUTH_SOCK') return process.env['SSH_AUTH_SOCK'] || undefined
  return value.startsWith('$') ? process.env[value.slice(1)] || undefined : expandHome(value)
}

export function expandHome(path: string): string {
  const home = homedir()
  return path.startsWith('~/') ? join(home, path.slice(2)) : path.replaceAll('%d', home)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function saidBy(error: unknown): string {
  return error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
}
