/**
 * cost: what the machines of the inventory cost a month, and what the phases of growth would. No host is contacted.
 */
import { costOf, type MachineCost, type Sum } from '../../dsl/cost.ts'
import type { ExitName } from '../../engine/report.ts'
import { cleanJson } from '../../render/clean.ts'
import { renderCost } from '../../render/text/costText.ts'
import { viewCost } from '../../render/view/cost.ts'
import type { CommandContext } from '../commandContext.ts'
import { UsageError } from '../errors.ts'
import { selectHosts } from '../select.ts'

export type CostFlags = { host: string[] }

/** Version of the report's form; a later minor one only adds fields. */
const FORMAT = '1.0'

export async function cost({ site, output, json }: CommandContext, { host }: CostFlags): Promise<ExitName> {
  if (site.bought === undefined) throw new UsageError('there is no inventory', 'make one with keelson init')
  const bought = await site.bought()
  const found = costOf({ ...bought, hosts: selectHosts(bought.hosts, host) })
  const report = {
    command: 'cost',
    format: FORMAT,
    currency: 'EUR',
    vat: 'excluded',
    hosts: found.machines.map(machineJson),
    ...sumJson(found),
    phases: found.phases.map(({ name, machines, ...sum }) => ({
      name,
      machines: machines.map(machineJson),
      ...sumJson(sum),
    })),
    exit: { code: 0, name: 'ok' },
  }
  output.out.write(json ? `${cleanJson(report)}\n` : renderCost(viewCost(found), output.out.page))
  return 'ok'
}

function machineJson({ name, server, count, rows, cents }: MachineCost): object {
  const its = rows.map(({ cents: euro, ...row }) => ({ ...row, ...(euro === undefined ? {} : { euro: euro / 100 }) }))
  return { host: name, server, count, rows: its, euro: cents / 100 }
}

function sumJson({ cents, isWhole }: Sum): object {
  return { euro: cents / 100, isWhole }
}
