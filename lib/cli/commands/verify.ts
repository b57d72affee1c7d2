/**
 * verify: is the site up, as seen from outside and from its hosts? Nothing is written.
 */
import { readFile } from 'node:fs/promises'
import { types } from '../../dsl/declare.ts'
import type { InventoryHost } from '../../dsl/inventory.ts'
import { EXIT_CODES, type ExitName, type HostProblem } from '../../engine/report.ts'
import { verifyHost, type VerifyReport } from '../../engine/verify/verify.ts'
import { worstOf } from '../../engine/exit.ts'
import { cleanJson } from '../../render/clean.ts'
import { renderPrometheus } from '../../render/text/prometheus.ts'
import { renderProblem } from '../../render/text/problemText.ts'
import { renderVerify } from '../../render/text/verifyText.ts'
import { errorProblem } from '../../render/view/problem.ts'
import { viewVerify } from '../../render/view/verify.ts'
import type { CommandContext } from '../commandContext.ts'
import { describeError, UsageError } from '../errors.ts'
import { onEach } from '../fleet.ts'
import { findMachine, type Where } from '../machine.ts'
import { type HostFlags, type MachineFlags, parseCount, whereFrom } from '../options.ts'
import { openProgress } from '../progress.ts'
import { selectHosts } from '../select.ts'

export type VerifyFlags = Pick<HostFlags, 'host' | 'forks'> & MachineFlags & { ca?: string; prometheus?: true }

/** Version of the report's form; a later minor one only adds fields. */
const FORMAT = '1.0'

/** A host's report, or why there is none. */
type Seen = { host: InventoryHost; report: VerifyReport } | { host: InventoryHost; error: HostProblem }

export async function verify(context: CommandContext, flags: VerifyFlags): Promise<ExitName> {
  const { site, output, json, verbose } = context
  const chosen = selectHosts(site.hosts, flags.host)
  const where = whereFrom(flags, chosen.length)
  const ca = flags.ca === undefined ? undefined : await authorities(flags.ca)
  const view = openProgress(output.err)
  const seen = await onEach<InventoryHost, Seen>(chosen, {
    forks: parseCount('--forks', flags.forks),
    work: async (host) => ({ host, report: await look(context, host, where, ca, view.note) }),
    failed: (host, error) => ({ host, error: describeError(error, verbose) }),
    tell(one) {
      if ('error' in one) view.print(output.err, renderProblem(errorProblem(one.error, one.host.name), output.err.page))
      else if (!json && flags.prometheus !== true)
        view.print(output.out, renderVerify(viewVerify(one.report), output.out.page))
    },
  }).finally(() => view.close())
  const exit = worstOf(seen.map(exitOf))
  const reports = seen.flatMap((one) => ('report' in one ? [one.report] : []))
  if (flags.prometheus === true && !json) output.out.write(renderPrometheus(reports, Date.now()))
  if (json) output.out.write(`${cleanJson(reportOf(seen, exit))}\n`)
  return exit
}

async function look(
  { site }: CommandContext,
  host: InventoryHost,
  where: Where,
  ca: string | undefined,
  note: (text: string) => void,
): Promise<VerifyReport> {
  const { connect, standIn } = await findMachine(site, host, where, note)
  const catalog = await site.evaluate(host.name, standIn?.override)
  return verifyHost({
    catalog,
    types,
    connect,
    standIn: where.kind === 'sandbox',
    ...(where.kind === 'own' ? {} : { noNames: NO_NAMES[where.kind] }),
    ...(ca === undefined ? {} : { ca }),
  })
}

const NO_NAMES = {
  sandbox: 'the names do not lead to a throw-away host',
  other: 'the names lead to the host of the inventory, not to this machine',
  local: 'the names are looked up from outside, not on the host',
}

function exitOf(one: Seen): ExitName {
  if ('error' in one) return one.error.exit
  return one.report.checks.some(({ state }) => state === 'wrong') ? 'error' : 'ok'
}

function reportOf(seen: readonly Seen[], exit: ExitName): object {
  return {
    command: 'verify',
    format: FORMAT,
    hosts: seen.map((one) =>
      'report' in one ? one.report : { host: one.host.name, address: one.host.address, checks: [], error: one.error },
    ),
    exit: { code: EXIT_CODES[exit], name: exit },
  }
}

async function authorities(path: string): Promise<string> {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--ca: ${error instanceof Error ? error.message : String(error)}`)
  })
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
  throw new UsageError(`--ca: there is no certificate in ${path}`, 'give a file with certificates in PEM')
}
