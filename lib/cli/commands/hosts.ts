/**
 * plan and converge: they share the way over the hosts, and the way to report the result.
 */
import type { HostOptions } from '../../engine/apply/openHost.ts'
import type { AnyReport, ExitName, HostReport, Plan, PlanReport, Progress } from '../../engine/report.ts'
import { askKey, askYes, isInteractive } from '../ask.ts'
import { UsageError } from '../errors.ts'
import { Stale } from '../../engine/errors.ts'
import { exitOfFleet } from '../../engine/exit.ts'
import { type Evaluated, hostOptions, type Lost, lostReport, oneAtATime, onEach, prepare } from '../fleet.ts'
import { catchInterrupts, type Choice } from '../interrupt.ts'
import {
  type AllowFlags,
  allowsLockout,
  type ConvergeFlags,
  digestsFrom,
  type HostFlags,
  type MachineFlags,
  parseCount,
  whereFrom,
} from '../options.ts'
import { expectedFor, flagsFor } from '../planScope.ts'
import type { Made } from '../planFile.ts'
import { noteRun } from '../knownRuns.ts'
import { openProgress, type ProgressView } from '../progress.ts'
import { type Reported, renderJson } from '../../render/json.ts'
import { cleanLine } from '../../render/clean.ts'
import { renderFleet } from '../../render/text/fleetText.ts'
import type { Page } from '../../render/text/page.ts'
import { renderProblem } from '../../render/text/problemText.ts'
import { renderResult } from '../../render/text/resultText.ts'
import { viewFleet } from '../../render/view/fleet.ts'
import { problemsOf } from '../../render/view/problem.ts'
import { viewResult } from '../../render/view/result.ts'
import { applied, planned } from '../../render/view/standing.ts'
import { checkOnly } from '../only.ts'
import { selectHosts } from '../select.ts'
import type { CommandContext } from '../commandContext.ts'

export type PlanFlags = HostFlags & MachineFlags & AllowFlags & { detailedExitcode?: boolean; out?: string }
export type HostWork<Report extends AnyReport = HostReport> = (
  run: HostOptions,
  view: ProgressView,
) => Promise<Reported<Report>>

/** Shows what would change; the hosts are not touched. */
export async function plan(context: CommandContext, flags: PlanFlags): Promise<ExitName> {
  const [{ open }, planText] = await Promise.all([import('../../engine/apply/openHost.ts'), loadPlanText()])
  const { out } = context.output
  const made: Made[] = []
  const work: HostWork<PlanReport> = async (run, view) => {
    const host = open(run)
    try {
      const its = await host.plan()
      made.push({ catalog: run.catalog, plan: its })
      const digest = context.verbose ? out.page.colors.dim(`digest ${its.digest}\n`) : ''
      if (!context.json) view.print(out, `${planText(its, out.page, 'Nothing was changed.')}${digest}`)
      return { plan: its, report: host.report(its, allowsLockout(flags)) }
    } finally {
      await host.close()
    }
  }
  const reports = await overHosts(context, flags, work, ({ report }, view) => showProblems(context, report, view))
  const failed = exitOfFleet(reports.map(({ report }) => report))
  if (flags.out !== undefined && made.length > 0) {
    const { savePlans } = await import('../planFile.ts')
    await savePlans(context, flags.out, { made, only: flags.only, reports: reports.map(({ report }) => report) })
  }
  const isPending = reports.some(({ report }) => report.changes.length > 0)
  const exit = failed === 'ok' && isPending && flags.detailedExitcode === true ? 'changes' : failed
  return finish(context, 'plan', reports, exit)
}

/**
 * Plans, asks, applies and verifies.
 *
 * @param path A plan file: exactly what it says is applied, or nothing.
 */
export async function converge(
  context: CommandContext,
  path: string | undefined,
  given: ConvergeFlags,
): Promise<ExitName> {
  const file = path === undefined ? undefined : await (await import('../planFile.ts')).readPlanFile(path)
  const flags = file === undefined ? given : flagsFor(path!, file, context.site.hosts, given)
  const reviewed = digestsFrom(flags.digest, selectHosts(context.site.hosts, flags.host))
  if (flags.yes !== true && !isInteractive()) {
    throw new UsageError(
      'converge asks before it changes anything, and there is no terminal to ask on',
      'look at the plan, then run converge --yes',
    )
  }
  const more = {
    ...allowsLockout(flags),
    ...(flags.allowRemove === undefined ? {} : { allowRemove: parseCount('--allow-remove', flags.allowRemove) }),
  }
  const { convergeHost } = await import('../../engine/apply/converge.ts')
  const turn = oneAtATime()
  const work: HostWork = async (run, view) => {
    const { shown, confirm } = asking(context, view, turn, flags.yes === true)
    const { name } = run.catalog.host
    const digest = reviewed.get(name)
    const report = await convergeHost({
      ...run,
      ...more,
      confirm,
      wait: flags.wait === true,
      ...expectedFor(file, name),
      ...(digest === undefined ? {} : { digest }),
    }).catch(async (error: unknown) => {
      await showMoved(context, name, error, view)
      throw error
    })
    const made = shown()
    return { report, ...(made === undefined ? {} : { plan: made }) }
  }
  const reports = await overHosts(context, flags, work, (reported, view) => showResult(context, reported, view))
  return finish(context, 'converge', reports, exitOfFleet(reports.map(({ report }) => report)))
}

/** Shows how a host's plan differs from the one that was to be applied; the error itself is reported as any other. */
async function showMoved(
  { output, json }: CommandContext,
  host: string,
  error: unknown,
  view: ProgressView,
): Promise<void> {
  if (!(error instanceof Stale) || error.moved === undefined) return
  const [{ viewDifference }, { renderDifference }] = await Promise.all([
    import('../../render/view/differenceView.ts'),
    import('../../render/text/differenceText.ts'),
  ])
  const sink = json ? output.err : output.out
  view.print(sink, renderDifference(viewDifference(host, error.moved), sink.page))
}

/** Asks whether a plan should be applied, and remembers which plan was shown. */
export function asking(
  context: CommandContext,
  view: ProgressView,
  turn: ReturnType<typeof oneAtATime>,
  yes: boolean,
): { shown: () => Plan | undefined; confirm: (made: Plan) => Promise<boolean> } {
  let shown: Plan | undefined
  return {
    shown: () => shown,
    confirm(made) {
      shown = made
      return turn(() => view.aside(() => confirmPlan(context, made, yes)))
    },
  }
}

async function confirmPlan({ output, json }: CommandContext, made: Plan, yes: boolean): Promise<boolean> {
  // When a program reads stdout, the person at the terminal must still see the plan.
  const sink = json ? output.err : output.out
  if (!json || !yes) {
    const planText = await loadPlanText()
    sink.write(`${planText(made, sink.page)}\n`)
  }
  output.flush()
  return yes || askYes(`Apply this to ${await targetText(made)}?`)
}

/** `web-1 (192.0.2.7)`, or `sandbox try (stands in for web-1)`. */
async function targetText({ host: { name, address }, machine }: Plan): Promise<string> {
  const { hostTitle } = await import('../../render/view/host.ts')
  const title = hostTitle(name, machine?.standIn)
  return machine?.standIn === undefined ? `${title} (${cleanLine(address)})` : title
}

/** Loaded on demand: most converges ask nothing, and diffing texts needs a library. */
async function loadPlanText(): Promise<(plan: Plan, page: Page, sentence?: string) => string> {
  const [{ viewPlan }, { renderPlan }] = await Promise.all([
    import('../../render/view/planView.ts'),
    import('../../render/text/planText.ts'),
  ])
  return (made, page, sentence) => renderPlan(viewPlan(made), page, sentence)
}

/** What Ctrl-C may do to the terminal. */
export function terminalOf(
  { err, flush }: CommandContext['output'],
  view: ProgressView,
): Parameters<typeof catchInterrupts>[0] {
  return {
    say: (text) => view.print(err, text),
    leave: (text) => {
      view.close()
      err.write(text)
      flush()
    },
    ...(isInteractive()
      ? { choose: (question, withdrawn) => view.aside(() => askKey(question, CHOICES, withdrawn)) }
      : {}),
  }
}

const CHOICES: ReadonlyMap<string, Choice> = new Map([
  ['d', 'detach'],
  ['s', 'stop'],
  ['c', 'continue'],
])

/** Runs a command's work on every requested host. Connects to none before all recipes are evaluated. */
export async function overHosts<Report extends AnyReport>(
  context: CommandContext,
  flags: HostFlags & MachineFlags,
  work: HostWork<Report>,
  tell: (reported: Reported<Report | Lost>, view: ProgressView) => void,
): Promise<Reported<Report | Lost>[]> {
  const { site, output, verbose } = context
  const chosen = selectHosts(site.hosts, flags.host)
  const where = whereFrom(flags, chosen.length)
  const forks = parseCount('--forks', flags.forks)
  const hosts = await Promise.all(chosen.map(async (one) => ({ chosen: one, catalog: await site.evaluate(one.name) })))
  checkOnly(
    flags.only,
    hosts.flatMap(({ catalog: { resources, forgotten = [] } }) => [...resources, ...forgotten]),
  )
  const view = openProgress(output.err)
  const interrupts = catchInterrupts(terminalOf(output, view))
  const show = (progress: Progress): void => {
    interrupts.watch(progress)
    view.show(progress)
  }
  const ended = (reported: Reported<Report | Lost>): void => {
    // The engine reports `done` only when a run reaches its end.
    show({ host: reported.report.host, event: 'done' })
    noteRun(site.file, reported.report.host, where, latestRun(reported))
    tell(reported, view)
  }
  try {
    return await onEach<Evaluated, Reported<Report | Lost>>(hosts, {
      forks,
      tell: ended,
      async work(host) {
        interrupts.stop.throwIfAborted()
        const prepared = await prepare(site, host, where, view.note)
        output.hide(prepared.secrets.values())
        return work(hostOptions(prepared, site, flags.only, show, interrupts), view)
      },
      failed: ({ chosen: its }, error, tookMs) => ({ report: lostReport(its, error, tookMs, verbose) }),
    })
  } finally {
    view.close()
    interrupts.end()
  }
}

/** The latest run of a host, as far as its plan or its report tells. */
function latestRun({ report, plan: made }: Reported<AnyReport>): number {
  return 'run' in report ? Number(report.run) : (made?.ledgerSerial ?? 0)
}

function showProblems({ output: { err } }: CommandContext, report: AnyReport, view: ProgressView): void {
  for (const problem of problemsOf(report)) view.print(err, renderProblem(problem, err.page))
}

export function showResult(context: CommandContext, { report, plan: shown }: Reported, view: ProgressView): void {
  const { out } = context.output
  if (context.json) return showProblems(context, report, view)
  // On a terminal, finished steps are between the plan and this text.
  const gap = shown !== undefined && out.isTerminal ? '\n' : ''
  view.print(out, `${gap}${renderResult(viewResult(report), out.page)}`)
}

export function finish(
  context: CommandContext,
  command: string,
  hosts: readonly Reported<AnyReport>[],
  exit: ExitName,
): ExitName {
  const { out } = context.output
  const reports = hosts.map(({ report }) => report)
  const standing = command === 'plan' ? planned : applied
  if (!context.json && reports.length > 1) out.write(`\n${renderFleet(viewFleet(reports, standing), out.page)}`)
  if (context.json) out.write(renderJson(command, hosts, exit))
  return exit
}
