/**
 * The plan: what differs between what is declared, what was read and what the ledger knows, in the order in which it
 * would be applied. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Catalog, type CatalogResource, digestOf, type Forgotten, spokenOf } from '../catalog/catalog.ts'
import { causeOf, leftBy, runOf } from './causes.ts'
import { differences } from '../../kit/byField.ts'
import { comparingBy } from '../../kit/value.ts'
import { driftOf } from './drift.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { isOfSite, type Ledger, ledgerDigest, type LedgerEntry, mayHoldSecret, otherSites } from '../host/ledger.ts'
import { barred, keptWarnings, protectedRefs } from './protection.ts'
import { labelOf, type Ref, refOf } from '../../kit/ref.ts'
import {
  type AnyType,
  type Change,
  CONSEQUENCES,
  type Consequence,
  type Context,
  type FieldChange,
  type Json,
  NOTHING_LEFT,
  type EarlierChange,
  Unknown,
} from '../../kit/resourceType.ts'
import type { Cause, Certainty, Lockout, Plan, PlanChange, Undoing } from '../report.ts'
import { openedBy } from './opens.ts'
import { stateIn, type TypeReading } from '../host/read.ts'
import { rightsWarnings, type Wish, wishOf } from './rights.ts'
import { isHidden, shownFields } from './secrecy.ts'
import { followUpsOf, summaryOf } from './summary.ts'
import { pathsOfChange, touchesWayIn, usesFiles, type WaysContext } from './touches.ts'

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

/** Everything that differs, removals of what is no longer declared last, each before what it needed. */
export function planItems(planning: Planning): Planned[] {
  const items = new Map<Ref, Planned>()
  const closures = closuresOf(planning)
  for (const resource of planning.ordered) {
    if (!inScope(planning, resource.ref) || planning.settled?.has(resource.ref)) continue
    const item = planResource(planning, resource, items, closures.get(resource.ref)!)
    if (item !== undefined) items.set(resource.ref, item)
  }
  guardTogether(items, planning)
  const removals = planning.prune ? planUndeclared(planning) : []
  const gone = [...planForgotten(planning), ...removals].filter(({ shown }) => !planning.settled?.has(shown.ref))
  return [...items.values(), ...gone]
}

/**
 * What a guarded unit comes right after is guarded with it: it reads those files, and so does the next start of the host.
 * And so is a unit or command that comes right after a guarded file: it may be what loads it.
 */
function guardTogether(items: ReadonlyMap<Ref, Planned>, { needsOf }: Planning): void {
  const changed = [...items.values()].filter(hasChange)
  const near = ({ shown }: Planned): (Planned & { change: Change<Json> })[] =>
    (needsOf.get(shown.ref) ?? []).flatMap((ref) => items.get(ref) ?? []).filter(hasChange)
  const isFile = ({ type, change }: Planned & { change: Change<Json> }): boolean =>
    pathsOfChange(type, change).length > 0
  const guard = (item: Planned): void => void (item.shown.consequence = 'lockout')
  for (const item of changed) {
    const isUnit = (item.type.touches?.(item.change) ?? []).some((touch) => 'unit' in touch)
    if (isUnit && item.shown.consequence === 'lockout') near(item).filter(isFile).forEach(guard)
  }
  for (const item of changed) {
    const isLoaded = near(item).some((file) => isFile(file) && file.shown.consequence === 'lockout')
    if (isLoaded && usesFiles(item.type, item.change)) guard(item)
  }
}

function hasChange(item: Planned): item is Planned & { change: Change<Json> } {
  return item.change !== undefined
}

function inScope({ scope }: Planning, ref: Ref): boolean {
  return scope === undefined || scope.has(ref)
}

/** For each ref all refs it needs, near and far. */
function closuresOf({ ordered, needsOf }: Planning): Map<Ref, Set<Ref>> {
  const closures = new Map<Ref, Set<Ref>>()
  for (const { ref } of ordered) {
    const closure = new Set<Ref>()
    for (const need of needsOf.get(ref) ?? []) {
      closure.add(need)
      for (const far of closures.get(need) ?? []) closure.add(far)
    }
    closures.set(ref, closure)
  }
  return closures
}

function planResource(
  planning: Planning,
  resource: CatalogResource,
  items: ReadonlyMap<Ref, Planned>,
  after: ReadonlySet<Ref>,
): Planned | undefined {
  const { type: typeName, name, ref, desired } = resource
  const type = planning.types.get(typeName)!
  const altering = [...after]
    .map((need) => items.get(need))
    .find((item) => item?.change !== undefined && (item.type.altersOthers || type.alteredByOthers))
  const read = stateIn(planning.readings, typeName, name)
  const observed =
    read instanceof Unknown || type.simulate === undefined
      ? read
      : type.simulate(
          read,
          desired,
          (planning.needsOf.get(ref) ?? []).flatMap((need) => plannedChange(items.get(need))),
        )
  const wish = wishOf(type, resource, observed, planning.ledger?.entries[ref], planning.catalog)
  const change = changeBetween(type, name, wish.desired, observed, planning.context)
  const base = { type, name, desired, wish, after, resource }
  const about = { ref, label: labelOf(ref), source: resource.source, ...runOf(planning, ref) }

  if (change !== undefined) {
    const certainty = certaintyOf(change, altering)
    const cause = causeOfChange(planning, resource, change)
    const shown: PlanChange = {
      ...about,
      kind: isFollowUp(change) ? 'follow-up' : change.kind,
      cause,
      ...(cause === 'intent' ? {} : happened(planning, resource, change)),
      ...leftBy(planning, ref),
      consequence: consequenceOf(type, change, planning.context),
      ...certainty,
      fields: shownFields(change.fields, planning.ledger?.entries[ref], hides(planning, type, name, desired, read)),
    }
    return { ...base, shown, change }
  }
  if (altering !== undefined || observed instanceof Unknown) {
    const because = observed instanceof Unknown ? observed.because : `${altering!.shown.label} comes first`
    return {
      ...base,
      shown: {
        ...about,
        kind: 'recheck',
        cause: 'intent',
        consequence: 'record',
        certainty: 'unknown',
        because,
        fields: [],
      },
    }
  }
  return adoption(planning, resource, base, about)
}

/** Something in order that the ledger does not know yet, or knows with another declaration or an unconfirmed one. */
function adoption(
  planning: Planning,
  resource: CatalogResource,
  base: Omit<Planned, 'shown'>,
  about: Pick<PlanChange, 'ref' | 'label' | 'source'>,
): Planned | undefined {
  const entry = planning.ledger?.entries[resource.ref]
  if (resource.desired === null) return entry === undefined ? undefined : goneAlready(base, about, entry)
  const known =
    entry !== undefined &&
    !entry.pending &&
    isOfSite(entry, planning.catalog.site ?? entry.sites?.[0]) &&
    entry.left === undefined &&
    entry.protect === resource.protect &&
    isOf(planning, resource, entry)
  if (known) return undefined
  const because =
    entry === undefined
      ? 'already as declared; only recorded'
      : entry.pending && isOf(planning, resource, entry)
        ? `applied by run ${entry.run} without confirmation; confirmed now`
        : entry.left
          ? `left by run ${entry.left.run}, and as declared now; recorded`
          : 'as declared now; recorded anew'
  return {
    ...base,
    shown: { ...about, kind: 'adopt', cause: 'intent', consequence: 'record', certainty: 'exact', because, fields: [] },
  }
}

/** Whether an entry was made for this very declaration. */
function isOf({ ledger, secrets }: Planning, { desired }: CatalogResource, entry: LedgerEntry): boolean {
  return desired !== null && entry.digest === ledgerDigest(ledger!.key, desired, secrets)
}

/** Taken away, and the ledger still has it: a run was cut off, or another hand was faster. */
function goneAlready(
  base: Omit<Planned, 'shown'>,
  about: Pick<PlanChange, 'ref' | 'label' | 'source'>,
  entry: LedgerEntry,
): Planned {
  const kind = { kind: 'forget', cause: 'intent', consequence: 'record', certainty: 'exact' } as const
  return { ...base, shown: { ...about, ...kind, because: goneText(entry), fields: [] } }
}

/** Of what the ledger has and the host has not. */
function goneText({ pending, run }: LedgerEntry): string {
  return pending === true ? `not there: run ${run} had not finished it` : NOTHING_LEFT
}

export function changeBetween(
  type: AnyType,
  name: string,
  desired: Json | null,
  observed: Json | null | Unknown,
  context: Context,
): Change<Json> | undefined {
  if (desired === null) {
    if (observed === null || observed instanceof Unknown) return undefined
    return { kind: 'remove', name, before: observed, after: null, fields: [] }
  }
  if (observed === null || observed instanceof Unknown) {
    return { kind: 'create', name, before: observed, after: desired, fields: fieldsBetween(type, desired, {}, context) }
  }
  const fields = fieldsBetween(type, desired, observed, context)
  return fields.length === 0 ? undefined : { kind: 'change', name, before: observed, after: desired, fields }
}

/** By field, or the type's own comparison; against an empty state it says what a new resource will have. */
export function fieldsBetween(type: AnyType, desired: Json, observed: Json, context: Context): FieldChange[] {
  return differences(type, desired, observed, comparingBy(context.reveal))
}

/** Whether text that was read may be shown, see secrecy.ts. */
export function hides(
  planning: Planning,
  type: AnyType,
  name: string,
  desired: Json,
  observed: Json | Unknown,
): boolean {
  const isOurs = isAsLastApplied(planning, type, name, observed)
  return isHidden(planning, type, { name, desired, observed, isOurs })
}

/** Whether what was read is what the ledger says was applied, without a secret. */
export function isAsLastApplied(
  { ledger, context }: Planning,
  type: AnyType,
  name: string,
  observed: Json | Unknown,
): boolean {
  const entry = ledger?.entries[refOf(type, name)]
  if (entry === undefined || entry.pending === true || entry.desired === null || mayHoldSecret(entry)) return false
  if (observed === null || observed instanceof Unknown) return false
  return fieldsBetween(type, entry.desired, observed, context).every(({ form }) => form === 'mode')
}

/**
 * What is still wrong with a resource that was read again; undefined when it is as desired.
 *
 * @param was The ledger's entry of what stood there before.
 * @param hidden Whether what stands there must not be shown.
 */
export function remainingDifference(
  type: AnyType,
  name: string,
  desired: Json | null,
  observed: Json | null | Unknown,
  context: Context,
  was?: LedgerEntry,
  hidden = false,
): string | undefined {
  if (observed instanceof Unknown) return `it cannot be read: ${observed.because}`
  const change = changeBetween(type, name, desired, observed, context)
  if (change === undefined) return undefined
  if (change.kind === 'create') return 'it is not there'
  if (change.kind === 'remove') return 'it is still there'
  if (change.fields.every(({ opaque }) => opaque)) return undefined
  return `it still differs: ${shownFields(change.fields, was, hidden).map(differenceText).join('; ')}`
}

function differenceText({ field, form, before, after, followUp }: FieldChange): string {
  if (followUp !== undefined) return `${followUp.action} needed because ${followUp.because}`
  if (form === 'secret' || form === 'text') return `${field} differs`
  return `${field} is ${JSON.stringify(before) ?? 'not set'}, not ${JSON.stringify(after)}`
}

export function isFollowUp(change: Change<Json>): boolean {
  return change.kind === 'change' && change.fields.every(({ followUp }) => followUp !== undefined)
}

function certaintyOf(change: Change<Json>, altering: Planned | undefined): { certainty: Certainty; because?: string } {
  if (change.before instanceof Unknown) return { certainty: 'unknown', because: change.before.because }
  if (change.fields.some(({ opaque }) => opaque)) return { certainty: 'opaque' }
  if (altering !== undefined) return { certainty: 'predicted', because: `${altering.shown.label} comes first` }
  return { certainty: 'exact' }
}

function consequenceOf(type: AnyType, change: Change<Json>, context: WaysContext): Consequence {
  if (touchesWayIn(type, change, context)) return 'lockout'
  const own = type.consequence?.(change, context) ?? 'safe'
  const followUps = change.fields.flatMap(({ followUp }) => (followUp === undefined ? [] : [followUp.action]))
  return (
    CONSEQUENCES.find((consequence) => consequence === own || followUps.some((action) => action === consequence)) ?? own
  )
}

function causeOfChange(planning: Planning, resource: CatalogResource, change: Change<Json>): Cause {
  const { before, fields } = change
  if (before instanceof Unknown || isFollowUp(change) || fields.some(({ opaque }) => opaque)) return 'intent'
  const type = planning.types.get(resource.type)!
  // By a new declaration that is something else to ask for, and says nothing of what was applied.
  const differs = (applied: Json): boolean =>
    type.alteredByOthers !== true && changeBetween(type, resource.name, applied, before, planning.context) !== undefined
  return causeOf(planning, resource, differs)
}

/** What was last applied against what is there: where the declaration is another one, not what is to be changed. */
function happened(
  planning: Planning,
  { ref, name, type: typeName }: CatalogResource,
  change: Change<Json>,
): Pick<PlanChange, 'drift'> {
  const { ledger, types, context } = planning
  const type = types.get(typeName)!
  const observed = change.kind === 'create' ? null : change.before
  const entry = ledger!.entries[ref]!
  const moved = isDeepStrictEqual(change.after, entry.desired)
    ? change
    : changeBetween(type, name, entry.desired, observed, context)
  return { drift: driftOf(type, moved ?? change, ref, ledger!) }
}

/** What the recipes let go of. What is not owned needs nothing. */
function planForgotten({ catalog, forgotten, ledger, types }: Planning): Planned[] {
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

/** What the ledger owns and nobody declares: removed when Keelson made it, otherwise only forgotten. */
function planUndeclared(planning: Planning): Planned[] {
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
    const because =
      elsewhere === undefined
        ? whyForgotten(type, observed, entry)
        : `left in place: site ${elsewhere} declares it as well`
    if (because !== undefined || observed === null) {
      const shown: PlanChange = { ...about, kind: 'forget', consequence: 'record', because: because ?? goneText(entry) }
      return [{ ...base, after: new Set(), shown }]
    }
    const change: Change<Json> = { kind: 'remove', name: entry.name, before: observed, after: null, fields: [] }
    // Taken away in the opposite order: after everything that needed it.
    const after = new Set([...gone].filter((other) => planning.ledger!.entries[other]!.needs.includes(ref)))
    const consequence = consequenceOf(type, change, planning.context)
    const shown: PlanChange = { ...about, ...leftBy(planning, ref), kind: 'remove', consequence }
    return [{ ...base, after, change, shown }]
  })
  return dependentsFirst(items)
}

/** Why what nobody declares any more is only forgotten; undefined where it is to be taken away. */
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
    // Needs recorded over several runs may form a circle; then any order is as good as another.
    for (const item of free.length > 0 ? free : [...left.values()]) {
      sorted.push(item)
      left.delete(item.shown.ref)
    }
  }
  return sorted
}

function plannedChange(item: Planned | undefined): EarlierChange[] {
  if (item?.change === undefined) return []
  return [{ ref: item.shown.ref, label: item.shown.label, kind: item.change.kind, paths: writtenPaths(item) }]
}

/** Paths that a change writes or takes away. */
export function writtenPaths({ type, change }: Pick<Planned, 'type' | 'change'>): string[] {
  return change === undefined ? [] : pathsOfChange(type, change)
}

/** What other sites have declared on the host is left to them. */
function foreignWarnings({ catalog, ledger, prune }: Planning): string[] {
  if (!prune) return []
  const spoken = spokenOf(catalog)
  const foreign = Object.entries(ledger?.entries ?? {}).filter(
    ([ref, entry]) => !spoken.has(ref) && !isOfSite(entry, catalog.site),
  )
  return [...groupBy(foreign, ([, { sites = [] }]) => sites.join(', '))].map(([site, entries]) => {
    const named = entries.slice(0, 3).map(([ref]) => labelOf(ref))
    const more = entries.length > named.length ? ` and ${entries.length - named.length} more` : ''
    return `${named.join(', ')}${more} belong to site ${site} and stay; declare them here to take them over`
  })
}

/** The plan people see. */
export function summarize(planning: Planning, items: readonly Planned[], lockouts: readonly Lockout[] = []): Plan {
  const shut = new Set(lockouts.flatMap(({ refs }) => refs))
  const changes = items.map((item): PlanChange => {
    const { shown } = item
    const opens = openedBy(item, shown.fields)
    return {
      ...shown,
      ...(opens.length === 0 ? {} : { opens }),
      ...(shut.has(shown.ref) ? { locksOut: true } : {}),
    }
  })
  const looked = planning.ordered.filter(({ ref }) => inScope(planning, ref)).length
  const undeclared = items.filter(({ resource }) => resource === undefined).length
  return {
    format: 1,
    host: planning.catalog.host,
    changes,
    followUps: followUpsOf(changes),
    summary: summaryOf(changes, looked + undeclared),
    partial: planning.scope !== undefined && planning.undo === undefined,
    ...(planning.undo === undefined ? {} : { undo: planning.undo }),
    first: planning.ledger === undefined,
    warnings: [
      ...planning.warnings,
      ...keptWarnings(planning),
      ...foreignWarnings(planning),
      ...barred(planning, items),
      ...rightsWarnings(items),
    ],
    ...(lockouts.length === 0 ? {} : { lockouts: lockouts.map(({ because }) => because) }),
    digest: digestOf(changes.map(({ ref, kind, fields }) => ({ ref, kind, fields }))),
  }
}
