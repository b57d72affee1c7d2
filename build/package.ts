/**
 * Builds dist/, which is what the package holds.
 *
 *     node --import tsx build/package.ts
 *
 * All of lib/ is one file, dist/keelson.cjs, and each door is an ES module that gives out names of it: Node loads one
 * file in half the time of two hundred, and tsx, which rewrites ES modules, leaves CommonJS alone (no-op plan, Node 20:
 * 220 ms of CPU under tsx, against 480 as chunks of ES modules and 810 as one module a file). One file is also one
 * instance: the bin, the front door and the recipes share it.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
/** Doors of the package, without the ending. One more is a name here and a few lines in package.json. */
const DOORS = ['lib/index', 'lib/kit/index']
/** Packages that are ES modules only: not every Node that is supported can require them. */
const ENCLOSED = ['fast-string-width', 'fast-string-truncated-width']

const require = createRequire(import.meta.url)

/** What the compiler says of the types, less the files that no door leads to. */
function writeDeclarations(): void {
  execFileSync('node_modules/.bin/tsc', ['-p', 'build/tsconfig.json'], { stdio: 'inherit' })
  const kept = new Set<string>()
  const keep = (file: string): void => {
    if (kept.has(file)) return
    kept.add(file)
    // The compiler leaves the endings of imports in declarations as they are written.
    const text = readFileSync(file, 'utf8')
      .replaceAll(/(from |import\()(["'])(\.[^"']+)\.ts\2/g, '$1$2$3.js$2')
      .replaceAll(/(["'])#keelson\1/g, `'${relative(dirname(file), 'dist/lib/index.js')}'`)
    writeFileSync(file, text)
    for (const [, path = ''] of text.matchAll(/(?:from |import\()["'](\.[^"']+)\.js["']/g)) {
      keep(join(dirname(file), `${path}.d.ts`))
    }
  }
  for (const door of [...DOORS, 'recipes/index']) keep(`dist/${door}.d.ts`)
  for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
    const file = join('dist', name)
    if (file.endsWith('.d.ts') && !kept.has(file)) rmSync(file)
  }
}

async function bundleLibrary(): Promise<void> {
  const doors = DOORS.map((door) => `export * as ${JSON.stringify(door)} from './${door}.ts'`)
  const { dependencies }: { dependencies: object } = require('../package.json')
  await build({
    stdin: { contents: [...doors, "export { start } from './lib/cli/bin.ts'"].join('\n'), resolveDir: ROOT },
    outfile: 'dist/keelson.cjs',
    bundle: true,
    preserveSymlinks: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: Object.keys(dependencies)
      .filter((name) => !ENCLOSED.includes(name))
      .flatMap((name) => [name, `${name}/*`]),
    // Every file of lib/ that asks where it is stands in a room, and the answer is one for all of them.
    define: { 'import.meta.url': 'here' },
    banner: {
      js: "const here = require('node:url').pathToFileURL(`${__dirname}/lib/room/file.js`).href, importModule = require('./importModule.cjs');",
    },
    footer: { js: ENCLOSED.map(licenceOf).join('\n') },
    logLevel: 'warning',
  })
  // tsx rewrites every file that says `import(…)`, and takes 200 ms for one of this size.
  writeFileSync('dist/importModule.cjs', 'module.exports = (name) => import(name)\n')
  writeFileSync('dist/keelson.cjs', readFileSync('dist/keelson.cjs', 'utf8').replaceAll(/\bimport\(/g, 'importModule('))
}

function licenceOf(name: string): string {
  return `/*\n${name}\n\n${readFileSync(`node_modules/${name}/license`, 'utf8')}*/`
}

/** Recipes take the library by its door, and their files from beside themselves. */
async function bundleRecipes(): Promise<void> {
  const door: Plugin = {
    name: 'door',
    setup: (bundling) =>
      bundling.onResolve({ filter: /^#keelson$/ }, () => ({ path: '../lib/index.js', external: true })),
  }
  await build({
    entryPoints: ['recipes/index.ts'],
    outdir: 'dist/recipes',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [door],
    logLevel: 'warning',
  })
  cpSync('recipes/stand-ins', 'dist/recipes/stand-ins', { recursive: true })
}

/** An ES module has to name what it gives out. */
function writeDoor(door: string): void {
  const names = Object.keys(require('../dist/keelson.cjs')[door])
  const bundle = relative(dirname(door), 'keelson.cjs')
  writeFileSync(
    `dist/${door}.js`,
    `import { createRequire } from 'node:module'
export const { ${names.join(', ')} } = createRequire(import.meta.url)('${bundle}')['${door}']
`,
  )
}

function writeBin(): void {
  const text = `#!/usr/bin/env node
const { start } = require('./keelson.cjs')
start(process.argv.slice(2)).then((code) => (process.exitCode = code))
`
  writeFileSync('dist/bin.cjs', text)
  chmodSync('dist/bin.cjs', 0o755)
}

process.chdir(ROOT)
rmSync('dist', { recursive: true, force: true })
writeDeclarations()
await bundleLibrary()
copyFileSync('lib/types.json', 'dist/types.json')
await bundleRecipes()
for (const door of DOORS) writeDoor(door)
writeBin()
