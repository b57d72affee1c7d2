/**
 * What went wrong, in one shape: where and what, what ran, what the host said in its own words, what to do. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import type { Diagnostic } from '../../engine/catalog/evaluate.ts'
import type { AnyReport, HostProblem } from '../../engine/report.ts'
import { cleanLine, cleanText } from '../clean.ts'
import { pad, type Page } from './page.ts'

export type Problem = {
  /** `recipes/shop.ts:14`, first on the line so that editors open it. */
  where?: string
  what: string
  /** In words of this side, where the host was not asked or said nothing. */
  why?: string
  /** Title of the step that ran. */
  step?: string
  exit?: number
  /** By the host. */
  said?: string
  /** Where in Keelson or in a recipe it came from, for mistakes that nobody wrote a sentence for. */
  stack?: string
  next?: string
}

const MISTAKES = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']

/** Whether an error of this name is one that JavaScript itself throws: a mistake in Keelson or in a recipe. */
export function isMistake(name: string): boolean {
  return MISTAKES.includes(name)
}

/** Lines of what a host said, counted from its end, that are shown unless everything is asked for. */
const MOST_SAID = 15
const COLUMN = 11

export function renderProblem({ where, what, why, step, exit, said, stack, next }: Problem, page: Page): string {
  const { colors } = page
  const place = where === undefined ? '' : `${colors.bold(cleanLine(where))}: `
  const lines = [
    `${place}${colors.red(cleanLine(what))}`,
    ...entry('why', why, page),
    ...entry('step', step, page),
    ...entry('exit', exit === undefined ? undefined : String(exit), page),
    ...entry('host said', said === undefined ? undefined : tail(said, page), page),
    ...entry('stack', stack, page),
    ...entry('next', next, page),
  ]
  return `${lines.join('\n')}\n`
}

function entry(name: string, text: string | undefined, { colors }: Page): string[] {
  if (text === undefined || text.trim() === '') return []
  const [first = '', ...rest] = cleanText(text).trimEnd().split('\n')
  return [`  ${colors.dim(pad(name, COLUMN))}${first}`, ...rest.map((line) => `  ${' '.repeat(COLUMN)}${line}`)]
}

function tail(said: string, { verbose }: Page): string {
  const lines = said.trimEnd().split('\n')
  if (verbose || lines.length <= MOST_SAID) return said
  return [`… ${lines.length - MOST_SAID} lines before this: --verbose`, ...lines.slice(-MOST_SAID)].join('\n')
}

/** A change that failed or was skipped; undefined for any other. */
export function problemOf(
  { failure, label, source, outcome }: AnyReport['changes'][number],
  host: string,
): Problem | undefined {
  if (failure === undefined) return undefined
  const { phase, step, exit, said, next } = failure
  return {
    ...(source === undefined ? {} : { where: formatSource(source) }),
    what: `${label} on ${host}: ${outcome === 'skipped' ? 'skipped' : `${phase} failed`}`,
    ...(step === undefined ? { why: said } : { step, said }),
    ...(exit === undefined ? {} : { exit }),
    ...(next === undefined ? {} : { next }),
  }
}

/** Why a host could not be planned or converged at all; undefined when it could. */
export function hostProblem({ host, error }: AnyReport): Problem | undefined {
  if (error === undefined) return undefined
  const problem = errorProblem(error)
  return { ...problem, what: `${host}: ${problem.what}` }
}

export function errorProblem({ name, message, said, why = '', next }: HostProblem): Problem {
  if (!isMistake(name)) return { what: message, why, said, next }
  return { what: message, stack: why, next: 'this is a mistake in Keelson or in a recipe; the lines above say where' }
}

/** A mistake in a recipe. */
export function recipeProblem({ message, source, also = [], next }: Diagnostic): Problem {
  return {
    ...(source === undefined ? {} : { where: formatSource(source) }),
    what: message,
    ...(also.length === 0 ? {} : { why: `also at ${also.map(formatSource).join(', ')}` }),
    ...(next === undefined ? {} : { next }),
  }
}
