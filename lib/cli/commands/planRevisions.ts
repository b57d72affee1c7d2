/**
 * plan --base: what a branch changes on each host, told from two revisions of the recipes. No host is contacted.
 */
import { types } from '../../dsl/declare.ts'
import { planRevision } from '../../engine/plan/planRevision.ts'
import type { ExitName, Plan, PlanReport } from '../../engine/report.ts'
import { renderJson } from '../../render/json.ts'
import { renderPlan } from '../../render/text/planText.ts'
import { renderRevisions } from '../../render/text/revisionText.ts'
import { viewPlan } from '../../render/view/planView.ts'
import { viewRevisions } from '../../render/view/revisionView.ts'
import { type Declared, readRevisions } from '../../revisions/revisions.ts'
import type { CommandContext } from '../commandContext.ts'
import { UsageError } from '../errors.ts'
import { askedFor, checkOnly } from '../only.ts'
import type { HostFlags } from '../options.ts'
import { type Made, savePlans } from '../planFile.ts'
import { selectHosts } from '../select.ts'

export type RevisionFlags = HostFlags & { base: string; head?: string; detailedExitcode?: boolean; out?: string }

const GONE = 'it is no longer in the inventory: what is on it stays as it is'

export async function planRevisions(context: CommandContext, flags: RevisionFlags): Promise<ExitName> {
  const started = performance.now()
  const declared = await readRevisions(context.site.file, flags.base, flags.head)
  const made = compare(declared, flags)
  const reports = made.map(({ plan }) => ({ plan, report: reportOf(plan, performance.now() - started) }))
  if (!context.json) show(context, declared, made)
  if (flags.out !== undefined) {
    const { about: compared } = declared
    await savePlans(context, flags.out, {
      made,
      only: flags.only,
      reports: reports.map((each) => each.report),
      compared,
    })
  }
  const isPending = made.some(({ plan }) => plan.changes.length > 0)
  const exit = isPending && flags.detailedExitcode === true ? 'changes' : 'ok'
  if (context.json) context.output.out.write(renderJson('plan', reports, exit, declared.about))
  return exit
}

/** A plan for each host of the head, and for those that only the base has. */
function compare({ about, base, head }: Declared, { host, only }: RevisionFlags): Made[] {
  const before = new Map(base.map((catalog) => [catalog.host.name, catalog]))
  const after = new Map(head.map((catalog) => [catalog.host.name, catalog]))
  const all = [...head, ...base.filter((catalog) => !after.has(catalog.host.name))]
  if (all.length === 0)
    throw new UsageError('neither revision has a site with hosts', 'name the file of the site with --site FILE')
  const names = selectHosts(
    all.map((catalog) => catalog.host),
    host,
  ).map(({ name }) => name)
  const chosen = all.filter((catalog) => names.includes(catalog.host.name))
  checkOnly(
    only,
    chosen.flatMap(({ resources, forgotten = [] }) => [...resources, ...forgotten]),
  )
  const revisions = { base: about.base.commit, head: about.head.commit }
  return chosen.map((catalog) => {
    const known = before.get(catalog.host.name)
    const options = { head: catalog, types, revisions, ...(only.length === 0 ? {} : { only: askedFor(only) }) }
    const plan = planRevision(known === undefined ? options : { ...options, base: known })
    return { catalog, plan: after.has(catalog.host.name) ? plan : { ...plan, warnings: [GONE, ...plan.warnings] } }
  })
}

function show({ output: { out }, verbose }: CommandContext, { about }: Declared, made: readonly Made[]): void {
  out.write(`${renderRevisions(viewRevisions(about), out.page)}\n`)
  for (const { plan } of made) {
    const digest = verbose ? out.page.colors.dim(`digest ${plan.digest}\n`) : ''
    out.write(`\n${renderPlan(viewPlan(plan), out.page, 'No host was contacted.')}${digest}`)
  }
}

function reportOf({ host, summary, changes }: Plan, tookMs: number): PlanReport {
  const trips = { connections: 0, execs: 0 }
  return { host: host.name, address: host.address, summary, changes, trips, seconds: Math.round(tookMs) / 1000 }
}
