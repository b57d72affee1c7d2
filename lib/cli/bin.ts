/**
 * `keelson`, the bin of the package: finds the site of the working folder and runs the site's own command line, so that
 * only one copy of the library runs.
 */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Site } from '../dsl/site.ts'
import { UsageError } from './errors.ts'
import { loadSite } from './load.ts'

const NAME = 'keelson'
/** Commands and options that need no site. */
const SITELESS: readonly (string | undefined)[] = [
  'init',
  'review',
  'sandbox',
  'completion',
  '--version',
  '-V',
  undefined,
]

/**
 * @param given Arguments without node and the file.
 * @returns The exit code.
 */
export async function start(given: readonly string[]): Promise<number> {
  const { file = '', argv } = siteIn(given)
  const path = resolve(file)
  const { main, printCandidates, refuse } = await import('./main.ts')
  if (argv[0] === 'complete') {
    const before = siteIn(argv.slice(2, -1))
    const asked = before.file === undefined ? argv.slice(2) : [...before.argv, ...argv.slice(2).slice(-1)]
    const its = resolve(before.file ?? '')
    return printCandidates(asked, noSite(its), () => loadSite(its))
  }
  if (SITELESS.includes(argv[0]) || asksForHelp(argv)) return main(noSite(path), argv, NAME)
  try {
    if (file === '') throw new UsageError('--site takes a file', 'say which, such as --site servers/site.ts')
    const program = await loadSite(path)
    return await program.run(argv, NAME)
  } catch (error) {
    return refuse(error, noSite(path), argv)
  }
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const own = end === -1 ? argv : argv.slice(0, end)
  return own.includes('--help') || own.includes('-h')
}

/** Takes `--site FILE` out of a command line. */
function siteIn(argv: readonly string[]): { file: string | undefined; argv: readonly string[] } {
  const index = argv.findIndex((word) => word === '--site' || word.startsWith('--site=') || word === '--')
  const word = argv[index]
  if (word === undefined || word === '--') return { file: 'site.ts', argv }
  const isApart = word === '--site'
  const file = isApart ? argv[index + 1] : word.slice('--site='.length)
  return { file, argv: argv.toSpliced(index, isApart ? 2 : 1) }
}

function noSite(file: string): Site {
  return {
    file,
    hosts: [],
    evaluate: () => Promise.reject(new UsageError('there is no site', 'make one with keelson init')),
  }
}

/** The repository starts this file directly; the package has another file that calls `start`. */
const [, started] = process.argv
if (started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url)) {
  void start(process.argv.slice(2)).then((code) => (process.exitCode = code))
}
