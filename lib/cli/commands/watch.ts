/**
 * --watch: plans again on every save of a recipe. Nothing is applied.
 */
import { dirname, extname, relative } from 'node:path'
import { BIN } from '../../dsl/home.ts'
import { quote } from '../../kit/shell.ts'
import type { ExitName } from '../../engine/report.ts'
import { cleanLine } from '../../render/clean.ts'
import type { CommandContext } from '../commandContext.ts'

const IGNORED = new Set(['node_modules', '.git', 'coverage'])
const WATCHED = new Set(['.ts', '.json', '.conf', '.py', '.cjs', '.mjs', '.js', '.age'])

/**
 * Runs `plan` with the same options each time a file of the site changes, until Ctrl-C. Each plan is a process of its
 * own, because loaded modules stay loaded.
 *
 * @param argv The command line without its first word and without --watch.
 */
export async function watchPlans({ site, output }: CommandContext, argv: readonly string[]): Promise<ExitName> {
  const [{ watch }, { $ }] = await Promise.all([import('chokidar'), import('zx/core')])
  const folder = dirname(site.file)
  const run = $({ shell: '/bin/sh', prefix: '', quote, nothrow: true, verbose: false, stdio: 'inherit' })
  let running = false
  let again = false
  const plan = async (because: string): Promise<void> => {
    if (running) {
      again = true
      return
    }
    output.err.write(`\n${because}\n`)
    running = true
    await run`${process.execPath} ${BIN} plan --site ${site.file} ${argv}`
    running = false
    output.err.write('waiting for a save; Ctrl-C ends this\n')
    if (again) {
      again = false
      await plan('saved meanwhile: planning again')
    }
  }

  const watcher = watch(folder, {
    ignored: (path, stats) =>
      path.split('/').some((part) => IGNORED.has(part)) || (stats?.isFile() === true && !WATCHED.has(extname(path))),
    ignoreInitial: true,
  })
  const ended = new Promise<void>((resolve) => process.once('SIGINT', resolve))
  watcher.on('all', (_event, path) => void plan(`${cleanLine(relative(folder, path))} saved: planning again`))
  await plan('planning')
  await ended
  await watcher.close()
  return 'interrupted'
}
