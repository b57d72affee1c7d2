/**
 * Why something is to be changed, by what the ledger knows of it: the declaration is another, or the host was changed by
 * another hand. What a run left undone has the cause that it had then, and is nobody else's doing. Pure.
 */
import { type Ledger, ledgerDigest } from '../host/ledger.ts'
import type { Cause } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { Json } from '../../kit/resourceType.ts'
import { secretNames } from '../../kit/value.ts'

/** Of the planning, what causes are about. */
type Planning = { ledger: Ledger | undefined; secrets: ReadonlyMap<string, string> }

/**
 * Intent when the declaration is not what was last applied; drift when it is and the host has something else; both
 * when neither agrees with the ledger.
 *
 * @param hasMoved Whether the host has something else than this state, which was last applied.
 */
export function causeOf(
  { ledger, secrets }: Planning,
  { ref, desired }: { ref: Ref; desired: Json },
  hasMoved: (applied: Json) => boolean,
): Cause {
  const entry = ledger?.entries[ref]
  if (ledger === undefined || entry === undefined) return 'intent'
  // What differs since such a run was cut off may be its own doing.
  const left = entry.left?.cause ?? (entry.pending || ledger.begun !== undefined ? 'intent' : undefined)
  if (entry.digest === ledgerDigest(ledger.key, desired, secrets)) return left ?? 'drift'
  if (left === 'intent') return 'intent'
  // What was last applied is not in the ledger any more.
  if (entry.pending) return 'both'
  // What was last applied held a secret that is no longer asked for: what the host has cannot be compared with it.
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
