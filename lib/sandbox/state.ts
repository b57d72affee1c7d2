/**
 * Where the sandbox keeps what it makes on this machine, and the names derived from that place.
 */
import { createHash } from 'node:crypto'
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * One state directory. Everything outside it that belongs to it (bridge, cgroups, firewall rules) carries `id`,
 * so that several state directories on one machine do not meet.
 */
export type State = {
  dir: string
  /** Six hex digits from the directory's path. */
  id: string
}

export function stateDir(): string {
  return process.env['KEELSON_SANDBOX_DIR'] || '/var/lib/keelson-sandbox'
}

/** Opens, and makes if need be, the state directory: `KEELSON_SANDBOX_DIR`, else /var/lib/keelson-sandbox. */
export async function openState(): Promise<State> {
  const wanted = stateDir()
  await mkdir(wanted, { recursive: true, mode: 0o755 })
  const dir = await realpath(wanted)
  // A comma or colon in the path would split overlayfs's mount options.
  if (/[,:\\\s]/.test(dir)) throw new Error(`KEELSON_SANDBOX_DIR must not hold commas, colons or blanks: ${dir}`)
  for (const room of ['machines', 'snapshots', 'images', 'packages', 'locks', 'keys']) {
    await mkdir(join(dir, room), { recursive: true, mode: room === 'keys' ? 0o700 : 0o755 })
  }
  return { dir, id: createHash('sha256').update(dir).digest('hex').slice(0, 6) }
}

/** Directory of one machine; see `machine.ts` for what lies in it. */
export function machineDir(state: State, name: string): string {
  return join(state.dir, 'machines', name)
}

/** The directory a machine's root file system is mounted on while it is up. */
export function machineRoot(state: State, name: string): string {
  return join(machineDir(state, name), 'root')
}

export function lockFile(state: State, what: string): string {
  return join(state.dir, 'locks', what)
}
