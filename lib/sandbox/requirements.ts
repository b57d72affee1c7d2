/**
 * What this machine must have for throw-away hosts: root, and a few programs from Debian.
 */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { commandEnvironment, run } from './commands.ts'

/** Package by the file that shows it is there: a program looked for on the path, or an absolute path. */
const NEEDED: ReadonlyMap<string, string> = new Map([
  ['mmdebstrap', 'mmdebstrap'],
  ['systemd-nspawn', 'systemd-container'],
  ['ip', 'iproute2'],
  ['iptables', 'iptables'],
  ['ssh', 'openssh-client'],
  ['ssh-keygen', 'openssh-client'],
  ['flock', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['mount', 'mount'],
  ['/usr/share/keyrings/debian-archive-keyring.gpg', 'debian-archive-keyring'],
])

/**
 * Debian packages that are missing on this machine, sorted; none when the sandbox can run.
 * @param besides More packages by the file that shows they are there, as the tests need them.
 */
export async function missingPackages(besides: ReadonlyMap<string, string> = new Map()): Promise<string[]> {
  const missing = new Set<string>()
  for (const [file, name] of [...NEEDED, ...besides]) if (!(await isInstalled(file))) missing.add(name)
  return [...missing].sort()
}

/**
 * Sees to it that throw-away hosts can run here.
 *
 * @param options.install Whether missing packages are installed with apt-get; otherwise they are an error.
 * @throws One sentence and what mends it: not root, no apt-get, packages missing.
 */
export async function ensureRequirements(options: {
  install: boolean
  besides?: ReadonlyMap<string, string>
}): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error('The sandbox boots machines and therefore needs root: run the same command with sudo.')
  }
  const missing = await missingPackages(options.besides)
  if (missing.length === 0) return
  if (!(await isInstalled('apt-get'))) {
    throw new Error(`The sandbox needs ${missing.join(', ')}; this machine has no apt-get to install them with.`)
  }
  if (!options.install) {
    throw new Error(`The sandbox needs packages that are missing here: apt-get install ${missing.join(' ')}`)
  }
  await run('apt-get', ['update'])
  const quietly = ['-o', 'Dpkg::Use-Pty=0', '--yes', '--no-install-recommends']
  await run('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', ...quietly, ...missing])
}

async function isInstalled(file: string): Promise<boolean> {
  const path = commandEnvironment()['PATH'] ?? ''
  const candidates = file.startsWith('/') ? [file] : path.split(':').map((dir) => join(dir, file))
  for (const candidate of candidates) if (await isReadable(candidate)) return true
  return false
}

async function isReadable(file: string): Promise<boolean> {
  try {
    await access(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}
