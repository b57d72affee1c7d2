/**
 * The result of a converge as text. Pure.
 */
import type { ResultView } from '../view/result.ts'
import { pad, type Page, stateColour, widest } from './page.ts'
import { renderProblem } from './problemText.ts'
import { stayLines } from './stays.ts'

export function renderResult({ surprises, problems, stays, closing }: ResultView, page: Page): string {
  const { host, verdict, rest } = closing
  const blocks = [
    surpriseLines(surprises, page).join('\n'),
    ...problems.map((problem) => renderProblem(problem, page).trimEnd()),
    stayLines(stays, page).join('\n'),
    `${host}${verdict === undefined ? '' : ` ${page.colors[stateColour(verdict.state)](verdict.text)}`}${rest}`,
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function surpriseLines(surprises: ResultView['surprises'], { colors }: Page): string[] {
  const column = Math.min(44, widest(surprises.map(({ label }) => label)))
  return surprises.map(({ label, where }) =>
    `  ${colors.yellow('~')} ${pad(label, column)}  ${colors.dim(where)}`.trimEnd(),
  )
}
