/**
 * Refusals and warnings because of protected resources. Protection is recorded in the ledger; it ends when a converge
 * records a declaration without it, or by `forget`. Pure.
 */
import { type Catalog, type CatalogResource, spokenOf } from '../catalog/catalog.ts'
import type { Ledger } from '../host/ledger.ts'
import type { PlanChange, Undoing } from '../report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import type { AnyType, Change, Json } from '../../kit/resourceType.ts'

/** The part of the planning that protection depends on. */
type Planning = {
  catalog: Catalog
  ledger: Ledger | undefined
  needsOf: ReadonlyMap<Ref, readonly Ref[]>
  types: ReadonlyMap<string, AnyType>
  prune: boolean
  undo?: Undoing
}

type Item = { shown: PlanChange; change?: Change<Json>; resource?: CatalogResource }

/** Maps protected resources, and everything they need directly or indirectly, to the protected one. */
export function protectedRefs({
  catalog,
  ledger,
  needsOf,
}: Pick<Planning, 'catalog' | 'ledger' | 'needsOf'>): Map<Ref, Ref> {
  const entries = ledger?.entries ?? {}
  const released = new Set((catalog.forgotten ?? []).map(({ ref }) => ref))
  const kept = new Map<Ref, Ref>()
  const open = Object.keys(entries)
    .filter((ref) => entries[ref]!.protect && !released.has(ref))
    .map((ref) => ({ ref, by: ref }))
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { ref, by } = next
    if (kept.has(ref)) continue
    kept.set(ref, by)
    const needs = needsOf.get(ref) ?? entries[ref]?.needs ?? []
    open.push(...needs.map((need) => ({ ref: need, by })))
  }
  return kept
}

/** Warnings about protected resources that stay though nobody declares them. */
export function keptWarnings(planning: Planning): string[] {
  if (!planning.prune) return []
  const spoken = spokenOf(planning.catalog)
  return [...protectedRefs(planning)]
    .filter(([ref]) => planning.ledger?.entries[ref] !== undefined && !spoken.has(ref))
    .map(([ref, by]) =>
      ref === by
        ? `${labelOf(ref)} is protected and no longer declared: it stays; forget(…) it, or declare it with protect: false first to let it go`
        : `${labelOf(ref)} is no longer declared, and stays: ${labelOf(by)} is protected and needs it`,
    )
}

/** Sentences about changes that would remove or replace a protected resource, or remove something that one needs. */
export function barred(planning: Planning, items: readonly Item[]): string[] {
  // Planning an undo already finds what the undo must leave.
  if (planning.undo !== undefined) return []
  const kept = protectedRefs(planning)
  const holders = holdersOf(planning, kept)
  return items.flatMap((item) => {
    const sentence = takesAway(item) ? aboutRemoval(item, kept) : aboutPlace(item, holders)
    return sentence === undefined ? [] : [sentence]
  })
}

function takesAway({ change, resource, shown }: Item): boolean {
  return change?.kind === 'remove' || (resource?.absent === true && shown.kind === 'change')
}

function aboutRemoval({ shown: { ref, label } }: Item, kept: ReadonlyMap<Ref, Ref>): string | undefined {
  const by = kept.get(ref)
  if (by === undefined) return undefined
  if (by === ref) return `${label} is protected, and would be removed`
  return `${labelOf(by)} is protected and needs ${label}, which would be removed`
}

function aboutPlace({ shown, change, resource }: Item, holders: ReadonlyMap<string, Ref>): string | undefined {
  if (change === undefined || resource === undefined) return undefined
  const [holder] = resource.claims.flatMap((claim) => holders.get(claim) ?? [])
  return holder === undefined ? undefined : `${labelOf(holder)} is protected, and ${shown.label} would take its place`
}

/** Maps each claim to the protected resource that holds it and that no recipe mentions any more. */
function holdersOf({ catalog, ledger, types }: Planning, kept: ReadonlyMap<Ref, Ref>): Map<string, Ref> {
  const spoken = spokenOf(catalog)
  return new Map(
    [...kept].flatMap(([ref, by]): [string, Ref][] => {
      const entry = ledger?.entries[ref]
      if (ref !== by || entry === undefined || entry.desired === null || spoken.has(ref)) return []
      return (types.get(entry.type)?.claims?.(entry.name, entry.desired) ?? []).map((claim) => [claim, ref])
    }),
  )
}
