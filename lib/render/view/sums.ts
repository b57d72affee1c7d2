/**
 * The counts at the head and at the end of a plan. Pure.
 */
import { followUpsOf } from '../../engine/plan/summary.ts'
import type { FollowUp, Plan } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { counted, counts } from '../words.ts'
import { pendingText } from './standing.ts'

/** `106 resources and 2 no longer declared: 94 in sync, 14 to change`; for an undo, only the resources that it touches. */
export function headSum({ changes, summary, undo }: Plan): string {
  if (undo !== undefined) {
    const touched = { ...summary, resources: summary.resources - summary.unchanged, unchanged: 0 }
    return `undo of run ${cleanLine(undo.run)}: ${pendingText(touched)}`
  }
  const others = changes.filter(({ source }) => source === undefined).length
  const undeclared = others === 0 ? '' : ` and ${others} no longer declared`
  return `${counted(summary.resources - others, 'resource')}${undeclared}: ${pendingText(summary)}`
}

/** `1 create, 3 change, 2 to check again`; empty when nothing but loading is to be done. */
export function kindSum({ summary }: Pick<Plan, 'summary'>): string {
  const kinds = ['create', 'change', 'remove', 'adopt', 'forget'] as const
  return counts([...kinds.map((kind) => [summary[kind], kind] as const), [summary.recheck, 'to check again']])
}

/** `Plan: 1 create, 3 change · 1 to reload · 57 unchanged.` */
export function closingSum(plan: Plan): string {
  const { summary, changes, partial, undo } = plan
  const following = (action: FollowUp['action']): number =>
    changes.filter(
      (change) => change.kind === 'follow-up' && followUpsOf([change]).some((followUp) => followUp.action === action),
    ).length
  const [restarts, runs] = [following('restart'), following('run')]
  const todo = kindSum(plan)
  const loads = counts([
    [summary.followUps - restarts - runs, 'to reload'],
    [restarts, 'to restart'],
    [runs, 'to run'],
  ])
  const nothing = todo === '' && loads === '' ? 'nothing to do' : ''
  const unchanged = undo === undefined ? counts([[summary.unchanged, 'unchanged']]) : ''
  const parts = [nothing, todo, loads, unchanged].filter((part) => part !== '')
  return `${partial ? 'PARTIAL plan' : 'Plan'}: ${parts.join(' · ')}.`
}
