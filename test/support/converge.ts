/**
 * Plans and converges declarations on a real host, the way the command line does, without a site around them.
 */
import * as assert from 'uvu/assert'
import { collect, types } from '../../lib/dsl/declare.ts'
import { firstProblem, validateProps } from '../../lib/dsl/validate.ts'
import type { Catalog, CatalogHost } from '../../lib/engine/catalog/catalog.ts'
import { convergeHost, type HostRun } from '../../lib/engine/apply/converge.ts'
import { open } from '../../lib/engine/apply/openHost.ts'
import { buildCatalog } from '../../lib/engine/catalog/evaluate.ts'
import { undoHost } from '../../lib/engine/undo/undoHost.ts'
import { contradictionIn } from '../../lib/engine/plan/planFile.ts'
import { PLAN_FILE_SCHEMA } from '../../lib/engine/plan/planSchema.ts'
import type { HostReport, Plan, PlanReport, ReportChange } from '../../lib/engine/report.ts'
import type { Ref } from '../../lib/kit/ref.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { planFileOf } from '../render/planFile.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'

export type Options = {
  secrets?: { [name: string]: string }
  allowRemove?: number
  allowLockout?: boolean
  clockS?: number
  only?: HostRun['only']
}

/** The catalog of what `declare` declares, for a host of that OS. Sizes are made up; hosts only warn about them. */
export function catalogOf(host: Pick<SandboxHost, 'name' | 'address' | 'os'>, declare: () => void): Catalog {
  const about: CatalogHost = {
    name: host.name,
    address: host.address,
    os: host.os,
    server: 'CX22',
    cpus: 2,
    memoryMiB: 4096,
  }
  return buildCatalog(collect(process.cwd(), declare), about, validateProps)
}

export async function planOn(host: SandboxHost, declare: () => void, options: Options = {}): Promise<Plan> {
  return (await planned(runOn(host, declare, options))).plan
}

/**
 * What `plan` shows and reports.
 * @throws When the plan is not plain data, or does not fit the schema of plan files: what went through one has to be the
 *   same.
 */
export async function planned(run: HostRun): Promise<{ plan: Plan; report: PlanReport }> {
  const host = open(run)
  try {
    const plan = await host.plan()
    const file = planFileOf(JSON.parse(JSON.stringify(plan)))
    assert.is(firstProblem(PLAN_FILE_SCHEMA, file) ?? contradictionIn(file), undefined)
    assert.equal(file.hosts[0]!.plan, plan)
    return { plan, report: host.report(plan, run) }
  } finally {
    await host.close()
  }
}

export async function convergeOn(host: SandboxHost, declare: () => void, options: Options = {}): Promise<HostReport> {
  return convergeHost({ ...runOn(host, declare, options), confirm: () => Promise.resolve(true) })
}

/** Undoes the latest run. */
export async function undoOn(host: SandboxHost, declare: () => void, options: Options = {}): Promise<HostReport> {
  return undoHost({ ...runOn(host, declare, options), confirm: () => Promise.resolve(true) })
}

export type Story = { plan: Plan; report: HostReport; after: Plan }

/**
 * Plans, converges and plans again. Fails unless every change came out as planned and the second plan is empty: what
 * was planned is what was done, and nothing is left.
 */
export async function convergeAsPlanned(host: SandboxHost, declare: () => void, options: Options = {}): Promise<Story> {
  const plan = await planOn(host, declare, options)
  const report = await convergeOn(host, declare, options)
  const after = await planOn(host, declare, options)
  const bad = report.changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  if (bad.length > 0) throw new Error(`converge failed:\n${bad.map(describe).join('\n')}`)
  if (after.changes.length > 0)
    throw new Error(`a plan after converge is not empty: ${JSON.stringify(after.changes, null, 1)}`)
  const intended = plan.changes.map(({ ref, kind }) => `${kind} ${ref}`).join('\n')
  const done = report.changes.map(({ ref, kind }) => `${kind} ${ref}`).join('\n')
  if (intended !== done) throw new Error(`planned:\n${intended}\ndone:\n${done}`)
  return { plan, report, after }
}

function describe({ ref, failure }: ReportChange): string {
  return `${ref}: ${failure?.said ?? ''} (step: ${failure?.step ?? '-'}, exit ${failure?.exit ?? '-'})`
}

/** The change of one resource in a plan or report. */
export function changeOf<Change extends { ref: Ref }>({ changes }: { changes: Change[] }, ref: Ref): Change {
  const change = changes.find((each) => each.ref === ref)
  if (change === undefined)
    throw new Error(`no change of ${ref} among ${changes.map((each) => each.ref).join(', ') || 'none'}`)
  return change
}

/** What planHost and convergeHost need, for a test that runs them itself. */
export function runOn(host: SandboxHost, declare: () => void, options: Options = {}): HostRun {
  return runOf(host, catalogOf(host, declare), options)
}

export function runOf(
  host: SandboxHost,
  catalog: Catalog,
  { secrets = {}, allowRemove, allowLockout, clockS, only }: Options = {},
): HostRun {
  const { address, port, user, identityFile, hostKey } = host
  return {
    catalog,
    types,
    secrets: new Map(Object.entries(secrets)),
    connect: () => connectSsh({ address, port, user, identityFile, hostKey }, {}),
    progress: () => {},
    who: () => Promise.resolve({ user: 'test', host: 'test' }),
    ...(allowRemove === undefined ? {} : { allowRemove }),
    ...(allowLockout === undefined ? {} : { allowLockout }),
    ...(clockS === undefined ? {} : { clockS }),
    ...(only === undefined ? {} : { only }),
  }
}
