/**
 * Exit codes of one host's report and of several hosts together. Pure.
 */
import type { AnyReport, ExitName } from './report.ts'

/** Worst first: the order that decides when hosts ended differently and nothing was applied. */
const WORST_FIRST: readonly ExitName[] = [
  'interrupted',
  'usage',
  'error',
  'partial',
  'refused',
  'unreachable',
  'locked',
  'stale',
  'changes',
  'ok',
]

/** A host with failed changes is applied in part when other changes were applied, else an error. */
export function exitOfHost(report: AnyReport): ExitName {
  if (report.error !== undefined) return report.error.exit
  const failed = report.changes.some(({ outcome, failure }) => outcome === 'failed' || failure !== undefined)
  const stays = report.undo?.stays.some(({ rest }) => rest !== true) === true
  if (!failed) return stays ? exitOfRest(report) : 'ok'
  return wasApplied(report) ? 'partial' : 'error'
}

/** The exit of an undo that leaves something: applied in part, or nothing could be undone. */
function exitOfRest(report: AnyReport): ExitName {
  if (wasApplied(report)) return 'partial'
  return report.changes.length === 0 ? 'refused' : 'ok'
}

/**
 * The common exit when all hosts agree; applied in part when some failed and anything was applied on any host;
 * otherwise the worst.
 */
export function exitOfFleet(reports: readonly AnyReport[]): ExitName {
  const exit = worstOf(reports.map(exitOfHost))
  const isMixed = reports.some((report) => exitOfHost(report) !== exit)
  return isMixed && exit !== 'interrupted' && reports.some(wasApplied) ? 'partial' : exit
}

export function worstOf(exits: readonly ExitName[]): ExitName {
  return WORST_FIRST.find((name) => exits.includes(name)) ?? 'ok'
}

function wasApplied({ changes }: AnyReport): boolean {
  return changes.some(({ outcome }) => outcome === 'changed' || outcome === 'recorded')
}
