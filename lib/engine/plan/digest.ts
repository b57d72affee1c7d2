/**
 * The digest of a plan, by which a reviewed plan is recognised. Pure.
 */
import { digestOf } from '../catalog/catalog.ts'
import type { PlanChange } from '../report.ts'

/** Covers what is changed and how: no time, order, run or recipe line. */
export function planDigest(changes: readonly PlanChange[]): string {
  const normalised = changes.map(({ ref, kind, fields }) => ({ ref, kind, fields }))
  return digestOf(normalised.sort((a, b) => (a.ref < b.ref ? -1 : a.ref > b.ref ? 1 : 0)))
}
