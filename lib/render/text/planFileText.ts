/**
 * A plan file as text for a terminal. Pure.
 */
import type { PlanFileView } from '../view/planFileView.ts'
import { ago, type Page } from './page.ts'
import { renderPlan } from './planText.ts'
import { renderRevisions } from './revisionText.ts'

const COMMIT_LENGTH = 12

export function renderPlanFile(file: PlanFileView, page: Page): string {
  const { colors } = page
  const plans = file.hosts.map(({ digest, plan }) => `${renderPlan(plan, page)}${colors.dim(`digest ${digest}`)}\n`)
  const lost = file.unplanned.map(({ host, because }) => `${colors.red('not planned')}  ${host}: ${because}\n`)
  const { revisions } = file
  const compared = revisions === undefined ? [] : [`${renderRevisions(revisions, page)}\n`]
  return [`${headText(file, page)}\n`, ...compared, ...plans, ...(lost.length === 0 ? [] : [lost.join('')])].join('\n')
}

function headText({ at, tool, site, recipe, revisions, only = [] }: PlanFileView, page: Page): string {
  const age = ago(at, page)
  const when = `${at.slice(0, 19).replace('T', ' ')} UTC`
  const parts = [
    `planned ${when}${age === undefined ? '' : ` (${age})`}`,
    ...(site === undefined ? [] : [`site ${site}`]),
    ...(recipe === undefined || revisions !== undefined ? [] : [commitText(recipe)]),
    ...only.map((pattern) => `--only ${pattern}`),
    tool,
  ]
  return page.colors.dim(parts.join(', '))
}

function commitText({ commit, dirty }: NonNullable<PlanFileView['recipe']>): string {
  return `commit ${commit.slice(0, COMMIT_LENGTH)}${dirty ? ' with uncommitted changes' : ''}`
}
