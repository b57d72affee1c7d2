/**
 * Why a plan is refused. Nothing has been written then.
 */
import { Refused } from '../errors.ts'
import type { Plan, PlanChange, Removals } from '../report.ts'
import { plannedChange } from './changes.ts'
import { denialOf } from './checks.ts'
import type { Planned, Planning } from './planned.ts'

/** What the operator agreed to in advance. */
export type Agreed = {
  /** Number of removals; required above the budget. */
  allowRemove?: number
  /** Apply a plan that is certain to lock the operator out; the guard on the host is armed all the same. */
  allowLockout?: boolean
}

/** Whether the plan does more than read resources again. */
export function isPending({ changes }: Plan): boolean {
  return changes.some(({ kind }: PlanChange) => kind !== 'recheck')
}

/** Why a plan is refused; undefined when it is not. */
export function refusalOf(plan: Plan, { allowRemove, allowLockout }: Agreed): Refused | undefined {
  const { barred = [], impossible = [], removals } = plan
  const denied = denialOf(plan)
  if (denied !== undefined) return denied
  if (barred.length > 0) return barredBy(barred)
  if (impossible.length > 0)
    return new Refused(`${impossible.join('; ')}; nothing was written`, { next: 'correct that, and plan again' })
  if (removals !== undefined && removals.labels.length !== allowRemove) return removalsOf(removals)
  return allowLockout === true ? undefined : lockoutOf(plan)
}

/** Undefined unless it is certain that nobody could log in any more. */
export function lockoutOf({ lockouts }: Plan): Refused | undefined {
  if (lockouts === undefined) return undefined
  return new Refused(`this would lock you out: ${lockouts.join('; ')}; nothing was written`, {
    next: 'add a rule that lets your login in; with --allow lockout it is tried, and auto-reverts unless a new login works',
  })
}

/** Sentences about changes that cannot succeed, whatever is applied before them. */
export function impossibleIn(items: readonly Planned[], { undo }: Pick<Planning, 'undo'>): string[] {
  // An undo leaves out what is gone.
  if (undo !== undefined) return []
  return items.flatMap(({ type, change, shown }, index) => {
    if (change === undefined || type.impossible === undefined) return []
    // What is read again after a change of others may yet be applied.
    const before = items.slice(0, index)
    const maybe = before.some((item) => item.change === undefined && item.type.altersOthers === true)
    const why = maybe ? undefined : type.impossible(change, before.flatMap(plannedChange))
    return why === undefined ? [] : [`${shown.label}: ${why}`]
  })
}

function barredBy(sentences: readonly string[]): Refused {
  return new Refused(`${sentences.join('; ')}; nothing was written`, {
    next: 'declare the protected one with protect: false and converge that first; or say forget(…) of it, and it stays',
  })
}

function removalsOf({ labels, owned, budget, former }: Removals): Refused {
  const what = labels.length === 1 ? '1 resource' : `${labels.length} resources`
  return new Refused(
    former === undefined
      ? `${what} would be removed, more than ${budget} of the ${owned} that Keelson owns here`
      : `${what} would be removed of the ${owned} that Keelson owns here, and this host was ${former} before: the inventory may have the wrong address`,
    { why: labels.join('\n'), next: `if all of them should go: --allow-remove ${labels.length}` },
  )
}

/**
 * Removing more than max(5, 20 %) of what is owned requires the count as consent; so does any removal when nothing is
 * declared, or when the host was last converged under another name. Undefined when no consent is required.
 */
export function removalsIn(
  items: readonly Planned[],
  { ledger, catalog: { host, resources } }: Pick<Planning, 'ledger' | 'catalog'>,
): Removals | undefined {
  const removals = items.filter(({ change, resource }) => change?.kind === 'remove' && resource === undefined)
  const owned = Object.keys(ledger?.entries ?? {}).length
  const former = ledger?.host ?? host.name
  const budget = resources.length === 0 || former !== host.name ? 0 : Math.max(5, Math.floor(owned * 0.2))
  if (removals.length <= budget) return undefined
  const labels = removals.map(({ shown }) => shown.label)
  return { labels, owned, budget, ...(former === host.name ? {} : { former }) }
}
