/**
 * A site: which roles there are, and what each declares on a host.
 */
import { dirname } from 'node:path'
import type { Catalog } from '../engine/catalog.ts'
import { buildCatalog, type Diagnostic, RecipeError, type Validate } from '../engine/evaluate.ts'
import { collect } from './declare.ts'
import { didYouMean } from './didYouMean.ts'
import {
  type Host,
  HOST_SCHEMA,
  hostOf,
  type Inventory,
  INVENTORY_SCHEMA,
  type InventoryHost,
  type Os,
  inventoryProps,
} from './inventory.ts'

/**
 * What a role declares on its host. It may return handles for others to use, but not a promise: recipes are
 * synchronous.
 */
export type Role<Data extends object> = (host: Host<Data>) => RoleResult
type RoleResult = void | (object & { then?: never })

export type Site = {
  /** Absolute path of the file that called site(…). */
  readonly file: string
  readonly hosts: readonly InventoryHost[]
  /** Everything one host should have. @throws {RecipeError} With all mistakes at once. */
  evaluate(name: string, override?: Override): Promise<Catalog>
}

/** A machine that stands in for the inventory's. */
export type Override = { address?: string; os?: Os; cpus?: number; memoryMiB?: number; container?: boolean }

export function defineSite<Data extends object>(
  file: string,
  inventory: Inventory<Data>,
  roles: { readonly [role: string]: Role<Data> },
): Site {
  return {
    file,
    hosts: inventory.hosts,
    async evaluate(name, override = {}) {
      // Loaded here and not with the site: help, completion and the sandbox do without it.
      const { schemaProblems, validateProps } = await import('./validate.ts')
      checkInventory(inventory, Object.keys(roles), schemaProblems)
      const entry = inventory.hosts.find((host) => host.name === name)
      if (entry === undefined) throw new RecipeError([{ message: `the inventory has no host ${JSON.stringify(name)}` }])
      return evaluateHost(dirname(file), entry, roles, override, validateProps)
    },
  }
}

function evaluateHost<Data extends object>(
  root: string,
  entry: InventoryHost<Data>,
  roles: { readonly [role: string]: Role<Data> },
  { address = entry.address, os = entry.os, container = false, cpus, memoryMiB }: Override,
  validate: Validate,
): Catalog {
  const size = cpus === undefined || memoryMiB === undefined ? undefined : { cpus, memoryMiB }
  const host = hostOf({ ...entry, address, os }, size, container)
  const declarations = collect(root, () => {
    for (const role of entry.roles) {
      const result: unknown = deterministic(() => roles[role]!(host))
      if (result instanceof Promise) {
        throw new RecipeError([
          { message: `role ${role} is asynchronous`, next: 'recipes are plain functions without await' },
        ])
      }
    }
  })
  const { name, server } = host
  return buildCatalog(
    declarations,
    { name, address, os, server: server.name, cpus: server.cpus, memoryMiB: server.memoryMiB },
    validate,
  )
}

/** Runs recipes without a clock and without randomness: the same commit must give the same catalog. */
function deterministic<Result>(run: () => Result): Result {
  const { now } = Date
  const { random } = Math
  const refuse = (what: string) => () => {
    throw new TypeError(
      `${what} in a recipe would give another catalog every time; pass the value in from the inventory`,
    )
  }
  Date.now = refuse('Date.now()')
  Math.random = refuse('Math.random()')
  try {
    return run()
  } finally {
    Date.now = now
    Math.random = random
  }
}

function checkInventory(
  inventory: Inventory,
  roles: readonly string[],
  problems: (schema: typeof HOST_SCHEMA, value: unknown) => string[],
): void {
  const given = problems(INVENTORY_SCHEMA, inventoryProps(inventory) ?? { hosts: {} })
  const merged =
    given.length > 0 ? [] : inventory.hosts.flatMap((host) => hostProblems(host, roles, problems(HOST_SCHEMA, host)))
  const diagnostics: Diagnostic[] = [...given, ...merged].map((problem) => ({ message: `inventory: ${problem}` }))
  if (diagnostics.length > 0) throw new RecipeError(diagnostics)
}

function hostProblems(host: InventoryHost, roles: readonly string[], found: readonly string[]): string[] {
  const unknown = found.length > 0 ? [] : host.roles.filter((role) => !roles.includes(role))
  return [
    ...found.map((problem) => `hosts.${host.name}: ${problem}`),
    ...unknown.map((role) => {
      const best = didYouMean(role, roles)
      return `hosts.${host.name}: no role ${JSON.stringify(role)} in the site${best === undefined ? '' : `; did you mean ${JSON.stringify(best)}?`}`
    }),
  ]
}
