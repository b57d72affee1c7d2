/**
 * cost: what the machines of the inventory cost a month, and what the phases of growth would. No host is contacted.
 */
import { costOf, type MachineCost, type Sum } from '../../dsl/cost.ts'
import type { ExitName } from '../../engine/report.ts'
import { jsonLine } from '../../render/json.ts'
import { renderCost } from '../../render/text/costText.ts'
import { viewCost } from '../../render/view/cost.ts'
import type { CommandContext } from '../commandContext.ts'
import { UsageError } from '../errors.ts'
import { selectHosts } from '../select.ts'

export type CostFlags = { host: string[] }

export async function cost({ site, output, json }: CommandContext, { host }: CostFlags): Promise<ExitName> {
  if (site.bought === undefined) throw new UsageError('there is no inventory', 'make one with keelson init')
  const bought = await site.bought()
  const found = costOf({ ...bought, hosts: selectHosts(bought.hosts, host) })
  const report = {
    currency: 'EUR',
    vat: 'excluded',
    hosts: found.machines.map(machineJson),
    ...sumJson(found),
    phases: found.phases.map(({ name, machines, ...sum }) => ({
      name,
      machines: machines.map(machineJson),
      ...sumJson(sum),
    })),
  }
  output.out.write(json ? jsonLine('cost', report) : renderCost(viewCost(found), output.out.page))
  return 'ok'
}

function machineJson({ name, server, count, rows, cents }: MachineCost): object {
  const its = rows.map(({ cents: euro, ...row }) => ({ ...row, ...(euro === undefined ? {} : { euro: euro / 100 }) }))
  return { host: name, server, count, rows: its, euro: cents / 100 }
}

function sumJson({ cents, isWhole }: Sum): object {
  return { euro: cents / 100, isWhole }
}
