/**
 * TakeClient's own site.ts, planned and converged on throw-away hosts as `--sandbox` does it.
 */
import { serverNamed, type ServerName } from '../../lib/dsl/servers.ts'
import { convergeHost, type HostRun } from '../../lib/engine/apply/converge.ts'
import type { HostReport, Plan, PlanReport } from '../../lib/engine/report.ts'
import { secretNames } from '../../lib/kit/value.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import site from '../../site.ts'
import { planned, runOf } from './converge.ts'

const HOST = 'takeclient-1'

/** @param server The server that the throw-away host is taken for: its size, whatever this machine has. */
export async function siteRun(host: SandboxHost, server: ServerName): Promise<HostRun> {
  const { cpus, memoryMiB } = serverNamed(server)
  const { address, os } = host
  const catalog = await site.evaluate(HOST, { address, os, cpus, memoryMiB, container: true })
  const names = secretNames(catalog.resources.map(({ desired }) => desired))
  return runOf(host, catalog, { secrets: Object.fromEntries(names.map((name) => [name, `made-up-${name}`])) })
}

export async function planSite(
  host: SandboxHost,
  server: ServerName,
): Promise<{ plan: Plan; report: PlanReport; catalog: HostRun['catalog'] }> {
  const run = await siteRun(host, server)
  return { ...(await planned(run)), catalog: run.catalog }
}

export async function convergeSite(host: SandboxHost, server: ServerName): Promise<HostReport> {
  return convergeHost({ ...(await siteRun(host, server)), confirm: () => Promise.resolve(true) })
}
