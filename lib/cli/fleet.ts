/**
 * Runs one task on several hosts at once; a host that fails never stops another.
 */
import { dirname } from 'node:path'
import { types } from '../dsl/declare.ts'
import type { InventoryHost } from '../dsl/inventory.ts'
import type { Site } from '../dsl/site.ts'
import type { HostOptions } from '../engine/apply/openHost.ts'
import type { Catalog } from '../engine/catalog/catalog.ts'
import type { HostReport, Summary } from '../engine/report.ts'
import { secretNames } from '../kit/value.ts'
import { describeError } from './errors.ts'
import { findMachine, type Machine, type Where } from './machine.ts'
import { askedFor } from './only.ts'
import { whoIsAtWork } from './who.ts'

export type ReadyHost = {
  catalog: Catalog
  connect: Machine['connect']
  secrets: ReadonlyMap<string, string>
  /** What people call the machine, where it only stands in for the host. */
  standIn?: string
}

/** A host, and its catalog for the machine that the inventory describes. */
export type Evaluated = { chosen: InventoryHost; catalog: Catalog }

/**
 * Finds the machine that a catalog is applied to, and the secrets that it needs.
 * @throws When a secret has no value, or a throw-away host does not boot.
 */
export async function prepare(
  site: Site,
  { chosen, catalog: declared }: Evaluated,
  where: Where,
  note: (text: string) => void,
): Promise<ReadyHost> {
  const machine = await findMachine(site, chosen, where, note)
  const { standIn } = machine
  const catalog = standIn === undefined ? declared : await site.evaluate(chosen.name, standIn.override)
  const usedAt = (name: string) => catalog.resources.find(({ desired }) => secretNames(desired).includes(name))?.source
  const hashes = hashesIn(catalog)
  const names = secretNames(catalog.resources.map(({ desired }) => desired))
  const secrets = await machine.secrets(names, usedAt, (name) => hashes.has(name))
  return { catalog, connect: machine.connect, secrets, ...(standIn === undefined ? {} : { standIn: standIn.name }) }
}

/** Names of secrets that are hashes of passwords. */
function hashesIn({ resources }: Catalog): ReadonlySet<string> {
  const named = resources.flatMap(({ type, desired }) =>
    (types.get(type)?.hashFields ?? []).flatMap((field) => secretNames(Object(desired)[field])),
  )
  return new Set(named)
}

/**
 * Runs `work` on all hosts, at most `forks` at a time. Every command about hosts uses it.
 *
 * @param about.failed Returns the result of a host on which `work` throws; the others continue.
 * @param about.tell Called for each host as soon as it is done.
 */
export async function onEach<Host, Result>(
  hosts: readonly Host[],
  about: {
    forks: number
    work: (host: Host) => Promise<Result>
    failed: (host: Host, error: unknown, tookMs: number) => Result
    tell?: (result: Result) => void
  },
): Promise<Result[]> {
  const results: Result[] = []
  const waiting = [...hosts.entries()]
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [position, host] = next
      const started = performance.now()
      const result = await about
        .work(host)
        .catch((error: unknown) => about.failed(host, error, performance.now() - started))
      results[position] = result
      about.tell?.(result)
    }
  }
  await Promise.all(Array.from({ length: Math.min(about.forks, hosts.length) }, worker))
  return results
}

/** The options that open a prepared host. @param only Patterns of the resources in scope; all when there are none. */
export function hostOptions(
  { standIn, ...ready }: ReadyHost,
  site: Site,
  only: readonly string[],
  progress: HostOptions['progress'],
  { signal, stop }: Pick<HostOptions, 'signal' | 'stop'> = {},
): HostOptions {
  return {
    ...ready,
    ...(standIn === undefined ? {} : { standIn }),
    types,
    progress,
    who: () => whoIsAtWork(dirname(site.file)),
    ...(only.length === 0 ? {} : { only: askedFor(only) }),
    ...(signal === undefined ? {} : { signal }),
    ...(stop === undefined ? {} : { stop }),
  }
}

/** The report of a host that could not be planned or converged at all. */
export type Lost = HostReport & { changes: never[] }

export function lostReport({ name, address }: InventoryHost, error: unknown, tookMs: number, verbose: boolean): Lost {
  return {
    host: name,
    address,
    summary: NOTHING,
    changes: [],
    trips: { connections: 0, execs: 0 },
    seconds: Math.round(tookMs) / 1000,
    error: describeError(error, verbose),
  }
}

const NOTHING: Summary & { failed: number } = {
  resources: 0,
  create: 0,
  change: 0,
  remove: 0,
  adopt: 0,
  forget: 0,
  recheck: 0,
  unchanged: 0,
  failed: 0,
  followUps: 0,
}

/** Runs one caller's work at a time, in order of arrival: for questions at the one terminal. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }
}
