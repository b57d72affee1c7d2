/**
 * A plan file as rows: from when it is and of what, then the plan of each host. Pure.
 */
import type { PlanFile } from '../../engine/plan/planFile.ts'
import { cleanLine } from '../clean.ts'
import { viewPlan } from './planView.ts'
import { type RevisionView, viewRevisions } from './revisionView.ts'
import type { PlanView } from './view.ts'

/** Plain JSON, all text cleaned. */
export type PlanFileView = {
  /** When the hosts were read, or the revisions compared. ISO 8601. */
  at: string
  /** Set for plans that compare two revisions. */
  revisions?: RevisionView
  /** `keelson 0.1.0` */
  tool: string
  site?: string
  recipe?: { commit: string; dirty: boolean }
  /** Patterns of the resources in scope; absent when all are. */
  only?: string[]
  hosts: { digest: string; plan: PlanView }[]
  unplanned: { host: string; because: string }[]
}

export function viewPlanFile({ base, tool, site, recipe, only, hosts, unplanned = [] }: PlanFile): PlanFileView {
  return {
    at: cleanLine(base.at),
    ...(base.kind === 'rev' ? { revisions: viewRevisions(base) } : {}),
    tool: `keelson ${cleanLine(tool)}`,
    ...(site === undefined ? {} : { site: cleanLine(site) }),
    ...(recipe === undefined ? {} : { recipe: { commit: cleanLine(recipe.commit), dirty: recipe.dirty } }),
    ...(only === undefined ? {} : { only: only.map(cleanLine) }),
    hosts: hosts.map(({ plan }) => ({ digest: cleanLine(plan.digest), plan: viewPlan(plan) })),
    unplanned: unplanned.map(({ host, because }) => ({ host: cleanLine(host), because: cleanLine(because) })),
  }
}
