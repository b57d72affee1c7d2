/**
 * Plans that are not carried out, each by its reason. Nothing has been written then.
 */
import { Refused, Stale } from '../errors.ts'
import { barred } from './protection.ts'
import type { Plan } from '../report.ts'
import type { HostPlan } from './planHost.ts'

/** The undo was planned with one ledger; another run has written a new one since. */
export function refuseOtherLedger({ ledgerDigest }: HostPlan, known: string | undefined): void {
  if (known === undefined || ledgerDigest === known) return
  throw new Stale('another run has changed this host since it was looked at; nothing was written', {
    next: 'undo again',
  })
}

/** @throws {Refused} When it would take away or replace what is protected. */
export function refuseBarred({ items, planning }: HostPlan): void {
  const sentences = barred(planning, items)
  if (sentences.length === 0) return
  throw new Refused(`${sentences.join('; ')}; nothing was written`, {
    next: 'declare the protected one with protect: false and converge that first; or say forget(…) of it, and it stays',
  })
}

/**
 * More than max(5, 20 %) of what is owned goes only when the count is given; so does anything where nothing is declared,
 * or where the host has been converged under another name.
 */
export function refuseRemovals({ items, planning }: HostPlan, allowRemove: number | undefined): void {
  const removals = items.filter(({ change, resource }) => change?.kind === 'remove' && resource === undefined)
  const owned = Object.keys(planning.ledger?.entries ?? {}).length
  const { host, resources } = planning.catalog
  const former = planning.ledger?.host ?? host.name
  const budget = resources.length === 0 || former !== host.name ? 0 : Math.max(5, Math.floor(owned * 0.2))
  if (removals.length <= budget || removals.length === allowRemove) return
  const what = removals.length === 1 ? '1 resource' : `${removals.length} resources`
  throw new Refused(
    former === host.name
      ? `${what} would be removed, more than ${budget} of the ${owned} that Keelson owns here`
      : `${what} would be removed of the ${owned} that Keelson owns here, and this host was ${former} before: the inventory may have the wrong address`,
    {
      why: removals.map(({ shown }) => shown.label).join('\n'),
      next: `if all of them should go: --allow-remove ${removals.length}`,
    },
  )
}

/** Undefined where it is not certain that nobody could log in any more. */
export function lockoutOf({ lockouts }: Plan): Refused | undefined {
  if (lockouts === undefined) return undefined
  return new Refused(`nobody could log in any more as you do now: ${lockouts.join('; ')}; nothing was written`, {
    next: 'let this login in as well; with --allow lockout it is tried, and taken back unless a new login works',
  })
}
