/**
 * How the programs that are measured reach a throw-away host: straight, or over a line with latency.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openProxy } from '../lib/sandbox/proxy.ts'
import type { SandboxHost } from '../lib/sandbox/sandbox.ts'

export type Reach = {
  address: string
  port: number
  identityFile: string
  /** `ssh-ed25519 AAAA…` */
  hostKey: string
  /** File for ssh(1) that knows the host under this address, and nothing else. */
  knownHosts: string
}

/** Lends a way to a host, with a round trip of so many milliseconds added to the machine's own. */
export async function withReach<T>(
  host: SandboxHost,
  latencyMs: number,
  work: (reach: Reach) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-bench-'))
  const proxy = latencyMs === 0 ? undefined : await openProxy(host, { latencyMs })
  try {
    const { address, port } = proxy ?? host
    const knownHosts = join(folder, 'known_hosts')
    await writeFile(knownHosts, `[${address}]:${port} ${host.hostKey}\n${address} ${host.hostKey}\n`)
    const { identityFile, hostKey } = host
    return await work({ address, port, identityFile, hostKey, knownHosts })
  } finally {
    await proxy?.close()
    await rm(folder, { recursive: true })
  }
}

/** Options of ssh(1), without the destination: this key, this host key, no configuration of the person's own. */
export function sshOptions({ identityFile, knownHosts }: Reach): string[] {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    'HostKeyAlgorithms=ssh-ed25519',
  ]
  return ['-F', 'none', '-i', identityFile, ...options.flatMap((option) => ['-o', option])]
}

/** All arguments of ssh(1) for one command. */
export function sshArguments(reach: Reach, command: string): string[] {
  return [...sshOptions(reach), '-p', String(reach.port), `root@${reach.address}`, command]
}
