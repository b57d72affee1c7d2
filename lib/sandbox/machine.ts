/**
 * One machine: its record, its disk (an overlay over an image) and its running container.
 */
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { cgroupOf, killCgroup, processesIn, spawnIn } from './cgroup.ts'
import type { Cgroup } from './cgroup.ts'
import { lastLines, run, succeeds } from './commands.ts'
import { imageDir } from './image.ts'
import type { SandboxOs } from './image.ts'
import { withLock } from './lock.ts'
import { isMounted, unmountBelow } from './mounts.ts'
import { addressOf, ensureNetwork, forgetNeighbour, unplug } from './network.ts'
import type { Network } from './network.ts'
import { archivesDir, fillArchives, keepArchives } from './packages.ts'
import { readRecord, writeRecord } from './records.ts'
import { lockFile, machineDir, machineRoot } from './state.ts'
import type { State } from './state.ts'
import { removeTree, waitFor } from './system.ts'

/** What is kept of a machine in `machines/NAME/machine.json`. */
export type Machine = {
  name: string
  os: SandboxOs
  /** Directory below `images`. */
  image: string
  /** Snapshots between image and disk, nearest to the disk first: directories below `snapshots`. */
  layers: string[]
  /** Last number of its addresses. */
  number: number
  /** Public host key; empty until the disk is ready to boot. */
  hostKey: string
}

/** How long a host may take until its sshd answers, and then until its units have started. */
const BOOT_LIMIT_MS = 60_000

/** Whether the machine's disk was made ready to boot; one that was not is what a crashed client left. */
export function isPrepared(machine: Machine): boolean {
  return machine.hostKey !== ''
}

export async function findMachine(state: State, name: string): Promise<Machine | undefined> {
  return readRecord<Machine>(recordFile(state, name), {
    name: 'string',
    os: 'string',
    image: 'string',
    layers: 'list',
    number: 'number',
    hostKey: 'string',
  })
}

/** Every machine there is a record of, by name. */
export async function listMachines(state: State): Promise<Machine[]> {
  const names = (await readdir(join(state.dir, 'machines'))).sort()
  const machines = await Promise.all(names.map((name) => findMachine(state, name)))
  return machines.filter((machine) => machine !== undefined)
}

export async function writeMachine(state: State, machine: Machine): Promise<void> {
  await mkdir(machineDir(state, machine.name), { recursive: true })
  await writeRecord(recordFile(state, machine.name), machine)
}

function recordFile(state: State, name: string): string {
  return join(machineDir(state, name), 'machine.json')
}

/** Runs `work` while no other process makes, boots or removes the machine. */
export function withMachine<T>(state: State, name: string, work: () => Promise<T>): Promise<T> {
  return withLock(lockFile(state, `machine-${name}`), work)
}

/** Runs `work` while no other process gives out addresses, or changes the network or the set of snapshots. */
export function withNetwork<T>(state: State, work: () => Promise<T>): Promise<T> {
  return withLock(lockFile(state, 'network'), work)
}

/** Whether any process of the machine is alive. */
export async function isRunning(state: State, name: string): Promise<boolean> {
  return (await processesIn(await cgroupOf(state, name))).length > 0
}

/** Mounts the machine's disk: its own upper directory over its snapshots over its image. */
export async function mountDisk(state: State, machine: Machine): Promise<void> {
  const dir = machineDir(state, machine.name)
  const root = machineRoot(state, machine.name)
  if (await isMounted(root)) return
  for (const part of ['upper', 'work', 'root']) await mkdir(join(dir, part), { recursive: true, mode: 0o755 })
  const lower = [...machine.layers.map((layer) => layerDir(state, layer)), imageDir(state, machine.image)]
  // Without the three features a layer is whole in itself: it can be copied, and stacked under other hosts.
  const features = 'redirect_dir=off,metacopy=off,index=off'
  const layers = `lowerdir=${lower.join(':')},upperdir=${join(dir, 'upper')},workdir=${join(dir, 'work')}`
  await run('mount', ['-t', 'overlay', 'overlay', '-o', `${layers},${features}`, root])
}

/**
 * Empties the machine's own layer of its disk. It must not run.
 * @returns Directory with what was in it, for the caller to remove; it goes with the machine at the latest.
 */
export async function setDiskAside(state: State, name: string): Promise<string> {
  await unmountBelow(machineRoot(state, name))
  const dir = machineDir(state, name)
  const aside = await mkdtemp(join(dir, 'old-'))
  for (const part of ['upper', 'work']) await rename(join(dir, part), join(aside, part))
  return aside
}

export function layerDir(state: State, layer: string): string {
  return join(state.dir, 'snapshots', layer, 'upper')
}

/**
 * Boots a machine that does not run; returns when its sshd answers and its units have started.
 * @throws When it ends or stays silent; the message holds the end of its console.
 */
export async function startMachine(state: State, machine: Machine): Promise<void> {
  const network = await withNetwork(state, () => ensureNetwork(state))
  await forgetNeighbour(network, machine.number)
  await mountDisk(state, machine)
  await fillArchives(state, machine.name, machine.os)
  await unplug(containerName(state, machine.name))
  const cgroup = await cgroupOf(state, machine.name)
  const { ended } = await startContainer(state, machine, cgroup)
  await Promise.race([ended, waitUntilUp(machine, network, cgroup)])
}

/** With --keep-unit nspawn leaves it to its starter to boot a host again that reboots, and ends with exit 133 (seen on 252). */
const WHILE_REBOOTING = 'while :; do systemd-nspawn "$@"; code=$?; [ "$code" -eq 133 ] || exit "$code"; done'

/** @returns A promise that only ever rejects: when the container ends. In an object, or awaiting would wait for it. */
async function startContainer(state: State, machine: Machine, cgroup: Cgroup): Promise<{ ended: Promise<never> }> {
  const file = join(machineDir(state, machine.name), 'console.log')
  const log = openSync(file, 'a')
  const argv = ['-c', WHILE_REBOOTING, 'sh', ...nspawnArguments(state, machine)]
  const child = await spawnIn(cgroup, 'sh', argv, ['ignore', log, log])
  closeSync(log)
  child.unref()
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      const said = readFile(file, 'utf8').catch(() => '')
      const report = (text: string) => new Error(`${machine.name} ended with exit ${code}:\n${lastLines(text, 15)}`)
      void said.then((text) => reject(report(text)))
    })
  })
  // Once the machine is up nobody listens any more, and its end is no failure of this process.
  ended.catch(() => undefined)
  return { ended }
}

/** systemd-nspawn(1); without --register=no and --keep-unit it needs systemd as this machine's PID 1. */
function nspawnArguments(state: State, { name }: Machine): string[] {
  return [
    '--quiet',
    `--directory=${machineRoot(state, name)}`,
    `--machine=${containerName(state, name)}`,
    `--hostname=${name}`,
    '--boot',
    '--register=no',
    '--keep-unit',
    `--network-bridge=keelson-${state.id}`,
    // Written once into the disk, and from then on the host's own: a reboot must not undo what a recipe wrote.
    '--resolv-conf=off',
    // A bind mount over /etc/localtime would make tzdata's configuration fail.
    '--timezone=off',
    '--link-journal=no',
    `--bind=${archivesDir(state, name)}:/var/cache/apt/archives`,
  ]
}

function containerName(state: State, name: string): string {
  return `${name}-${state.id}`
}

async function waitUntilUp(machine: Machine, network: Network, cgroup: Cgroup): Promise<void> {
  const address = addressOf(network, machine.number)
  await waitFor(`sshd of ${machine.name} to answer at ${address}`, () => answersSsh(address), BOOT_LIMIT_MS)
  const leader = await findLeader(cgroup)
  if (leader === undefined) throw new Error(`${machine.name} answers, but has no process 1.`)
  // Exit 1 is a host on which some unit failed: up all the same (systemctl(1), is-system-running).
  await succeeds('nsenter', [`--target=${leader}`, '--all', '--', 'systemctl', 'is-system-running', '--wait'])
}

/** Whether an SSH server greets whoever connects. Asked of a host that is not there yet it soon says no. */
function answersSsh(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22 })
    const answer = (yes: boolean): void => {
      socket.destroy()
      resolve(yes)
    }
    socket.setTimeout(1000, () => answer(false))
    socket.once('error', () => answer(false))
    socket.once('end', () => answer(false))
    socket.once('data', (data) => answer(data.toString('latin1').startsWith('SSH-')))
  })
}

/** Runs a program as root inside a machine. @returns Its standard output. @throws When it fails or the machine is down. */
export async function enter(state: State, name: string, argv: readonly string[]): Promise<string> {
  const leader = await findLeader(await cgroupOf(state, name))
  if (leader === undefined) throw new Error(`${name} does not run.`)
  return run('nsenter', [`--target=${leader}`, '--all', '--', ...argv])
}

/** The process that is number 1 inside the machine, by its number outside. */
async function findLeader(cgroup: Cgroup): Promise<number | undefined> {
  for (const id of await processesIn(cgroup)) {
    const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '')
    // Its number in each namespace, outermost first (proc_pid_status(5)).
    if (/^NSpid:\t\d+\t1$/m.test(status)) return id
  }
  return undefined
}

/** Ends the machine as a power cut would; its disk stays. */
export async function killMachine(state: State, name: string): Promise<void> {
  await killCgroup(await cgroupOf(state, name))
  // nspawn removes it when it ends by itself.
  await rm(join('/run/systemd/nspawn/propagate', containerName(state, name)), { recursive: true, force: true })
}

/** Ends the machine and removes everything of it but the packages it downloaded. Nothing happens if it is not there. */
export async function removeMachine(state: State, name: string): Promise<void> {
  await killMachine(state, name)
  const dir = machineDir(state, name)
  await unmountBelow(dir)
  const machine = await findMachine(state, name)
  if (machine) await keepArchives(state, name, machine.os)
  await removeTree(dir)
}
