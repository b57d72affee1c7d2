/**
 * Stages: which changes can be applied together without reading the host again, and in which order. Pure.
 */
import type { Planned, Planning } from './planned.ts'
import { ancestors } from '../../kit/files/paths.ts'
import { pathsOfChange } from './touches.ts'
import type { Ref } from '../../kit/ref.ts'
import { type Change, type Context, type Json, type Step, Unknown } from '../../kit/resourceType.ts'

/** Changes carried out as one unit: one resource, or several of a type that batches. */
export type Task = {
  items: Planned[]
  /** Positions in the stage of the tasks that this one comes after. */
  after: number[]
  /** No earlier task of this stage alters these resources, so the worker can compare them before it writes. */
  comparable: boolean
}

/** Whether a change may lock its operator out. */
export function isGuarded({ change, shown }: Planned): boolean {
  return change !== undefined && shown.consequence === 'lockout'
}

export type Stage = {
  tasks: Task[]
  later: Planned[]
}

/**
 * Selects what can be applied now. Unknown items whose needs are not yet applied, and items that an altering change (a
 * package) comes before, wait for a later stage and are read again then. Items that may lock the operator out are
 * applied after everything that does not need them. Items that mostly wait, and that nothing needs, run in the last
 * stage, beside its other tasks.
 */
export function nextStage(items: readonly Planned[]): Stage {
  const waiting = new Set<Ref>()
  const now: Planned[] = []
  const taken = new Map<Ref, Planned>()
  for (const item of items) {
    const near = [...item.after]
    const isAltered = near.some((ref) => isAltering(taken.get(ref), item))
    const unknown = isUnknown(item) && near.some((ref) => taken.get(ref)?.change !== undefined)
    if (isAltered || unknown || near.some((ref) => waiting.has(ref))) waiting.add(item.shown.ref)
    else {
      now.push(item)
      taken.set(item.shown.ref, item)
    }
  }
  const patient = new Set(patientOf(items))
  for (const ref of heldBack(now, patient, waiting.size > 0)) waiting.add(ref)
  const stage = now.filter(({ shown }) => !waiting.has(shown.ref))
  return {
    tasks: inOrder(grouped(stage)),
    later: items.filter(({ shown }) => waiting.has(shown.ref)),
  }
}

/** Items that mostly wait, and that nothing else comes after. */
function patientOf(items: readonly Planned[]): Planned[] {
  const changes = items.filter(({ change }) => change !== undefined)
  const needed = new Set(changes.flatMap(({ after }) => [...after]))
  return changes.filter((item) => item.type.runsBeside === true && !isGuarded(item) && !needed.has(item.shown.ref))
}

/**
 * Refs that could be applied now and have to wait: guarded changes and what comes after them, while anything else can
 * be applied; then what comes after them. Patient items wait while a later stage follows and this one has other work.
 */
function heldBack(now: readonly Planned[], patient: ReadonlySet<Planned>, hasLater: boolean): Set<Ref> {
  const guarded = guardedOf(now)
  const held = withFollowers(guarded, now)
  const isFree = (item: Planned): boolean =>
    item.change !== undefined && !held.has(item.shown.ref) && !patient.has(item)
  if (now.some(isFree)) {
    const postponed = hasLater || guarded.length > 0 ? withFollowers([...patient], now) : []
    return new Set([...held, ...postponed])
  }
  const refs = new Set(guarded.map(({ shown }) => shown.ref))
  const followers = now.filter(({ shown }) => held.has(shown.ref) && !refs.has(shown.ref))
  return withFollowers(followers, now)
}

/** Guarded changes, and those applied in one batch with them: their order may matter. */
function guardedOf(now: readonly Planned[]): Planned[] {
  const batches = new Set(
    now.filter((item) => isGuarded(item) && item.type.batch !== undefined).map(({ type }) => type),
  )
  return now.filter((item) => isGuarded(item) || (item.change !== undefined && batches.has(item.type)))
}

/** Refs of the items and of everything that comes after them. */
function withFollowers(first: readonly Planned[], items: readonly Planned[]): Set<Ref> {
  const refs = new Set(first.map(({ shown }) => shown.ref))
  for (const { shown, after } of items) if ([...after].some((ref) => refs.has(ref))) refs.add(shown.ref)
  return refs
}

function isAltering(need: Planned | undefined, item: Planned): boolean {
  if (need?.change === undefined) return false
  // A resource that reads as in order is read again before anything else relies on it.
  if (item.change === undefined && item.shown.kind === 'recheck') return true
  return need.type.altersOthers === true && need.type !== item.type
}

function isUnknown({ change, shown }: Planned): boolean {
  return change?.before instanceof Unknown || (change === undefined && shown.certainty === 'unknown')
}

type Group = { items: Planned[]; after: Set<Group> }

/** One group for each item; items of a batching type share one unless that would create a cycle. */
function grouped(items: readonly Planned[]): Group[] {
  const groups: Group[] = []
  const groupOf = new Map<Ref, Group>()
  for (const item of items) {
    const needs = [...item.after].flatMap((ref) => groupOf.get(ref) ?? [])
    const shared =
      item.type.batch === undefined ? undefined : groups.findLast((group) => group.items[0]!.type === item.type)
    const joins = shared !== undefined && !needs.some((group) => group !== shared && reaches(group, shared))
    const group = joins ? shared : { items: [], after: new Set<Group>() }
    if (!joins) groups.push(group)
    group.items.push(item)
    for (const need of needs) if (need !== group) group.after.add(need)
    groupOf.set(item.shown.ref, group)
  }
  return groups
}

function reaches(from: Group, to: Group): boolean {
  const seen = new Set<Group>()
  const open = [from]
  for (let group = open.pop(); group !== undefined; group = open.pop()) {
    if (group === to) return true
    if (seen.has(group)) continue
    seen.add(group)
    open.push(...group.after)
  }
  return false
}

function inOrder(groups: readonly Group[]): Task[] {
  const sorted: Group[] = []
  const placed = new Set<Group>()
  const place = (group: Group): void => {
    if (placed.has(group)) return
    placed.add(group)
    for (const need of group.after) place(need)
    sorted.push(group)
  }
  groups.forEach(place)
  const written: Written = { paths: new Map(), shared: new Map() }
  return sorted.map((group, position) => {
    const comparable = isComparable(group, sorted.slice(0, position)) && !isWritten(group, written)
    addWritten(group, written)
    return {
      items: group.items,
      after: [...group.after].map((need) => sorted.indexOf(need)).sort((a, b) => a - b),
      comparable,
    }
  })
}

/**
 * False when an earlier step alters the reading: resources of one type may be read from one place, such as the files of
 * sysctl.d.
 */
function isComparable({ items, after }: Group, earlier: readonly Group[]): boolean {
  const { type } = items[0]!
  if ([...after].some((need) => need.items.some((bringer) => items.some((item) => isBrought(item, bringer)))))
    return false
  return type.readsAlone === true || (after.size === 0 && !earlier.some((group) => group.items[0]!.type === type))
}

/** Paths by the type that writes them, and those that a type shares with others. */
type Written = { paths: Map<string, Planned['type']>; shared: Map<string, Planned['type']> }

function addWritten({ items }: Group, { paths, shared }: Written): void {
  const { type } = items[0]!
  for (const path of pathsIn(items)) paths.set(path, type)
  for (const path of type.sharedPaths ?? []) shared.set(path, type)
}

function pathsIn(items: readonly Planned[]): string[] {
  return items.flatMap(({ type, change }) => (change === undefined ? [] : pathsOfChange(type, change)))
}

/** Whether an earlier step of another type writes what the group reads: several types may edit one file. */
function isWritten({ items }: Group, { paths, shared }: Written): boolean {
  const { type } = items[0]!
  const isOther = (other: Planned['type'] | undefined): boolean => other !== undefined && other !== type
  const own = type.sharedPaths ?? []
  return (
    [...pathsIn(items), ...own].some(
      (path) => isOther(paths.get(path)) || [path, ...ancestors(path)].some((one) => isOther(shared.get(one))),
    ) ||
    (own.length > 0 &&
      [...paths].some(([path, other]) => isOther(other) && [path, ...ancestors(path)].some((one) => own.includes(one))))
  )
}

/** Whether `bringer` creates the resource, or one that it needs: a new home already has files. */
function isBrought({ shown, resource }: Planned, bringer: Planned): boolean {
  if (bringer.change === undefined) return false
  return bringer.resource?.brings?.some((ref) => ref === shown.ref || resource?.needs.includes(ref)) === true
}

/** The shell steps of a task's items. */
export function stepsOf(
  items: readonly Pick<Planned, 'type' | 'change'>[],
  { catalog, context: { reveal } }: Pick<Planning, 'catalog' | 'context'>,
): Step[] {
  const type = items[0]!.type
  const declared = catalog.resources.filter((resource) => resource.type === type.type)
  const context: Context = { reveal, declared: declared.map(({ name, desired }) => ({ name, desired })) }
  const changes = items.flatMap(({ change }) => (change === undefined ? [] : [change]))
  return type.batch?.(changes, context) ?? changes.flatMap((change) => stepsOfOne(type, change, context))
}

function stepsOfOne(type: Planned['type'], change: Change<Json>, context: Context): Step[] {
  return change.kind === 'remove' ? type.remove(change, context) : type.steps(change, context)
}
