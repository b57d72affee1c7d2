/**
 * Converges one host: read → diff → order → plan → apply → verify.
 */
import { ConnectionLost } from '../../transport/connection.ts'
import { digestOf } from '../catalog/catalog.ts'
import { Locked, lockedBy, Stale, staleBy } from '../errors.ts'
import { Watched, watchText } from '../host/lockHolder.ts'
import { denialOf } from '../plan/checks.ts'
import { differenceOf } from '../plan/difference.ts'
import type { SavedPlan } from '../plan/planFile.ts'
import { type Agreed, isPending, refusalOf } from '../plan/refusals.ts'
import type { Holder, HostReport, Plan } from '../report.ts'
import { awaitLockText } from '../onHost/runText.ts'
import { type HostOptions, open } from './openHost.ts'

/** Seconds for which one program waits for the lock. */
const LOCK_TURN_S = 60
/** Maximum number of runs without a client that are watched: a host could report new ones for ever. */
const MOST_WATCHED = 10

export type HostRun = HostOptions & Agreed
export type ConvergeRun = HostRun & {
  /** Called once, before anything is written, and only when there is something to apply. */
  confirm: (plan: Plan) => Promise<boolean>
  /** Waits for the end of a run that is in progress, then plans and asks again. @default false: it throws `Locked` */
  wait?: boolean
  /** A plan of this host that was saved: anything else is refused. */
  expected?: SavedPlan
  /** The digest of a plan that was reviewed: a plan with another one is refused. */
  digest?: string
}

/**
 * Plans, asks, applies and verifies. The report contains failures of single changes and what ended a run early; an
 * error before anything is written is thrown. A run in progress without a client is watched to the end of its stage;
 * this run then applies what is left.
 */
export async function convergeHost(options: ConvergeRun): Promise<HostReport> {
  for (let watched = 0; ; watched += 1) {
    try {
      const report = await convergeOnce(options)
      if (!('alone' in report)) return report
      if (watched >= MOST_WATCHED) throw lockedBy(report.text)
      await watch(options, report)
    } catch (error) {
      // Neither error has written anything: another run is in progress, or ran while the operator read the plan.
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
    // Waits in turns, so that a dead connection is noticed.
    while ((await connection.run(program, signal === undefined ? {} : { signal })).exit !== 0);
  } finally {
    await connection.close()
  }
}

/** Reports the progress of a run that has no client, until its present stage has ended. */
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
    // The host is read again, which shows how far that run has come.
    if (!(error instanceof ConnectionLost)) throw error
  } finally {
    await connection.close()
  }
}

/** @returns The holder, if a run without a client is in progress: nothing was applied then. */
async function convergeOnce(options: ConvergeRun): Promise<HostReport | Holder> {
  const host = open(options)
  try {
    const plan = await host.plan()
    const { holder } = plan
    if (holder?.alone === true) return holder
    if (holder !== undefined) throw lockedBy(holder.text)
    refuseOtherLedger(plan, options.undo?.ledgerDigest)
    refuseMoved(plan, options)
    const denied = denialOf(plan)
    if (denied !== undefined) throw denied
    if (!isPending(plan)) return host.untouched(plan, 'unchanged')
    const refused = refusalOf(plan, options)
    if (refused !== undefined) throw refused
    return (await options.confirm(plan)) ? await host.apply(plan, options) : host.untouched(plan, 'skipped')
  } finally {
    await host.close()
  }
}

/** Throws when the plan is not the one that was saved or reviewed. */
function refuseMoved(plan: Plan, { expected, digest, catalog }: ConvergeRun): void {
  const moved = expected === undefined ? undefined : differenceOf(expected.plan, plan)
  if (moved !== undefined) {
    const isOther = expected?.inputsDigest !== digestOf(catalog)
    throw staleBy({ ...moved, about: [...moved.about, ...(isOther ? ['the recipes declare something else'] : [])] })
  }
  if (digest === undefined || digest === plan.digest) return
  throw new Stale(
    `the plan of this host is not the one that was reviewed: its digest is ${plan.digest}; nothing was written`,
    {
      next: 'plan again, review that, and give its digest',
    },
  )
}

/** Throws when another run has written a ledger since the undo was planned. */
function refuseOtherLedger({ ledger }: Plan, known: string | undefined): void {
  if (known === undefined || ledger === known) return
  throw new Stale('another run has changed this host since it was planned; nothing was written', {
    next: 'undo again',
  })
}
