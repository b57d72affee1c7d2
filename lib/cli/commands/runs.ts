/**
 * runs: what was done to the hosts, as they remember it. Nothing is written there.
 */
import type { InventoryHost } from '../../dsl/inventory.ts'
import { HostError } from '../../engine/errors.ts'
import type { ExitName } from '../../engine/report.ts'
import { parseRuns, READ_RUNS, type Run } from '../../engine/runs.ts'
import { UsageError } from '../errors.ts'
import { findMachine, type Where } from '../machine.ts'
import { type HostFlags, type MachineFlags, parseCount, whereFrom } from '../options.ts'
import { openProgress } from '../progress.ts'
import { cleanJson } from '../render/clean.ts'
import { renderRun, renderRuns } from '../render/runsText.ts'
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
  if (wanted !== undefined && !known.some((of) => of.runs.some(({ run }) => run === wanted)))
    throw new UsageError(`there was no run ${wanted}`, 'runs lists those that there were')
  const shown = known.map((of) => ({
    ...of,
    runs: wanted === undefined ? of.runs : of.runs.filter(({ run }) => run === wanted),
  }))
  if (json) {
    output.out.write(`${cleanJson({ command: 'runs', hosts: shown, exit: { code: 0, name: 'ok' } })}\n`)
    return 'ok'
  }
  const { page } = output.out
  const texts = shown.map(({ host, runs: its }) =>
    wanted === undefined ? renderRuns(host, its, page) : its.map((one) => renderRun(host, one, page)).join('\n'),
  )
  output.out.write(texts.join('\n'))
  return 'ok'
}

async function runsOf(
  { site, output }: Setting,
  chosen: InventoryHost,
  where: Where,
): Promise<{ host: string; address: string; runs: Run[] }> {
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
      return { host: chosen.name, address: chosen.address, runs: parseRuns(stdout.toString()) }
    } finally {
      await connection.close()
    }
  } finally {
    view.close()
  }
}
