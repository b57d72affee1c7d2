/**
 * sandbox: throw-away hosts on this machine.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { ExitName } from '../../engine/report.ts'
import type { SandboxHost } from '../../sandbox/sandbox.ts'
import { UsageError } from '../errors.ts'
import { jsonLine } from '../../render/json.ts'
import { pad, widest } from '../../render/text/page.ts'
import { hint } from '../select.ts'
import type { CommandContext } from '../commandContext.ts'

const SYSTEMS = ['debian-12', 'debian-13'] as const

export async function sandboxUp(
  { output, json }: CommandContext,
  name: string,
  { os }: { os?: string },
): Promise<ExitName> {
  const asked = os === undefined ? undefined : SYSTEMS.find((known) => known === os)
  if (os !== undefined && asked === undefined)
    throw new UsageError(`--os takes ${SYSTEMS.join(' or ')}, not ${JSON.stringify(os)}`)
  const { find, up } = await import('../../sandbox/sandbox.ts')
  // A host that is there keeps its OS.
  const system = asked ?? (await find(name))?.os ?? 'debian-13'
  const host = await up(name, { os: system }, (text) => output.err.write(`${text}\n`))
  output.out.write(json ? jsonLine('sandbox up', { host }) : `${host.name}  ${host.address}  ${host.os}\n`)
  if (!json) output.err.write(`log in with: sandbox ssh ${host.name}\n`)
  return 'ok'
}

export async function sandboxList({ output, json }: CommandContext): Promise<ExitName> {
  const { list } = await import('../../sandbox/sandbox.ts')
  const hosts = await list()
  if (json) {
    output.out.write(jsonLine('sandbox list', { hosts }))
    return 'ok'
  }
  const column = widest(hosts.map(({ name }) => name))
  for (const { name, address, os } of hosts) output.out.write(`${pad(name, column)}  ${pad(address, 15)}  ${os}\n`)
  if (hosts.length === 0) output.err.write('no sandbox hosts; sandbox up NAME boots one\n')
  return 'ok'
}

export async function sandboxDown(
  { output }: CommandContext,
  name: string | undefined,
  { all }: { all?: boolean },
): Promise<ExitName> {
  if ((name === undefined) === (all !== true)) throw new UsageError('sandbox down takes a name, or --all')
  const { down, downAll } = await import('../../sandbox/sandbox.ts')
  if (name === undefined) await downAll()
  else {
    await knownHost(name)
    await down(name)
  }
  output.err.write(`${name ?? 'all sandbox hosts'} deleted\n`)
  return 'ok'
}

/**
 * Gives the terminal to ssh(1).
 * @returns The exit status of the remote command, as ssh returns it.
 */
export async function sandboxSsh(name: string, command: readonly string[]): Promise<number> {
  const host = await knownHost(name)
  const child = spawn('ssh', [...sshOptions(host), `${host.user}@${host.address}`, ...command], { stdio: 'inherit' })
  // Ctrl-C is for the remote command.
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  const ended: unknown[] = await once(child, 'exit')
  process.off('SIGINT', ignore)
  const [code, signal] = ended
  if (typeof code === 'number') return code
  return 128 + (Object.entries(constants.signals).find(([known]) => known === signal)?.[1] ?? 0)
}

/** The host's key is known, so ssh reads and writes no known_hosts file. */
function sshOptions({ port, identityFile, hostKey }: SandboxHost): string[] {
  const options = [
    `KnownHostsCommand=/bin/echo %H ${hostKey}`,
    'UserKnownHostsFile=/dev/null',
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes',
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
  ]
  return ['-F', 'none', '-p', String(port), '-i', identityFile, ...options.flatMap((option) => ['-o', option])]
}

async function knownHost(name: string): Promise<SandboxHost> {
  const { list } = await import('../../sandbox/sandbox.ts')
  const hosts = await list()
  const host = hosts.find((one) => one.name === name)
  if (host !== undefined) return host
  const names = hosts.map((one) => one.name)
  throw new UsageError(
    `there is no sandbox host ${JSON.stringify(name)}${hint(name, names)}`,
    names.length === 0 ? 'sandbox up NAME boots one' : `there are: ${names.join(', ')}`,
  )
}
