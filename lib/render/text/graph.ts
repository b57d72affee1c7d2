/**
 * Which resources of one host need which: as a tree for people, as DOT for Graphviz. Pure.
 */
import { type CatalogHost, type CatalogResource, formatSource } from '../../engine/catalog/catalog.ts'
import type { Ordered } from '../../engine/catalog/order.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import { cleanLine } from '../clean.ts'
import { counted } from '../words.ts'
import { PAPER_WIDTH } from './fields.ts'
import { type Page, wrapList } from './page.ts'

/**
 * Starts with the resources to which no arrow leads; below each, where its own lead. A resource already shown in full is
 * only named, and those without any arrow are named together.
 */
export function renderTree(host: CatalogHost, graph: Ordered, page: Page): string {
  const { colors } = page
  const needed = new Set([...graph.needsOf.values()].flat())
  const tops = graph.ordered.filter(({ ref }) => !needed.has(ref))
  const roots = tops.filter(({ ref }) => (graph.needsOf.get(ref) ?? []).length > 0)
  const alone = tops.filter((top) => !roots.includes(top)).map((one) => titleOf(one, page))
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
  const lines = roots.flatMap(({ ref }) => branch(ref))
  return `${[head, ...(lines.length === 0 ? [] : ['', ...lines]), ...aloneLines(alone, page)].join('\n')}\n`
}

function aloneLines(labels: readonly string[], page: Page): string[] {
  if (labels.length === 0) return []
  const lines = wrapList(labels, (page.width ?? PAPER_WIDTH) - 2)
  return [
    '',
    labels.length === 1 ? '1 on its own:' : `${labels.length} on their own:`,
    ...lines.map((line) => `  ${line}`),
  ]
}

function twig([own = '', ...below]: readonly string[], isLast: boolean): string[] {
  return [`${isLast ? '└─ ' : '├─ '}${own}`, ...below.map((line) => `${isLast ? '   ' : '│  '}${line}`)]
}

function titleOf({ ref, source }: CatalogResource, { colors }: Page): string {
  return `${cleanLine(labelOf(ref))}  ${colors.dim(cleanLine(formatSource(source)))}`
}

/** Colours of fill, one for each family of types. */
const FILLS: readonly (readonly [types: RegExp, fill: string])[] = [
  [/^package$/, '#dbeafe'],
  [/^(service|unit|timer|drop-in)$/, '#dcfce7'],
  [/^(file|directory|symlink|edit)$/, '#fef9c3'],
  [/^(postgres|redis)-/, '#ede9fe'],
  [/^nginx-/, '#cffafe'],
  [/^(user|group|sudoers|authorized-keys)$/, '#ffe4e6'],
  [/^(ufw-|sysctl)/, '#ffedd5'],
]

/** Each arrow leads from a resource to one that it needs; those of one recipe are in one box. */
export function renderDot(host: CatalogHost, { ordered, needsOf }: Ordered): string {
  const clusters = [...groupBy(ordered, ({ source }) => source.file)].flatMap(([file, own]) => [
    `  subgraph ${dotText(`cluster_${file}`)} {`,
    `    label=${dotText(file)}`,
    ...own.map((one) => `    ${nodeOf(one)}`),
    '  }',
  ])
  const arrows = [...needsOf].flatMap(([ref, needs]) => needs.map((need) => `  ${dotText(ref)} -> ${dotText(need)}`))
  const body = [
    '  rankdir=RL',
    '  graph [fontname="sans-serif", color="#9ca3af"]',
    '  node [shape=box, style=filled, fillcolor="#f3f4f6", fontname="sans-serif"]',
    ...clusters,
    ...arrows,
  ]
  return `digraph ${dotText(host.name)} {\n${body.join('\n')}\n}\n`
}

function nodeOf({ ref, type, source }: CatalogResource): string {
  const fill = FILLS.find(([types]) => types.test(type))?.[1]
  const about = [
    `label=${dotText(labelOf(ref))}`,
    `tooltip=${dotText(formatSource(source))}`,
    ...(fill === undefined ? [] : [`fillcolor="${fill}"`]),
  ]
  return `${dotText(ref)} [${about.join(', ')}]`
}

/** A quoted DOT string; backslashes would start its escapes. */
function dotText(text: string): string {
  return `"${cleanLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
