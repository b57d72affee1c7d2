/**
 * Masks secrets that a host shows where nobody expects one. It is done before the digest of a plan is made: with all else
 * in a plan, the digest of the text before would tell a weak secret. Pure.
 */
import { redactIn, type Redactor } from '../../kit/redact.ts'
import type { FieldChange } from '../../kit/resourceType.ts'
import type { Plan, PlanChange } from '../report.ts'
import { planDigest } from './digest.ts'

type Mask = Pick<Redactor, 'redact'>

/** Names stay: they come from the recipes, which know no values of secrets. */
export function maskedChange(change: PlanChange, mask: Mask): PlanChange {
  const { because, opens, besides, drift } = change
  return {
    ...change,
    fields: change.fields.map((field) => maskedField(field, mask)),
    ...(because === undefined ? {} : { because: mask.redact(because) }),
    ...(opens === undefined ? {} : { opens: redactIn(opens, mask) }),
    ...(besides === undefined ? {} : { besides: redactIn(besides, mask) }),
    ...(drift === undefined ? {} : { drift: { ...drift, what: redactIn(drift.what, mask) } }),
  }
}

function maskedField(field: FieldChange, mask: Mask): FieldChange {
  return {
    ...field,
    ...('before' in field ? { before: redactIn(field.before, mask) } : {}),
    ...('after' in field ? { after: redactIn(field.after, mask) } : {}),
  }
}

/** The whole plan with its digest, for secrets that were not known when it was made. */
export function maskedPlan(plan: Plan, mask: Mask): Plan {
  const { lockouts, barred, impossible, undo, checks } = plan
  const changes = plan.changes.map((change) => maskedChange(change, mask))
  return {
    ...plan,
    changes,
    warnings: redactIn(plan.warnings, mask),
    ...(lockouts === undefined ? {} : { lockouts: redactIn(lockouts, mask) }),
    ...(barred === undefined ? {} : { barred: redactIn(barred, mask) }),
    ...(impossible === undefined ? {} : { impossible: redactIn(impossible, mask) }),
    ...(checks === undefined ? {} : { checks: redactIn(checks, mask) }),
    ...(undo === undefined
      ? {}
      : { undo: { ...undo, stays: undo.stays.map((stay) => ({ ...stay, because: mask.redact(stay.because) })) } }),
    digest: planDigest(changes),
  }
}
