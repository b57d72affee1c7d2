/**
 * `site(…)`: what a site.ts calls, and what makes that file a program.
 *
 * This file is loaded by every recipe's start, so it imports next to nothing.
 */
import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { Inventory } from '../dsl/inventory.ts'
import { defineSite, type Role, type Site, type SiteOptions } from '../dsl/site.ts'
import { callerFile } from '../dsl/source.ts'
import type { OpenHost } from '../engine/apply/openHost.ts'
import type { OpenOptions } from './open.ts'

/** A site, and the command line on it. */
export type Program = Site & {
  /**
   * @param argv Without node and the file.
   * @param name How the program is started, for its help.
   * @returns The exit code.
   */
  run(argv: readonly string[], name?: string): Promise<number>
  /**
   * Opens one of its hosts for a program: what it declares and the secrets of that are found, nothing is connected to yet.
   *
   * @throws {RecipeError | UsageError} With all mistakes of the host's recipes at once, or for a name that is none.
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
 * Names the roles of an inventory's hosts. When the calling file is the one node was started with, the command line
 * is run once that file has been evaluated; imported by another file, nothing runs.
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
