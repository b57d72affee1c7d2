/**
 * The machine that a host's catalog is applied to: its own, a throw-away one, or any other.
 */
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { dirname } from 'node:path'
import type { InventoryHost } from '../dsl/inventory.ts'
import type { Override, Site } from '../dsl/site.ts'
import type { Source } from '../engine/catalog/catalog.ts'
import type { Connection, Target } from '../transport/connection.ts'
import { askForLogin, remembering } from './ask.ts'
import { UsageError } from './errors.ts'

export type Where =
  | { kind: 'own' }
  /** A throw-away host; it has the host's name unless `name` is set. */
  | { kind: 'sandbox'; name?: string }
  | { kind: 'other'; target: Target }
  /** This machine, without ssh. */
  | { kind: 'local' }

export type Machine = {
  connect: () => Promise<Connection>
  /** Set for another machine than the one the inventory describes. */
  standIn?: Override
  /** Values by name; `usedAt` returns the recipe line that needs a secret. */
  secrets: (
    names: readonly string[],
    usedAt: (name: string) => Source | undefined,
  ) => Promise<ReadonlyMap<string, string>>
}

/** @param note Receives messages about slow work, such as building an image. */
export async function findMachine(
  site: Site,
  host: InventoryHost,
  where: Where,
  note: (text: string) => void,
): Promise<Machine> {
  if (where.kind === 'sandbox') return sandboxMachine(where.name ?? host.name, host.os, note)
  const secrets: Machine['secrets'] = (names, usedAt) => storedSecrets(site, names, usedAt)
  if (where.kind === 'local') {
    const { connectLocal } = await import('../transport/local.ts')
    const ask = remembering(askForLogin())
    return { connect: () => connectLocal(ask), standIn: { address: 'local' }, secrets }
  }
  if (where.kind === 'own') return { connect: connecting(targetOf(host)), secrets }
  const { address } = where.target
  return { connect: connecting(where.target), standIn: { address }, secrets }
}

async function sandboxMachine(name: string, os: InventoryHost['os'], note: (text: string) => void): Promise<Machine> {
  const sandbox = await import('../sandbox/sandbox.ts')
  // A running one keeps its OS, and the catalog is made for that.
  const known = await sandbox.find(name)
  const running = await sandbox.up(name, { os: known?.os ?? os }, note)
  const { address, port, user, identityFile, hostKey } = running
  // A container has the processors and the memory of the machine it runs on.
  const size = { cpus: availableParallelism(), memoryMiB: Math.round(totalmem() / 2 ** 20) }
  const standIn = { address, os: running.os, ...size, container: true }
  return {
    connect: connecting({ address, port, user, identityFile, hostKey }),
    standIn,
    secrets: async (names) => generatedSecrets(await readFile(identityFile), name, names),
  }
}

async function storedSecrets(
  site: Site,
  ...asked: Parameters<Machine['secrets']>
): Promise<ReadonlyMap<string, string>> {
  const { secretStore } = await import('../secrets/secretStore.ts')
  return secretStore(dirname(site.file)).load(...asked)
}

/** Substitutes for real secrets, the same in each run: derived from the key that opens the throw-away host. */
function generatedSecrets(key: Buffer, host: string, names: readonly string[]): Map<string, string> {
  const valueOf = (name: string): string =>
    createHmac('sha256', key).update(`${host}\0${name}`).digest('hex').slice(0, 32)
  return new Map(names.map((name) => [name, valueOf(name)]))
}

/** The login that the inventory specifies; ssh_config decides what it leaves out. */
export function targetOf({ address, port, user, identityFile, hostKey, jump }: InventoryHost): Target {
  return {
    address,
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(identityFile === undefined ? {} : { identityFile }),
    ...(hostKey === undefined ? {} : { hostKey: [hostKey].flat() }),
    ...(jump === undefined ? {} : { jump }),
  }
}

function connecting(target: Target): () => Promise<Connection> {
  const ask = remembering(askForLogin())
  return async () => {
    const { connectSsh } = await import('../transport/ssh.ts')
    return connectSsh(target, ask)
  }
}

/**
 * Parses `--at USER@ADDRESS[:PORT]`; an IPv6 address with a port is in brackets.
 * @throws {UsageError}
 */
export function parseAt(at: string, more: { identity?: string; hostKey?: string }): Target {
  const found = /^(?:([^@\s]+)@)?(?:\[([0-9a-fA-F:.]+)\]|([^\s@:[\]]+)|([0-9a-fA-F:]+))(?::(\d{1,5}))?$/.exec(at)
  const [, user, bracketed, plain, ipv6, port] = found ?? []
  const address = bracketed ?? plain ?? ipv6
  if (address === undefined || address.startsWith('-') || user?.startsWith('-') === true) {
    throw new UsageError(`--at takes USER@ADDRESS[:PORT], not ${JSON.stringify(at)}`)
  }
  return {
    address,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(more.identity === undefined ? {} : { identityFile: more.identity }),
    ...(more.hostKey === undefined ? {} : { hostKey: more.hostKey }),
  }
}
