/**
 * Stages: which changes can be applied together without reading the host again, and in which order. Pure.
 */
import { isGuarded } from './guard.ts'
import type { Item, Planning } from './plan.ts'
import { type Change, type Context, type Json, type Ref, type Step, Unknown } from './resource.ts'

/** Changes carried out as one unit: one resource, or several of a type that batches. */
export type Task = {
  items: Item[]
  /** Positions in the stage of the tasks this one comes after. */
  after: number[]
  /** What nothing in this stage alters before this task runs, so that the worker can compare before it writes. */
  comparable: boolean
}

export type Stage = {
  tasks: Task[]
  later: Item[]
  /** Its changes may lock the operator out. */
  guarded: boolean
}

/**
 * Takes what can be applied now. What is not known until something else is done, and what an unsettling change
 * (a package) comes before, waits for a later stage and is read again then. What may lock the operator out is applied
 * by itself, after all that can do without.
 */
export function nextStage(items: readonly Item[]): Stage {
  const waiting = new Set<Ref>()
  const now = new Map<Ref, Item>()
  for (const item of items) {
    const near = [...item.after]
    const unsettled = near.some((ref) => isUnsettling(now.get(ref), item))
    const unknown = isUnknown(item) && near.some((ref) => now.get(ref)?.change !== undefined)
    if (unsettled || unknown || near.some((ref) => waiting.has(ref))) waiting.add(item.plan.ref)
    else now.set(item.plan.ref, item)
  }
  for (const ref of apartFromGuarded(now)) waiting.add(ref)
  const taken = [...now.values()].filter(({ plan }) => !waiting.has(plan.ref))
  return {
    tasks: inOrder(grouped(taken)),
    later: items.filter(({ plan }) => waiting.has(plan.ref)),
    guarded: taken.some(isGuarded),
  }
}

/**
 * What has to wait so that guarded changes have a stage of their own: they and what comes after them, while there is
 * anything else to do; then what comes after them.
 */
function apartFromGuarded(now: ReadonlyMap<Ref, Item>): Set<Ref> {
  const guarded = [...now.values()].filter(isGuarded).map(({ plan }) => plan.ref)
  const held = new Set(guarded)
  for (const item of now.values()) if ([...item.after].some((ref) => held.has(ref))) held.add(item.plan.ref)
  const isFree = ({ plan, change }: Item): boolean => change !== undefined && !held.has(plan.ref)
  if (guarded.length === 0 || [...now.values()].some(isFree)) return held
  const rest = [...held].filter((ref) => !guarded.includes(ref))
  const behind = new Set(rest)
  for (const item of now.values()) if ([...item.after].some((ref) => behind.has(ref))) behind.add(item.plan.ref)
  return behind
}

function isUnsettling(need: Item | undefined, item: Item): boolean {
  return need?.change !== undefined && need.type.unsettles === true && need.type !== item.type
}

function isUnknown({ change, plan }: Item): boolean {
  return change?.before instanceof Unknown || (change === undefined && plan.certainty === 'unknown')
}

type Group = { items: Item[]; after: Set<Group> }

/** One group for each item; items of a batching type share one unless that would close a circle. */
function grouped(items: readonly Item[]): Group[] {
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
    groupOf.set(item.plan.ref, group)
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
  return sorted.map((group, position) => ({
    items: group.items,
    after: [...group.after].map((need) => sorted.indexOf(need)).sort((a, b) => a - b),
    comparable: isComparable(group, sorted.slice(0, position)),
  }))
}

/** Resources of one type may be read from one place, such as the files of sysctl.d: one's step alters all readings. */
function isComparable({ items, after }: Group, earlier: readonly Group[]): boolean {
  const { type } = items[0]!
  return type.steady === true || (after.size === 0 && !earlier.some((group) => group.items[0]!.type === type))
}

/** The shell steps of a task's items. */
export function stepsOf(
  items: readonly Item[],
  { catalog, context: { reveal } }: Pick<Planning, 'catalog' | 'context'>,
): Step[] {
  const type = items[0]!.type
  const declared = catalog.resources.filter((resource) => resource.type === type.type)
  const context: Context = { reveal, declared: declared.map(({ name, desired }) => ({ name, desired })) }
  const changes = items.flatMap(({ change }) => (change === undefined ? [] : [change]))
  return type.batch?.(changes, context) ?? changes.flatMap((change) => stepsOfOne(type, change, context))
}

function stepsOfOne(type: Item['type'], change: Change<Json>, context: Context): Step[] {
  return change.kind === 'remove' ? type.remove(change, context) : type.steps(change, context)
}
