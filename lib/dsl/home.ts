/**
 * Where Keelson itself stands: in lib/ of its repository, or in dist/ of its package.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package holds JavaScript. */
export const isBuilt = !import.meta.url.endsWith('.ts')

/** The top folder, which holds package.json. */
export const ROOT = fileURLToPath(new URL(isBuilt ? '../../../' : '../../', import.meta.url))

/** Files below are Keelson's own: lib/, or all that was built, recipes too. */
export const OWN = join(ROOT, isBuilt ? 'dist/' : 'lib/')

/** Beside the installed package, or in the packages of the repository. */
export const CACHE = isInstalled() ? join(ROOT, '../.cache/keelson/') : join(ROOT, 'node_modules/.cache/keelson/')

function isInstalled(): boolean {
  return ROOT.endsWith('/node_modules/keelson/')
}

/** Arguments of node that start the bin. In the repository it takes the loader of TypeScript that this process has. */
export const BIN: readonly string[] = isBuilt
  ? [join(ROOT, 'dist/bin.cjs')]
  : [...process.execArgv, join(ROOT, 'lib/cli/bin.ts')]

/** Keelson's own, such as `0.1.0`. */
export function version(): string {
  const about: { version?: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return about.version ?? 'unknown'
}
