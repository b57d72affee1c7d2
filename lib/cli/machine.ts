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
import { isPinned } from '../transport/hostKey.ts'
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
  /** Set for another machine than the one the inventory describes: how it differs, and what people call it. */
  standIn?: { override: Override; name: string }
  /** Values by name; `usedAt` returns the recipe line that needs a secret. */
  secrets: (
    names: readonly string[],
    usedAt: (name: string) => Source | undefined,
    isHash: (name: string) => boolean,
  ) => Promise<ReadonlyMap<string, string>>
}

/** @param note Receives messages about slow work, such as building an image. */
export async function findMachine(
  site: Site,
  host: InventoryHost,
  where: Where,
  note: (text: string) => void,
): Promise<Machine> {
  if (where.kind === 'sandbox') return sandboxMachine(site, where.name ?? host.name, host.os, note)
  const secrets: Machine['secrets'] = (names, usedAt) => storedSecrets(site, names, usedAt)
  if (where.kind === 'local') {
    const { connectLocal } = await import('../transport/local.ts')
    const ask = remembering(askForLogin())
    return {
      connect: () => connectLocal(ask),
      standIn: { override: { address: 'local' }, name: 'this machine' },
      secrets,
    }
  }
  if (where.kind === 'own') return { connect: connecting(targetOf(host)), secrets }
  const { address } = where.target
  return { connect: connecting(where.target), standIn: { override: { address }, name: 'another machine' }, secrets }
}

async function sandboxMachine(
  site: Site,
  name: string,
  os: InventoryHost['os'],
  note: (text: string) => void,
): Promise<Machine> {
  const sandbox = await import('../sandbox/sandbox.ts')
  // A running one keeps its OS, and the catalog is made for that.
  const known = await sandbox.find(name)
  const running = await sandbox.up(name, { os: known?.os ?? os }, note)
  const { address, port, user, identityFile, hostKey } = running
  // A container has the processors and the memory of the machine it runs on.
  const size = { cpus: availableParallelism(), memoryMiB: Math.round(totalmem() / 2 ** 20) }
  const override = { address, os: running.os, ...size, container: true }
  return {
    connect: connecting({ address, port, user, identityFile, hostKey }),
    standIn: { override, name: `sandbox ${name}` },
    async secrets(names, _usedAt, isHash) {
      const { secretStore } = await import('../secrets/secretStore.ts')
      const { values, unopened } = await secretStore(dirname(site.file)).find(names)
      const missing = names.filter((each) => !values.has(each))
      if (missing.length === 0) return values
      note(`made up for a throw-away host: ${missing.join(', ')}${unopened === undefined ? '' : ` (${unopened})`}`)
      return new Map([...values, ...madeUpSecrets(await readFile(identityFile), missing, isHash)])
    },
  }
}

async function storedSecrets(
  site: Site,
  names: readonly string[],
  usedAt: (name: string) => Source | undefined,
): Promise<ReadonlyMap<string, string>> {
  const { secretStore } = await import('../secrets/secretStore.ts')
  return secretStore(dirname(site.file)).load(names, usedAt)
}

/**
 * Substitutes for secrets, the same in each run and for all throw-away hosts, so that two of them can log in to each
 * other: derived from the key that opens the hosts. A hash is one of no known password.
 */
export function madeUpSecrets(
  key: Buffer,
  names: readonly string[],
  isHash: (name: string) => boolean,
): Map<string, string> {
  const digest = (name: string): Buffer => createHmac('sha512', key).update(name).digest()
  const hash = (name: string): string => {
    const letters = digest(name).toString('base64').replaceAll('+', '.').slice(0, 86)
    return `$6$${digest(`${name}\0salt`).toString('hex').slice(0, 16)}$${letters}`
  }
  return new Map(names.map((name) => [name, isHash(name) ? hash(name) : digest(name).toString('hex').slice(0, 32)]))
}

/**
 * The login that the inventory specifies; ssh_config decides what it leaves out.
 * @throws {UsageError} When its host key is none.
 */
export function targetOf({ name, address, port, user, identityFile, hostKey, jump }: InventoryHost): Target {
  return {
    address,
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(identityFile === undefined ? {} : { identityFile }),
    ...(hostKey === undefined
      ? {}
      : { hostKey: [hostKey].flat().map((line) => checkedKey(line, `hostKey of ${name}`)) }),
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
    ...(more.hostKey === undefined ? {} : { hostKey: checkedKey(more.hostKey, '--host-key') }),
  }
}

function checkedKey(line: string, what: string): string {
  if (isPinned(line)) return line
  throw new UsageError(
    `${what} is no public key: ${JSON.stringify(line.slice(0, 80))}`,
    'give a line like "ssh-ed25519 AAAA…"; the host has it in /etc/ssh/ssh_host_ed25519_key.pub',
  )
}
