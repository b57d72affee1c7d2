/**
 * What is known of one resource, as entries. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import type { Declaration, Explanation, Seen } from '../../engine/plan/explanation.ts'
import type { HostProblem } from '../../engine/report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import { cleanLine, cleanText } from '../clean.ts'
import { counted } from '../words.ts'
import { viewFields } from './fields.ts'
import { viewChange } from './planView.ts'
import { EFFECTS } from './review.ts'
import type { ChangeRow, Field } from './view.ts'

/** A host's explanation: the input of the view, and what `--json` prints. */
export type Explained = {
  host: string
  address: string
  resource?: Explanation
  /** Where the recipe line comes from. */
  commit?: LineCommit
  /** Why the host was not read. */
  error?: HostProblem
}

/** Not committed: the line is new. */
export type LineCommit =
  | { committed: true; commit: string; at: string; author: string; subject: string }
  | { committed: false }

/** Plain JSON, all text cleaned. */
export type ExplanationView = {
  host: string
  label: string
  ref: string
  declared: { words: string[]; commit?: { text: string; since?: string }; fields: Field[] }
  observed: string
  /** In words, or as a row of a plan. */
  decision: { words: string; row?: ChangeRow }
  /** Names in a list; `none` in place of an empty one. */
  lists: { name: string; items: string[]; none: string }[]
  commands: { name: string; none: string; steps: { title: string; lines: string[] }[] }
  /** What to do about a host that was not read. */
  next: string
}

export function viewExplanation({ host, commit, error, resource }: Explained): ExplanationView {
  const { label, ref, declared, seen, commands, commandsOf } = resource!
  const notRead = error === undefined ? 'no host was asked' : cleanLine(error.message)
  return {
    host: cleanLine(host),
    label: cleanLine(label),
    ref: cleanLine(ref),
    declared: {
      words: declaredWords(declared),
      ...(commit === undefined ? {} : { commit: commitView(commit) }),
      fields: declared === undefined ? [] : viewFields({ kind: 'create', fields: declared.fields }),
    },
    observed: seen === undefined ? `not known: ${notRead}` : observedWords(seen, declared),
    decision: seen === undefined ? { words: `not known: ${notRead}` } : decisionView(seen),
    lists: listsOf(resource!, seen === undefined),
    commands: {
      name: commandsOf === 'plan' ? 'commands' : 'to make it',
      none: commands === undefined ? 'not known without the values of its secrets' : 'none',
      steps: (commands ?? []).map(({ title, run }) => ({
        title: cleanLine(title),
        lines: cleanText(run).trimEnd().split('\n'),
      })),
    },
    next: cleanLine(error?.next ?? ''),
  }
}

function declaredWords(declared: Declaration | undefined): string[] {
  if (declared === undefined) return ['not declared any more']
  const { source, also, tags, protect, absent } = declared
  return [
    cleanLine([source, ...also].map(formatSource).join(', also ')),
    ...(absent ? ['must not be there'] : []),
    ...(protect ? ['protected'] : []),
    ...(tags.length === 0 ? [] : [`tags ${cleanLine(tags.join(', '))}`]),
  ]
}

function commitView(commit: LineCommit): { text: string; since?: string } {
  if (!commit.committed) return { text: 'not committed yet' }
  const { commit: id, author, subject, at } = commit
  return { text: cleanLine(`commit ${id.slice(0, 7)} of ${author}: ${subject}`), since: at }
}

function observedWords({ is, decision }: Seen, declared: Declaration | undefined): string {
  if (is === 'unknown') return `not known yet: ${cleanLine(decision?.because ?? 'it could not be read')}`
  if (is === 'absent') return 'it is not there'
  if (declared === undefined) return 'it is there'
  return decision?.kind === 'change' ? 'it is there, and differs' : 'as declared'
}

function decisionView({ decision }: Seen): ExplanationView['decision'] {
  if (decision === undefined) return { words: 'nothing to do' }
  const because = decision.certainty === 'exact' && decision.because !== undefined ? `: ${decision.because}` : ''
  return { words: cleanLine(`${DECISIONS[decision.kind]}${because}`), row: viewChange(decision) }
}

const DECISIONS = {
  create: 'create it',
  change: 'change it',
  remove: 'remove it',
  'follow-up': 'only let it load, or run for, what else changed',
  adopt: 'only record it',
  forget: 'release it',
  recheck: 'check it again later',
} as const

function listsOf(about: Explanation, isOffline: boolean): ExplanationView['lists'] {
  const { consequence, triggers, needs, neededBy, through } = about
  const labels = (refs: readonly Ref[]): string[] => refs.map((ref) => cleanLine(labelOf(ref)))
  const loads = triggers.map(({ action, unit }) =>
    cleanLine(`${action} ${unit}${isOffline && action !== 'run' ? ', if it runs' : ''}`),
  )
  const effect = consequence === 'record' ? '' : EFFECTS[consequence]
  const more = through === 0 ? [] : [`${counted(through, 'other resource')} through these`]
  return [
    { name: 'triggers', items: [...(effect === '' ? [] : [effect]), ...new Set(loads)], none: 'nothing' },
    { name: 'needs', items: labels(needs), none: 'nothing' },
    { name: 'needed by', items: [...labels(neededBy), ...more], none: 'nothing' },
  ]
}
