/**
 * Throw-away Debian machines on this machine: a container with systemd and sshd each, its disk an overlay over an image
 * that is built once. All of it lies below one state directory, and `downAll` leaves nothing of it running.
 *
 * Needs root; see `requirements.ts` for the packages.
 */
import { join } from 'node:path'
import { readdir, rm } from 'node:fs/promises'
import { readChanges } from './changes.ts'
import type { Entry } from './changes.ts'
import { cgroupOf, killCgroup, thaw } from './cgroup.ts'
import { changeIdentity, ensureIdentity, identityFile, type NewFile, writeFiles, writeIdentity } from './identity.ts'
import { clearBuilds, ensureImage } from './image.ts'
import type { OnProgress, SandboxOs } from './image.ts'
import { unmountBelow } from './mounts.ts'
import { address6Of, addressOf, ensureNetwork, freeNumber, removeNetwork } from './network.ts'
import {
  enter,
  findMachine,
  isPrepared,
  isRunning,
  killMachine,
  listMachines,
  mountDisk,
  removeMachine,
  setDiskAside,
  startMachine,
  withMachine,
  withNetwork,
  writeMachine,
} from './machine.ts'
import type { Machine } from './machine.ts'
import { ensureRequirements } from './requirements.ts'
import { collectSnapshots, findSnapshot, takeSnapshot } from './snapshot.ts'
import { machineRoot, openState } from './state.ts'
import type { State } from './state.ts'
import { removeTree } from './system.ts'

/** How to reach a throw-away host. Its key is known before it boots, so nothing has to be trusted on first use. */
export type SandboxHost = {
  name: string
  os: SandboxOs
  /** IPv4 address, reachable from this machine only. */
  address: string
  port: number
  user: 'root'
  identityFile: string
  /** `ssh-ed25519 AAAA…` */
  hostKey: string
}

export type NewHost = {
  os: SandboxOs
  /** Packages of Debian in its image, in addition to those of a new server. @default none */
  packages?: readonly string[]
  /** Files on its disk before it first boots, by absolute path. @default none */
  files?: ReadonlyMap<string, NewFile>
}

/**
 * Boots a fresh host, or returns the one of that name when it is there already.
 *
 * @param name Its host name: small letters, digits and hyphens, 40 at most.
 * @param onProgress Told of what takes longer than a moment.
 * @throws When this machine cannot run hosts, the name is taken by another operating system, or it does not boot.
 */
export async function up(
  name: string,
  { os, packages = [], files = new Map() }: NewHost,
  onProgress: OnProgress = () => undefined,
): Promise<SandboxHost> {
  checkName(name)
  await ensureRequirements({ install: false })
  const state = await openState()
  return withMachine(state, name, async () => {
    const known = await findMachine(state, name)
    if (known && isPrepared(known)) {
      if (known.os !== os)
        throw new Error(`${name} is a ${known.os} host already: take it down first, or use another name.`)
      return bootIfDown(state, known)
    }
    await removeMachine(state, name)
    const image = await ensureImage(state, os, onProgress, packages)
    onProgress(`booting ${name}`)
    const machine = await addMachine(state, { name, os, image, layers: [] })
    return prepareAndBoot(state, machine, async (network) => {
      const root = machineRoot(state, name)
      await writeFiles(root, files)
      return writeIdentity(state, root, machine, network)
    })
  })
}

/**
 * Boots a new host from another's snapshot, with an address and a machine id of its own and the other's keys.
 * @throws When there is no such snapshot, or the new name is taken.
 */
export async function upFrom(source: string, label: string, name: string): Promise<SandboxHost> {
  checkName(name)
  await ensureRequirements({ install: false })
  const state = await openState()
  return withMachine(state, name, async () => {
    const known = await findMachine(state, name)
    if (known && isPrepared(known))
      throw new Error(`${name} is there already: take it down first, or use another name.`)
    await removeMachine(state, name)
    const { os, image, layers, hostKey } = await findSnapshot(state, source, label)
    const machine = await addMachine(state, { name, os, image, layers })
    return prepareAndBoot(state, machine, async (network) => {
      await changeIdentity(machineRoot(state, name), source, machine, network)
      return hostKey
    })
  })
}

/** Boots a host whose power was cut; returns it as it is when it runs. @throws When there is no such host. */
export async function boot(name: string): Promise<SandboxHost> {
  const state = await openState()
  return withMachine(state, name, async () => bootIfDown(state, await knownMachine(state, name)))
}

/** Ends every process of a host at once, as a power cut would. Its disk stays; `boot` starts it again. */
export async function powerCut(name: string): Promise<void> {
  const state = await openState()
  await withMachine(state, name, async () => {
    await knownMachine(state, name)
    await killMachine(state, name)
  })
}

/** The host of that name, whether it runs or not. */
export async function find(name: string): Promise<SandboxHost | undefined> {
  return (await list()).find((host) => host.name === name)
}

/** All hosts, by name. */
export async function list(): Promise<SandboxHost[]> {
  const state = await openState()
  const machines = (await listMachines(state)).filter(isPrepared)
  if (machines.length === 0) return []
  const network = await withNetwork(state, () => ensureNetwork(state))
  return machines.map((machine) => describe(state, machine, addressOf(network, machine.number)))
}

/** IPv6 address of a host, reachable from this machine only. @throws When there is no such host. */
export async function address6(name: string): Promise<string> {
  const state = await openState()
  const machine = await knownMachine(state, name)
  return address6Of(await withNetwork(state, () => ensureNetwork(state)), machine.number)
}

/** Takes a host down for good: processes, disk, and its snapshots. Nothing happens if it is not there. */
export async function down(name: string): Promise<void> {
  checkName(name)
  const state = await openState()
  await withMachine(state, name, () => removeMachine(state, name))
  await withNetwork(state, async () => {
    await collectSnapshots(state)
    if ((await listMachines(state)).length === 0) await removeNetwork(state)
  })
}

/**
 * Takes every host of the state directory down, and whatever crashed clients left: processes, mounts, half-built
 * images, bridge, firewall rules, directories. Images, downloaded packages and the login key stay.
 */
export async function downAll(): Promise<void> {
  const state = await openState()
  for (const name of await readdir(join(state.dir, 'machines'))) {
    await withMachine(state, name, () => removeMachine(state, name))
  }
  await clearBuilds(state)
  await withNetwork(state, async () => {
    await collectSnapshots(state)
    if ((await listMachines(state)).length > 0) return
    await killCgroup(await cgroupOf(state))
    await unmountBelow(join(state.dir, 'machines'))
    await removeNetwork(state)
    await rm(join(state.dir, 'network.json'), { force: true })
  })
}

/**
 * Keeps the present disk of a host under a label. The host is frozen meanwhile, then goes on.
 * @throws When there is no such host, or it has a snapshot of that label.
 */
export async function snapshot(name: string, label: string): Promise<void> {
  checkName(label)
  const state = await openState()
  await withMachine(state, name, async () => takeSnapshot(state, await knownMachine(state, name), label))
}

/**
 * Puts a host's disk back to a snapshot of it and boots it, with the address and keys it had.
 * What ran is ended as by a power cut.
 */
export async function restore(name: string, label: string): Promise<SandboxHost> {
  const state = await openState()
  return withMachine(state, name, async () => {
    const machine = await knownMachine(state, name)
    const { image, layers } = await findSnapshot(state, name, label)
    await killMachine(state, name)
    const old = await setDiskAside(state, name)
    const restored = { ...machine, image, layers }
    await writeMachine(state, restored)
    const [host] = await Promise.all([bootIfDown(state, restored), removeTree(old)])
    return host
  })
}

/**
 * Runs a shell program as root inside a host that runs, without a login.
 * @returns Its standard output. @throws When there is no such host, it does not run, or the program fails.
 */
export async function runInside(name: string, program: string): Promise<string> {
  const state = await openState()
  await knownMachine(state, name)
  return enter(state, name, ['sh', '-c', program])
}

/**
 * Every path that differs between a host's disk and its image, sorted; two calls tell what changed between them.
 *
 * @param options.ignore Directories or files to leave out, beyond what a host left alone writes by itself.
 * @throws When there is no such host.
 */
export async function changedFiles(
  name: string,
  { ignore = [] }: { ignore?: readonly string[] } = {},
): Promise<Map<string, Entry>> {
  const state = await openState()
  const machine = await knownMachine(state, name)
  await withMachine(state, name, () => mountDisk(state, machine))
  return readChanges(state, machine, ignore)
}

/** Gives a new machine its address and its record. */
function addMachine(state: State, wanted: Omit<Machine, 'number' | 'hostKey'>): Promise<Machine> {
  return withNetwork(state, async () => {
    const taken = new Set((await listMachines(state)).map(({ number }) => number))
    const machine = { ...wanted, number: freeNumber(taken), hostKey: '' }
    await writeMachine(state, machine)
    return machine
  })
}

/** Leaves nothing of a machine that does not come up. `prepare` writes to the mounted disk and returns the host key. */
async function prepareAndBoot(
  state: State,
  machine: Machine,
  prepare: (network: Awaited<ReturnType<typeof ensureNetwork>>) => Promise<string>,
): Promise<SandboxHost> {
  try {
    await ensureIdentity(state)
    const network = await withNetwork(state, () => ensureNetwork(state))
    await mountDisk(state, machine)
    const prepared = { ...machine, hostKey: await prepare(network) }
    await writeMachine(state, prepared)
    return await bootIfDown(state, prepared)
  } catch (error) {
    await removeMachine(state, machine.name)
    throw error
  }
}

async function bootIfDown(state: State, machine: Machine): Promise<SandboxHost> {
  if (await isRunning(state, machine.name)) {
    // A client that crashed while it took a snapshot leaves the host frozen.
    await thaw(await cgroupOf(state, machine.name))
  } else {
    await startMachine(state, machine)
  }
  const network = await withNetwork(state, () => ensureNetwork(state))
  return describe(state, machine, addressOf(network, machine.number))
}

async function knownMachine(state: State, name: string): Promise<Machine> {
  checkName(name)
  const machine = await findMachine(state, name)
  if (!machine || !isPrepared(machine)) throw new Error(`There is no sandbox host called ${name}.`)
  return machine
}

function describe(state: State, { name, os, hostKey }: Machine, address: string): SandboxHost {
  return { name, os, address, port: 22, user: 'root', identityFile: identityFile(state), hostKey }
}

function checkName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new Error(`A sandbox name is small letters, digits and hyphens, 40 at most; got ${JSON.stringify(name)}.`)
  }
}
