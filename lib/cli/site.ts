/**
 * `site(…)`: what a site.ts calls, and what makes that file a program.
 *
 * This file is loaded by every recipe's start, so it imports next to nothing.
 */
import { realpathSync } from 'node:fs'
import type { Inventory } from '../dsl/inventory.ts'
import { defineSite, type Role, type Site } from '../dsl/site.ts'
import { callerFile } from '../dsl/source.ts'

/**
 * Names the roles of an inventory's hosts. When the calling file is the one node was started with, the command line
 * is run once that file has been evaluated; imported by another file, nothing runs.
 */
export function site<Data extends object>(
  inventory: Inventory<Data>,
  roles: { readonly [role: string]: Role<Data> },
): Site {
  const file = callerFile()
  const defined = defineSite(file, inventory, roles)
  if (isMain(file)) setImmediate(() => void runMain(defined))
  return defined
}

function isMain(file: string): boolean {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === realpathSync(file)
}

async function runMain(defined: Site): Promise<void> {
  const argv = process.argv.slice(2)
  const [{ main }] = await Promise.all([
    import('./main.ts'),
    import('./preload.ts').then(({ preload }) => preload(argv)),
  ])
  process.exitCode = await main(defined, argv)
}
