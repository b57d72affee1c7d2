/**
 * The package as npm packs it, unpacked into folders of its own. Packages it depends on are links to those of the
 * repository, only the ones that package.json names, so that nothing is downloaded and nothing undeclared is found.
 */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PACKED = ['build', 'lib', 'recipes', 'package.json', 'tsconfig.json']
/** What a site needs to be type-checked. */
const TOOLS = ['@types/node', 'undici-types', '@typescript']

const top = mkdtempSync(join(tmpdir(), 'keelson-package-'))
process.once('exit', () => rmSync(top, { recursive: true, force: true }))

/** Packs a copy of the repository, whose dist/ another test may be writing. @returns Path of the tarball. */
function pack(): string {
  const copy = join(top, 'repository')
  for (const name of PACKED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts=false', '--pack-destination', top], { cwd: copy })
  const { version }: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return join(top, `keelson-${version}.tgz`)
}

const tarball = pack()
const modules = join(top, 'node_modules')
/** Where the package is installed. */
export const PACKAGE = join(modules, 'keelson')
export const BIN = join(PACKAGE, 'dist/bin.cjs')

mkdirSync(PACKAGE, { recursive: true })
execFileSync('tar', ['-xzf', tarball, '-C', PACKAGE, '--strip-components=1'])
const { dependencies }: { dependencies: object } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))
for (const name of [...Object.keys(dependencies), ...TOOLS]) {
  mkdirSync(dirname(join(modules, name)), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
}

/** A folder in which the package can be imported. */
export function newFolder(): string {
  return mkdtempSync(join(top, 'site-'))
}

export type Ended = { code: number; stdout: string; stderr: string }

/** Runs node in a folder, as npx would have it run. */
export function node(folder: string, ...args: string[]): Promise<Ended> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, NODE_OPTIONS: _options, ...env } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    )
  })
}

export function keelson(folder: string, ...args: string[]): Promise<Ended> {
  return node(folder, BIN, ...args)
}

export function typecheck(folder: string): Promise<Ended> {
  return node(folder, join(modules, '@typescript/native/bin/tsc'), '-p', '.')
}
