/**
 * How a converge went, as people read it. Pure.
 */
import { formatSource } from '../../engine/catalog.ts'
import type { HostReport, Outcome, ReportChange } from '../../engine/report.ts'
import { exitOfHost } from '../exit.ts'
import { cleanLine } from './clean.ts'
import { counted, duration, pad, type Page, widest } from './page.ts'
import { markOf } from './planText.ts'
import { hostProblem, problemOf, renderProblem } from './problem.ts'

/** What was done on one host, what failed and why, and one closing line. */
export function renderResult(report: HostReport, page: Page): string {
  const { changes, host } = report
  const problems = [hostProblem(report), ...changes.map((change) => problemOf(change, host))]
  const blocks = [
    doneLines(changes, page),
    ...problems.flatMap((problem) => (problem === undefined ? [] : [renderProblem(problem, page).trimEnd()])),
    closing(report, page),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function doneLines(changes: readonly ReportChange[], page: Page): string {
  const done = changes.filter(({ outcome }) => outcome === 'changed')
  const column = Math.min(50, widest(done.map(({ label }) => cleanLine(label))))
  return done.map((change) => doneLine(change, column, page)).join('\n')
}

function doneLine(change: ReportChange, column: number, page: Page): string {
  const where = change.source === undefined ? '' : cleanLine(formatSource(change.source))
  return `  ${markOf(change, page)} ${pad(cleanLine(change.label), column)}  ${page.colors.dim(where)}`.trimEnd()
}

/** `Converged takeclient-1: 5 changed, 57 unchanged in 3.2 s.` */
function closing(report: HostReport, { colors }: Page): string {
  const verdict = verdictOf(report)
  const good = exitOfHost(report) === 'ok'
  return `${good ? colors.green(verdict) : colors.red(verdict)} ${cleanLine(report.host)}: ${standing(report)} in ${duration(report.seconds)}.`
}

function verdictOf(report: HostReport): string {
  switch (exitOfHost(report)) {
    case 'ok':
      return report.changes.some(({ outcome }) => outcome === 'skipped') ? 'Left as it is' : 'Converged'
    case 'partial':
      return 'Applied in part'
    case 'interrupted':
      return 'Interrupted'
    default:
      return 'Failed'
  }
}

/** `5 changed, 1 failed, 57 unchanged`; what failed altogether says only that. */
export function standing({ changes, summary, error }: HostReport): string {
  if (error !== undefined) return error.name
  const count = (outcome: Outcome): number => changes.filter((change) => change.outcome === outcome).length
  const unchanged = summary.unchanged + count('unchanged')
  const parts = [
    ...(['changed', 'recorded', 'failed', 'skipped'] as const).map((outcome) => [count(outcome), outcome] as const),
    [unchanged, 'unchanged'] as const,
  ]
  const told = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`)
  return told.length === 0 ? 'nothing declared' : told.join(', ')
}

/** Where each of several hosts stands, one line each. */
export function renderFleet(reports: readonly HostReport[], page: Page): string {
  const column = widest(reports.map(({ host }) => cleanLine(host)))
  const good = reports.filter((report) => exitOfHost(report) === 'ok').length
  const lines = reports.map((report) => fleetLine(report, column, page))
  return `${counted(reports.length, 'host')}: ${good} in order, ${reports.length - good} not\n${lines.join('\n')}\n`
}

function fleetLine(report: HostReport, column: number, { colors }: Page): string {
  const mark = exitOfHost(report) === 'ok' ? colors.green('✓') : colors.red('✗')
  const said = report.error === undefined ? standing(report) : cleanLine(report.error.message)
  return `  ${mark} ${pad(cleanLine(report.host), column)}  ${duration(report.seconds)}  ${said}`
}
