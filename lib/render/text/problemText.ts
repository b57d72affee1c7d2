/**
 * A problem as text: its place comes first on the line, so that editors open it. Pure.
 */
import { HOST_SAID, type Problem } from '../view/problem.ts'
import { pad, type Page } from './page.ts'

/** Maximum lines of what a host said, from its end, unless `verbose` is set. */
const MOST_SAID = 15
const COLUMN = 11

export function renderProblem({ where, what, entries }: Problem, page: Page): string {
  const { colors } = page
  const place = where === undefined ? '' : `${colors.bold(where)}: `
  const lines = entries.flatMap(({ name, lines: all }) => {
    const [first = '', ...rest] = name === HOST_SAID ? tail(all, page) : all
    return [`  ${colors.dim(pad(name, COLUMN))}${first}`, ...rest.map((line) => `  ${' '.repeat(COLUMN)}${line}`)]
  })
  return `${[`${place}${colors.red(what)}`, ...lines].join('\n')}\n`
}

function tail(lines: readonly string[], { verbose }: Page): readonly string[] {
  const more = lines.length - MOST_SAID
  return verbose || more <= 0 ? lines : [`… ${more} lines before this: --verbose`, ...lines.slice(-MOST_SAID)]
}
