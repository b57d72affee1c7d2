/**
 * Commands about this machine and this repository: throw-away hosts, stored secrets, and how a site begins.
 */
import type { Command } from 'commander'
import type { CommandContext } from './commandContext.ts'
import { addGlobals, examples, type Run } from './options.ts'

export function addSandbox(program: Command, context: CommandContext, run: Run): void {
  const load = () => import('./commands/sandbox.ts')
  const sandbox = program
    .command('sandbox')
    .description('throw-away hosts on this machine')
    .addHelpText(
      'after',
      examples(program, 'sandbox up try', 'sandbox ssh try -- systemctl --failed', 'sandbox down --all'),
    )
  addGlobals(sandbox.command('up <name>').description('boot a fresh host, or name the one that is there'))
    .option('--os <system>', 'debian-12 or debian-13; without it that of the host, or debian-13 for a new one')
    .action((name: string, flags: { os?: string }) => run(async () => (await load()).sandboxUp(context, name, flags)))
  addGlobals(sandbox.command('list').description('all hosts')).action(() =>
    run(async () => (await load()).sandboxList(context)),
  )
  addGlobals(sandbox.command('ssh <name> [command...]').description('log in, or run a command there'))
    .passThroughOptions()
    .action((name: string, command: string[]) => run(async () => (await load()).sandboxSsh(name, command)))
  addGlobals(sandbox.command('down [name]').description('delete a sandbox host'))
    .option('--all', 'all of them, and whatever crashed clients left')
    .action((name: string | undefined, flags: { all?: boolean }) =>
      run(async () => (await load()).sandboxDown(context, name, flags)),
    )
}

export function addSecrets(program: Command, context: CommandContext, run: Run): void {
  const load = () => import('./commands/secrets.ts')
  const secrets = program
    .command('secrets')
    .description('values that recipes name, encrypted with age in the repository')
    .addHelpText('after', examples(program, 'secrets set postgres-takeclient', 'secrets list', 'secrets edit'))
  addGlobals(secrets.command('set <name>').description('store a value; it is asked for, or read from standard input'))
    .addHelpText('after', examples(program, 'secrets set postgres-takeclient', 'secrets set api-key < key.txt'))
    .action((name: string) => run(async () => (await load()).secretsSet(context, name)))
  addGlobals(secrets.command('list').description('names of the stored values')).action(() =>
    run(async () => (await load()).secretsList(context)),
  )
  addGlobals(secrets.command('edit').description('change the stored values in your editor (VISUAL, EDITOR)')).action(
    () => run(async () => (await load()).secretsEdit(context)),
  )
}

export function addInit(program: Command, context: CommandContext, run: Run): void {
  addGlobals(program.command('init').description('write a small site into this folder, to start from'))
    .addHelpText('after', examples(program, 'init'))
    .action(() => run(async () => (await import('./commands/init.ts')).init(context)))
}

export function addUp(program: Command, context: CommandContext, run: Run): void {
  addGlobals(
    program
      .command('up', { hidden: true })
      .description('boot a throw-away host, converge the first host on it, and try it'),
  )
    .addHelpText('after', examples(program, 'up'))
    .action(() => run(async () => (await import('./up.ts')).up(context)))
}
