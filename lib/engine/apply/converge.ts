/**
 * One host from reading to report: read → diff → order → plan → apply → verify.
 */
import { ConnectionLost } from '../../transport/connection.ts'
import { Locked, lockedBy, Stale } from '../errors.ts'
import { Watched, watchText } from '../host/lockHolder.ts'
import { type Agreed, isPending, refusalOf } from '../plan/refusals.ts'
import type { Holder, HostReport, Plan } from '../report.ts'
import { awaitLockText } from '../onHost/runText.ts'
import { type HostOptions, open } from './openHost.ts'

/** Seconds for which the lock is waited for with one program. */
const LOCK_TURN_S = 60
/** Runs without a client that are watched, at most: a host could tell of one more for ever. */
const MOST_WATCHED = 10

export type HostRun = HostOptions & Agreed
export type ConvergeRun = HostRun & {
  /** Asked once, before anything is written, and only when there is something to do. */
  confirm: (plan: Plan) => Promise<boolean>
  /** Where another run is at work: waits for its end, then plans and asks again. @default false: it throws `Locked` */
  wait?: boolean
}

/**
 * Plans, asks, applies and verifies. Failures of single changes are in the report, and so is what ended a run early;
 * what happens before anything is written throws. A run that is at work without a client is watched to the end of what
 * it was handed; what is left then is this run's.
 */
export async function convergeHost(options: ConvergeRun): Promise<HostReport> {
  for (let watched = 0; ; watched += 1) {
    try {
      const report = await convergeOnce(options)
      if (!('alone' in report)) return report
      if (watched >= MOST_WATCHED) throw lockedBy(report.text)
      await watch(options, report)
    } catch (error) {
      // Both come before anything is written: another run is at work, or was while the plan was looked at.
      if (options.wait !== true || !(error instanceof Locked || error instanceof Stale)) throw error
      await awaitLock(options, error.message)
    }
  }
}

async function awaitLock({ catalog, connect, progress, signal }: ConvergeRun, because: string): Promise<void> {
  progress({ host: catalog.host.name, event: 'waiting', because })
  const connection = await connect()
  try {
    const program = awaitLockText(LOCK_TURN_S)
    // In turns, so that a line that died is noticed.
    while ((await connection.run(program, signal === undefined ? {} : { signal })).exit !== 0);
  } finally {
    await connection.close()
  }
}

/** Tells what a run does that nobody else sees, until the stage that it was handed has ended. */
async function watch({ catalog, connect, progress, signal }: ConvergeRun, holder: Holder): Promise<void> {
  const host = catalog.host.name
  progress({ host, event: 'waiting', because: `${holder.text} goes on without its client` })
  const watched = new Watched(({ ref, label, state }) =>
    progress({ host, event: 'step', ref, label, title: label, state }),
  )
  const connection = await connect()
  try {
    const onStdout = (chunk: Buffer): void => watched.feed(chunk)
    await connection.run(watchText(holder), { onStdout, ...(signal === undefined ? {} : { signal }) })
  } catch (error) {
    // The host is read anew, which tells how far it has come.
    if (!(error instanceof ConnectionLost)) throw error
  } finally {
    await connection.close()
  }
}

/** @returns A run that is at work without a client, in place of a report: nothing was done then. */
async function convergeOnce(options: ConvergeRun): Promise<HostReport | Holder> {
  const host = open(options)
  try {
    const plan = await host.plan()
    const { holder } = plan
    if (holder?.alone === true) return holder
    if (holder !== undefined) throw lockedBy(holder.text)
    refuseOtherLedger(plan, options.undo?.ledgerDigest)
    if (!isPending(plan)) return host.untouched(plan, 'unchanged')
    const refused = refusalOf(plan, options)
    if (refused !== undefined) throw refused
    return (await options.confirm(plan)) ? await host.apply(plan, options) : host.untouched(plan, 'skipped')
  } finally {
    await host.close()
  }
}

/** The undo was planned with one ledger; another run has written a new one since. */
function refuseOtherLedger({ ledger }: Plan, known: string | undefined): void {
  if (known === undefined || ledger === known) return
  throw new Stale('another run has changed this host since it was looked at; nothing was written', {
    next: 'undo again',
  })
}
