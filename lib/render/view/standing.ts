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

/** `2 to create, 3 to change, 101 in sync`: in the words of a plan's last line. */
export function planned(report: AnyReport): Standing {
  const { summary, error } = report
  if (error !== undefined) return { state: 'failed', text: error.message }
  if (summary.unchanged === summary.resources) return { state: 'ok', text: 'all in sync' }
  const text = counts([
    ...kindCounts(summary),
    [summary.followUps, 'to reload or restart or run'],
    [summary.unchanged, 'in sync'],
  ])
  return { state: 'pending', text }
}

/** What a plan will do, by kind, except for loading. */
export function kindCounts(summary: Summary): (readonly [count: number, word: string])[] {
  return [
    [summary.create, 'to create'],
    [summary.change, 'to change'],
    [summary.remove, 'to remove'],
    [summary.adopt, 'to adopt'],
    [summary.forget, 'to release'],
    [summary.recheck, 'to check again'],
  ]
}

/** `planned 12: 8 done, 1 failed, 3 skipped; 94 in sync`: of a plan, how much came out how. */
export function applied(report: AnyReport): Standing {
  const { changes, summary, error } = report
  if (error !== undefined) return { state: 'failed', text: error.message }
  const count = (outcome: Outcome): number => changes.filter((change) => change.outcome === outcome).length
  const skipped = count('skipped')
  const outcomes = counts([
    [count('changed') + count('recorded'), 'done'],
    [count('failed'), 'failed'],
    [skipped, 'skipped'],
    [count('unchanged'), 'already right'],
  ])
  const done = outcomes === '' ? '' : `planned ${changes.length}: ${outcomes}`
  const same = outcomes === '' ? 'all in sync' : counts([[summary.unchanged, 'in sync']])
  const text = [done, same].filter((part) => part !== '').join('; ')
  if (exitOfHost(report) !== 'ok') return { state: 'failed', text }
  return { state: skipped > 0 ? 'pending' : 'ok', text }
}
