/**
 * The order in which resources come to be in order: declaration order, unless one needs another. Pure.
 */
import { type CatalogResource, formatSource } from './catalog.ts'
import { RecipeError } from './evaluate.ts'
import { type Ref, labelOf } from './resource.ts'

export type Ordered = {
  ordered: CatalogResource[]
  /** What each resource needs directly; declared resources only, never itself. */
  needsOf: Map<Ref, Ref[]>
}

/**
 * Resolves needs and sorts: a resource comes right after the last thing it needs, otherwise where it was declared.
 *
 * @throws {RecipeError} For a circle, naming the recipe line of every resource in it.
 */
export function order(resources: readonly CatalogResource[]): Ordered {
  const needsOf = resolveNeeds(resources)
  const byRef = new Map(resources.map((resource) => [resource.ref, resource]))
  const ordered: CatalogResource[] = []
  const state = new Map<Ref, 'open' | 'done'>()
  const path: Ref[] = []

  const place = (ref: Ref): void => {
    if (state.get(ref) === 'done') return
    if (state.get(ref) === 'open') throw circle(path.slice(path.indexOf(ref)).map((each) => byRef.get(each)!))
    state.set(ref, 'open')
    path.push(ref)
    for (const need of needsOf.get(ref)!) place(need)
    path.pop()
    state.set(ref, 'done')
    ordered.push(byRef.get(ref)!)
  }
  for (const { ref } of resources) place(ref)
  return { ordered, needsOf }
}

function resolveNeeds(resources: readonly CatalogResource[]): Map<Ref, Ref[]> {
  const declared = new Set(resources.map(({ ref }) => ref))
  const paths = resources.flatMap(({ ref, claims }) =>
    claims.flatMap((claim) => (claim.startsWith('path:') ? [{ ref, path: claim.slice('path:'.length) }] : [])),
  )
  const resolve = (need: string): Ref[] => {
    if (need.startsWith('under:')) {
      const root = need.slice('under:'.length)
      return paths.filter(({ path }) => path === root || path.startsWith(`${root}/`)).map(({ ref }) => ref)
    }
    if (need.endsWith(':*')) {
      const type = need.slice(0, -':*'.length)
      return resources.filter((resource) => resource.type === type).map(({ ref }) => ref)
    }
    return declared.has(need) ? [need] : []
  }
  // In declaration order, so that the result does not depend on how needs are spelled.
  const positions = new Map(resources.map(({ ref }, index) => [ref, index]))
  return new Map(
    resources.map(({ ref, needs }) => {
      const found = new Set(needs.flatMap(resolve))
      found.delete(ref)
      return [ref, [...found].sort((a, b) => positions.get(a)! - positions.get(b)!)]
    }),
  )
}

function circle(members: readonly CatalogResource[]): RecipeError {
  const [first, ...others] = members
  const chain = [...members, first!].map(({ ref }) => labelOf(ref)).join(' needs ')
  return new RecipeError([
    {
      message: `${chain}: a circle`,
      source: first!.source,
      also: others.map(({ source }) => source),
      next: `take one of these needs away: ${members.map(({ source }) => formatSource(source)).join(', ')}`,
    },
  ])
}
