/**
 * The result of a converge as text. Pure.
 */
import type { ResultView } from '../view/result.ts'
import { pad, type Page, paragraph, stateColour, widest } from './page.ts'
import { renderProblem } from './problemText.ts'
import { stayLines } from './stays.ts'

export function renderResult({ surprises, problems, stays, closing }: ResultView, page: Page): string {
  const { sum, host, verdict, rest } = closing
  const title = verdict === undefined ? host : `${host} ${page.colors[stateColour(verdict.state)](verdict.text)}`
  const blocks = [
    surpriseLines(surprises, page).join('\n'),
    ...problems.map((problem) => renderProblem(problem, page).trimEnd()),
    stayLines(stays, page).join('\n'),
    [...(sum === undefined ? [] : paragraph(sum, page, 0)), ...paragraph(`${title}${rest}`, page, 0)].join('\n'),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function surpriseLines(surprises: ResultView['surprises'], { colors }: Page): string[] {
  const column = Math.min(44, widest(surprises.map(({ label }) => label)))
  return surprises.map(({ label, where }) =>
    `  ${colors.yellow('~')} ${pad(label, column)}  ${colors.dim(where)}`.trimEnd(),
  )
}
