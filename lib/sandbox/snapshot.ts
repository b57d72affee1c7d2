/**
 * Snapshots: copies of a machine's own layer. A restored host starts with an empty layer over the copy, so restoring
 * moves no data, however much was written since.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cgroupOf, freeze, thaw } from './cgroup.ts'
import { run } from './commands.ts'
import { isRunning, layerDir, listMachines } from './machine.ts'
import type { Machine } from './machine.ts'
import { readRecord, writeRecord } from './records.ts'
import { machineDir } from './state.ts'
import type { State } from './state.ts'
import { removeTree } from './system.ts'

/** What is kept of a snapshot in `snapshots/NAME@LABEL/snapshot.json`. */
export type Snapshot = Pick<Machine, 'os' | 'image' | 'hostKey'> & {
  /** The snapshot itself, then what it lies on. */
  layers: string[]
}

/** @throws When there is no such snapshot. */
export async function findSnapshot(state: State, name: string, label: string): Promise<Snapshot> {
  const snapshot = await readSnapshot(state, layerOf(name, label))
  if (!snapshot) throw new Error(`${name} has no snapshot called ${label}.`)
  return snapshot
}

/** Copies the machine's layer while the machine is frozen. @throws When the label is taken. */
export async function takeSnapshot(state: State, machine: Machine, label: string): Promise<void> {
  const layer = layerOf(machine.name, label)
  if (await readSnapshot(state, layer)) throw new Error(`${machine.name} has a snapshot called ${label} already.`)
  const dir = join(state.dir, 'snapshots', layer)
  await removeTree(dir)
  await mkdir(dir, { recursive: true })
  await whileFrozen(state, machine.name, () =>
    // -a keeps owners, times, links, devices and extended attributes, which is what overlayfs marks deletions with.
    run('cp', ['--archive', '--reflink=auto', join(machineDir(state, machine.name), 'upper'), layerDir(state, layer)]),
  )
  const { os, image, hostKey, layers } = machine
  const snapshot: Snapshot = { os, image, hostKey, layers: [layer, ...layers] }
  await writeRecord(recordFile(state, layer), snapshot)
}

/** A write that has returned is seen from outside: host and guest share one kernel, so freezing is enough. */
async function whileFrozen(state: State, name: string, work: () => Promise<unknown>): Promise<void> {
  const cgroup = await cgroupOf(state, name)
  const running = await isRunning(state, name)
  try {
    if (running) await freeze(cgroup)
    await work()
  } finally {
    if (running) await thaw(cgroup)
  }
}

/**
 * Removes the snapshots whose machine is gone and that nothing lies on. Call it under the network lock, which keeps
 * new machines from being laid on one meanwhile.
 */
export async function collectSnapshots(state: State): Promise<void> {
  const machines = await listMachines(state)
  const names = new Set(machines.map(({ name }) => name))
  const layers = await readdir(join(state.dir, 'snapshots'))
  const kept = layers.filter((layer) => names.has(layer.split('@')[0] ?? ''))
  const below = await Promise.all(kept.map((layer) => readSnapshot(state, layer)))
  const used = new Set([...kept, ...[...machines, ...below].flatMap((user) => user?.layers ?? [])])
  for (const layer of layers) if (!used.has(layer)) await removeTree(join(state.dir, 'snapshots', layer))
}

function layerOf(name: string, label: string): string {
  return `${name}@${label}`
}

function readSnapshot(state: State, layer: string): Promise<Snapshot | undefined> {
  return readRecord<Snapshot>(recordFile(state, layer), {
    os: 'string',
    image: 'string',
    hostKey: 'string',
    layers: 'list',
  })
}

function recordFile(state: State, layer: string): string {
  return join(state.dir, 'snapshots', layer, 'snapshot.json')
}
