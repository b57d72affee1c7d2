/**
 * The state of a host as counts. Every resource is counted exactly once, so the counts add up. Pure.
 */
import type { AnyReport, Outcome, Summary } from '../../engine/report.ts'
import { exitOfHost } from '../../engine/exit.ts'
import { counts } from '../words.ts'

/** `ok`: nothing is left to do on the host. */
export type State = 'ok' | 'pending' | 'failed'
/** The text of an error is not cleaned. */
export type Standing = { state: State; text: string }

/** `101 in sync, 5 to change`, as in the heading of a plan. */
export function planned(report: AnyReport): Standing {
  const { summary, error } = report
  if (error !== undefined) return { state: 'failed', text: error.message }
  const isSame = summary.unchanged === summary.resources
  return { state: isSame ? 'ok' : 'pending', text: pendingText(summary) }
}

export function pendingText({ resources, unchanged, ...kinds }: Summary): string {
  if (unchanged === resources) return 'all in sync'
  return terms([
    [unchanged, 'in sync'],
    [kinds.create + kinds.change + kinds.remove, 'to change'],
    [kinds.followUps, 'to reload or restart or run'],
    [kinds.adopt + kinds.forget, 'to record'],
    [kinds.recheck, 'to check again'],
  ])
}

/** `5 changed, 1 failed, 57 unchanged`. */
export function applied(report: AnyReport): Standing {
  const { changes, summary, error } = report
  if (error !== undefined) return { state: 'failed', text: error.message }
  const count = (outcome: Outcome): number => changes.filter((change) => change.outcome === outcome).length
  // Resources that were planned to change and were already as declared when their turn came.
  const already = changes.filter(({ kind, outcome }) => outcome === 'unchanged' && kind !== 'recheck').length
  const skipped = count('skipped')
  const text = terms([
    [count('changed'), 'changed'],
    [count('recorded'), 'recorded'],
    [count('failed'), 'failed'],
    [skipped, 'skipped'],
    [already, 'already right when their turn came'],
    [summary.unchanged + count('unchanged') - already, 'unchanged'],
  ])
  if (exitOfHost(report) !== 'ok') return { state: 'failed', text }
  return { state: skipped > 0 ? 'pending' : 'ok', text }
}

function terms(numbers: Parameters<typeof counts>[0]): string {
  return counts(numbers) || 'nothing declared'
}
