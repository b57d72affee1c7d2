/**
 * The mounts of this machine, as /proc/self/mountinfo lists them (proc_pid_mountinfo(5)).
 */
import { readFile } from 'node:fs/promises'
import { CommandFailed, run } from './commands.ts'

export type Mount = {
  mountPoint: string
  fsType: string
  /** The file system's own options, comma-separated. */
  options: string
}

export async function readMounts(): Promise<Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** @throws When a line is not of the form mountinfo has. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMount)
}

/** `id parent major:minor root mountpoint options [optional…] - type source superoptions` */
function parseMount(line: string): Mount {
  const [before = '', after = ''] = line.split(' - ')
  const mountPoint = before.split(' ')[4]
  const [fsType, , options] = after.split(' ')
  if (!mountPoint || !fsType || options === undefined) throw new Error(`mountinfo: unexpected line ${line}`)
  return { mountPoint: unescapeOctal(mountPoint), fsType, options }
}

/** mountinfo writes blanks and backslashes as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)))
}

export async function isMounted(mountPoint: string): Promise<boolean> {
  return (await readMounts()).some((mount) => mount.mountPoint === mountPoint)
}

/** Takes away every mount at or below `dir`, deepest first. A busy one is detached, to vanish with its last user. */
export async function unmountBelow(dir: string): Promise<void> {
  const mounts = await readMounts()
  const below = mounts.map(({ mountPoint }) => mountPoint).filter((at) => at === dir || at.startsWith(`${dir}/`))
  for (const mountPoint of below.reverse()) {
    try {
      await run('umount', ['--', mountPoint])
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      await run('umount', ['--lazy', '--', mountPoint])
    }
  }
}
