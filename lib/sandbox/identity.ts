/**
 * What makes a copy of an image one particular host: its name, machine id, address, host key and who may log in.
 * Written into its disk before it boots.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './commands.ts'
import { withLock } from './lock.ts'
import { address6Of, addressOf } from './network.ts'
import type { Network } from './network.ts'
import { lockFile } from './state.ts'
import type { State } from './state.ts'

const HOST_KEY = 'etc/ssh/ssh_host_ed25519_key'

/** Private key that opens every host of this state directory. */
export function identityFile(state: State): string {
  return join(state.dir, 'keys', 'id_ed25519')
}

/** Makes the login key if this state directory has none yet. */
export async function ensureIdentity(state: State): Promise<void> {
  await withLock(lockFile(state, 'keys'), async () => {
    if ((await readPublicKey(identityFile(state))) === undefined) await makeKey(identityFile(state), 'keelson-sandbox')
  })
}

/**
 * Writes a fresh host's identity into its mounted disk.
 * @returns Its public host key, `ssh-ed25519 AAAA…`.
 */
export async function writeIdentity(
  state: State,
  root: string,
  host: { name: string; number: number },
  network: Network,
): Promise<string> {
  await writeName(root, host.name)
  await replaceFile(join(root, 'etc/hosts'), hostsFile(host.name))
  await writeAddress(root, host.number, network)
  const servers = await readNameservers()
  await replaceFile(join(root, 'etc/resolv.conf'), servers.map((server) => `nameserver ${server}\n`).join(''))
  await mkdir(join(root, 'root/.ssh'), { recursive: true, mode: 0o700 })
  await replaceFile(
    join(root, 'root/.ssh/authorized_keys'),
    await readFile(`${identityFile(state)}.pub`, 'utf8'),
    0o600,
  )
  await makeKey(join(root, HOST_KEY), `root@${host.name}`)
  return readHostKey(root)
}

/** A file of root. */
export type NewFile = { content: string; mode?: number }

/** Writes files into a fresh host's mounted disk, by absolute path; nothing of the host has run yet. */
export async function writeFiles(root: string, files: ReadonlyMap<string, NewFile>): Promise<void> {
  for (const [path, { content, mode }] of files) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await replaceFile(join(root, path), content, mode)
  }
}

/** Turns a copy of another host into one of its own: name, machine id and address. Keys stay as they were. */
export async function changeIdentity(
  root: string,
  from: string,
  host: { name: string; number: number },
  network: Network,
): Promise<void> {
  await writeName(root, host.name)
  const hosts = await readFile(join(root, 'etc/hosts'), 'utf8')
  const words = hosts.split(/(\s+)/).map((word) => (word === from ? host.name : word))
  await replaceFile(join(root, 'etc/hosts'), words.join(''))
  await writeAddress(root, host.number, network)
}

async function writeName(root: string, name: string): Promise<void> {
  await replaceFile(join(root, 'etc/hostname'), `${name}\n`)
  await replaceFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`, 0o444)
}

async function writeAddress(root: string, number: number, network: Network): Promise<void> {
  await replaceFile(join(root, 'etc/systemd/network/10-host0.network'), networkFile(number, network))
}

/** systemd.network(5). No IPv6 gateway: the prefix ends at the bridge, and without one apt tries IPv4 at once. */
function networkFile(number: number, network: Network): string {
  return [
    '[Match]',
    'Name=host0',
    '[Link]',
    `MTUBytes=${network.mtu}`,
    '[Network]',
    'IPv6AcceptRA=no',
    `Gateway=${addressOf(network, 1)}`,
    '[Address]',
    `Address=${addressOf(network, number)}/24`,
    '[Address]',
    `Address=${address6Of(network, number)}/64`,
    // The address is unique by how it was given; looking for a double takes a second of every boot.
    'DuplicateAddressDetection=none',
    '',
  ].join('\n')
}

function hostsFile(name: string): string {
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${name}\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n`
}

/**
 * Addresses of this machine's own name servers. Where systemd-resolved stands in front of them on a loopback address
 * that a host could not reach, its list of the real ones is taken.
 */
export async function readNameservers(): Promise<string[]> {
  for (const file of ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf']) {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
    const servers = lines.flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    const reachable = servers.filter((server) => !/^(127\.|::1)/.test(server))
    if (reachable.length > 0) return reachable
  }
  throw new Error('No name server that a sandbox host could reach: /etc/resolv.conf has none but loopback ones.')
}

async function makeKey(file: string, comment: string): Promise<void> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file])
  await chmod(file, 0o600)
}

async function readHostKey(root: string): Promise<string> {
  const key = await readPublicKey(join(root, HOST_KEY))
  if (key === undefined) throw new Error(`ssh-keygen left no ${HOST_KEY}.pub`)
  return key
}

/** Kind and key without the comment. */
async function readPublicKey(file: string): Promise<string | undefined> {
  const line = await readFile(`${file}.pub`, 'utf8').catch(() => undefined)
  return line?.split(' ').slice(0, 2).join(' ')
}

/** Replaces rather than overwrites: a link in the host's tree would lead into this machine's. */
async function replaceFile(path: string, content: string, mode = 0o644): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, content, { mode, flag: 'wx' })
  await chmod(path, mode)
}
