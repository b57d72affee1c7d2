/**
 * Where Keelson itself is installed: in lib/ of its repository, or in dist/ of its package.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package holds JavaScript. */
export const isBuilt = !import.meta.url.endsWith('.ts')

/** The top folder, which holds package.json. */
export const ROOT = fileURLToPath(new URL(isBuilt ? '../../../' : '../../', import.meta.url))

/** The folder of Keelson's own files: lib/, or everything that was built, including recipes. */
export const OWN = join(ROOT, isBuilt ? 'dist/' : 'lib/')

/** Beside the installed package, or in the repository's node_modules. */
export const CACHE = isInstalled() ? join(ROOT, '../.cache/keelson/') : join(ROOT, 'node_modules/.cache/keelson/')

function isInstalled(): boolean {
  return ROOT.endsWith('/node_modules/keelson/')
}

/** Arguments of node that start the bin. In the repository they load TypeScript with the same loader as this process. */
export const BIN: readonly string[] = isBuilt
  ? [join(ROOT, 'dist/bin.cjs')]
  : [...process.execArgv, join(ROOT, 'lib/cli/bin.ts')]

/** The version of Keelson, such as `0.1.0`. */
export function version(): string {
  const about: { version?: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return about.version ?? 'unknown'
}
