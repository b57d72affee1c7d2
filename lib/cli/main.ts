/**
 * The command line: its commands, their arguments, and their exit codes.
 *
 * Each command's code is loaded when it is called, so that `--help` loads only this file.
 */
import { Command, CommanderError, Option } from 'commander'
import { version } from '../dsl/home.ts'
import type { Site } from '../dsl/site.ts'
import { RecipeError } from '../engine/catalog/evaluate.ts'
import { EXIT_CODES, type ExitName } from '../engine/report.ts'
import { describeError, UsageError } from './errors.ts'
import {
  addAllow,
  addGlobals,
  addHosts,
  addMachine,
  type ConvergeFlags,
  examples,
  type Run,
  SAFETY,
  several,
  SHOW_FORMS,
  type ShowFlags,
} from './options.ts'
import { addCompletion, addCost, addExplain, addGraph, addLogs, addRuns, addTypes, addVerify } from './observing.ts'
import { addInit, addSandbox, addSecrets, addUp } from './localCommands.ts'
import { EXIT_HELP, failureName } from './exitNames.ts'
import { openOutput } from './output.ts'
import { cleanLine } from '../render/clean.ts'
import { renderJson } from '../render/json.ts'
import { renderProblem } from '../render/text/problemText.ts'
import { errorProblem, recipeProblem, viewProblem } from '../render/view/problem.ts'
import type { CommandContext } from './commandContext.ts'
import type { PlanFlags } from './commands/hosts.ts'
import type { UndoFlags } from './commands/undo.ts'
import { addReview } from './reviewOptions.ts'

/**
 * Runs one command line.
 *
 * @param argv Arguments without node and the file.
 * @param name The name by which the program was started.
 * @returns The exit code.
 */
export async function main(site: Site, argv: readonly string[], name: string): Promise<number> {
  const context = contextFor(site, argv)
  let code: number = EXIT_CODES.ok
  const run: Run = async (work) => {
    const exit = await work()
    code = typeof exit === 'number' ? exit : EXIT_CODES[exit]
  }
  const onCrash = (error: unknown): never => crash(error, context, argv)
  process.on('uncaughtException', onCrash)
  try {
    await programFor(name, context, run, argv).parseAsync([...argv], { from: 'user' })
  } catch (error) {
    code = endWith(error, context, argv)
  } finally {
    process.off('uncaughtException', onCrash)
  }
  const failure = failureName(code)
  if (failure !== undefined) context.output.err.write(`exit ${code} (${failure})\n`)
  context.output.flush()
  return code
}

/**
 * Prints what a shell may complete, as the scripts of completionScripts.ts read it. Whatever goes wrong is no candidate.
 *
 * @param words The words after the program; the last is the one to complete.
 */
export async function printCandidates(
  words: readonly string[],
  site: Site,
  load: () => Promise<Site>,
): Promise<number> {
  const { complete } = await import('./complete.ts')
  const context = contextFor(site, ['--no-color'])
  const program = programFor('keelson', context, () => Promise.resolve(), [])
  const nothing = { files: false, candidates: [] }
  const { files, candidates } = await complete(words, program, load).catch(() => nothing)
  const lines = candidates.map(({ value, about = '' }) => (about === '' ? value : `${value}\t${cleanLine(about)}`))
  context.output.out.write(`${[files ? 'files' : 'words', ...lines].join('\n')}\n`)
  context.output.flush()
  return EXIT_CODES.ok
}

/** Says why a command line cannot be run at all. @returns The exit code. */
export function refuse(error: unknown, site: Site, argv: readonly string[]): number {
  const context = contextFor(site, argv)
  const code = endWith(error, context, argv)
  context.output.flush()
  return code
}

/** The setting is made before the command line is parsed, because it is needed to show parse errors. */
function contextFor(site: Site, argv: readonly string[]): CommandContext {
  const end = argv.indexOf('--')
  const own = end === -1 ? argv : argv.slice(0, end)
  const verbose = own.includes('--verbose')
  return {
    site,
    json: own.includes('--json'),
    verbose,
    output: openOutput({ colour: !own.includes('--no-color'), verbose }),
  }
}

function endWith(error: unknown, { output, json, verbose }: CommandContext, argv: readonly string[]): number {
  if (error instanceof CommanderError) {
    // commander itself shows help, version and what it cannot parse.
    const exit = error.exitCode === 0 ? 'ok' : 'usage'
    if (json && exit !== 'ok') output.out.write(renderJson(argv[0] ?? '', [], exit))
    return EXIT_CODES[exit]
  }
  const described = describeError(error, verbose)
  const problems = error instanceof RecipeError ? error.diagnostics.map(recipeProblem) : [errorProblem(described)]
  for (const problem of problems) output.err.write(renderProblem(problem, output.err.page))
  if (json) output.out.write(renderJson(argv[0] ?? '', [], described.exit))
  return EXIT_CODES[described.exit]
}

/** Handles an error that nobody caught. Node would print it unmasked, with any secret in its text. */
function crash(error: unknown, { output, json }: CommandContext, argv: readonly string[]): never {
  const { message, why } = describeError(error, true)
  const next =
    'this is a mistake in Keelson or in a recipe; what a host was given to do goes on there, and runs tells of it'
  output.err.write(renderProblem(viewProblem({ what: message, stack: why ?? '', next }), output.err.page))
  if (json) output.out.write(renderJson(argv[0] ?? '', [], 'error'))
  output.flush()
  process.exit(EXIT_CODES.error)
}

function programFor(name: string, context: CommandContext, run: Run, argv: readonly string[]): Command {
  const program = new Command(name)
    .description('Declares what servers should be, shows what differs, and brings them there.')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help')
    .version(version(), '-V, --version', 'show the version')
    .showHelpAfterError('(see --help)')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.output.out.write(text),
      writeErr: (text) => context.output.err.write(text),
    })
  addPlan(program, context, run, argv)
  addConverge(program, context, run, argv)
  addRuns(program, context, run)
  addUndo(program, context, run)
  addReview(program, context, run, (...lines) => examples(program, ...lines))
  addExplain(program, context, run)
  addGraph(program, context, run)
  addVerify(program, context, run)
  addLogs(program, context, run)
  addCost(program, context, run)
  addTypes(program, context, run)
  addSandbox(program, context, run)
  addSecrets(program, context, run)
  addCompletion(program, context, run)
  addInit(program, context, run)
  addUp(program, context, run)
  return addGlobals(program)
    .addHelpText('after', examples(program, 'plan', 'converge --host "web-*"', 'converge --sandbox try'))
    .addHelpText('afterAll', EXIT_HELP)
}

/** Repeats the rest of the command line, without its first word and --watch. */
async function watched(context: CommandContext, argv: readonly string[]): Promise<ExitName> {
  const { watchPlans } = await import('./commands/watch.ts')
  return watchPlans(
    context,
    argv.slice(1).filter((word) => word !== '--watch' && word !== '--yes'),
  )
}

function addPlan(program: Command, context: CommandContext, run: Run, argv: readonly string[]): void {
  const command = program.command('plan').description('show what would change, and why; the hosts are not touched')
  addGlobals(addAllow(addMachine(addHosts(command))))
    .option('--detailed-exitcode', 'exit 2 when something would change')
    .option('--watch', 'plan again on every save')
    .addOption(new Option('--out <file>', 'also write the plans to a file').conflicts('watch'))
    .addOption(
      new Option('--base <rev>', 'what this branch changes against a revision; no host is contacted').conflicts([
        'sandbox',
        'at',
        'identity',
        'hostKey',
        'allow',
      ]),
    )
    .option('--head <rev>', 'with --base: another revision than the work tree')
    .addHelpText(
      'after',
      examples(
        program,
        'plan',
        'plan --only file:/etc/motd',
        'plan --sandbox',
        'plan --json --detailed-exitcode',
        'plan --out plan.json',
        'plan show plan.json',
        'plan --base origin/main',
      ),
    )
    .action((flags: PlanFlags & { watch?: true; base?: string; head?: string }) =>
      run(async () => {
        if (flags.watch === true) return watched(context, argv)
        const { base, head } = flags
        if (base === undefined && head !== undefined)
          throw new UsageError('--head goes with --base', 'say what to compare with, such as --base origin/main')
        if (base === undefined) return (await import('./commands/hosts.ts')).plan(context, flags)
        return (await import('./commands/planRevisions.ts')).planRevisions(context, { ...flags, base })
      }),
    )
  addPlanShow(program, command, context, run)
}

function addPlanShow(program: Command, plan: Command, context: CommandContext, run: Run): void {
  const command = plan.command('show <file>').description('show the plans in a file; no host is contacted')
  addGlobals(command)
    .addOption(new Option('--as <form>', 'form of the output').choices(SHOW_FORMS).default('text'))
    .addHelpText(
      'after',
      examples(
        program,
        'plan show plan.json',
        'plan show plan.json --as markdown',
        'plan show plan.json --as html > plan.html',
      ),
    )
    .action((file: string, flags: ShowFlags) =>
      run(async () => (await import('./commands/planShow.ts')).planShow(context, file, flags)),
    )
}

function addConverge(program: Command, context: CommandContext, run: Run, argv: readonly string[]): void {
  const command = program
    .command('converge [plan]')
    .description('plan, ask, apply, verify; with a plan file, apply exactly that or nothing')
  addGlobals(addAllow(addMachine(addHosts(command))))
    .optionsGroup(SAFETY)
    .option('--yes', 'do not ask; unknown host keys and guards stay refused')
    .option('--wait', 'where another run is at work, wait for its end, and plan again then')
    .option('--allow-remove <n>', 'agree to the removal of exactly N resources')
    .option('--watch', 'plan again on every save, and apply nothing')
    .addOption(several('--digest <digest>', 'only the plan with this digest; HOST=DIGEST for several hosts', 'any'))
    .addHelpText(
      'after',
      examples(
        program,
        'converge',
        'converge --yes --sandbox try',
        'converge --yes --json --host "web-*"',
        'converge plan.json',
        'converge --yes --digest 7c1e…',
      ),
    )
    .action((file: string | undefined, flags: ConvergeFlags & { watch?: true }) =>
      run(async () =>
        flags.watch === true && file === undefined
          ? watched(context, argv)
          : (await import('./commands/hosts.ts')).converge(context, file, flags),
      ),
    )
}

function addUndo(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('undo [number]')
    .description('take back what a run did, the latest if no number is given: plan, ask, apply, verify')
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
  addGlobals(addAllow(addMachine(command)))
    .optionsGroup(SAFETY)
    .option('--yes', 'do not ask')
    .addHelpText('after', examples(program, 'undo', 'undo 12 --host web-1', 'undo --yes --sandbox try'))
    .action((number: string | undefined, flags: UndoFlags) =>
      run(async () => (await import('./commands/undo.ts')).undo(context, number, flags)),
    )
}
