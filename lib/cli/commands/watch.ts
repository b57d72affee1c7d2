/**
 * --watch: plans again on every save of a recipe, and shows how each plan differs from the one before. Nothing is
 * applied.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, extname, join, relative } from 'node:path'
import { BIN } from '../../dsl/home.ts'
import { quote } from '../../kit/shell.ts'
import { differenceOf } from '../../engine/plan/difference.ts'
import type { ExitName, Plan } from '../../engine/report.ts'
import { cleanLine } from '../../render/clean.ts'
import { renderDifference } from '../../render/text/differenceText.ts'
import type { Page } from '../../render/text/page.ts'
import { renderPlan } from '../../render/text/planText.ts'
import { viewDifference } from '../../render/view/differenceView.ts'
import { viewPlan } from '../../render/view/planView.ts'
import type { CommandContext } from '../commandContext.ts'
import { readPlanFile } from '../planFile.ts'

const IGNORED = new Set(['node_modules', '.git', 'coverage'])
const WATCHED = new Set(['.ts', '.json', '.conf', '.py', '.cjs', '.mjs', '.js', '.age'])

/**
 * Runs `plan` with the same options each time a file of the site changes, until Ctrl-C. Each plan is a process of its
 * own, because loaded modules stay loaded; it says by itself what went wrong.
 *
 * @param argv The command line without its first word and without --watch.
 */
export async function watchPlans(context: CommandContext, argv: readonly string[]): Promise<ExitName> {
  const { site, output } = context
  const { watch } = await import('chokidar')
  const folder = dirname(site.file)
  const scratch = await mkdtemp(join(tmpdir(), 'keelson-watch-'))
  const replan = await planner(context, argv, join(scratch, 'plan.json'))
  let running = false
  let again = false
  const plan = async (because: string): Promise<void> => {
    if (running) {
      again = true
      return
    }
    running = true
    output.err.write(`\n${clock()}  ${because}\n`)
    await replan()
    output.err.write(`${clock()}  waiting for a save; Ctrl-C ends this\n`)
    running = false
    if (again) {
      again = false
      await plan('saved meanwhile: planning again')
    }
  }

  const watcher = watch(folder, {
    ignored: (path, stats) =>
      path.split('/').some((part) => IGNORED.has(part)) || (stats?.isFile() === true && !WATCHED.has(extname(path))),
    ignoreInitial: true,
  })
  const ended = new Promise<void>((resolve) => process.once('SIGINT', resolve))
  watcher.on('all', (_event, path) => void plan(`${cleanLine(relative(folder, path))} saved: planning again`))
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  await plan('planning')
  await ended
  await watcher.close()
  await rm(scratch, { recursive: true, force: true })
  return 'interrupted'
}

/** Plans once, in another process, and shows what is new since the last plan of each host. */
async function planner(
  { site, output, json }: CommandContext,
  argv: readonly string[],
  file: string,
): Promise<() => Promise<void>> {
  const { $ } = await import('zx/core')
  const run = $({ shell: '/bin/sh', prefix: '', quote, nothrow: true, verbose: false })
  const before = new Map<string, Plan>()
  return async () => {
    if (json) {
      await run({ stdio: 'inherit' })`${process.execPath} ${BIN} plan --site ${site.file} ${argv}`
      return
    }
    await rm(file, { force: true })
    // The plan is shown by this process, and whatever went wrong by that one.
    const stdio = ['inherit', 'ignore', 'inherit'] as const
    await run({ stdio: [...stdio] })`${process.execPath} ${BIN} plan --site ${site.file} ${argv} --out ${file}`
    const made = await readPlanFile(file).catch(() => undefined)
    for (const { plan } of made?.hosts ?? []) {
      output.out.write(planSince(before.get(plan.host.name), plan, output.out.page))
      before.set(plan.host.name, plan)
    }
  }
}

/** The whole plan when it is the first of its host, then only what differs. */
export function planSince(was: Plan | undefined, now: Plan, page: Page): string {
  const view = viewPlan(now)
  if (was === undefined) return renderPlan(view, page, 'Nothing was changed.')
  const difference = differenceOf(placeless(was), placeless(now))
  const host = page.colors.bold(cleanLine(now.host.name))
  if (difference === undefined) return `${host}  as before  ${view.closing}\n`
  return `${renderDifference(viewDifference(now.host.name, difference), page, 'Since the plan before').trimEnd()}\n${view.closing}\n`
}

/** A line above moves all that follow, which changes nothing. */
function placeless(plan: Plan): Plan {
  return { ...plan, changes: plan.changes.map(({ source: _source, ...change }) => change) }
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8)
}
