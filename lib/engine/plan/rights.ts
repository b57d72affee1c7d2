/**
 * Rights that no recipe declares. Pure.
 */
import type { Catalog, CatalogResource } from '../catalog/catalog.ts'
import type { LedgerEntry } from '../host/ledger.ts'
import { labelOf, type Ref, typeName } from '../../kit/ref.ts'
import { type AnyType, type Json, Unknown } from '../../kit/resourceType.ts'

/** The desired state with the undeclared rights to keep: rights that somebody else granted later are removed. */
export type Wish = {
  desired: Json | null
  /** Rights that existed when the resource was adopted, and stay; absent for a type without such rights. */
  kept?: string[]
  /** This reading found the rights. */
  fresh?: true
}

/** What is desired of a resource that may have been there before Keelson. */
export function adoptedState(
  type: AnyType,
  { desired }: CatalogResource,
  observed: Json | null | Unknown,
  entry: LedgerEntry | undefined,
): Json | null {
  if (desired === null || observed === null || observed instanceof Unknown || entry?.made === true) return desired
  return type.adopted?.(desired, observed) ?? desired
}

export function wishOf(
  type: AnyType,
  { name, desired }: CatalogResource,
  observed: Json | null | Unknown,
  entry: LedgerEntry | undefined,
  catalog: Catalog,
): Wish {
  const { rights } = type
  if (rights === undefined || desired === null || observed === null || observed instanceof Unknown) return { desired }
  const beyond = rights.beyond(name, desired, observed, (of) =>
    catalog.resources.filter((other) => other.type === typeName(of)),
  )
  if (entry === undefined || (!entry.made && entry.rights === undefined))
    return { desired, kept: beyond, ...(entry === undefined ? { fresh: true } : {}) }
  const known = entry.rights ?? []
  const gained = beyond.filter((right) => !known.includes(right))
  return {
    desired: gained.length === 0 ? desired : rights.without(name, desired, gained),
    ...(entry.made ? {} : { kept: known }),
  }
}

/** Warns about adopted resources with rights that their declaration does not mention. */
export function rightsWarnings(items: readonly { shown: { ref: Ref }; wish?: Wish }[]): string[] {
  return items.flatMap(({ shown, wish }) =>
    wish?.fresh === true && wish.kept !== undefined && wish.kept.length > 0
      ? [
          `${labelOf(shown.ref)} has ${wish.kept.join(', ')}, which is not declared; it was there before Keelson, and stays`,
        ]
      : [],
  )
}
