/**
 * What machines cost a month. Pure. Every row is rounded to a cent, so that the rows add up to the sums.
 */
import { INCLUDED_TB, type OwnPrices, type PriceList, pricesWith } from './prices.ts'

/** What a machine has that costs money. */
export type Bought = {
  /** Server type of the provider. */
  server: string
  /** The provider keeps backups of its disk. @default false */
  backups?: boolean
  /** Sizes of its volumes, in GB. */
  volumesGB?: readonly number[]
  /** Outgoing traffic a month, in TB. @default no more than the price includes */
  trafficTB?: number
}

/** Machines of the same kind in a phase of growth. */
export type Planned = Bought & { /** @default 1 */ count?: number }

export type CostInput = {
  hosts: readonly (Bought & { name: string })[]
  /** By name of the phase, then by name of the machine. */
  phases: { readonly [phase: string]: { readonly [machine: string]: Planned } }
  prices: OwnPrices
}

export type CostRow = {
  what: string
  /** Absent: no price is known. */
  cents?: number
  /** Day of the price. */
  asOf?: string
  note?: string
}

export type MachineCost = { name: string; server: string; count: number; rows: CostRow[]; cents: number }

/** @property isWhole False when a price is missing: it costs more than that. */
export type Sum = { cents: number; isWhole: boolean }

export type Cost = Sum & {
  machines: MachineCost[]
  phases: (Sum & { name: string; machines: MachineCost[] })[]
}

export function costOf({ hosts, phases, prices: own }: CostInput): Cost {
  const prices = pricesWith(own)
  const machines = hosts.map(({ name, ...bought }) => machineCost(name, bought, prices))
  const grown = Object.entries(phases).map(([name, planned]) => {
    const its = Object.entries(planned).map(([machine, one]) => machineCost(machine, one, prices))
    return { name, machines: its, ...sumOf(its) }
  })
  return { machines, ...sumOf(machines), phases: grown }
}

function sumOf(machines: readonly MachineCost[]): Sum {
  const rows = machines.flatMap((machine) => machine.rows)
  return {
    cents: machines.reduce((sum, { cents }) => sum + cents, 0),
    isWhole: rows.every(({ cents }) => cents !== undefined),
  }
}

function machineCost(name: string, { count = 1, ...bought }: Planned, prices: PriceList): MachineCost {
  const rows = rowsOf(bought, prices)
  const each = rows.reduce((sum, { cents = 0 }) => sum + cents, 0)
  return { name, server: bought.server, count, rows, cents: each * count }
}

function rowsOf({ server, backups = false, volumesGB = [], trafficTB = 0 }: Bought, prices: PriceList): CostRow[] {
  const price = prices.servers[server]
  const volume = volumesGB.reduce((sum, size) => sum + size, 0)
  const above = Math.max(0, trafficTB - (prices.includedTB[server] ?? INCLUDED_TB))
  const { percent, asOf } = prices.backups
  return [
    price === undefined
      ? { what: `server ${server}`, note: 'no price is known; give one under prices in the inventory' }
      : { what: `server ${server}`, ...priced(price, 1) },
    ...(price?.withIPv4 === true ? [] : [{ what: 'IPv4 address', ...priced(prices.ipv4, 1) }]),
    ...(backups
      ? [
          {
            what: `backups, ${percent} % of the server`,
            ...(price === undefined ? {} : { cents: inCents((price.euro * percent) / 100), asOf }),
          },
        ]
      : []),
    ...(volume > 0 ? [{ what: `volumes, ${volume} GB`, ...priced(prices.volumeGB, volume) }] : []),
    ...(above > 0
      ? [{ what: `traffic, ${above} TB above what is included`, ...priced(prices.trafficTB, Math.ceil(above)) }]
      : []),
  ]
}

function priced({ euro, asOf, note }: { euro: number; asOf: string; note?: string }, amount: number) {
  return { cents: inCents(euro * amount), asOf, ...(note === undefined ? {} : { note }) }
}

/** Nudged, as 0.145 × 100 is a little less than 14.5 in binary. */
function inCents(euro: number): number {
  return Math.round(euro * 100 + 1e-6)
}
