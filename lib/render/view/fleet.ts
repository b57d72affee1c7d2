/**
 * The state of each of several hosts, one row each. Pure.
 */
import type { AnyReport } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { counted, counts, duration } from '../words.ts'
import type { Standing, State } from './standing.ts'

/** Plain JSON, all text cleaned. */
export type FleetView = {
  /** `3 hosts: 2 ok, 1 failed` */
  sum: string
  rows: { state: State; host: string; took: string; text: string }[]
}

/** @param standing Returns what to show: what is to be done, or what was done. */
export function viewFleet(reports: readonly AnyReport[], standing: (report: AnyReport) => Standing): FleetView {
  const rows = reports.map((report) => {
    const { state, text } = standing(report)
    return { state, host: cleanLine(report.host), took: duration(report.seconds), text: cleanLine(text) }
  })
  const count = (state: State): number => rows.filter((row) => row.state === state).length
  const states = counts([
    [count('ok'), 'ok'],
    [count('pending'), 'with changes pending'],
    [count('failed'), 'failed'],
  ])
  return { sum: `${counted(reports.length, 'host')}: ${states}`, rows }
}
