/**
 * undo: undoes what one run did to a host, as far as possible.
 */
import type { ExitName } from '../../engine/report.ts'
import { isInteractive } from '../ask.ts'
import { UsageError } from '../errors.ts'
import { exitOfFleet } from '../../engine/exit.ts'
import { oneAtATime } from '../fleet.ts'
import { type AllowFlags, allowsLockout, type HostFlags, type MachineFlags, parseCount } from '../options.ts'
import { selectHosts } from '../select.ts'
import type { CommandContext } from '../commandContext.ts'
import { asking, finish, type HostWork, overHosts, showResult } from './hosts.ts'

export type UndoFlags = Pick<HostFlags, 'host'> & MachineFlags & AllowFlags & { yes?: boolean; forks: string }

/** @param number The run to undo. @default on each host, the latest that changed something */
export async function undo(context: CommandContext, number: string | undefined, flags: UndoFlags): Promise<ExitName> {
  if (flags.yes !== true && !isInteractive()) {
    throw new UsageError(
      'undo asks before it changes anything, and there is no terminal to ask on',
      'look at the run with runs, then run undo --yes',
    )
  }
  const run = number === undefined ? undefined : String(parseCount('undo', number))
  if (run !== undefined && selectHosts(context.site.hosts, flags.host).length > 1)
    throw new UsageError('each host counts its own runs', `choose one with --host, as in: undo ${run} --host NAME`)
  const { undoHost } = await import('../../engine/undo/undoHost.ts')
  const turn = oneAtATime()
  const work: HostWork = async (host, view) => {
    const { shown, confirm } = asking(context, view, turn, flags.yes === true)
    const report = await undoHost({
      ...host,
      ...allowsLockout(flags),
      confirm,
      ...(run === undefined ? {} : { run }),
    })
    const plan = shown()
    return { report, ...(plan === undefined ? {} : { plan }) }
  }
  const reports = await overHosts(context, { ...flags, only: [] }, work, (one, view) => showResult(context, one, view))
  return finish(context, 'undo', reports, exitOfFleet(reports.map(({ report }) => report)))
}
