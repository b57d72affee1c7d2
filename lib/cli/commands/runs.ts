/**
 * runs: what was done to the hosts, as they remember it. Nothing is written there.
 */
import type { InventoryHost } from '../../dsl/inventory.ts'
import { HostError } from '../../engine/errors.ts'
import { EXIT_CODES, type ExitName, type HostProblem } from '../../engine/report.ts'
import { parseRuns, READ_RUNS, type Run } from '../../engine/host/storedRun.ts'
import { describeError, UsageError } from '../errors.ts'
import { worstOf } from '../../engine/exit.ts'
import { findMachine, type Where } from '../machine.ts'
import { type HostFlags, type MachineFlags, parseCount, whereFrom } from '../options.ts'
import { openProgress } from '../progress.ts'
import { cleanJson } from '../../render/clean.ts'
import type { Page } from '../../render/text/page.ts'
import { errorProblem, renderProblem } from '../../render/text/problem.ts'
import { renderRun, renderRuns } from '../../render/text/runsText.ts'
import { selectHosts } from '../select.ts'
import type { Setting } from '../setting.ts'

export type RunsFlags = Pick<HostFlags, 'host'> & MachineFlags

/** @param number Shows one run in full. @throws {UsageError} When there is no such run. */
export async function runs(setting: Setting, number: string | undefined, flags: RunsFlags): Promise<ExitName> {
  const { site, output, json } = setting
  const chosen = selectHosts(site.hosts, flags.host)
  const where = whereFrom(flags, chosen.length)
  const wanted = number === undefined ? undefined : String(parseCount('runs', number))
  const known = await Promise.all(chosen.map((host) => runsOf(setting, host, where)))
  const failed = known.flatMap(({ error }) => (error === undefined ? [] : [error]))
  if (wanted !== undefined && failed.length === 0 && !known.some((of) => of.runs?.some(({ run }) => run === wanted)))
    throw new UsageError(`there was no run ${wanted}`, 'runs lists those that there were')
  const shown = known.map((of) =>
    of.runs === undefined || wanted === undefined ? of : { ...of, runs: of.runs.filter(({ run }) => run === wanted) },
  )
  const exit = worstOf(failed.map((error) => error.exit))
  for (const { host, error } of known) if (error !== undefined) showProblem(setting, host, error)
  if (json)
    output.out.write(`${cleanJson({ command: 'runs', hosts: shown, exit: { code: EXIT_CODES[exit], name: exit } })}\n`)
  else output.out.write(shown.flatMap((of) => textOf(of, wanted, output.out.page)).join('\n'))
  return exit
}

/** A host with its runs, or with why it does not tell them. */
type Known = { host: string; address: string } & ({ runs: Run[]; error?: never } | { error: HostProblem; runs?: never })

function showProblem({ output: { err } }: Setting, host: string, error: HostProblem): void {
  const problem = errorProblem(error)
  err.write(renderProblem({ ...problem, what: `${host}: ${problem.what}` }, err.page))
}

function textOf({ host, runs: its = [], error }: Known, wanted: string | undefined, page: Page): string[] {
  if (error !== undefined) return []
  return wanted === undefined ? [renderRuns(host, its, page)] : its.map((one) => renderRun(host, one, page))
}

async function runsOf(setting: Setting, chosen: InventoryHost, where: Where): Promise<Known> {
  const { name: host, address } = chosen
  try {
    return { host, address, runs: await readRuns(setting, chosen, where) }
  } catch (error) {
    return { host, address, error: describeError(error, setting.verbose) }
  }
}

async function readRuns({ site, output }: Setting, chosen: InventoryHost, where: Where): Promise<Run[]> {
  const view = openProgress(output.err)
  try {
    const connection = await (await findMachine(site, chosen, where, view.note)).connect()
    try {
      const { stdout, stderr, exit } = await connection.run(READ_RUNS)
      if (exit !== 0)
        throw new HostError('the runs of the host cannot be read', {
          said: stderr,
          next: 'look at /var/lib/keelson/runs on the host',
        })
      return parseRuns(stdout.toString())
    } finally {
      await connection.close()
    }
  } finally {
    view.close()
  }
}
