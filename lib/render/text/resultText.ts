/**
 * How a converge went, as people read it. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { groupBy } from '../../kit/groupBy.ts'
import type { AnyReport, Failure, HostReport, ReportChange } from '../../engine/report.ts'
import { exitOfHost } from '../../engine/exit.ts'
import { cleanLine } from '../clean.ts'
import { applied } from '../view/standing.ts'
import { viewStays } from '../view/stays.ts'
import { counted, duration } from '../words.ts'
import { pad, type Page, widest } from './page.ts'
import { stayLines } from './stays.ts'
import { hostProblem, type Problem, problemOf, renderProblem } from './problem.ts'

/** What the plan could not tell, what failed and why, and one closing line. What went as planned is only counted. */
export function renderResult(report: HostReport, page: Page): string {
  const problems = problemsOf(report).map((problem) => renderProblem(problem, page).trimEnd())
  const blocks = [surprises(report.changes, page), ...problems, unasked(report, page), closing(report, page)]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

/** Everything that went wrong on a host; what was skipped for one reason is one problem. */
export function problemsOf(report: AnyReport): Problem[] {
  const { changes, host } = report
  const failed = changes.flatMap((change) => (change.outcome === 'skipped' ? [] : (problemOf(change, host) ?? [])))
  const skipped = groupBy(
    changes.filter(({ outcome, failure }) => outcome === 'skipped' && failure !== undefined),
    ({ failure }) => failure!.said,
  )
  const left = [...skipped].map(([said, group]) => ({
    what: `${counted(group.length, 'resource')} on ${host} skipped: ${group.map(({ label }) => label).join(', ')}`,
    why: said,
    ...nextOf(group[0]!.failure!),
  }))
  return [hostProblem(report) ?? [], failed, left].flat()
}

function nextOf({ next }: Failure): Pick<Problem, 'next'> {
  return next === undefined ? {} : { next }
}

/** What an undo leaves, where there was no plan to show it in. */
function unasked({ undo, changes, error }: HostReport, page: Page): string {
  return undo === undefined || changes.length > 0 || error !== undefined
    ? ''
    : stayLines(viewStays(undo), page).join('\n')
}

/** What was looked at again after an earlier change, and then changed. */
function surprises(changes: readonly ReportChange[], page: Page): string {
  const done = changes.filter(({ kind, outcome }) => kind === 'recheck' && outcome === 'changed')
  const column = Math.min(44, widest(done.map(({ label }) => cleanLine(label))))
  return done.map((change) => doneLine(change, column, page)).join('\n')
}

function doneLine({ label, source }: ReportChange, column: number, { colors }: Page): string {
  const where = source === undefined ? '' : cleanLine(formatSource(source))
  return `  ${colors.yellow('~')} ${pad(cleanLine(label), column)}  ${colors.dim(where)}`.trimEnd()
}

/** `takeclient-1 converged: 5 changed, 57 unchanged in 3.2 s.` */
function closing(report: HostReport, { colors }: Page): string {
  const verdict = verdictOf(report)
  const colour = exitOfHost(report) === 'ok' ? colors.green : colors.red
  const start = `${cleanLine(report.host)} ${colour(verdict)}`
  const took = duration(report.seconds)
  if (report.undo !== undefined && report.error === undefined && report.changes.length === 0)
    return `${cleanLine(report.host)} ${nothingText(report.undo)}`
  return report.error === undefined ? `${start}: ${applied(report).text} in ${took}.` : `${start} after ${took}.`
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
