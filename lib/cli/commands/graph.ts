/**
 * graph: what the recipes declare, and which resources need which. No host is contacted.
 */
import type { Catalog, CatalogResource } from '../../engine/catalog/catalog.ts'
import { partOf, reduced, reversed } from '../../engine/catalog/graph.ts'
import { order, type Ordered } from '../../engine/catalog/order.ts'
import type { ExitName } from '../../engine/report.ts'
import { UsageError } from '../errors.ts'
import { askedFor, checkOnly } from '../only.ts'
import { jsonLine } from '../../render/json.ts'
import { renderDot, renderTree } from '../../render/text/graph.ts'
import { hint, selectHosts } from '../select.ts'
import type { CommandContext } from '../commandContext.ts'

export type GraphFlags = { host: string[]; only: string[]; format: string; reverse?: true }

const FORMATS = ['tree', 'dot']

export async function graph(
  { site, output, json }: CommandContext,
  { host, only, format, reverse }: GraphFlags,
): Promise<ExitName> {
  if (!FORMATS.includes(format)) {
    throw new UsageError(`--format takes tree or dot, not ${JSON.stringify(format)}${hint(format, FORMATS)}`)
  }
  const catalogs = await Promise.all(selectHosts(site.hosts, host).map(({ name }) => site.evaluate(name)))
  checkOnly(
    only,
    catalogs.flatMap(({ resources }) => resources),
  )
  const parts = catalogs.map((catalog) => {
    const whole = order(catalog.resources)
    const turned = reverse === true ? reversed(whole) : whole
    return { catalog, part: only.length === 0 ? turned : partOf(turned, askedFor(only)) }
  })
  if (json) {
    const hosts = parts.map(({ catalog, part }) => ({ ...catalog, resources: resourcesOf(catalog, part) }))
    output.out.write(jsonLine('graph', { hosts }))
    return 'ok'
  }
  const texts = parts.map(({ catalog: { host: about }, part }) =>
    format === 'dot' ? renderDot(about, reduced(part)) : renderTree(about, reduced(part), output.out.page),
  )
  output.out.write(texts.join('\n'))
  return 'ok'
}

/** In declaration order. */
function resourcesOf({ resources }: Catalog, { ordered }: Ordered): CatalogResource[] {
  const kept = new Set(ordered)
  return resources.filter((resource) => kept.has(resource))
}
