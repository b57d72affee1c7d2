/**
 * The input of a plan, and its item for one resource.
 */
import { type Catalog, type CatalogResource, type Forgotten } from '../catalog/catalog.ts'
import { type Ledger } from '../host/ledger.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Change, Json } from '../../kit/resourceType.ts'
import type { Machine, PlanChange, Undoing } from '../report.ts'
import { type TypeReading } from '../host/read.ts'
import { type Wish } from './rights.ts'
import { type WaysContext } from './touches.ts'

/** A planned change with what the engine needs to carry it out. */
export type Planned = {
  shown: PlanChange
  type: AnyType
  name: string
  desired: Json | null
  /** Absent for what is only recorded or only read again. */
  change?: Change<Json>
  /** All refs this comes after, directly or indirectly. */
  after: ReadonlySet<Ref>
  wish?: Wish
  /** The declaration; absent when the resource is no longer declared. */
  resource?: CatalogResource
}

export type Planning = {
  catalog: Catalog
  /** Declared resources in the order in which they are brought into order, and what each needs. */
  ordered: readonly CatalogResource[]
  needsOf: ReadonlyMap<Ref, readonly Ref[]>
  types: ReadonlyMap<string, AnyType>
  readings: ReadonlyMap<string, TypeReading>
  ledger: Ledger | undefined
  machine?: Machine
  /** Key of the plan's fingerprints where there is no ledger, hex. */
  key?: string
  secrets: ReadonlyMap<string, string>
  context: WaysContext
  /** Refs that are read; all when absent. */
  scope?: ReadonlySet<Ref>
  /** Refs within the scope that a run has finished with. */
  settled?: ReadonlySet<Ref>
  /** Resources to forget, as far as they are in scope. */
  forgotten: readonly Forgotten[]
  /** Whether resources that are owned and no longer declared are removed. */
  prune: boolean
  warnings: readonly string[]
  /** Set when a run is undone. */
  undo?: Undoing
  /** Refs that an undo stops or disables; they may be gone afterwards, together with what created them. */
  mayBeGone?: ReadonlySet<Ref>
}

export function hasChange(item: Planned): item is Planned & { change: Change<Json> } {
  return item.change !== undefined
}

export function inScope({ scope }: Planning, ref: Ref): boolean {
  return scope === undefined || scope.has(ref)
}
