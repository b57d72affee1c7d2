/**
 * The notes beside a change: its consequence, its cause, its certainty. Pure.
 */
import type { PlanChange } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import type { Note } from './view.ts'

/** Maximum differences of a drift that are described in words. */
const MOST_WORDS = 3

export function viewNotes(change: PlanChange): Note[] {
  const { kind, certainty, leftBy, source, opens = [], besides = [] } = change
  const because = cleanLine(change.because ?? '')
  return [
    ...consequenceNotes(change),
    ...(kind === 'remove' && source !== undefined && source.line > 0 ? [plain('removed, as declared')] : []),
    ...(kind === 'forget' ? [plain(`released; ${because}`)] : []),
    ...driftNotes(change),
    ...(leftBy === undefined ? [] : [plain(`not done by run ${cleanLine(leftBy)}`)]),
    ...opens.map((words): Note => ({ tone: 'warning', about: 'opens', text: cleanLine(words) })),
    ...besides.map((words) => plain(cleanLine(words))),
    ...(certainty === 'unknown' ? [plain(`not known yet: ${because}`)] : []),
    ...(certainty === 'predicted' ? [plain(`predicted: ${because}`)] : []),
    ...(certainty === 'opaque' ? [plain('cannot be checked: runs each time')] : []),
  ]
}

function plain(text: string): Note {
  return { tone: 'plain', text }
}

function consequenceNotes({ kind, consequence, locksOut }: PlanChange): Note[] {
  const verb = kind === 'remove' ? 'remove; ' : kind === 'create' ? 'create; ' : ''
  switch (consequence) {
    case 'lockout': {
      const words = locksOut === true ? 'locks you out' : 'guarded: reverts by itself unless a new login works'
      return [{ tone: 'danger', about: 'consequence', text: `${verb}${words}` }]
    }
    case 'destructive':
      return [{ tone: 'danger', about: 'consequence', text: `${verb}destroys data` }]
    case 'disruptive':
      return [{ tone: 'warning', about: 'consequence', text: 'interrupts the service' }]
    default:
      return []
  }
}

/** `drift: stopped after run 41` */
function driftNotes({ cause, drift, leftBy }: PlanChange): Note[] {
  if (cause === 'intent') return []
  const { what, run, at = '' } = drift ?? { what: ['changed'] }
  const shown = what.slice(0, MOST_WORDS).map(cleanLine)
  const words = [...shown, ...(what.length > MOST_WORDS ? [`${what.length - MOST_WORDS} more`] : [])].join(', ')
  const start = cause === 'both' ? 'declared otherwise, and ' : 'drift: '
  // What a run began and did not apply had drifted before that run, and nobody knows after which.
  if (run === undefined || run === leftBy) return [{ tone: 'drift', text: `${start}${words}` }]
  const since = Date.parse(at)
  return [
    {
      tone: 'drift',
      text: `${start}${words} after run ${cleanLine(run)}`,
      ...(Number.isNaN(since) ? {} : { since: new Date(since).toISOString() }),
    },
  ]
}
