/**
 * graph: what the recipes declare, and which resources need which. No host is contacted.
 */
import { order } from '../../engine/catalog/order.ts'
import type { ExitName } from '../../engine/report.ts'
import { UsageError } from '../errors.ts'
import { cleanJson } from '../../render/clean.ts'
import { renderDot, renderTree } from '../../render/text/graph.ts'
import { hint, selectHosts } from '../select.ts'
import type { CommandContext } from '../commandContext.ts'

export type GraphFlags = { host: string[]; format: string }

const FORMATS = ['tree', 'dot']

export async function graph({ site, output, json }: CommandContext, { host, format }: GraphFlags): Promise<ExitName> {
  if (!FORMATS.includes(format)) {
    throw new UsageError(`--format takes tree or dot, not ${JSON.stringify(format)}${hint(format, FORMATS)}`)
  }
  const catalogs = await Promise.all(selectHosts(site.hosts, host).map(({ name }) => site.evaluate(name)))
  if (json) {
    output.out.write(`${cleanJson({ command: 'graph', hosts: catalogs, exit: { code: 0, name: 'ok' } })}\n`)
    return 'ok'
  }
  const texts = catalogs.map((catalog) => {
    const ordered = order(catalog.resources)
    return format === 'dot' ? renderDot(catalog.host, ordered) : renderTree(catalog.host, ordered, output.out.page)
  })
  output.out.write(texts.join('\n'))
  return 'ok'
}
