/**
 * Parts and forms of the graph of needs, for people. Pure.
 */
import type { CatalogResource } from './catalog.ts'
import type { Ordered } from './order.ts'
import type { Ref } from '../../kit/ref.ts'

/** The same graph with every arrow turned: what needs each resource. What an arrow leads to comes first here as well. */
export function reversed({ ordered, needsOf }: Ordered): Ordered {
  const turned = new Map<Ref, Ref[]>(ordered.map(({ ref }) => [ref, []]))
  for (const { ref } of ordered) for (const need of needsOf.get(ref) ?? []) turned.get(need)!.push(ref)
  return { ordered: ordered.toReversed(), needsOf: turned }
}

/** The resources that are asked for, and all that can be reached from them. */
export function partOf({ ordered, needsOf }: Ordered, isAsked: (resource: CatalogResource) => boolean): Ordered {
  const kept = new Set<Ref>()
  const left = ordered.filter(isAsked).map(({ ref }) => ref)
  for (let ref = left.pop(); ref !== undefined; ref = left.pop()) {
    if (kept.has(ref)) continue
    kept.add(ref)
    left.push(...(needsOf.get(ref) ?? []))
  }
  return {
    ordered: ordered.filter(({ ref }) => kept.has(ref)),
    needsOf: new Map([...needsOf].filter(([ref]) => kept.has(ref))),
  }
}

/** Without the arrows to what is reached on a longer way as well. */
export function reduced({ ordered, needsOf }: Ordered): Ordered {
  const reached = new Map<Ref, Set<Ref>>()
  const direct = new Map<Ref, Ref[]>()
  for (const { ref } of ordered) {
    const needs = needsOf.get(ref) ?? []
    const beyond = needs.flatMap((need) => [...(reached.get(need) ?? [])])
    const far = new Set(beyond)
    direct.set(
      ref,
      needs.filter((need) => !far.has(need)),
    )
    reached.set(ref, new Set([...needs, ...beyond]))
  }
  return { ordered, needsOf: direct }
}
