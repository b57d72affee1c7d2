/**
 * runs: what was done to the hosts, as stored there. Nothing is written.
 */
import type { InventoryHost } from '../../dsl/inventory.ts'
import { HostError } from '../../engine/errors.ts'
import { RUNS_FOLDER } from '../../kit/stateFolders.ts'
import { EXIT_CODES, type ExitName, type HostProblem } from '../../engine/report.ts'
import { parseRecords, READ_RUNS, type StoredRun } from '../../engine/host/storedRun.ts'
import { describeError, UsageError } from '../errors.ts'
import { worstOf } from '../../engine/exit.ts'
import { onEach } from '../fleet.ts'
import { findMachine, type Machine, type Where } from '../machine.ts'
import { type HostFlags, type MachineFlags, parseCount, whereFrom } from '../options.ts'
import { noteRun } from '../knownRuns.ts'
import { openProgress } from '../progress.ts'
import { cleanJson } from '../../render/clean.ts'
import type { Page } from '../../render/text/page.ts'
import { renderProblem } from '../../render/text/problemText.ts'
import { renderRun, renderRuns } from '../../render/text/runsText.ts'
import { errorProblem } from '../../render/view/problem.ts'
import { hostTitle } from '../../render/view/host.ts'
import { viewRun, viewRuns } from '../../render/view/runs.ts'
import { selectHosts } from '../select.ts'
import type { CommandContext } from '../commandContext.ts'

export type RunsFlags = Pick<HostFlags, 'host' | 'forks'> & MachineFlags

/** @param number Shows one run in full. @throws {UsageError} When there is no such run. */
export async function runs(context: CommandContext, number: string | undefined, flags: RunsFlags): Promise<ExitName> {
  const { site, output, json } = context
  const chosen = selectHosts(site.hosts, flags.host)
  const where = whereFrom(flags, chosen.length)
  const wanted = number === undefined ? undefined : String(parseCount('runs', number))
  const known = await runsOf(context, chosen, where, parseCount('--forks', flags.forks))
  const failed = known.flatMap(({ error }) => (error === undefined ? [] : [error]))
  if (wanted !== undefined && failed.length === 0) requireRun(wanted, known)
  const shown = known.map((of) =>
    of.runs === undefined || wanted === undefined ? of : { ...of, runs: of.runs.filter(({ run }) => run === wanted) },
  )
  const exit = worstOf(failed.map((error) => error.exit))
  for (const { host, error } of known)
    if (error !== undefined) output.err.write(renderProblem(errorProblem(error, host), output.err.page))
  if (json)
    output.out.write(`${cleanJson({ command: 'runs', hosts: shown, exit: { code: EXIT_CODES[exit], name: exit } })}\n`)
  else output.out.write(shown.flatMap((of) => textOf(of, wanted, output.out.page)).join('\n'))
  return exit
}

/** A host with its runs, or the reason why they cannot be read. */
type Known = { host: string; address: string; standIn?: string } & (
  | { runs: StoredRun[]; damaged?: string[]; error?: never }
  | { error: HostProblem; runs?: never; damaged?: never }
)

/** @throws {UsageError | HostError} When no host has the run. */
function requireRun(wanted: string, known: readonly Known[]): void {
  if (known.some(({ runs: its }) => its?.some(({ run }) => run === wanted))) return
  const damage = known.flatMap(({ damaged = [] }) => damaged).find((one) => one.includes(` run ${wanted} `))
  if (damage !== undefined) throw new HostError(damage, { next: 'runs lists those that can be read' })
  throw new UsageError(`no run ${wanted}`, 'see `runs`')
}

function textOf(
  { host, standIn, runs: its = [], damaged = [], error }: Known,
  wanted: string | undefined,
  page: Page,
): string[] {
  if (error !== undefined) return []
  const title = hostTitle(host, standIn)
  return wanted === undefined
    ? [renderRuns(viewRuns(title, its, damaged), page)]
    : its.map((one) => renderRun(viewRun(title, one), page))
}

async function runsOf(
  { site, output, verbose }: CommandContext,
  chosen: readonly InventoryHost[],
  where: Where,
  forks: number,
): Promise<Known[]> {
  const view = openProgress(output.err)
  try {
    return await onEach<InventoryHost, Known>(chosen, {
      forks,
      async work(host) {
        const { connect, standIn } = await findMachine(site, host, where, view.note)
        const { runs: its, damaged } = await readRuns(connect)
        noteRun(site.file, host.name, where, Math.max(0, ...its.map(({ run }) => Number(run))))
        const name = standIn === undefined ? {} : { standIn: standIn.name }
        return { ...aboutOf(host), ...name, runs: its, ...(damaged.length === 0 ? {} : { damaged }) }
      },
      failed: (host, error) => ({ ...aboutOf(host), error: describeError(error, verbose) }),
    })
  } finally {
    view.close()
  }
}

function aboutOf({ name, address }: InventoryHost): Pick<Known, 'host' | 'address'> {
  return { host: name, address }
}

async function readRuns(connect: Machine['connect']): Promise<{ runs: StoredRun[]; damaged: string[] }> {
  const connection = await connect()
  try {
    const { stdout, stderr, exit } = await connection.run(READ_RUNS)
    if (exit === 0) return parseRecords(stdout.toString())
    throw new HostError('the runs of the host cannot be read', {
      said: stderr,
      next: `look at ${RUNS_FOLDER} on the host`,
    })
  } finally {
    await connection.close()
  }
}
