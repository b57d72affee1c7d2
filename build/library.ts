/**
 * lib/ as one file of JavaScript, for the site of this repository: it and its recipes import `#keelson`, which
 * package.json leads here, and for types to lib/index.ts. Loading the modules one by one through tsx takes 480 ms of CPU
 * in a plan that has nothing to do, loading them as one file takes 40 ms (Node 20, 2 cores); and nothing that they import
 * can save that, because all they import is loaded before the first of it runs. The package is one file when it is built.
 *
 * esbuild, which tsx brings along, writes that file to node_modules/.cache/keelson under a name made of the size and
 * the time of every file it is made of; beside it stands what V8 made of it. Without that folder, or without esbuild,
 * nothing is lost but time: the modules are then loaded one by one. NODE_DEBUG=keelson tells which it was.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debuglog } from 'node:util'
import type * as Esbuild from 'esbuild'
import { evaluateCached, readCached, writeCached } from '../lib/dsl/cache.ts'
import { CACHE } from '../lib/dsl/home.ts'
import type * as Library from '../lib/index.ts'

const LIB = fileURLToPath(new URL('../lib/', import.meta.url))
const HERE = fileURLToPath(import.meta.url)
/** npm writes it with every install: what is compiled holds the packages too. */
const INSTALLED = fileURLToPath(new URL('../node_modules/.package-lock.json', import.meta.url))
/**
 * Commands that people wait for. Any other program that imports lib/ is a test or a tool: it names modules by their
 * own files, and must not get a second copy of them.
 */
const COMMANDS: readonly (string | undefined)[] = ['plan', 'converge']

const load = createRequire(import.meta.url)
const debug = debuglog('keelson')

/** lib/index.ts; undefined where its modules have to be loaded one by one. */
function loadCompiled(): typeof Library | undefined {
  if (!COMMANDS.includes(process.argv[2])) return undefined
  try {
    const name = `${keyOf([...sources(LIB), HERE, INSTALLED])}.cjs`
    // All of it is ASCII, which latin1 reads at once.
    const code = (readCached(name) ?? compile(name)).toString('latin1')
    return evaluateCached(name, code, load, { exports: Object.create(null) })
  } catch (error) {
    debug('loading lib/ file by file: %s', error)
    return undefined
  }
}

function* sources(folder: string): Iterable<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else yield path
  }
}

function keyOf(files: readonly string[]): string {
  const hash = createHash('sha256').update(process.version)
  for (const file of files) {
    const { size, mtimeMs } = statSync(file)
    hash.update(`${file} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex').slice(0, 32)
}

/** Writes the file in place of those of earlier sources. @returns What it holds. */
function compile(name: string): Buffer {
  debug('compiling lib/')
  const { buildSync }: typeof Esbuild = load('esbuild')
  const { outputFiles } = buildSync({
    entryPoints: [join(LIB, 'index.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: `node${process.versions.node}`,
    // Native addons that ssh2 does without.
    external: ['*.node', 'cpu-features'],
    supported: { 'dynamic-import': false },
    // Every file of lib/ that asks where it is stands in a room.
    define: { 'import.meta.url': JSON.stringify(new URL('../lib/room/file.ts', import.meta.url).href) },
    logLevel: 'silent',
    write: false,
  })
  const code = Buffer.from(inAscii(outputFiles[0]!.text))
  rmSync(CACHE, { recursive: true, force: true })
  // What cannot be kept would be compiled each time; from Node 22 on, rmSync says nothing of a folder that cannot be.
  mkdirSync(CACHE, { recursive: true })
  writeCached(name, code)
  return code
}

/**
 * Escapes what esbuild leaves beyond ASCII: in tagged templates, regular expressions and comments. Where a template is
 * read raw, there must be none.
 */
function inAscii(code: string): string {
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const library: typeof Library = loadCompiled() ?? (await import('../lib/index.ts'))

export const {
  absent,
  aptPackage,
  authorizedKeys,
  certificate,
  command,
  conf,
  cronJob,
  directory,
  dropIn,
  edit,
  env,
  file,
  forget,
  group,
  hostname,
  ini,
  inventory,
  kernelModule,
  knownHosts,
  locale,
  logrotate,
  mount,
  json,
  keepData,
  keepSecretsPrivate,
  limitPublicPorts,
  limitRestarts,
  nginxSnippet,
  nginxVhost,
  policy,
  postgresDatabase,
  postgresExtension,
  postgresGrant,
  postgresHba,
  postgresRole,
  postgresSetting,
  redisSetting,
  resource,
  secret,
  service,
  site,
  sshKey,
  sudoers,
  swapFile,
  symlink,
  sysctl,
  timer,
  timezone,
  tmpfiles,
  toml,
  ufwDefaults,
  ufwRule,
  unit,
  user,
  yaml,
} = library
