/**
 * A site: its roles, and what each declares on a host.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { inspect } from 'node:util'
import type { Catalog, Source } from '../engine/catalog/catalog.ts'
import type { Judge } from '../engine/plan/checks.ts'
import { buildCatalog, type Diagnostic, RecipeError, type Validate } from '../engine/catalog/evaluate.ts'
import { order } from '../engine/catalog/order.ts'
import type { CostInput } from './cost.ts'
import { collect } from './declare.ts'
import { deterministic } from './deterministic.ts'
import { didYouMean } from './didYouMean.ts'
import { foreignModule } from './foreignWords.ts'
import {
  type Host,
  HOST_SCHEMA,
  hostOf,
  type Inventory,
  INVENTORY_SCHEMA,
  type InventoryHost,
  type Os,
  originOf,
} from './inventory.ts'
import { judgeBy, type Policy } from './policy.ts'
import { callerSource, sourceIn } from './source.ts'

/** What a role declares on its host. It may return handles for other roles, but not a promise: recipes are synchronous. */
export type Role<Data extends object> = (host: Host<Data>) => RoleResult
type RoleResult = void | (object & { then?: never })

/** Stack frames of an error to record: enough to reach the recipe from anywhere in lib/. */
const FRAMES = 50

export type Site = {
  /** Absolute path of the file that called site(…). */
  readonly file: string
  readonly hosts: readonly InventoryHost[]
  /** Everything that one host should have. @throws {RecipeError} With all mistakes at once. */
  evaluate(name: string, override?: Override): Promise<Catalog>
  /** What its machines cost follows from this. @throws {RecipeError} With all mistakes of the inventory. */
  bought?(): Promise<CostInput>
  /** What its policies say of a plan. Absent when it has none. */
  readonly judge?: Judge
}

/** A machine that stands in for the inventory's. */
export type Override = { address?: string; os?: Os; cpus?: number; memoryMiB?: number; container?: boolean }

export type SiteOptions = {
  /**
   * The name by which hosts know their resources' site, in every checkout: two sites with the same name remove each
   * other's resources. @default the name in the nearest package.json
   */
  name?: string
  /** Rules that each plan has to follow. @default none */
  policies?: readonly Policy[]
}

/**
 * @param file Absolute path of the file whose folder recipe lines are relative to.
 */
export function defineSite<Data extends object>(
  file: string,
  inventory: Inventory<Data>,
  roles: { readonly [role: string]: Role<Data> },
  { name: siteName, policies = [] }: SiteOptions = {},
): Site {
  const root = dirname(file)
  const defined = { root, roles, place: relativeTo(root, callerSource('/')), name: siteName ?? packageName(root) }
  return {
    file,
    hosts: inventory.hosts,
    ...(policies.length === 0 ? {} : { judge: judgeBy(policies, root, (source) => relativeTo(root, source)) }),
    async evaluate(name, override = {}) {
      // Loaded on demand: help, completion and the sandbox do not need it.
      const { schemaProblems, validateProps } = await import('./validate.ts')
      checkInventory(inventory, defined, schemaProblems)
      const entry = inventory.hosts.find((host) => host.name === name)
      if (entry === undefined) throw new RecipeError([{ message: `the inventory has no host ${JSON.stringify(name)}` }])
      return evaluateHost(defined, entry, override, validateProps)
    },
    async bought() {
      const { schemaProblems } = await import('./validate.ts')
      checkInventory(inventory, defined, schemaProblems)
      return inventory
    },
  }
}

type Place = {
  /** Folder that source files are relative to. */
  root: string
  /** Where site(…) was called. */
  place: Source
}

type Defined<Data extends object> = Place & {
  roles: { readonly [role: string]: Role<Data> }
  name: string | undefined
}

/** The name in the nearest package.json; undefined when there is no file or no name. */
function packageName(folder: string): string | undefined {
  try {
    const about: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const name: unknown = typeof about === 'object' && about !== null && 'name' in about ? about.name : undefined
    return typeof name === 'string' && name !== '' ? name.slice(0, 214) : undefined
  } catch {
    return folder === dirname(folder) ? undefined : packageName(dirname(folder))
  }
}

function evaluateHost<Data extends object>(
  { root, roles, place, name: site }: Defined<Data>,
  entry: InventoryHost<Data>,
  { address = entry.address, os = entry.os, container = false, ...size }: Override,
  validate: Validate,
): Catalog {
  const host = hostOf({ ...entry, address, os }, size, container)
  const { name, server } = host
  const about = { name, address, os, server: server.name, cpus: server.cpus, memoryMiB: server.memoryMiB }
  const mistakes: Diagnostic[] = []
  const declarations = collect(root, () => {
    for (const role of entry.roles) mistakes.push(...runRole(role, () => roles[role]!(host), { root, place }))
  })
  const built = buildCatalog(declarations, about, validate, mistakes)
  const catalog = site === undefined ? built : { ...built, site }
  // Reports cycles here instead of after the host has been read.
  order(catalog.resources)
  return catalog
}

/** Mistakes of a role while it declared its resources. A role that throws does not prevent checks of the others. */
function runRole(name: string, role: () => unknown, { root, place }: Place): readonly Diagnostic[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  try {
    const result = deterministic(role)
    if (!isThenable(result)) return []
    // The mistake is that it is asynchronous; its result does not matter.
    result.then(undefined, () => undefined)
    const next = 'recipes are plain functions without await'
    return [{ message: `role ${name} is asynchronous`, source: place, next }]
  } catch (error) {
    if (error instanceof RecipeError) return error.diagnostics
    const [message, stack] = error instanceof Error ? [error.message, error.stack] : [`threw ${inspect(error)}`]
    return [{ message: `${message}${unknownName(error)}`, source: sourceIn(stack, root) ?? place }]
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** What another tool calls so, after `apt is not defined`. */
function unknownName(error: unknown): string {
  const [, name = ''] = error instanceof ReferenceError ? (/^(\w+) is not defined$/.exec(error.message) ?? []) : []
  const meant = foreignModule(name)
  return meant === undefined ? '' : `; it is called ${meant} here`
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function checkInventory<Data extends object>(
  inventory: Inventory<Data>,
  { root, roles }: Defined<Data>,
  problems: (schema: typeof HOST_SCHEMA, value: unknown) => string[],
): void {
  const { given, source } = originOf(inventory)
  const checks = [
    () => problems(INVENTORY_SCHEMA, given),
    () => inventory.hosts.flatMap((host) => hostProblems(host, problems)),
    () => inventory.hosts.flatMap((host) => unknownRoles(host, Object.keys(roles))),
    () => sharedMachines(inventory.hosts),
  ]
  // Each check relies on those before it having found nothing.
  for (const check of checks) {
    const found = check()
    if (found.length === 0) continue
    throw new RecipeError(
      found.map((problem) => ({ message: `inventory: ${problem}`, source: relativeTo(root, source) })),
    )
  }
}

function hostProblems(
  host: InventoryHost,
  problems: (schema: typeof HOST_SCHEMA, value: unknown) => string[],
): string[] {
  return problems(HOST_SCHEMA, host).map((problem) => `hosts.${host.name}: ${problem}`)
}

function unknownRoles(host: InventoryHost, known: readonly string[]): string[] {
  return host.roles
    .filter((role) => !known.includes(role))
    .map((role) => {
      const best = didYouMean(role, known)
      const hint = best === undefined ? '' : `; did you mean ${JSON.stringify(best)}?`
      return `hosts.${host.name}: no role ${JSON.stringify(role)} in the site${hint}`
    })
}

/** Two hosts that are the same machine would each remove what the other declares. */
function sharedMachines(hosts: readonly InventoryHost[]): string[] {
  const owners = new Map<string, string>()
  return hosts.flatMap(({ name, address, port = 22, jump = '' }) => {
    const machine = JSON.stringify([address, port, jump])
    const owner = owners.get(machine)
    if (owner === undefined) owners.set(machine, name)
    return owner === undefined ? [] : [`hosts.${name}: is the machine of hosts.${owner}, ${address}`]
  })
}

function relativeTo(root: string, { file, ...place }: Source): Source {
  return { file: relative(root, `/${file}`), ...place }
}
