/**
 * One control group per machine: it keeps the systemd inside apart from every other one, and it is the list of all
 * processes that belong to the machine, whoever started them and whatever became of the starter.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commandEnvironment } from './commands.ts'
import { readMounts } from './mounts.ts'
import type { State } from './state.ts'
import { isErrno, waitFor } from './system.ts'

/** A machine's directories: one in the version 2 hierarchy, one in systemd's own where version 1 is mounted too. */
export type Cgroup = { unified: string; all: string[] }

/**
 * The control group called `name`, or without a name the one above all of this state directory.
 * @throws When this machine has no version 2 hierarchy.
 */
export async function cgroupOf(state: State, name?: string): Promise<Cgroup> {
  const mounts = await readMounts()
  const version2 = mounts.find((mount) => mount.fsType === 'cgroup2')
  if (!version2) throw new Error('The sandbox needs the cgroup version 2 hierarchy mounted on this machine.')
  const systemd = mounts.find((mount) => mount.fsType === 'cgroup' && mount.options.split(',').includes('name=systemd'))
  const below = [`keelson-${state.id}`, ...(name === undefined ? [] : [name])]
  const unified = join(version2.mountPoint, ...below)
  return { unified, all: systemd ? [unified, join(systemd.mountPoint, ...below)] : [unified] }
}

/** Enters the groups named before `--`, then becomes the program named after it. */
const ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'

/** Starts a program inside a control group, in a session of its own, so that it outlives this process. */
export async function spawnIn(
  cgroup: Cgroup,
  command: string,
  args: readonly string[],
  stdio: StdioOptions,
): Promise<ChildProcess> {
  for (const dir of cgroup.all) await mkdir(dir, { recursive: true })
  const argv = ['-c', ENTER, 'sh', ...cgroup.all, '--', command, ...args]
  return spawn('sh', argv, { stdio, env: commandEnvironment(), detached: true })
}

/** Ids of all processes in a control group and below it. */
export async function processesIn(cgroup: Cgroup): Promise<number[]> {
  const ids = new Set<number>()
  for (const dir of await groupsBelow(cgroup)) {
    for (const id of (await readIfThere(join(dir, 'cgroup.procs'))).split('\n')) if (id !== '') ids.add(Number(id))
  }
  return [...ids]
}

/** Kills everything in a control group with SIGKILL, waits until nothing is left, and takes the group away. */
export async function killCgroup(cgroup: Cgroup): Promise<void> {
  await waitFor(`processes in ${cgroup.unified} to end`, async () => {
    const ids = await processesIn(cgroup)
    // All of them at one instant: killed one by one, processes that fork could outrun this for ever.
    if (ids.length > 0) await writeFile(join(cgroup.unified, 'cgroup.kill'), '1')
    // Those that are only in the other hierarchies.
    for (const id of ids) killQuietly(id)
    return ids.length === 0
  })
  await waitFor(`${cgroup.unified} to be released`, () => removeGroups(cgroup))
}

function killQuietly(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch (error) {
    // It ended by itself in between.
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

async function removeGroups(cgroup: Cgroup): Promise<boolean> {
  for (const dir of (await groupsBelow(cgroup)).reverse()) {
    try {
      await rmdir(dir)
    } catch (error) {
      if (isErrno(error, 'EBUSY')) return false
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
  return true
}

/** Stops every process in its tracks; returns once all have stopped. */
export async function freeze(cgroup: Cgroup): Promise<void> {
  await writeFile(join(cgroup.unified, 'cgroup.freeze'), '1')
  await waitFor(`${cgroup.unified} to freeze`, async () =>
    (await readFile(join(cgroup.unified, 'cgroup.events'), 'utf8')).includes('frozen 1'),
  )
}

/** Lets frozen processes go on; nothing happens to others. */
export async function thaw(cgroup: Cgroup): Promise<void> {
  await writeFile(join(cgroup.unified, 'cgroup.freeze'), '0')
}

/** Directories of a control group, parents before children. */
async function groupsBelow(cgroup: Cgroup): Promise<string[]> {
  return (await Promise.all(cgroup.all.map(withSubdirectories))).flat()
}

async function withSubdirectories(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true })
    const below = entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name))
    return [dir, ...(await Promise.all(below.map(withSubdirectories))).flat()]
  } catch (error) {
    // Gone, or going while it was read.
    if (isErrno(error, 'ENOENT', 'ENODEV')) return []
    throw error
  }
}

/** An empty text when the file is gone, or (ENODEV) its group is going. */
async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return ''
    throw error
  }
}
