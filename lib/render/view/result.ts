/**
 * The result of a converge: what the plan could not predict, what failed and why. What went as planned is only counted.
 * Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { exitOfHost } from '../../engine/exit.ts'
import type { HostReport } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { duration } from '../words.ts'
import { hostTitle } from './host.ts'
import { type Problem, problemsOf } from './problem.ts'
import { applied, type State } from './standing.ts'
import { viewStays } from './stays.ts'
import type { Stay } from './view.ts'

/** Plain JSON, all text cleaned. */
export type ResultView = {
  /** Resources that were read again after an earlier change, and then changed. */
  surprises: { label: string; where: string }[]
  problems: Problem[]
  /** What an undo leaves, if no plan was shown that says so. */
  stays: Stay[]
  closing: Closing
}

/**
 * In `takeclient-1 converged in 3.2 s as run 3.`, the verdict is `converged`. `sum` precedes it:
 * `Planned 9: 8 done, 1 failed; 94 in sync.`
 */
type Closing = { sum?: string; host: string; verdict?: { state: State; text: string }; rest: string }

export function viewResult(report: HostReport): ResultView {
  const { changes, undo, error } = report
  const again = changes.filter(({ kind, outcome }) => kind === 'recheck' && outcome === 'changed')
  const isUnasked = changes.length === 0 && error === undefined
  return {
    surprises: again.map(({ label, source }) => ({
      label: cleanLine(label),
      where: source === undefined ? '' : cleanLine(formatSource(source)),
    })),
    problems: problemsOf(report),
    stays: undo !== undefined && isUnasked ? viewStays(undo) : [],
    closing:
      undo !== undefined && isUnasked
        ? { host: hostTitle(report.host, report.standIn), rest: ` ${nothingText(undo)}` }
        : closingOf(report),
  }
}

function closingOf(report: HostReport): Closing {
  const { changes, error, seconds, standIn, summary, partial } = report
  const verdict = {
    state: exitOfHost(report) === 'ok' ? ('ok' as const) : ('failed' as const),
    text: `${verdictOf(report)}${partial === true ? ' (PARTIAL)' : ''}`,
  }
  const about = { host: hostTitle(report.host, standIn), verdict }
  const took = duration(seconds)
  if (error !== undefined) return { ...about, rest: ` after ${took}${runText(report)}.` }
  if (changes.length === 0) return { ...about, rest: ` in ${took}: ${nothingDone(summary.resources)}.` }
  if (isCancelled(report)) return { ...about, rest: '; nothing was changed.' }
  return { ...about, sum: `${upper(applied(report).text)}.`, rest: ` in ${took}${runText(report)}.` }
}

function nothingDone(resources: number): string {
  return resources === 0 ? 'nothing declared' : `nothing to do, ${resources} in sync`
}

/** The operator said no. */
function isCancelled({ changes, run }: HostReport): boolean {
  return (
    run === undefined &&
    changes.length > 0 &&
    changes.every(({ outcome, failure }) => outcome === 'skipped' && failure === undefined)
  )
}

function runText({ run, undo }: HostReport): string {
  if (run === undefined) return ''
  const number = cleanLine(run)
  return ` as run ${number}; see \`runs ${number}\`${undo === undefined ? `, take it back with \`undo ${number}\`` : ''}`
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function nothingText({ run, stays }: NonNullable<HostReport['undo']>): string {
  if (run === undefined) return 'has nothing to undo: no run changed anything.'
  return stays.length === 0
    ? `has nothing to undo: all is as before run ${cleanLine(run)}.`
    : `is left as it is: nothing more of run ${cleanLine(run)} can go back.`
}

function verdictOf(report: HostReport): string {
  switch (exitOfHost(report)) {
    case 'ok':
      if (isCancelled(report)) return 'cancelled'
      return report.undo === undefined ? 'converged' : 'undone'
    case 'partial':
      return 'applied in part'
    case 'interrupted':
      return 'interrupted'
    default:
      return 'failed'
  }
}
