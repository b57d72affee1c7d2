/**
 * The notes beside a change: its consequence, its cause, its certainty. Pure.
 */
import type { PlanChange } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import type { Note } from './view.ts'

export const GUARDED = 'guarded: auto-reverts unless a new login works'

/** Maximum differences of a drift that are described in words. */
const MOST_WORDS = 3

export function viewNotes(change: PlanChange): Note[] {
  const { kind, leftBy, source, opens = [], besides = [] } = change
  const because = cleanLine(change.because ?? '')
  return [
    ...consequenceNotes(change),
    ...(kind === 'remove' && source !== undefined && source.line > 0 ? [plain('removed, as declared')] : []),
    ...(kind === 'forget' ? [plain(`released, ${because}`)] : []),
    ...driftNotes(change),
    ...(leftBy === undefined ? [] : [plain(`not done by run ${cleanLine(leftBy)}`)]),
    ...opens.map((words): Note => ({ tone: 'warning', about: 'opens', text: cleanLine(words) })),
    ...besides.map((words) => plain(cleanLine(words))),
    ...certaintyNotes(change),
  ]
}

function certaintyNotes({ certainty, because = '' }: PlanChange): Note[] {
  switch (certainty) {
    case 'unknown':
      return [{ tone: 'plain', about: 'certainty', text: `not known yet: ${cleanLine(because)}` }]
    case 'predicted':
      return [{ tone: 'plain', about: 'certainty', text: cleanLine(because) }]
    case 'opaque':
      return [plain('cannot be checked: runs each time')]
    default:
      return []
  }
}

function plain(text: string): Note {
  return { tone: 'plain', text }
}

/** `danger` is for what is certain: a guarded change goes back when it locks out. */
function consequenceNotes({ consequence, locksOut }: PlanChange): Note[] {
  switch (consequence) {
    case 'lockout':
      return locksOut === true
        ? [{ tone: 'danger', about: 'consequence', text: 'locks you out' }]
        : [{ tone: 'warning', about: 'consequence', text: GUARDED }]
    case 'destructive':
      return [{ tone: 'danger', about: 'consequence', text: 'destroys data' }]
    case 'disruptive':
      return [{ tone: 'warning', about: 'consequence', text: 'interrupts the service' }]
    default:
      return []
  }
}

/** `stopped`, since run 41 */
function driftNotes({ cause, drift, leftBy }: PlanChange): Note[] {
  if (cause === 'intent' || cause === 'pr') return []
  const { what, run, at = '' } = drift ?? { what: ['changed'] }
  const shown = what.slice(0, MOST_WORDS).map(cleanLine)
  const words = [...shown, ...(what.length > MOST_WORDS ? [`${what.length - MOST_WORDS} more`] : [])].join(', ')
  const text = cause === 'both' ? `changed in the code and by hand: ${words}` : words
  // What a run began and did not apply had drifted before that run, and nobody knows after which.
  if (run === undefined || run === leftBy) return [{ tone: 'drift', text }]
  const time = Date.parse(at)
  const since = { run: cleanLine(run), ...(Number.isNaN(time) ? {} : { at: new Date(time).toISOString() }) }
  return [{ tone: 'drift', text, since }]
}
