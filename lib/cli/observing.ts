/**
 * Commands that show what there is and change nothing.
 */
import type { Command } from 'commander'
import type { CommandContext } from './commandContext.ts'
import type { CostFlags } from './commands/cost.ts'
import { addGlobals, examples, type Run, several } from './options.ts'

export function addCost(program: Command, context: CommandContext, run: Run): void {
  const command = program.command('cost').description('what the machines cost a month; no host is contacted')
  addGlobals(command)
    .addOption(several('--host <name>', 'a host, or a pattern', 'all hosts'))
    .addHelpText('after', examples(program, 'cost', 'cost --json'))
    .action((flags: CostFlags) => run(async () => (await import('./commands/cost.ts')).cost(context, flags)))
}
