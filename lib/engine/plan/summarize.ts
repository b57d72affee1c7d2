/**
 * The plan as plain data for people and programs, without what carries it out. Pure.
 */
import { spokenOf } from '../catalog/catalog.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { redactor } from '../../kit/redact.ts'
import { isOfSite } from '../host/ledger.ts'
import { barred, keptWarnings } from './protection.ts'
import { impossibleIn, removalsIn } from './refusals.ts'
import { labelOf } from '../../kit/ref.ts'
import type { Lockout, Plan, PlanChange } from '../report.ts'
import { planDigest } from './digest.ts'
import { fingerprintsOf } from './fingerprints.ts'
import { maskedChange } from './masking.ts'
import { openedBy } from './opens.ts'
import { rightsWarnings } from './rights.ts'
import { followUpsOf, summaryOf } from './summary.ts'
import { type Planned, type Planning, inScope } from './planned.ts'

/** Warns about resources that other sites declared on the host; they stay. */
function foreignWarnings({ catalog, ledger, prune }: Planning): string[] {
  if (!prune) return []
  const spoken = spokenOf(catalog)
  const foreign = Object.entries(ledger?.entries ?? {}).filter(
    ([ref, entry]) => !spoken.has(ref) && !isOfSite(entry, catalog.site),
  )
  return [...groupBy(foreign, ([, { sites = [] }]) => sites.join(', '))].map(([site, entries]) => {
    const named = entries.slice(0, 3).map(([ref]) => labelOf(ref))
    const more = entries.length > named.length ? ` and ${entries.length - named.length} more` : ''
    return `${named.join(', ')}${more} belong to site ${site} and stay; declare them here to take them over`
  })
}

/** The plan without what tells which ledger it was made with. */
export function summarize(
  planning: Planning,
  items: readonly Planned[],
  lockouts: readonly Lockout[] = [],
): Omit<Plan, 'ledger' | 'ledgerSerial'> {
  const shut = new Set(lockouts.flatMap(({ refs }) => refs))
  const shown = items.map((item): PlanChange => {
    const change = item.shown
    const opens = openedBy(item, change.fields)
    const known = item.change === undefined ? [] : (item.type.besides?.(item.change) ?? [])
    const besides = [...(change.besides ?? []), ...known]
    return {
      ...change,
      ...(opens.length === 0 ? {} : { opens }),
      ...(besides.length === 0 ? {} : { besides }),
      ...(shut.has(change.ref) ? { locksOut: true } : {}),
    }
  })
  const mask = planning.secrets.size === 0 ? undefined : redactor(planning.secrets.values())
  const changes = mask === undefined ? shown : shown.map((change) => maskedChange(change, mask))
  const barredOnes = barred(planning, items)
  const hopeless = impossibleIn(items, planning)
  const removals = removalsIn(items, planning)
  const looked = planning.ordered.filter(({ ref }) => inScope(planning, ref)).length
  const undeclared = items.filter(({ resource }) => resource === undefined).length
  return {
    format: 1,
    host: planning.catalog.host,
    ...(planning.machine === undefined ? {} : { machine: planning.machine }),
    changes,
    followUps: followUpsOf(changes),
    summary: summaryOf(changes, looked + undeclared),
    partial: planning.scope !== undefined && planning.undo === undefined,
    ...(planning.undo === undefined ? {} : { undo: planning.undo }),
    first: planning.ledger === undefined,
    warnings: [
      ...planning.warnings,
      ...keptWarnings(planning),
      ...foreignWarnings(planning),
      ...barredOnes,
      ...hopeless,
      ...rightsWarnings(items),
    ],
    ...(barredOnes.length === 0 ? {} : { barred: barredOnes }),
    ...(hopeless.length === 0 ? {} : { impossible: hopeless }),
    ...(removals === undefined ? {} : { removals }),
    ...(lockouts.length === 0 ? {} : { lockouts: lockouts.map(({ because }) => because) }),
    ...fingerprintsOf(planning, items),
    digest: planDigest(changes),
  }
}
