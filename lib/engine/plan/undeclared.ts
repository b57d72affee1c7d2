/**
 * Resources that are owned and no longer declared, or declared as forgotten: those that Keelson created are removed,
 * the others only forgotten. Pure.
 */
import { type CatalogResource, spokenOf } from '../catalog/catalog.ts'
import { leftBy } from './causes.ts'
import { isOfSite, type LedgerEntry, otherSites } from '../host/ledger.ts'
import { protectedRefs } from './protection.ts'
import { labelOf } from '../../kit/ref.ts'
import { type AnyType, type Change, type Json, type Named, NOTHING_LEFT, type Unknown } from '../../kit/resourceType.ts'
import type { PlanChange } from '../report.ts'
import { stateIn } from '../host/read.ts'
import { type Planned, type Planning } from './planned.ts'
import { consequenceOf } from './changes.ts'

/** Describes a resource that the ledger has and the host does not. */
export function goneText({ pending, run }: LedgerEntry): string {
  return pending === true ? `not there: run ${run} had not finished it` : NOTHING_LEFT
}

/** Plans the `forget` declarations of the recipes. A resource that is not owned needs nothing. */
export function planForgotten({ catalog, forgotten, ledger, types }: Planning): Planned[] {
  return forgotten.flatMap(({ ref, type, name, source }): Planned[] => {
    const entry = ledger?.entries[ref]
    if (entry === undefined || !isOfSite(entry, catalog.site)) return []
    const shown: PlanChange = {
      ref,
      label: labelOf(ref),
      kind: 'forget',
      cause: 'intent',
      consequence: 'record',
      certainty: 'exact',
      because: 'left in place, as declared',
      fields: [],
      source,
      run: entry.run,
    }
    return [{ shown, type: types.get(type)!, name, desired: null, after: new Set() }]
  })
}

/** Plans resources that the ledger owns and nobody declares: removed when Keelson created them, otherwise only forgotten. */
export function planUndeclared(planning: Planning): Planned[] {
  const spoken = spokenOf(planning.catalog)
  const kept = protectedRefs(planning)
  const entries = Object.entries(planning.ledger?.entries ?? {}).filter(
    ([ref, entry]) => !spoken.has(ref) && !kept.has(ref) && isOfSite(entry, planning.catalog.site),
  )
  const gone = new Set(entries.map(([ref]) => ref))
  const items = entries.flatMap(([ref, entry]): Planned[] => {
    const type = planning.types.get(entry.type)
    if (type === undefined) return []
    const observed = stateIn(planning.readings, entry.type, entry.name)
    const about = {
      ref,
      label: labelOf(ref),
      cause: 'intent' as const,
      certainty: 'exact' as const,
      run: entry.run,
      fields: [],
    }
    const base = { type, name: entry.name, desired: null }
    const [elsewhere] = otherSites(entry, planning.catalog.site)
    const heir = observed === null ? undefined : heirOf(planning, type, entry)
    const because =
      elsewhere !== undefined
        ? `left in place: site ${elsewhere} declares it as well`
        : heir !== undefined
          ? `left in place: ${labelOf(heir.ref)} is declared in its place`
          : whyForgotten(type, observed, entry)
    if (because !== undefined || observed === null) {
      const shown: PlanChange = { ...about, kind: 'forget', consequence: 'record', because: because ?? goneText(entry) }
      return [{ ...base, after: new Set(), shown }]
    }
    const change: Change<Json> = { kind: 'remove', name: entry.name, before: observed, after: null, fields: [] }
    // Removals run in the opposite order: after everything that needed the resource.
    const after = new Set([...gone].filter((other) => planning.ledger!.entries[other]!.needs.includes(ref)))
    const consequence = consequenceOf(type, change, planning.context)
    const shown: PlanChange = { ...about, ...leftBy(planning, ref), kind: 'remove', consequence }
    return [{ ...base, after, change, shown }]
  })
  return dependentsFirst(items)
}

/** The declared resource that stands for what an entry is on the host, by another name. */
function heirOf(
  { catalog: { resources } }: Planning,
  type: AnyType,
  { name, desired }: LedgerEntry,
): CatalogResource | undefined {
  if (type.standsFor === undefined || desired === null) return undefined
  return resources.find((one) => one.type === type.type && isHeir(type, one, { name, state: desired }))
}

function isHeir(type: AnyType, { name, desired }: CatalogResource, gone: Named<Json>): boolean {
  return desired !== null && type.standsFor?.({ name, state: desired }, gone) === true
}

/** Whether Keelson created what a resource stands for, under a name that is no longer declared. */
export function isInherited(planning: Planning, type: AnyType, resource: CatalogResource): boolean {
  if (type.standsFor === undefined) return false
  const spoken = spokenOf(planning.catalog)
  return Object.entries(planning.ledger?.entries ?? {}).some(
    ([ref, { type: of, made, name, desired }]) =>
      of === type.type &&
      made &&
      desired !== null &&
      !spoken.has(ref) &&
      isHeir(type, resource, { name, state: desired }),
  )
}

/** Why a resource that is no longer declared is only forgotten; undefined when it is removed. */
function whyForgotten(type: AnyType, observed: Json | Unknown, entry: LedgerEntry): string | undefined {
  if (observed === null) return goneText(entry)
  const stays = entry.made ? dataIn(type, observed, entry.desired) : 'it was there before Keelson'
  if (stays === undefined || stays === NOTHING_LEFT) return stays
  return `left in place: ${stays}`
}

export function dataIn({ holdsData }: AnyType, observed: Json | Unknown, applied: Json | null): string | undefined {
  return typeof holdsData === 'function' ? holdsData(observed, applied) : holdsData
}

function dependentsFirst(items: readonly Planned[]): Planned[] {
  const left = new Map(items.map((item) => [item.shown.ref, item]))
  const sorted: Planned[] = []
  while (left.size > 0) {
    const free = [...left.values()].filter(({ after }) => ![...after].some((ref) => left.has(ref)))
    // Needs recorded over several runs may form a cycle; then any order will do.
    for (const item of free.length > 0 ? free : [...left.values()]) {
      sorted.push(item)
      left.delete(item.shown.ref)
    }
  }
  return sorted
}
