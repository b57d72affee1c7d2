/**
 * List prices of Hetzner Cloud in Germany: euro a month, without VAT.
 *
 * Each price has the day on which it was the list price. Prices rose on 2026-04-01, and on 2026-06-15 for new servers and
 * for those that change their type; a server keeps the price at which it was ordered. What an invoice says goes into
 * `prices` of the inventory.
 */

export type Price = {
  euro: number
  /** Day on which this was the list price: `2026-05-27`. */
  asOf: string
  /** `no longer sold` */
  note?: string
  /** It includes an IPv4 address. */
  withIPv4?: true
}

export type PriceList = {
  /** By server type. */
  servers: { readonly [type: string]: Price }
  /** A public IPv4 address. */
  ipv4: Price
  /** Backups that the provider makes of a server's disk: percent of the server's price. */
  backups: { percent: number; asOf: string }
  /** A GB of a volume. */
  volumeGB: Price
  /** A TB of outgoing traffic above what the server's price includes. */
  trafficTB: Price
  /** TB of outgoing traffic that the price of a server includes. */
  includedTB: { readonly [type: string]: number }
}

/** A part of a price list: what it has takes the place of the same in the list here. */
export type OwnPrices = {
  servers?: { readonly [type: string]: Price }
  ipv4?: Price
  backups?: { percent: number; asOf: string }
  volumeGB?: Price
  trafficTB?: Price
}

/** The provider bills a month as at most so many hours: 12.49 a month are 0.0200 an hour (CCX13, 2025-10-21). */
const HOURS = 624

/** For types of which only the price of an hour is known. */
function byHour(euroAnHour: number): Price {
  const euro = Math.round(euroAnHour * HOURS * 100) / 100
  return { euro, asOf: '2023-08-02', note: 'no longer sold', withIPv4: true }
}

const on = (asOf: string, euro: number): Price => ({ euro, asOf })

export const PRICES: PriceList = {
  servers: {
    CX23: on('2026-05-27', 3.99),
    CX33: on('2026-05-27', 6.49),
    CX43: on('2026-05-27', 11.99),
    CX53: on('2026-05-27', 22.49),
    CCX13: on('2025-10-21', 12.49),
    CCX23: on('2025-10-21', 24.49),
    CCX33: on('2025-10-21', 48.49),
    CCX43: on('2025-10-21', 96.49),
    CCX53: on('2025-10-21', 192.49),
    CCX63: on('2025-10-21', 288.49),
    CX22: { ...on('2024-07-02', 3.29), note: 'no longer sold' },
    CX32: { ...on('2024-07-02', 6.3), note: 'no longer sold' },
    CX52: { ...on('2024-07-02', 32.4), note: 'no longer sold' },
    CPX11: on('2024-07-02', 3.85),
    CPX21: on('2024-07-02', 7.05),
    CPX31: on('2025-04-10', 13.1),
    CPX41: on('2024-07-02', 24.7),
    CPX51: byHour(0.0882),
    CAX11: byHour(0.0059),
    CAX21: byHour(0.0101),
    CAX31: byHour(0.0202),
    CAX41: byHour(0.0395),
    CCX12: byHour(0.0328),
    CCX22: byHour(0.0664),
    CCX32: byHour(0.1319),
    CCX42: byHour(0.2647),
    CCX52: byHour(0.5286),
    CCX62: byHour(0.7916),
  },
  ipv4: on('2025-10-21', 0.5),
  backups: { percent: 20, asOf: '2026-05-27' },
  volumeGB: on('2026-05-27', 0.0572),
  trafficTB: on('2026-05-27', 1),
  includedTB: { CCX33: 30, CCX43: 40, CCX53: 50, CCX63: 60 },
}

/** TB that the price of any other server includes, in Europe. */
export const INCLUDED_TB = 20

/** The list, with the inventory's own prices in place of the same. */
export function pricesWith(own: OwnPrices = {}): PriceList {
  return { ...PRICES, ...own, servers: { ...PRICES.servers, ...own.servers } }
}
