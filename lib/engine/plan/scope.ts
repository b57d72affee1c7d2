/**
 * The scope of a plan: which part of a catalog is planned, and what has to be read for it.
 */
import { type Catalog, type CatalogResource, type Forgotten, spokenOf } from '../catalog/catalog.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { isOfSite, type Ledger, type LedgerEntry } from '../host/ledger.ts'
import { order } from '../catalog/order.ts'
import type { Planning } from './planned.ts'
import type { Request } from '../host/read.ts'
import type { Undoing } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Context, Json, Desired } from '../../kit/resourceType.ts'
import { revealFrom } from '../../kit/value.ts'

export type PlanOptions = {
  catalog: Catalog
  types: ReadonlyMap<string, AnyType>
  secrets: ReadonlyMap<string, string>
  only?: (resource: CatalogResource | Forgotten) => boolean
  /** Set when a run is undone: the catalog is made for the undo, and holds what it restores. */
  undo?: Undo
  /** The machine that stands in for the host: `sandbox try`. */
  standIn?: string
  /** Time limit of each reading, in milliseconds. @default three minutes */
  readMs?: number
  /** Random mark that closes the sections of this client's read programs. */
  mark: string
}

export type Undo = Undoing & {
  /** What the undo restores, with its ledger entry of that time, null for none; followers have their present entry. */
  entries: ReadonlyMap<Ref, LedgerEntry | null>
  /** Refs in `entries` that the run created: they may be gone afterwards. */
  made: ReadonlySet<Ref>
  /** Refs in `entries` that only follow other changes. */
  followers: ReadonlySet<Ref>
  /** States by which resources to be removed are found on the host. */
  was: ReadonlyMap<Ref, Json>
  /** SHA-256 of the ledger that the undo was planned with. */
  ledgerDigest: string
}

/** The part of a planning that is known before the host is read. */
export function planningBase({
  catalog,
  types,
  secrets,
  only,
  undo,
}: PlanOptions): Omit<Planning, 'ledger' | 'warnings' | 'readings'> {
  const { ordered, needsOf } = order(catalog.resources)
  const scope =
    undo !== undefined
      ? new Set(undo.entries.keys())
      : only === undefined
        ? undefined
        : withNeeds(catalog.resources.filter(only), needsOf)
  const context: Context = { reveal: revealFrom(secrets) }
  return {
    catalog,
    ordered,
    needsOf,
    types,
    secrets,
    context,
    forgotten: undo !== undefined ? [] : (catalog.forgotten ?? []).filter((one) => only === undefined || only(one)),
    prune: scope === undefined,
    ...(scope === undefined ? {} : { scope }),
    ...(undo === undefined ? {} : { undo: { run: undo.run, stays: undo.stays }, mayBeGone: undo.made }),
  }
}

function withNeeds(chosen: readonly CatalogResource[], needsOf: ReadonlyMap<Ref, readonly Ref[]>): Set<Ref> {
  const scope = new Set<Ref>()
  const open = chosen.map(({ ref }) => ref)
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    if (scope.has(ref)) continue
    scope.add(ref)
    open.push(...(needsOf.get(ref) ?? []))
  }
  return scope
}

export function declaredRequests({ catalog, types, undo }: PlanOptions): Request[] {
  const byType = groupBy(catalog.resources, ({ type }) => type)
  return [...byType].map(([type, resources]) => ({
    type: types.get(type)!,
    entries: resources.map(({ ref, name, desired }) => ({ name, desired: desired ?? undo?.was.get(ref) ?? null })),
  }))
}

export function undeclaredRequests({ catalog, types, only, undo }: PlanOptions, ledger: Ledger | undefined): Request[] {
  if (only !== undefined || undo !== undefined) return []
  const spoken = spokenOf(catalog)
  const byType = new Map<AnyType, Desired<Json>[]>()
  for (const [ref, entry] of Object.entries(ledger?.entries ?? {})) {
    const type = types.get(entry.type)
    if (type === undefined || spoken.has(ref) || !isOfSite(entry, catalog.site)) continue
    byType.set(type, [...(byType.get(type) ?? []), { name: entry.name, desired: entry.desired }])
  }
  return [...byType].map(([type, entries]) => ({ type, entries }))
}

export function mergeRequests(a: readonly Request[], b: readonly Request[]): Request[] {
  const merged = new Map(a.map(({ type, entries }) => [type, [...entries]]))
  for (const { type, entries } of b) merged.set(type, [...(merged.get(type) ?? []), ...entries])
  return [...merged].map(([type, entries]) => ({ type, entries }))
}
