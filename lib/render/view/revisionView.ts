/**
 * Which revisions a plan compares, and what their recipes could reach while they were evaluated. Pure.
 */
import type { Evaluated, PlanBase, Revision } from '../../engine/plan/planFile.ts'
import { cleanLine } from '../clean.ts'

/** Plain JSON, all text cleaned. */
export type RevisionView = {
  /** `origin/main 3f2c1ab00000` */
  base: string
  /** When the base was committed. ISO 8601. */
  since: string
  head: string
  /** That the base has gone on since the head left it. */
  left?: string
  evaluated: string
  /** Neither network nor foreign files were left to the recipes. */
  isConfined: boolean
}

const COMMIT_LENGTH = 12

export function viewRevisions({ base, head, evaluated }: Extract<PlanBase, { kind: 'rev' }>): RevisionView {
  return {
    base: nameOf(base),
    since: cleanLine(base.at),
    head: nameOf(head),
    ...(base.tip === undefined ? {} : { left: `${cleanLine(base.rev)} has gone on to ${short(base.tip)} since` }),
    evaluated: evaluatedText(evaluated),
    isConfined: evaluated.network === 'none' && evaluated.files === 'own',
  }
}

function nameOf({ rev, commit, dirty }: Revision): string {
  const name = rev === '' ? 'the work tree on' : cleanLine(rev)
  return `${name} ${short(commit)}${dirty === true ? ' with uncommitted changes' : ''}`
}

function short(commit: string): string {
  return cleanLine(commit.slice(0, COMMIT_LENGTH))
}

function evaluatedText({ by, network, files }: Evaluated): string {
  const without = [
    'environment',
    ...(network === 'none' ? ['network'] : []),
    ...(files === 'own' ? ['foreign files'] : []),
  ]
  const left = [...(network === 'none' ? [] : ['the network']), ...(files === 'own' ? [] : ['foreign files'])]
  const means = { namespaces: ' (namespaces)', permissions: ' (permissions of Node)', process: '' }[by]
  const rest = left.length === 0 ? '' : `; ${left.join(' and ')} could not be taken away on this machine`
  return `recipes ran without ${joinWords(without)}${means}${rest}`
}

function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`
}
