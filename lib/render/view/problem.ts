/**
 * What went wrong, in one shape: where and what, which step ran, what the host said in its own words, what to do. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import type { Diagnostic } from '../../engine/catalog/evaluate.ts'
import type { AnyReport, HostProblem } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { cleanLine, cleanText } from '../clean.ts'
import { counted } from '../words.ts'

/** Plain JSON, all text cleaned; an entry's line may contain a tab. */
export type Problem = {
  /** `recipes/shop.ts:14` */
  where?: string
  what: string
  entries: { name: string; lines: string[] }[]
}

type About = {
  where?: string
  what: string
  /** Explanation of this client, where the host was not asked or said nothing. */
  why?: string | undefined
  /** Title of the step that ran. */
  step?: string | undefined
  exit?: number | undefined
  /** What the host said. */
  said?: string | undefined
  /** The origin in Keelson or a recipe, for a mistake without a message of its own. */
  stack?: string
  next?: string | undefined
}

/** The entry that may be shortened to its end. */
export const HOST_SAID = 'host said'
const MISTAKES = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']

/** Whether an error of this name is one that JavaScript itself throws: a mistake in Keelson or in a recipe. */
export function isMistake(name: string): boolean {
  return MISTAKES.includes(name)
}

export function viewProblem({ where, what, why, step, exit, said, stack, next }: About): Problem {
  const texts = { why, step, exit: exit === undefined ? undefined : String(exit), [HOST_SAID]: said, stack, next }
  return {
    ...(where === undefined ? {} : { where: cleanLine(where) }),
    what: cleanLine(what),
    entries: Object.entries(texts).flatMap(([name, text = '']) =>
      text.trim() === '' ? [] : [{ name, lines: cleanText(text).trimEnd().split('\n') }],
    ),
  }
}

/** Everything that went wrong on a host; changes skipped for one reason are one problem. */
export function problemsOf(report: AnyReport): Problem[] {
  const { changes, host, error } = report
  const failed = changes.flatMap((change) => (change.outcome === 'skipped' ? [] : (failureOf(change, host) ?? [])))
  const skipped = groupBy(
    changes.filter(({ outcome, failure }) => outcome === 'skipped' && failure !== undefined),
    ({ failure }) => failure!.said,
  )
  const left = [...skipped].map(([said, group]) =>
    viewProblem({
      what: `${counted(group.length, 'resource')} on ${host} skipped: ${group.map(({ label }) => label).join(', ')}`,
      why: said,
      next: group[0]!.failure!.next,
    }),
  )
  return [...(error === undefined ? [] : [errorProblem(error, host)]), ...failed, ...left]
}

function failureOf({ failure, label, source }: AnyReport['changes'][number], host: string): Problem | undefined {
  if (failure === undefined) return undefined
  const { phase, step, exit, said, next } = failure
  return viewProblem({
    ...(source === undefined ? {} : { where: formatSource(source) }),
    what: `${label} on ${host}: ${phase} failed`,
    ...(step === undefined ? { why: said } : { step, said }),
    exit,
    next,
  })
}

/** @param host Absent for a problem that is not about one host. */
export function errorProblem({ name, message, said, why = '', next }: HostProblem, host?: string): Problem {
  const what = host === undefined ? message : `${host}: ${message}`
  if (!isMistake(name)) return viewProblem({ what, why, said, next })
  return viewProblem({
    what,
    stack: why,
    next: 'this is a mistake in Keelson or in a recipe; the lines above say where',
  })
}

/** A mistake in a recipe. */
export function recipeProblem({ message, source, also = [], next }: Diagnostic): Problem {
  return viewProblem({
    ...(source === undefined ? {} : { where: formatSource(source) }),
    what: message,
    ...(also.length === 0 ? {} : { why: `also at ${also.map(formatSource).join(', ')}` }),
    next,
  })
}
