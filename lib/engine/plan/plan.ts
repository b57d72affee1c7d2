/**
 * The plan: the differences between the declarations, the readings and the ledger, in the order in which they would be
 * applied. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import { type CatalogResource } from '../catalog/catalog.ts'
import { causeOf, leftBy, runOf } from './causes.ts'
import { driftOf } from './drift.ts'
import { isOfSite, ledgerDigest, type LedgerEntry } from '../host/ledger.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import { type Change, type Json, Unknown } from '../../kit/resourceType.ts'
import type { Cause, PlanChange } from '../report.ts'
import { secretNames } from '../../kit/value.ts'
import { stateIn } from '../host/read.ts'
import { maskedFields } from './secretTexts.ts'
import { adoptedState, wishOf } from './rights.ts'
import { shownFields } from './secrecy.ts'
import { pathsOfChange, usesFiles } from './touches.ts'
import { type Planned, type Planning, hasChange, inScope } from './planned.ts'
import { goneText, planForgotten, planUndeclared } from './undeclared.ts'
import {
  changeBetween,
  fieldsBetween,
  hides,
  isFollowUp,
  certaintyOf,
  consequenceOf,
  plannedChange,
} from './changes.ts'

/** All differences. Removals of resources that are no longer declared come last, each before what it needed. */
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
 * Also guards each item that a guarded unit comes right after, because the unit, and the next start of the host, reads
 * those files; and each unit or command that comes right after a guarded file, because it may load that file.
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

/** Maps each ref to all refs that it needs, directly or indirectly. */
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
  const { type: typeName, name, ref } = resource
  const type = planning.types.get(typeName)!
  const entry = planning.ledger?.entries[ref]
  const altering = [...after]
    .map((need) => items.get(need))
    .find((item) => item?.change !== undefined && (item.type.altersOthers || type.alteredByOthers))
  const read = stateIn(planning.readings, typeName, name)
  const desired = adoptedState(type, resource, read, entry)
  const observed =
    read instanceof Unknown || type.simulate === undefined
      ? read
      : type.simulate(
          read,
          desired,
          (planning.needsOf.get(ref) ?? []).flatMap((need) => plannedChange(items.get(need))),
        )
  const wish = wishOf(type, { ...resource, desired }, observed, entry, planning.catalog)
  const change = changeBetween(type, name, wish.desired, observed, planning.context)
  const base = { type, name, desired, wish, after, resource }
  const about = { ref, label: labelOf(ref), source: resource.source, ...runOf(planning, ref) }

  if (change !== undefined) {
    const certainty = certaintyOf(change, altering)
    const cause = causeOfChange(planning, resource, change)
    const fields = shownFields(change.fields, entry, hides(planning, type, name, desired, read))
    const shown: PlanChange = {
      ...about,
      kind: isFollowUp(change) ? 'follow-up' : change.kind,
      cause,
      ...(cause === 'intent' ? {} : happened(planning, resource, change)),
      ...leftBy(planning, ref),
      consequence: consequenceOf(type, change, planning.context),
      ...certainty,
      fields:
        change.kind === 'change'
          ? maskedFields(fields, desired, entry, planning.secrets, (applied) =>
              fieldsBetween(type, applied, change.before, planning.context),
            )
          : fields,
      ...impliedIn(resource, change),
    }
    return { ...base, shown, change }
  }
  if (altering !== undefined || observed instanceof Unknown) {
    const because = observed instanceof Unknown ? observed.because : `after ${altering!.shown.label}`
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

/** Fields of a new resource that its recipe did not write. */
function impliedIn({ implied = [] }: CatalogResource, { kind, fields }: Change<Json>): Pick<PlanChange, 'implied'> {
  const own = kind === 'create' ? implied.filter((name) => fields.some(({ field }) => field === name)) : []
  return own.length === 0 ? {} : { implied: own }
}

/** A resource in order that the ledger does not have yet, has with another declaration, or has as unconfirmed. */
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
      ? 'already correct, recorded only'
      : entry.pending && isOf(planning, resource, entry)
        ? `applied by run ${entry.run}, which was cut off`
        : entry.left
          ? `left by run ${entry.left.run}, correct now`
          : 'correct now, recorded again'
  return {
    ...base,
    shown: { ...about, kind: 'adopt', cause: 'intent', consequence: 'record', certainty: 'exact', because, fields: [] },
  }
}

/** Whether an entry was made for exactly this declaration. */
function isOf({ ledger, secrets }: Planning, { desired }: CatalogResource, entry: LedgerEntry): boolean {
  return desired !== null && entry.digest === ledgerDigest(ledger!.key, desired, secrets)
}

/** The resource is gone and the ledger still has it: a run was cut off, or somebody else removed it first. */
function goneAlready(
  base: Omit<Planned, 'shown'>,
  about: Pick<PlanChange, 'ref' | 'label' | 'source'>,
  entry: LedgerEntry,
): Planned {
  const kind = { kind: 'forget', cause: 'intent', consequence: 'record', certainty: 'exact' } as const
  return { ...base, shown: { ...about, ...kind, because: goneText(entry), fields: [] } }
}

function causeOfChange(planning: Planning, resource: CatalogResource, change: Change<Json>): Cause {
  const { before, fields } = change
  if (before instanceof Unknown || isFollowUp(change) || fields.some(({ opaque }) => opaque)) return 'intent'
  const type = planning.types.get(resource.type)!
  // A difference that a new declaration brings is another request, and says nothing about what was applied.
  const differs = (applied: Json): boolean =>
    type.alteredByOthers !== true && changeBetween(type, resource.name, applied, before, planning.context) !== undefined
  return causeOf(planning, resource, differs)
}

/** Compares what was last applied with what is there, which is not the planned change when the declaration is new. */
function happened(
  planning: Planning,
  { ref, name, type: typeName }: CatalogResource,
  change: Change<Json>,
): Pick<PlanChange, 'drift'> {
  const { ledger, types, context } = planning
  const type = types.get(typeName)!
  const observed = change.kind === 'create' ? null : change.before
  const entry = ledger!.entries[ref]!
  const isKnown = secretNames(entry.desired).every((secret) => planning.secrets.has(secret))
  const moved =
    isDeepStrictEqual(change.after, entry.desired) || !isKnown
      ? change
      : changeBetween(type, name, entry.desired, observed, context)
  return { drift: driftOf(type, moved ?? change, ref, ledger!) }
}
