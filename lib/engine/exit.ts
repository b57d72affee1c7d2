/**
 * Exit codes: what one host's report comes to, and several hosts' together. Pure.
 */
import type { AnyReport, ExitName } from './report.ts'

/** The worst first, for hosts that ended differently and where nothing was applied. */
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

/** A host on which some changes failed is applied in part when others were applied, else an error. */
export function exitOfHost(report: AnyReport): ExitName {
  if (report.error !== undefined) return report.error.exit
  const failed = report.changes.some(({ outcome, failure }) => outcome === 'failed' || failure !== undefined)
  const stays = report.undo?.stays.some(({ rest }) => rest !== true) === true
  if (!failed) return stays ? exitOfRest(report) : 'ok'
  return wasApplied(report) ? 'partial' : 'error'
}

/** An undo that leaves something: what could go back has gone, or there was nothing that could. */
function exitOfRest(report: AnyReport): ExitName {
  if (wasApplied(report)) return 'partial'
  return report.changes.length === 0 ? 'refused' : 'ok'
}

/**
 * All hosts the same: that. Some failed after something was applied anywhere: applied in part. Otherwise the worst.
 */
export function exitOfFleet(reports: readonly AnyReport[]): ExitName {
  const exit = worstOf(reports.map(exitOfHost))
  const isMixed = reports.some((report) => exitOfHost(report) !== exit)
  return isMixed && exit !== 'interrupted' && reports.some(wasApplied) ? 'partial' : exit
}

/** The worst of several. */
export function worstOf(exits: readonly ExitName[]): ExitName {
  return WORST_FIRST.find((name) => exits.includes(name)) ?? 'ok'
}

function wasApplied({ changes }: AnyReport): boolean {
  return changes.some(({ outcome }) => outcome === 'changed' || outcome === 'recorded')
}
