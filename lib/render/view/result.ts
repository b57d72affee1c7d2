/**
 * The result of a converge: what the plan could not predict, what failed and why. What went as planned is only counted.
 * Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { exitOfHost } from '../../engine/exit.ts'
import type { HostReport } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { duration } from '../words.ts'
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

/** In `takeclient-1 converged: 5 changed in 3.2 s.`, the verdict is `converged`. */
type Closing = { host: string; verdict?: { state: State; text: string }; rest: string }

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
        ? { host: cleanLine(report.host), rest: ` ${nothingText(undo)}` }
        : closingOf(report),
  }
}

function closingOf(report: HostReport): Closing {
  const exit = exitOfHost(report)
  const took = duration(report.seconds)
  return {
    host: cleanLine(report.host),
    verdict: {
      state: exit === 'ok' ? 'ok' : 'failed',
      text: `${verdictOf(report)}${report.partial === true ? ' (PARTIAL)' : ''}`,
    },
    rest: report.error === undefined ? `: ${applied(report).text} in ${took}.` : ` after ${took}.`,
  }
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
      if (report.changes.some(({ outcome }) => outcome === 'skipped')) return 'left as it is'
      return report.undo === undefined ? 'converged' : 'undone'
    case 'partial':
      return 'applied in part'
    case 'interrupted':
      return 'interrupted'
    default:
      return 'failed'
  }
}
