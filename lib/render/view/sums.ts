/**
 * The counts at the head and at the end of a plan. Pure.
 */
import { followUpsOf } from '../../engine/plan/summary.ts'
import type { FollowUp, Plan } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { counted, counts } from '../words.ts'
import { kindCounts } from './standing.ts'

/** `106 resources and 2 no longer declared: 14 planned, 94 in sync`; for an undo, only the resources that it touches. */
export function headSum({ changes, summary, undo, revisions }: Plan): string {
  const planned = summary.resources - summary.unchanged
  if (undo !== undefined) return `undo of run ${cleanLine(undo.run)}: ${planned} planned`
  const others = changes.filter(({ source }) => source === undefined).length
  const undeclared = others === 0 ? '' : ` and ${others} no longer declared`
  const standing = counts([
    [planned, 'planned'],
    [summary.unchanged, sameWord(revisions)],
  ])
  const all = revisions === undefined ? 'all in sync' : 'the same in both revisions'
  const text = planned === 0 && summary.resources > 0 ? all : standing || 'nothing declared'
  return `${counted(summary.resources - others, 'resource')}${undeclared}: ${text}`
}

/** Between two revisions no host was asked whether it is in sync. */
function sameWord(revisions: Plan['revisions']): string {
  return revisions === undefined ? 'in sync' : 'the same'
}

/** `1 to create, 3 to change, 2 to check again`; empty when nothing but loading is to be done. */
export function kindSum({ summary }: Pick<Plan, 'summary'>): string {
  return counts(kindCounts(summary))
}

/** `Plan: 1 to create, 3 to change, 1 to reload · 57 in sync.` */
export function closingSum(plan: Plan): string {
  const { summary, changes, partial, undo, revisions } = plan
  const following = (action: FollowUp['action']): number =>
    changes.filter(
      (change) => change.kind === 'follow-up' && followUpsOf([change]).some((followUp) => followUp.action === action),
    ).length
  const [restarts, runs] = [following('restart'), following('run')]
  const todo = counts([
    ...kindCounts(summary),
    [summary.followUps - restarts - runs, 'to reload'],
    [restarts, 'to restart'],
    [runs, 'to run'],
  ])
  const same = undo === undefined ? counts([[summary.unchanged, sameWord(revisions)]]) : ''
  const parts = [todo || 'nothing to do', same].filter((part) => part !== '')
  return `${partial ? 'PARTIAL plan' : 'Plan'}: ${parts.join(' · ')}.`
}
