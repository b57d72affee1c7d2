/**
 * Which resources of one host need which: as a tree for people, as DOT for Graphviz. Pure.
 */
import { type CatalogHost, type CatalogResource, formatSource } from '../../engine/catalog/catalog.ts'
import type { Ordered } from '../../engine/catalog/order.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import { cleanLine } from '../clean.ts'
import { counted } from '../words.ts'
import type { Page } from './page.ts'

/**
 * Starts with the resources that nothing needs; below each, what it needs. A resource already shown in full is only
 * named.
 */
export function renderTree(host: CatalogHost, graph: Ordered, page: Page): string {
  const { colors } = page
  const needed = new Set([...graph.needsOf.values()].flat())
  const roots = graph.ordered.filter(({ ref }) => !needed.has(ref))
  const shown = new Set<Ref>()
  const byRef = new Map(graph.ordered.map((resource) => [resource.ref, resource]))
  const branch = (ref: Ref): string[] => {
    const needs = graph.needsOf.get(ref) ?? []
    const isKnown = shown.has(ref) && needs.length > 0
    shown.add(ref)
    const own = `${titleOf(byRef.get(ref)!, page)}${isKnown ? colors.dim('  (see above)') : ''}`
    if (isKnown) return [own]
    return [own, ...needs.flatMap((need, index) => twig(branch(need), index === needs.length - 1))]
  }
  const head = `${colors.bold(cleanLine(host.name))}  ${cleanLine(host.os)}  ${counted(graph.ordered.length, 'resource')}`
  return `${[head, '', ...roots.flatMap(({ ref }) => branch(ref))].join('\n')}\n`
}

function twig([own = '', ...below]: readonly string[], isLast: boolean): string[] {
  return [`${isLast ? '└─ ' : '├─ '}${own}`, ...below.map((line) => `${isLast ? '   ' : '│  '}${line}`)]
}

function titleOf({ ref, source }: CatalogResource, { colors }: Page): string {
  return `${cleanLine(labelOf(ref))}  ${colors.dim(cleanLine(formatSource(source)))}`
}

/** Each arrow leads from a resource to one that it needs. */
export function renderDot(host: CatalogHost, { ordered, needsOf }: Ordered): string {
  const nodes = ordered.map(({ ref, source }) => {
    const about = `label=${dotText(labelOf(ref))}, tooltip=${dotText(formatSource(source))}`
    return `  ${dotText(ref)} [${about}]`
  })
  const arrows = [...needsOf].flatMap(([ref, needs]) => needs.map((need) => `  ${dotText(ref)} -> ${dotText(need)}`))
  const body = ['  rankdir=LR', '  node [shape=box, fontname="sans-serif"]', ...nodes, ...arrows]
  return `digraph ${dotText(host.name)} {\n${body.join('\n')}\n}\n`
}

/** A quoted DOT string; backslashes would start its escapes. */
function dotText(text: string): string {
  return `"${cleanLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
