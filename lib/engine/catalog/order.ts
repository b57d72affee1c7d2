/**
 * The order in which resources are brought into order: declaration order, unless one needs another. Pure.
 */
import type { CatalogResource } from './catalog.ts'
import { type Diagnostic, RecipeError } from './evaluate.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'

export type Ordered = {
  ordered: CatalogResource[]
  /** The direct needs of each resource; declared resources only, never itself. */
  needsOf: Map<Ref, Ref[]>
}

/**
 * Resolves needs and sorts: of the resources whose needs are met, the one declared first comes next.
 *
 * @throws {RecipeError} For every cycle, naming the recipe line of each resource in it.
 */
export function order(resources: readonly CatalogResource[]): Ordered {
  const needsOf = resolveNeeds(resources)
  const positions = new Map(resources.map(({ ref }, position) => [ref, position]))
  const needs = resources.map(({ ref }) => needsOf.get(ref)!.map((need) => positions.get(need)!))
  const sorting = sort(needs)
  if (sorting.circles.length > 0) {
    throw new RecipeError(sorting.circles.map((circle) => circleDiagnostic(circle.map((each) => resources[each]!))))
  }
  return { ordered: sorting.sorted.map((position) => resources[position]!), needsOf }
}

/**
 * Kahn's algorithm over positions, the lowest ready one first. When none is ready there is a cycle: the function notes
 * it and takes one of its needs as met, to find the other cycles as well.
 *
 * @param needs For each position, the positions it needs.
 */
function sort(needs: readonly (readonly number[])[]): { sorted: number[]; circles: number[][] } {
  const dependents: number[][] = needs.map(() => [])
  for (const [position, needed] of needs.entries()) for (const need of needed) dependents[need]!.push(position)
  const missing = needs.map((needed) => needed.length)
  const ready = missing.flatMap((count, position) => (count === 0 ? [position] : []))
  const left = new Set(needs.keys())
  const sorted: number[] = []
  const circles: number[][] = []

  const meet = (position: number): void => {
    for (const dependent of dependents[position]!) {
      missing[dependent]! -= 1
      if (missing[dependent] === 0 && left.has(dependent)) insert(ready, dependent)
    }
  }
  while (left.size > 0) {
    const next = ready.shift()
    if (next !== undefined) {
      sorted.push(next)
      left.delete(next)
      meet(next)
      continue
    }
    const circle = findCircle(needs, left)
    circles.push(circle)
    for (const position of circle) left.delete(position)
    circle.forEach(meet)
  }
  return { sorted, circles }
}

/** Inserts into a sorted list, which stays sorted. */
function insert(list: number[], value: number): void {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]! < value) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, value)
}

/**
 * Every position left waits for another one left, so following needs must return to one already seen; the cycle begins
 * at the one declared first.
 */
function findCircle(needs: readonly (readonly number[])[], left: ReadonlySet<number>): number[] {
  const path: number[] = []
  let [position] = left
  while (!path.includes(position!)) {
    path.push(position!)
    position = needs[position!]!.find((need) => left.has(need))
  }
  const circle = path.slice(path.indexOf(position!))
  const first = circle.indexOf(Math.min(...circle))
  return [...circle.slice(first), ...circle.slice(0, first)]
}

function circleDiagnostic(members: readonly CatalogResource[]): Diagnostic {
  const [first, ...others] = members
  const chain = [...members, first!].map(({ ref }) => labelOf(ref)).join(' → ')
  return {
    message: `dependency cycle: ${chain}`,
    source: first!.source,
    also: others.map(({ source }) => source),
    next: 'remove one dependency: an `after`, or a handle that is passed in',
  }
}

function resolveNeeds(resources: readonly CatalogResource[]): Map<Ref, Ref[]> {
  const resolve = resolver(resources)
  // In declaration order, so that the result does not depend on how needs are spelled.
  const positions = new Map(resources.map(({ ref }, position) => [ref, position]))
  return new Map(
    resources.map(({ ref, needs }) => {
      const found = new Set(needs.flatMap(resolve))
      found.delete(ref)
      return [ref, [...found].sort((a, b) => positions.get(a)! - positions.get(b)!)]
    }),
  )
}

/** Resolves a need, as `CatalogResource.needs` describes it, to refs of declared resources. */
function resolver(resources: readonly CatalogResource[]): (need: string) => readonly Ref[] {
  const declared = new Set(resources.map(({ ref }) => ref))
  const bringers = new Map(resources.flatMap(({ ref, brings = [] }) => brings.map((brought) => [brought, ref])))
  const claimed = (claims: readonly string[]): string[] =>
    claims.flatMap((claim) => (claim.startsWith('path:') ? [claim.slice('path:'.length)] : []))
  const paths = resources.flatMap(({ ref, claims, paths: shared = [] }) =>
    [...claimed(claims), ...shared].map((path) => ({ ref, path })),
  )
  const patterns = new Map<string, readonly Ref[]>()
  const matches = (pattern: string): readonly Ref[] => {
    if (pattern.startsWith('under:')) {
      const root = pattern.slice('under:'.length)
      const below = root.endsWith('/') ? root : `${root}/`
      return paths.filter(({ path }) => path === root || path.startsWith(below)).map(({ ref }) => ref)
    }
    const type = pattern.slice(0, -':*'.length)
    return resources.filter((resource) => resource.type === type).map(({ ref }) => ref)
  }
  return (need) => {
    // A name may itself end in `*`, such as PATH:* of some types; a declared resource with that ref takes precedence.
    const bringer = bringers.get(need)
    if (declared.has(need)) return bringer === undefined ? [need] : [need, bringer]
    if (bringer !== undefined) return [bringer]
    if (!need.startsWith('under:') && !need.endsWith(':*')) return []
    const found = patterns.get(need) ?? matches(need)
    patterns.set(need, found)
    return found
  }
}
