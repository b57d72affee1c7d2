/**
 * What went wrong, in one shape: where and what, which step ran, what the host said in its own words, what to do. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { type Diagnostic, placeOf } from '../../engine/catalog/evaluate.ts'
import type { AnyReport, HostProblem } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { cleanLine, cleanText } from '../clean.ts'
import { counted } from '../words.ts'
import { excerptOf } from './excerpt.ts'

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
  /** Its command. */
  ran?: string | undefined
  /** The line that the host complains of. */
  line?: string | undefined
  /** What was not tried because of it. */
  waiting?: string | undefined
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

export function viewProblem({ where, what, why, step, ran, exit, said, line, waiting, stack, next }: About): Problem {
  const tried = { step: ran === undefined ? step : undefined, ran, exit: exit === undefined ? undefined : String(exit) }
  const texts = { why, ...tried, [HOST_SAID]: said, line, waiting, stack, next }
  return {
    ...(where === undefined ? {} : { where: cleanLine(where) }),
    what: cleanLine(what),
    entries: Object.entries(texts).flatMap(([name, text = '']) =>
      text.trim() === '' ? [] : [{ name, lines: cleanText(text).trimEnd().split('\n') }],
    ),
  }
}

/** Everything that went wrong on a host; what was skipped is told with what failed before it, or by its reason. */
export function problemsOf(report: AnyReport): Problem[] {
  const { changes, host, error } = report
  const skipped = changes.filter(({ outcome, failure }) => outcome === 'skipped' && failure !== undefined)
  const broken = changes.filter(({ outcome, failure }) => outcome !== 'skipped' && failure !== undefined)
  const failed = broken.map((change) => {
    const waiting = skipped.filter(({ failure }) => failure!.after === change.label)
    return failureOf(change, host, waiting)
  })
  const others = groupBy(
    skipped.filter(({ failure }) => !broken.some(({ label }) => label === failure!.after)),
    ({ failure }) => failure!.said,
  )
  const left = [...others].map(([said, group]) =>
    viewProblem({
      what: `${counted(group.length, 'resource')} on ${host} skipped: ${group.map(({ label }) => label).join(', ')}`,
      why: said,
      next: group[0]!.failure!.next,
    }),
  )
  return [...(error === undefined ? [] : [errorProblem(error, host)]), ...failed, ...left]
}

type ReportedChange = AnyReport['changes'][number]

/** @param waiting What was not tried because of it. */
function failureOf(change: ReportedChange, host: string, waiting: readonly ReportedChange[]): Problem {
  const { failure, label, source } = change
  const { phase, step, ran, exit, said, next } = failure!
  return viewProblem({
    ...(source === undefined ? {} : { where: formatSource(source) }),
    what: `${label} on ${host}: ${phase} failed`,
    ...(step === undefined ? { why: said } : { step, ran, said }),
    exit,
    line: excerptOf(change, said).join('\n'),
    waiting: waiting.length === 0 ? '' : `${waiting.length} for it: ${waiting.map((one) => one.label).join(', ')}`,
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
export function recipeProblem(diagnostic: Diagnostic): Problem {
  const { message, also = [], excerpt, next } = diagnostic
  const where = placeOf(diagnostic)
  return viewProblem({
    ...(where === undefined ? {} : { where }),
    what: message,
    line: excerpt?.join('\n'),
    ...(also.length === 0 ? {} : { why: `also at ${also.map(formatSource).join(', ')}` }),
    next,
  })
}
