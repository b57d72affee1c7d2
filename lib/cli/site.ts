/**
 * `site(…)`: the function that a site.ts calls, and that makes the calling file a program.
 *
 * Every recipe loads this module when it starts, so it imports next to nothing.
 */
import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { Inventory } from '../dsl/inventory.ts'
import { defineSite, type Role, type Site, type SiteOptions } from '../dsl/site.ts'
import { callerFile } from '../dsl/source.ts'
import type { OpenHost } from '../engine/apply/openHost.ts'
import type { OpenOptions } from './open.ts'

/** A site with its command line. */
export type Program = Site & {
  /**
   * @param argv Arguments without node and the file.
   * @param name The name by which the program was started, for its help.
   * @returns The exit code.
   */
  run(argv: readonly string[], name?: string): Promise<number>
  /**
   * Opens one of its hosts for a program: evaluates its recipes and finds their secrets, but does not connect yet.
   *
   * @throws {RecipeError | UsageError} With all mistakes of the host's recipes at once, or for an unknown name.
   * @example
   * const host = await site.open('web-1')
   * try {
   *   const plan = await host.plan()
   *   if (plan.changes.length > 0) console.log(await host.apply(plan))
   * } finally {
   *   await host.close()
   * }
   */
  open(name: string, options?: OpenOptions): Promise<OpenHost>
}

/**
 * Defines the roles of an inventory's hosts. When the calling file is the one that node was started with, the command
 * line runs once that file has been evaluated; when another file imports it, nothing runs.
 *
 * @example export default site(inventory, { server: (host) => file({ path: '/etc/motd', content: host.name }) })
 */
export function site<Data extends object>(
  inventory: Inventory<Data>,
  roles: { readonly [role: string]: Role<Data> },
  options?: SiteOptions,
): Program {
  const program: Program = {
    ...defineSite(callerFile(), inventory, roles, options),
    async run(argv, name) {
      const { main } = await import('./main.ts')
      return main(this, argv, name ?? `npx tsx ${basename(this.file)}`)
    },
    async open(name, more) {
      const { openOf } = await import('./open.ts')
      return openOf(this, name, more)
    },
  }
  if (isMain(program.file)) setImmediate(() => void runMain(program))
  return program
}

function isMain(file: string): boolean {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === realpathSync(file)
}

async function runMain(program: Program): Promise<void> {
  process.exitCode = await program.run(process.argv.slice(2))
}
