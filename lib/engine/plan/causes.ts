/**
 * Why a resource is to be changed, judged by the ledger: the declaration changed, or somebody else changed the host.
 * What a run left undone has the cause that it had in that run. Pure.
 */
import { type Ledger, ledgerDigest } from '../host/ledger.ts'
import type { Cause } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { Json } from '../../kit/resourceType.ts'
import { secretNames } from '../../kit/value.ts'

/** The part of the planning that causes depend on. */
type Planning = { ledger: Ledger | undefined; secrets: ReadonlyMap<string, string> }

/**
 * Intent when the declaration is not what was last applied; drift when it is and the host has something else; both when
 * neither agrees with the ledger.
 *
 * @param hasMoved Whether the host differs from this state, which was last applied.
 */
export function causeOf(
  { ledger, secrets }: Planning,
  { ref, desired }: { ref: Ref; desired: Json },
  hasMoved: (applied: Json) => boolean,
): Cause {
  const entry = ledger?.entries[ref]
  if (ledger === undefined || entry === undefined) return 'intent'
  // A difference that appeared after such a run was cut off may be the run's own doing.
  const left = entry.left?.cause ?? (entry.pending || ledger.begun !== undefined ? 'intent' : undefined)
  if (entry.digest === ledgerDigest(ledger.key, desired, secrets)) return left ?? 'drift'
  if (left === 'intent') return 'intent'
  // The ledger no longer has what was last applied.
  if (entry.pending) return 'both'
  // The state last applied held a secret that is no longer requested, so the host's state cannot be compared with it.
  if (secretNames(entry.desired).some((name) => !secrets.has(name))) return 'intent'
  return hasMoved(entry.desired) ? 'both' : 'intent'
}

/** The run that was to do this before. */
export function leftBy({ ledger }: Pick<Planning, 'ledger'>, ref: Ref): { leftBy?: string } {
  const entry = ledger?.entries[ref]
  const run = entry?.left?.run ?? (entry === undefined ? undefined : ledger?.begun)
  return run === undefined ? {} : { leftBy: run }
}

/** The run that made it or last changed it. */
export function runOf({ ledger }: Pick<Planning, 'ledger'>, ref: Ref): { run?: string } {
  const run = ledger?.entries[ref]?.run
  return run === undefined ? {} : { run }
}
