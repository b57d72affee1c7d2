/**
 * What one revision of the recipes changes on a host, against another revision. No host is read: what the base declares
 * stands for what is there. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Catalog, type CatalogHost, type CatalogResource, digestOf } from '../catalog/catalog.ts'
import { order } from '../catalog/order.ts'
import { type Ledger, ledgerDigest, type LedgerEntry } from '../host/ledger.ts'
import type { TypeReading } from '../host/read.ts'
import { flatProblem, joined, parted } from '../../kit/parts.ts'
import type { Ref } from '../../kit/ref.ts'
import { type AnyType, type Change, type FieldChange, type Json, Unknown } from '../../kit/resourceType.ts'
import type { Plan, PlanChange, Revisions } from '../report.ts'
import { consequenceOf } from './changes.ts'
import { declaredType, recordedFields, unknownType } from './declaredType.ts'
import { planItems } from './plan.ts'
import type { Planned, Planning } from './planned.ts'
import { planningBase, type PlanOptions } from './scope.ts'
import { summarize } from './summarize.ts'

export type RevisionOptions = Pick<PlanOptions, 'types' | 'only'> & {
  /** Absent for a host that the base does not have. */
  base?: Catalog
  head: Catalog
  revisions: Revisions
}

/** Of a ledger that is on no host. */
const KEY = '0'.repeat(64)
const RUN = '0'
const NO_SECRETS: ReadonlyMap<string, string> = new Map()
const NOT_READ = 'only where it is there'
const IF_NEEDED = 'its check on the host decides'

/** @throws {RecipeError} When the needs of a catalog form a circle. */
export function planRevision(options: RevisionOptions): Plan {
  const { base, head, revisions, only } = options
  const types = typesFor(options)
  const before = new Map((base?.resources ?? []).map((resource) => [resource.ref, resource]))
  const planning: Planning = {
    ...planningBase({ catalog: head, types, secrets: NO_SECRETS, mark: '', ...(only === undefined ? {} : { only }) }),
    context: { reveal: () => '' },
    ledger: ledgerOf(base),
    readings: readingsOf(types, before, head),
    warnings: base === undefined ? [] : hostMoved(base.host, head.host),
  }
  const items = planItems(planning).flatMap((item) => inRevision(item, before.get(item.shown.ref), planning, options))
  const plan = summarize(planning, items)
  const warnings = [...plan.warnings, ...removalWarnings(plan)]
  return { ...plan, warnings, first: base === undefined, ledger: digestOf(base ?? null), revisions }
}

function removalWarnings({ changes, removals }: Pick<Plan, 'changes' | 'removals'>): string[] {
  const isRemoved = changes.some(({ kind, source }) => kind === 'remove' && source === undefined)
  return [
    ...(isRemoved ? ['what is no longer declared is only removed where Keelson made it'] : []),
    ...(removals === undefined ? [] : [`so many removals need converge --allow-remove ${removals.labels.length}`]),
  ]
}

/** The types of both catalogs, for comparing what is declared. */
function typesFor({ base, head, types }: RevisionOptions): Map<string, AnyType> {
  const resources = [...(base?.resources ?? []), ...head.resources]
  const odd = new Set(resources.filter((resource) => !isKnown(resource, types)).map(({ type }) => type))
  const names = new Set([...resources, ...(head.forgotten ?? [])].map(({ type }) => type))
  return new Map(
    [...names].map((name) => {
      const type = types.get(name)
      return [name, type === undefined || odd.has(name) ? unknownType(name) : declaredType(type)]
    }),
  )
}

/** Whether a state has the form that the slots of its type expect, and nothing that they would not see. */
function isKnown({ type: name, desired }: CatalogResource, types: RevisionOptions['types']): boolean {
  const type = types.get(name)
  if (type === undefined || desired === null) return type !== undefined
  const flat = joined(desired)
  return flatProblem(type, flat, 'no more') === undefined && isDeepStrictEqual(parted(type, flat), desired)
}

/** The ledger that a host has after the base was converged on it. */
function ledgerOf(base: Catalog | undefined): Ledger | undefined {
  if (base === undefined) return undefined
  const { needsOf } = order(base.resources)
  const entries = base.resources.flatMap((resource): [Ref, LedgerEntry][] => {
    const { ref, type, name, desired, protect } = resource
    if (desired === null) return []
    const digest = ledgerDigest(KEY, desired, NO_SECRETS)
    return [[ref, { type, name, made: true, desired, digest, needs: needsOf.get(ref) ?? [], protect, run: RUN }]]
  })
  return { format: 1, serial: 0, key: KEY, entries: Object.fromEntries(entries) }
}

/** What is read from a host after the base was converged on it, as far as anybody can know. */
function readingsOf(
  types: ReadonlyMap<string, AnyType>,
  before: ReadonlyMap<Ref, CatalogResource>,
  { resources }: Catalog,
): Map<string, TypeReading> {
  const readings = new Map([...types.keys()].map((type) => [type, new Map<string, Json | Unknown>()]))
  for (const { type, name, desired } of before.values()) readings.get(type)?.set(name, desired)
  for (const { ref, type, name, absent } of resources) {
    if (absent === true && !before.has(ref)) readings.get(type)?.set(name, new Unknown(NOT_READ))
  }
  return readings
}

/** The item as this comparison shows it; none for what a host would only be asked about. */
function inRevision(
  item: Planned,
  was: CatalogResource | undefined,
  planning: Planning,
  { types }: RevisionOptions,
): Planned[] {
  const { run: _run, leftBy: _leftBy, drift: _drift, because, ...known } = item.shown
  const { resource, change } = item
  const shown: PlanChange = { ...known, cause: 'pr', ...(because === undefined ? {} : { because }) }
  if (resource?.absent === true && was === undefined) return [removalOf(item, shown, planning)]
  if (shown.kind === 'recheck') return []
  if (change?.kind === 'remove') return [{ ...item, shown }]
  const own = (change?.fields ?? []).map(withoutUndefined)
  const isBoth = resource !== undefined && was !== undefined && was.desired !== null && resource.desired !== null
  const recorded = isBoth
    ? recordedFields(item.type, { ...was, desired: was.desired }, { ...resource, desired: resource.desired }, own)
    : []
  if (shown.kind !== 'adopt') return [{ ...item, shown: { ...shown, fields: [...own, ...recorded] } }]
  return recorded.length === 0 ? [] : [recordOf(item, shown, recorded, types.get(item.type.type))]
}

/** Whether something that the base does not have is there, only a host knows. */
function removalOf(item: Planned, shown: PlanChange, { context }: Planning): Planned {
  const change: Change<Json> = {
    kind: 'remove',
    name: item.name,
    before: new Unknown(NOT_READ),
    after: null,
    fields: [],
  }
  const consequence = consequenceOf(item.type, change, context)
  const certain = { certainty: 'predicted', because: NOT_READ } as const
  return { ...item, change, shown: { ...shown, ...certain, kind: 'remove', consequence, fields: [] } }
}

/** A difference that a host in order only records, unless its check says otherwise. */
function recordOf(item: Planned, shown: PlanChange, fields: FieldChange[], known: AnyType | undefined): Planned {
  const { because: _because, ...rest } = shown
  const { desired, name, type } = item
  if (known?.alteredByOthers !== true || desired === null)
    return { ...item, shown: { ...rest, kind: 'change', consequence: 'record', fields } }
  const change: Change<Json> = { kind: 'change', name, before: desired, after: desired, fields }
  const consequence = type.consequence?.(change, { reveal: () => '' }) ?? 'safe'
  return {
    ...item,
    shown: { ...rest, kind: 'change', consequence, certainty: 'predicted', because: IF_NEEDED, fields },
  }
}

function withoutUndefined({ before, after, ...field }: FieldChange): FieldChange {
  return { ...field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
}

function hostMoved(base: CatalogHost, head: CatalogHost): string[] {
  const keys = ['address', 'os', 'server', 'cpus', 'memoryMiB'] as const
  return keys
    .filter((key) => base[key] !== head[key])
    .map((key) => `its ${key} is ${String(head[key])}, and was ${String(base[key])}`)
}
