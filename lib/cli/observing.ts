/**
 * Commands that show what there is and change nothing.
 */
import type { Command } from 'commander'
import type { CommandContext } from './commandContext.ts'
import type { CostFlags } from './commands/cost.ts'
import type { LogsFlags } from './commands/logs.ts'
import type { VerifyFlags } from './commands/verify.ts'
import { addGlobals, addMachine, examples, type Run, several } from './options.ts'

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
