/**
 * Packages that hosts have downloaded before, kept on this machine.
 *
 * Each host's /var/cache/apt/archives is a directory of its own outside its disk, filled with hard links to a store per
 * operating system. Hosts do not share the directory itself: apt-get fails at once when another holds `archives/lock`.
 * In the guest nothing is configured for it; apt-get checks the digests of what it finds there as always.
 */
import { link, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxOs } from './image.ts'
import { machineDir } from './state.ts'
import type { State } from './state.ts'
import { isErrno } from './system.ts'

/** Directory bound over a host's /var/cache/apt/archives. */
export function archivesDir(state: State, name: string): string {
  return join(machineDir(state, name), 'archives')
}

/** Gives a host every package the store has for its operating system. */
export async function fillArchives(state: State, name: string, os: SandboxOs): Promise<void> {
  await linkPackages(storeDir(state, os), archivesDir(state, name))
}

/** Takes into the store what a host has downloaded since. */
export async function keepArchives(state: State, name: string, os: SandboxOs): Promise<void> {
  await linkPackages(archivesDir(state, name), storeDir(state, os))
}

function storeDir(state: State, os: SandboxOs): string {
  return join(state.dir, 'packages', os)
}

/** apt-get moves a file here from `partial/` once it is whole, so every .deb is complete. */
async function linkPackages(from: string, to: string): Promise<void> {
  await Promise.all([from, to].map((dir) => mkdir(dir, { recursive: true, mode: 0o755 })))
  const [there, here] = await Promise.all([readdir(from), readdir(to)])
  const known = new Set(here)
  await Promise.all(
    there
      .filter((file) => file.endsWith('.deb') && !known.has(file))
      .map((file) => linkOne(join(from, file), join(to, file))),
  )
}

async function linkOne(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    // Another process linked it first, or the host's apt-get clean removed it.
    if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error
  }
}
