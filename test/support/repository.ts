/**
 * Sites in git repositories made for one test, with Keelson of this repository as their package.
 */
import { buildSync } from 'esbuild'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Ended } from './siteFile.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BIN = join(ROOT, 'lib/cli/bin.ts')
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

const top = realpathSync(mkdtempSync(join(tmpdir(), 'keelson-repositories-')))
process.once('exit', () => rmSync(top, { recursive: true, force: true }))

/** All of lib/ as one file, which a site loads much sooner than its modules one by one. */
const LIBRARY = join(top, 'keelson.cjs')
buildSync({
  entryPoints: [join(ROOT, 'lib/index.ts')],
  outfile: LIBRARY,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  external: ['*.node', 'cpu-features'],
  supported: { 'dynamic-import': false },
  // Where it is installed, it lies in lib/ of its package.
  define: { 'import.meta.url': 'here' },
  banner: { js: "const here = require('node:url').pathToFileURL(`${__dirname}/room/file.ts`).href" },
  logLevel: 'silent',
})
const NAMES = Object.keys(await import('../../lib/index.ts'))

export type Files = { readonly [path: string]: string }

/** A site of one host with one role. @param role Its statements; `k` has the names of the front door. */
export function siteText(role: string, before = ''): string {
  return `import * as k from 'keelson'
${before}
const machines = k.inventory({ hosts: { 'web-1': { address: '192.0.2.1', os: 'debian-13', server: 'CX22', roles: ['all'] } } })
export default k.site(machines, { all() {
${role}
} })
`
}

export class Repository {
  readonly folder: string

  constructor(files: Files) {
    this.folder = mkdtempSync(join(top, 'site-'))
    this.git('init', '--quiet', '--initial-branch=main')
    this.write({ 'package.json': '{ "type": "module" }\n', '.gitignore': 'node_modules\n.env\n', ...files })
    const about = { name: 'keelson', type: 'module', exports: './index.js' }
    this.write({
      'node_modules/keelson/package.json': JSON.stringify(about),
      'node_modules/keelson/index.js': `import library from './lib/keelson.cjs'\nexport const { ${NAMES.join(', ')} } = library\n`,
    })
    mkdirSync(join(this.folder, 'node_modules/keelson/lib'))
    symlinkSync(join(ROOT, 'node_modules/ajv'), join(this.folder, 'node_modules/ajv'))
    copyFileSync(LIBRARY, join(this.folder, 'node_modules/keelson/lib/keelson.cjs'))
    this.commit('one')
  }

  write(files: Files): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true })
      writeFileSync(join(this.folder, path), content)
    }
  }

  git(...args: string[]): string {
    const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'commit.gpgsign=false']
    return execFileSync('git', ['-C', this.folder, ...who, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  commit(message: string): void {
    this.git('add', '--all')
    this.git('commit', '--quiet', '--allow-empty', '-m', message)
  }

  /**
   * Runs the bin in its folder.
   * @param more Variables of the environment.
   * @param under A command that runs another one.
   */
  async keelson(
    args: readonly string[],
    more: { [variable: string]: string } = {},
    under: readonly string[] = [],
  ): Promise<Ended> {
    const { NO_COLOR: _no, FORCE_COLOR: _force, ...own } = process.env
    const [program = '', ...words] = [...under, process.execPath, '--import', TSX, BIN, ...args]
    const child = spawn(program, words, {
      cwd: this.folder,
      env: { ...own, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { code: child.exitCode, stdout, stderr }
  }
}
