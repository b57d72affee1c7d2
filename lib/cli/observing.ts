/**
 * Commands that show what there is and change nothing.
 */
import { Argument, type Command } from 'commander'
import type { CommandContext } from './commandContext.ts'
import type { CostFlags } from './commands/cost.ts'
import type { ExplainFlags } from './commands/explain.ts'
import type { GraphFlags } from './commands/graph.ts'
import type { LogsFlags } from './commands/logs.ts'
import type { RunsFlags } from './commands/runs.ts'
import type { VerifyFlags } from './commands/verify.ts'
import { COMPLETION_SCRIPTS, COMPLETION_SHELLS } from './completionScripts.ts'
import { addGlobals, addHosts, addMachine, examples, type Run, several } from './options.ts'

export function addCost(program: Command, context: CommandContext, run: Run): void {
  const command = program.command('cost').description('what the machines cost a month; no host is contacted')
  addGlobals(command)
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
    .addHelpText('after', examples(program, 'cost', 'cost --json'))
    .action((flags: CostFlags) => run(async () => (await import('./commands/cost.ts')).cost(context, flags)))
}

export function addVerify(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('verify')
    .description('is the site up: names, ports, certificates, services, backups, from outside and on the hosts')
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
  addGlobals(addMachine(command))
    .option('--ca <file>', 'trust the authorities in this PEM file in place of the public ones')
    .option('--prometheus', 'write metrics for the textfile collector of node_exporter')
    .addHelpText('after', examples(program, 'verify', 'verify --sandbox try', 'verify --prometheus > keelson.prom'))
    .action((flags: VerifyFlags) => run(async () => (await import('./commands/verify.ts')).verify(context, flags)))
}

export function addLogs(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('logs [service...]')
    .description('the journal of all units and the access log of nginx as one stream by time')
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
  addGlobals(addMachine(command))
    .option('-f, --follow', 'go on with what comes, through lost connections, until Ctrl-C')
    .option('--since <time>', 'a span such as 30m, or a time in UTC', '1h')
    .option('--until <time>', 'the same for the end')
    .option('--grep <pattern>', 'only messages that the regular expression fits')
    .option('--level <level>', 'only messages of this level, such as warning, and of worse ones')
    .addHelpText('after', examples(program, 'logs api nginx --since 30m', 'logs -f --level warning', 'logs --json'))
    .action((services: string[], flags: LogsFlags) =>
      run(async () => (await import('./commands/logs.ts')).logs(context, services, flags)),
    )
}

export function addExplain(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('explain <ref>')
    .description('tell all that is known of one resource: where it is declared, what is there, what is done about it')
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
  addGlobals(addMachine(command))
    .option('--offline', 'ask no host')
    .addHelpText(
      'after',
      examples(
        program,
        'explain file:/etc/motd',
        'explain recipes/tls.ts:35 --offline',
        'explain nginx-vhost:api --json',
      ),
    )
    .action((ref: string, flags: ExplainFlags) =>
      run(async () => (await import('./commands/explain.ts')).explain(context, ref, flags)),
    )
}

export function addGraph(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('graph')
    .description('show what is declared, and what needs what; no host is contacted')
  addGlobals(addHosts(command))
    .option('--format <format>', 'tree, or dot for Graphviz', 'tree')
    .option('--reverse', 'show what needs each resource: what breaks when it does')
    .addHelpText(
      'after',
      examples(
        program,
        'graph',
        'graph --only nginx-vhost',
        'graph --only package:postgresql --reverse',
        'graph --format dot | dot -Tsvg > site.svg',
      ),
    )
    .action((flags: GraphFlags) => run(async () => (await import('./commands/graph.ts')).graph(context, flags)))
}

export function addCompletion(program: Command, { output }: CommandContext, run: Run): void {
  program
    .command('completion')
    .description('print the completion script of a shell; it asks no host')
    .addArgument(new Argument('<shell>').choices(COMPLETION_SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  eval "$(keelson completion bash)"        # in ~/.bashrc\n  source <(keelson completion zsh)         # in ~/.zshrc\n  keelson completion fish > ~/.config/fish/completions/keelson.fish\n',
    )
    .action((shell: (typeof COMPLETION_SHELLS)[number]) =>
      run(async () => {
        output.out.write(COMPLETION_SCRIPTS[shell])
        return 'ok'
      }),
    )
}

export function addRuns(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('runs [number]')
    .description('what was done to the hosts, by whom and how it came out; a number shows one run')
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
  addGlobals(addMachine(command))
    .addHelpText('after', examples(program, 'runs', 'runs 12', 'runs --sandbox --json'))
    .action((number: string | undefined, flags: RunsFlags) =>
      run(async () => (await import('./commands/runs.ts')).runs(context, number, flags)),
    )
}

export function addTypes(program: Command, context: CommandContext, run: Run): void {
  const command = program
    .command('types [name]')
    .description('what a recipe can declare; a name shows the props of one type, with examples')
  addGlobals(command)
    .addHelpText('after', examples(program, 'types', 'types file', 'types nginxVhost --json'))
    .action((name: string | undefined) =>
      run(async () => (await import('./commands/types.ts')).showTypes(context, name)),
    )
}
