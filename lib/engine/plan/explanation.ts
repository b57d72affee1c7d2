/**
 * Everything that is known of one resource: what is declared, what was observed, what is decided about it, what a change
 * of it brings about, and by which commands. Pure.
 */
import { type Catalog, type CatalogResource, type Source } from '../catalog/catalog.ts'
import { order } from '../catalog/order.ts'
import { stateIn } from '../host/read.ts'
import type { PlanChange } from '../report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import {
  type AnyType,
  type Change,
  type FieldChange,
  type FollowUpAction,
  type Json,
  Unknown,
} from '../../kit/resourceType.ts'
import { isSecretToken, type Reveal, type SecretToken } from '../../kit/value.ts'
import { changeBetween, consequenceOf, fieldsBetween } from './changes.ts'
import type { HostPlan } from './planHost.ts'
import { shownFields } from './secrecy.ts'
import { stepsOf } from './stage.ts'
import { pathsOfChange, type WaysContext } from './touches.ts'

/** Plain JSON. `seen` is absent when no host was read. */
export type Explanation = {
  ref: Ref
  label: string
  /** Absent for what is no longer declared. */
  declared?: Declaration
  seen?: Seen
  /** What a change of it interrupts. */
  consequence: PlanChange['consequence']
  /** Services that have to load a change of it, and commands that have to run for it. */
  triggers: Trigger[]
  /** What it comes after, and what comes after it; `through` counts what comes after those in turn. */
  needs: Ref[]
  neededBy: Ref[]
  through: number
  /** Of the planned change, or of making it anew. Absent when the type cannot tell without its secrets. */
  commands?: Command[]
  commandsOf: 'plan' | 'anew'
}

export type Declaration = {
  source: Source
  /** Other places that declare the same. */
  also: Source[]
  tags: string[]
  protect: boolean
  /** It must not be there. */
  absent: boolean
  /** What a new one has; no values of secrets. */
  fields: FieldChange[]
}

export type Seen = {
  /** `unknown`: it cannot be read yet, and the decision says why. */
  is: 'there' | 'absent' | 'unknown'
  /** What would be done, with the differences; absent when nothing is to be done. */
  decision?: PlanChange
}

export type Trigger = { action: FollowUpAction; unit: string; by: Ref }
export type Command = { title: string; run: string }

type Known = Pick<HostPlan, 'plan' | 'planning' | 'items'>
type Setting = { catalog: Catalog; types: ReadonlyMap<string, AnyType> }

/** @param known The host, if it was read. @returns Undefined when neither the recipes nor the host know the ref. */
export function explanationOf({ catalog, types }: Setting, ref: Ref, known?: Known): Explanation | undefined {
  const resource = catalog.resources.find((one) => one.ref === ref)
  const item = known?.items.find(({ shown }) => shown.ref === ref)
  const type = resource === undefined ? item?.type : types.get(resource.type)
  if (type === undefined) return undefined
  // With values of secrets, a command could show one.
  const context: WaysContext = { ...known?.planning.context, reveal: named }
  const change = item?.change ?? anew(type, resource, context)
  return {
    ref,
    label: labelOf(ref),
    ...(resource === undefined ? {} : { declared: declarationOf(resource, type, context) }),
    ...(known === undefined ? {} : { seen: seenOf(ref, type, known) }),
    consequence:
      known?.plan.changes.find((one) => one.ref === ref)?.consequence ??
      (change === undefined ? 'record' : consequenceOf(type, change, context)),
    triggers: change === undefined ? [] : triggersOf({ catalog, types }, { ref, type, change }, context, known),
    ...neighboursOf(catalog, ref),
    ...commandsOf({ catalog }, { type, change }, context),
    commandsOf: item?.change === undefined ? 'anew' : 'plan',
  }
}

/** Reveals the names of secrets only. */
const named: Reveal = (text) => {
  const one = ({ $secret }: SecretToken): string => `(secret ${$secret})`
  if (typeof text === 'string') return text
  if (isSecretToken(text)) return one(text)
  return text.$text.map((part) => (typeof part === 'string' ? part : one(part))).join('')
}

function declarationOf(
  { desired, source, also, tags, protect, absent }: CatalogResource,
  type: AnyType,
  context: WaysContext,
): Declaration {
  const isAbsent = absent === true || desired === null
  const fields = isAbsent ? [] : shownFields(fieldsBetween(type, desired, {}, context), undefined, false)
  return { source, also, tags, protect, absent: isAbsent, fields }
}

function seenOf(ref: Ref, type: AnyType, { plan, planning }: Known): Seen {
  const observed = stateIn(planning.readings, type.type, ref.slice(type.type.length + 1))
  const decision = plan.changes.find((change) => change.ref === ref)
  return {
    is: observed instanceof Unknown ? 'unknown' : observed === null ? 'absent' : 'there',
    ...(decision === undefined ? {} : { decision }),
  }
}

/** The change that makes a resource where nothing is; undefined for what is to be absent. */
function anew(type: AnyType, resource: CatalogResource | undefined, context: WaysContext): Change<Json> | undefined {
  return resource === undefined ? undefined : changeBetween(type, resource.name, resource.desired, null, context)
}

/** What the services that come after it would have to load, if they run. */
function triggersOf(
  { catalog, types }: Setting,
  { ref, type, change }: { ref: Ref; type: AnyType; change: Change<Json> },
  context: WaysContext,
  known: Known | undefined,
): Trigger[] {
  const paths = pathsOfChange(type, change)
  const alters = type.altersOthers === true ? { altersOthers: true as const } : {}
  // A new file is loaded like a changed one.
  const earlier = { ref, label: labelOf(ref), kind: 'change' as const, paths, ...alters }
  return catalog.resources.flatMap((other): Trigger[] => {
    const its = types.get(other.type)
    if (other.ref === ref || other.desired === null || its?.simulate === undefined) return []
    const observed = known === undefined ? other.desired : stateIn(known.planning.readings, other.type, other.name)
    if (observed === null || observed instanceof Unknown) return []
    const after = its.simulate(observed, other.desired, [earlier])
    const before = new Set(loads(its, other, observed, context).map(({ because }) => because))
    return loads(its, other, after, context)
      .filter(({ because }) => !before.has(because))
      .map(({ action, unit = other.name }) => ({ action, unit, by: other.ref }))
  })
}

function loads(
  type: AnyType,
  { name, desired }: CatalogResource,
  observed: Json,
  context: WaysContext,
): NonNullable<FieldChange['followUp']>[] {
  const fields = changeBetween(type, name, desired, observed, context)?.fields ?? []
  return fields.flatMap(({ followUp }) => followUp ?? [])
}

function neighboursOf({ resources }: Catalog, ref: Ref): Pick<Explanation, 'needs' | 'neededBy' | 'through'> {
  const { needsOf } = order(resources)
  const pairs = [...needsOf].flatMap(([of, needs]) => needs.map((need) => ({ need, of })))
  const after = groupBy(pairs, ({ need }) => need)
  const neededBy = (after.get(ref) ?? []).map(({ of }) => of)
  const all = new Set<Ref>()
  const open = [...neededBy]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (all.has(next)) continue
    all.add(next)
    open.push(...(after.get(next) ?? []).map(({ of }) => of))
  }
  return { needs: [...(needsOf.get(ref) ?? [])], neededBy, through: all.size - neededBy.length }
}

function commandsOf(
  { catalog }: Pick<Setting, 'catalog'>,
  { type, change }: { type: AnyType; change: Change<Json> | undefined },
  context: WaysContext,
): { commands?: Command[] } {
  if (change === undefined) return { commands: [] }
  try {
    const steps = stepsOf([{ type, change }], { catalog, context })
    return { commands: steps.map(({ title, run }) => ({ title, run })) }
  } catch {
    // A type may look into a secret that it is given only the name of.
    return {}
  }
}
