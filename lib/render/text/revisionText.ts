/**
 * Which revisions a plan compares, as text for a terminal. Pure.
 */
import type { RevisionView } from '../view/revisionView.ts'
import { ago, type Page } from './page.ts'

export function renderRevisions({ base, since, head, left, evaluated, isConfined }: RevisionView, page: Page): string {
  const { colors } = page
  const age = ago(since, page)
  const from = [base, ...(age === undefined ? [] : [`(${age})`])].join(' ')
  return [
    `${colors.dim('base')}  ${from}${left === undefined ? '' : colors.dim(`; ${left}`)}`,
    `${colors.dim('head')}  ${head}`,
    isConfined ? colors.dim(evaluated) : `${colors.yellow('warning')}  ${evaluated}`,
  ].join('\n')
}
