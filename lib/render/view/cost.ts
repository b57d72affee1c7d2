/**
 * What machines cost a month, as rows of text. Pure.
 */
import { cleanLine } from '../clean.ts'
import { counted } from '../words.ts'

/** Cents; `isWhole` is false when a price is missing. */
type Sum = { cents: number; isWhole: boolean }
type Machine = {
  name: string
  server: string
  count: number
  rows: readonly { what: string; cents?: number; asOf?: string; note?: string }[]
  cents: number
}
export type CostGiven = Sum & {
  machines: readonly Machine[]
  phases: readonly (Sum & { name: string; machines: readonly Machine[] })[]
}

export type CostView = {
  machines: { title: string; rows: { what: string; euro: string; about: string }[]; sum: string }[]
  /** The present one first. */
  phases: { name: string; machines: string; euro: string }[]
  closing: string
}

export function viewCost(cost: CostGiven): CostView {
  return {
    machines: cost.machines.map(({ name, rows, cents }) => ({
      title: cleanLine(name),
      rows: rows.map(({ what, cents: its, asOf, note }) => ({
        what: cleanLine(what),
        euro: its === undefined ? '?' : euro(its),
        about: cleanLine([...(asOf === undefined ? [] : [`price of ${asOf}`]), ...(note ? [note] : [])].join(', ')),
      })),
      sum: euro(cents),
    })),
    phases: [{ name: 'now', machines: cost.machines, ...sumOf(cost) }, ...cost.phases].map((phase) => ({
      name: cleanLine(phase.name),
      machines: machinesOf(phase.machines),
      euro: atLeast(phase),
    })),
    closing: 'Euro a month, without VAT, for servers in Germany. Prices of the invoice go into the inventory.',
  }
}

function sumOf({ cents, isWhole }: Sum): Sum {
  return { cents, isWhole }
}

/** `2 CCX23, 1 CX23` */
function machinesOf(machines: readonly Machine[]): string {
  const kinds = new Map<string, number>()
  for (const { server, count } of machines) kinds.set(server, (kinds.get(server) ?? 0) + count)
  const all = [...kinds.values()].reduce((sum, count) => sum + count, 0)
  return `${counted(all, 'server')}: ${[...kinds].map(([server, count]) => `${count} ${cleanLine(server)}`).join(', ')}`
}

function atLeast({ cents, isWhole }: Sum): string {
  return isWhole ? euro(cents) : `more than ${euro(cents)}`
}

function euro(cents: number): string {
  return (cents / 100).toFixed(2)
}
