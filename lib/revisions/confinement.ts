/**
 * Takes away from a process what evaluating recipes does not need: its environment always, the network and all files
 * but its own where the machine can.
 *
 * Namespaces of Linux do that for whatever the process starts (unshare(1)); the permissions of Node do it for JavaScript
 * only, and a Node before 25 leaves the network. What a machine can do is tried before a recipe is in reach, so that none
 * can bring about less.
 */
import { execFile, type SpawnOptions } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evaluated } from '../engine/plan/planFile.ts'

export type Confinement = Evaluated

/** A process, with what it may see. */
export type Confined = {
  /** Arguments of node. */
  args: readonly string[]
  /** Files and folders to read. */
  visible: readonly string[]
  /** An empty folder of its own. */
  scratch: string
}

type Command = { program: string; args: string[]; options: SpawnOptions }

export const MOST_HEAP_MIB = 768
/** Kilobytes of data of each process, heap and buffers together. */
const MOST_DATA = 2 * 2 ** 20
/** Seconds of the processor's time. */
export const MOST_SECONDS = 30
/** A process that has neither file nor child to write. */
const LIMITS = `ulimit -c 0; ulimit -d ${MOST_DATA} || :; ulimit -t ${MOST_SECONDS} || :`
const TRY_MS = 10_000

/**
 * Arguments: folder for the new root, number of paths to show, those paths, the command.
 *
 * The new root is an empty file system with the libraries that programs load, the paths, and /tmp. Nothing else of the
 * machine has a name in it: neither programs nor processes. In the end the process has no capability, and can gain none.
 */
const NEW_ROOT = `set -eu
${LIMITS}
root=$1 count=$2
shift 2
mount -t tmpfs -o mode=755,size=4m,nosuid,nodev none "$root"
mkdir -p "$root/dev" "$root/tmp" "$root/old" "$root/usr/tools"
mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev none "$root/tmp"
show() {
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root\${1%/*}"; : > "$root$1"; fi
  mount --bind "$1" "$root$1"
  mount -o remount,bind,ro,nosuid,nodev "$root$1" || mount -o remount,bind,ro,nosuid,nodev,noexec "$root$1"
}
for name in /lib /lib32 /lib64 /usr/lib /usr/lib32 /usr/lib64; do
  if [ -L "$name" ]; then ln -s "$(readlink "$name")" "$root$name"
  elif [ -d "$name" ]; then show "$name"; fi
done
while [ "$count" -gt 0 ]; do show "$1"; shift; count=$((count - 1)); done
for name in null zero random urandom; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
for name in mount umount setpriv; do
  : > "$root/usr/tools/$name"
  mount --bind "$(command -v "$name")" "$root/usr/tools/$name"
done
ln -s /old/proc "$root/proc"
cd "$root"
pivot_root . old
cd /
/usr/tools/umount -l /old
/usr/tools/mount -o remount,bind,ro /
unset PATH PWD OLDPWD
exec /usr/tools/setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@"`

const UNSHARE = 'unshare --user --map-root-user --net --mount --pid --ipc --uts --fork --kill-child --'

/**
 * Finds what this machine can take away.
 *
 * @param scratch An empty folder, for trying.
 * @param visible What has to be visible all the same.
 */
export async function findConfinement(scratch: string, visible: readonly string[]): Promise<Confinement> {
  if (await canUnshare({ args: ['-e', ''], visible, scratch }))
    return { by: 'namespaces', network: 'none', files: 'own' }
  const flags = process.allowedNodeEnvironmentFlags
  // Where Node does not read TypeScript itself, a program has to, which a process with permissions cannot start.
  if (!flags.has('--permission') || !Reflect.get(process.features, 'typescript'))
    return { by: 'process', network: 'open', files: 'all' }
  return { by: 'permissions', network: flags.has('--allow-net') ? 'none' : 'open', files: 'own' }
}

async function canUnshare(what: Confined): Promise<boolean> {
  const { program, args, options } = await unshared(what)
  return new Promise((resolve) => {
    execFile(program, args, { env: options.env, cwd: '/', timeout: TRY_MS, killSignal: 'SIGKILL' }, (error) =>
      resolve(error === null),
    )
  })
}

/** The command that runs a process so. */
export async function confined(how: Confinement, what: Confined): Promise<Command> {
  const { args, scratch, visible } = what
  if (how.by === 'namespaces') return unshared(what)
  const permissions =
    how.by === 'permissions'
      ? ['--permission', ...visible.map((path) => `--allow-fs-read=${path}`), `--allow-fs-read=${scratch}`]
      : []
  return {
    program: 'sh',
    args: ['-c', `${LIMITS}; exec "$@"`, 'sh', process.execPath, heapLimit(), ...permissions, ...args],
    options: { cwd: scratch, env: { HOME: scratch, TMPDIR: scratch } },
  }
}

async function unshared({ args, visible, scratch }: Confined): Promise<Command> {
  const root = join(scratch, 'root')
  await mkdir(root, { recursive: true })
  const shown = outermost([process.execPath, ...visible])
  const inside = ['sh', root, String(shown.length), ...shown, process.execPath, heapLimit(), ...args]
  return {
    program: 'sh',
    args: ['-c', `exec ${UNSHARE} sh -c "$0" "$@"`, NEW_ROOT, ...inside],
    options: { cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', TMPDIR: '/tmp' } },
  }
}

/** Paths that are below no other. */
function outermost(paths: readonly string[]): string[] {
  const all = [...new Set(paths)]
  return all.filter((path) => !all.some((other) => other !== path && path.startsWith(`${other}/`)))
}

function heapLimit(): string {
  return `--max-old-space-size=${MOST_HEAP_MIB}`
}
