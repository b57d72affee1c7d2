/**
 * What went wrong, in one shape: where and what, what ran, what the host said in its own words, what to do. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import type { Diagnostic } from '../../engine/catalog/evaluate.ts'
import type { AnyReport, HostProblem } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { cleanLine, cleanText } from '../clean.ts'
import { counted } from '../words.ts'

/** Plain JSON, all text cleaned; a tab may stand in a line of an entry. */
export type Problem = {
  /** `recipes/shop.ts:14` */
  where?: string
  what: string
  entries: { name: string; lines: string[] }[]
}

type About = {
  where?: string
  what: string
  /** In words of this side, where the host was not asked or said nothing. */
  why?: string | undefined
  /** Title of the step that ran. */
  step?: string | undefined
  exit?: number | undefined
  /** By the host. */
  said?: string | undefined
  /** Where in Keelson or in a recipe it came from, for mistakes that nobody wrote a sentence for. */
  stack?: string
  next?: string | undefined
}

/** The entry of which only the end may be shown. */
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

/** Everything that went wrong on a host; what was skipped for one reason is one problem. */
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

/** @param host Left out where it is not about one. */
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
