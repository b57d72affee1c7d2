/**
 * The counts of a plan. Pure.
 */
import type { FollowUp, PlanChange, Summary } from '../report.ts'

export function followUpsOf(changes: readonly PlanChange[]): FollowUp[] {
  return changes.flatMap(({ ref, fields }) =>
    fields.flatMap(({ followUp }) =>
      followUp === undefined ? [] : [{ unit: ref.slice(ref.indexOf(':') + 1), ...followUp }],
    ),
  )
}

/** @param resources Number of resources that were read, with or without a change. */
export function summaryOf(changes: readonly PlanChange[], resources: number): Summary {
  const count = (kind: PlanChange['kind']): number => changes.filter((change) => change.kind === kind).length
  return {
    resources,
    create: count('create'),
    change: count('change'),
    remove: count('remove'),
    adopt: count('adopt'),
    forget: count('forget'),
    recheck: count('recheck'),
    followUps: count('follow-up'),
    unchanged: resources - changes.length,
  }
}
