/**
 * What a plan is made from, and what stands in it for one resource.
 */
import { type Catalog, type CatalogResource, type Forgotten } from '../catalog/catalog.ts'
import { type Ledger } from '../host/ledger.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Change, Json } from '../../kit/resourceType.ts'
import type { PlanChange, Undoing } from '../report.ts'
import { type TypeReading } from '../host/read.ts'
import { type Wish } from './rights.ts'
import { type WaysContext } from './touches.ts'

/** A change of the plan with what the engine needs to carry it out. */
export type Planned = {
  shown: PlanChange
  type: AnyType
  name: string
  desired: Json | null
  /** Absent for what is only recorded or only looked at again. */
  change?: Change<Json>
  /** Refs this comes after, all of them, near and far. */
  after: ReadonlySet<Ref>
  wish?: Wish
  /** The declaration; absent when it is no longer declared. */
  resource?: CatalogResource
}

export type Planning = {
  catalog: Catalog
  /** Resources in the order in which they are to be in order, and what each needs, declared ones only. */
  ordered: readonly CatalogResource[]
  needsOf: ReadonlyMap<Ref, readonly Ref[]>
  types: ReadonlyMap<string, AnyType>
  readings: ReadonlyMap<string, TypeReading>
  ledger: Ledger | undefined
  secrets: ReadonlyMap<string, string>
  context: WaysContext
  /** Refs looked at; all when absent. */
  scope?: ReadonlySet<Ref>
  /** Of these, what a run is through with. */
  settled?: ReadonlySet<Ref>
  /** What is to be forgotten, as far as it is looked at. */
  forgotten: readonly Forgotten[]
  /** Whether what is owned and no longer declared is taken away. */
  prune: boolean
  warnings: readonly string[]
  /** Set where a run is undone. */
  undo?: Undoing
  /** What an undo stops or turns off, and may be gone afterwards with what brought it. */
  mayBeGone?: ReadonlySet<Ref>
}

export function hasChange(item: Planned): item is Planned & { change: Change<Json> } {
  return item.change !== undefined
}

export function inScope({ scope }: Planning, ref: Ref): boolean {
  return scope === undefined || scope.has(ref)
}
