/**
 * Loads a site.ts for the bin, and converts the errors of Node and its loaders into one sentence.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Source } from '../engine/catalog/catalog.ts'
import { type Diagnostic, RecipeError } from '../engine/catalog/evaluate.ts'
import { didYouMean } from '../dsl/didYouMean.ts'
import { foreignModule } from '../dsl/foreignWords.ts'
import { isBuilt } from '../dsl/home.ts'
import { sourceIn } from '../dsl/source.ts'
import { UsageError } from './errors.ts'
import type { Program } from './site.ts'

/** Characters of a line that is shown. */
const LONGEST_LINE = 300

/**
 * @param file Absolute path.
 * @throws {UsageError} When the file does not exist or is not a site.
 * @throws {RecipeError} With the line that cannot be loaded.
 */
export async function loadSite(file: string): Promise<Program> {
  if (!existsSync(file)) {
    throw new UsageError(
      `there is no ${basename(file)} in ${dirname(file)}`,
      'change to the folder of the site, name the file with --site FILE, or make a site with keelson init',
    )
  }
  await readTypeScript()
  const loaded = await import(pathToFileURL(file).href).catch(async (error: unknown) => {
    throw new RecipeError([await mistakeIn(error, file)])
  })
  const program: unknown = loaded.default
  if (isProgram(program)) return program
  throw new UsageError(`${basename(file)} has no site`, 'end it with: export default site(inventory, { … })')
}

/**
 * Node reads TypeScript itself from 22.18 on; before, tsx does. In the repository, the loader that loaded this file
 * reads it too.
 */
async function readTypeScript(): Promise<void> {
  if (!isBuilt || Reflect.get(process.features, 'typescript')) return
  const { register } = await import('tsx/esm/api')
  // The loader stays registered: recipe lines are found through its source maps.
  register()
}

function isProgram(value: unknown): value is Program {
  return typeof value === 'object' && value !== null && 'run' in value && typeof value.run === 'function'
}

/** Why the site cannot be loaded, with the line at fault. */
async function mistakeIn(error: unknown, file: string): Promise<Diagnostic> {
  const root = dirname(file)
  const at = ({ file: path, ...place }: Source): Source => ({ file: relative(root, path), ...place })
  if (!(error instanceof Error)) return { message: String(error), source: at({ file, line: 1, column: 1 }) }
  const found = lost(error) ?? (await notExported(error)) ?? badSyntax(error)
  if (found !== undefined) return { ...found, source: at(found.source) }
  return { message: error.message, source: sourceIn(error.stack, root) ?? at({ file, line: 1, column: 1 }) }
}

type Found = Diagnostic & { source: Source }

/** An import of a file or package that does not exist. */
function lost({ message }: Error): Found | undefined {
  const [, kind, name = '', importer = ''] =
    /^Cannot find (module|package) '(.+)' imported from (.+)$/.exec(message) ?? []
  if (kind === undefined) return undefined
  if (kind === 'package') {
    const next = `correct the name, or install it with npm install ${name}`
    return { message: `there is no package ${name} here`, source: placeOf(name, importer), next }
  }
  const path = name.startsWith('file:') ? fileURLToPath(name) : name
  const best = didYouMean(basename(path), namesIn(dirname(path)))
  const hint = best === undefined ? '' : `; did you mean ${best}?`
  const next = 'correct the path; it is relative to the importing file and ends in .ts'
  return {
    message: `there is no file ${basename(path)} in ${dirname(path)}${hint}`,
    source: placeOf(basename(path), importer),
    next,
  }
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/** The line of a file on which a name stands in quotes. Node reports the file only. */
function placeOf(name: string, importer: string): Source {
  const file = importer.startsWith('file:') ? fileURLToPath(importer) : importer
  const lines = readFileSync(file, 'utf8').split('\n')
  const index = lines.findIndex((line) => line.includes(`${name}'`) || line.includes(`${name}"`))
  return { file, line: Math.max(index, 0) + 1, column: 1 }
}

/** An import of a name that the other file does not export. */
async function notExported(error: Error): Promise<Found | undefined> {
  const [, from = '', name = ''] = /module '(.+)' does not provide an export named '(.+)'$/.exec(error.message) ?? []
  const source = topOf(error)
  if (name === '' || source === undefined) return undefined
  const exported = await exportsOf(from, source.file)
  const foreign = foreignModule(name)
  const best = foreign !== undefined && exported.includes(foreign) ? foreign : didYouMean(name, exported)
  const hint = best === undefined ? '' : `; did you mean ${best}?`
  return { message: `${from} exports no ${name}${hint}`, source, next: 'correct the name in the import' }
}

/** Names that a module exports; none when it cannot be loaded. */
async function exportsOf(specifier: string, importer: string): Promise<string[]> {
  const url = specifier.startsWith('.') ? new URL(specifier, pathToFileURL(importer)).href : specifier
  return import(url).then(Object.keys, () => [])
}

function badSyntax(error: Error): Found | undefined {
  // esbuild: `Transform failed with 1 error:\n/site.ts:4:22: ERROR: Expected "}" but found "content"`, columns from 0.
  const [, file, line, column, said] = /^(\/.+):(\d+):(\d+): ERROR: (.+)$/m.exec(error.message) ?? []
  if (file !== undefined && said !== undefined) {
    const source = { file, line: Number(line), column: Number(column) + 1 }
    return { message: said, source, ...excerptOf(source), next: 'correct the line' }
  }
  const source = error.name === 'SyntaxError' ? topOf(error) : undefined
  if (source === undefined) return undefined
  const isUnsupported = Reflect.get(error, 'code') === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
  const next = isUnsupported ? 'write it in plain TypeScript, or run the site with npx tsx' : 'correct the line'
  return { message: error.message, source, ...excerptOf(source), next }
}

/** The line, and below it a mark that also stands right where there are tabs. */
function excerptOf({ file, line, column }: Source): { excerpt: string[] } {
  const text = existsSync(file) ? readFileSync(file, 'utf8').split('\n')[line - 1] : undefined
  if (text === undefined || text.length > LONGEST_LINE) return { excerpt: [] }
  const number = String(line)
  const before = text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')
  return { excerpt: [`${number} | ${text.trimEnd()}`, `${' '.repeat(number.length)} | ${before}^`] }
}

/** The `file:///a/site.ts:4` or `/a/site.ts:4` with which Node begins the stack of an error that it cannot compile. */
function topOf({ stack = '' }: Error): Source | undefined {
  const [place = '', , mark = ''] = stack.split('\n', 3)
  const [, where, line] = /^((?:file:\/\/)?\/.+):(\d+)$/m.exec(place) ?? []
  if (where === undefined) return undefined
  // Below the line, carets are where the mistake is.
  const column = /^\s*\^+\s*$/.test(mark) ? mark.indexOf('^') + 1 : 1
  return { file: where.startsWith('file:') ? fileURLToPath(where) : where, line: Number(line), column }
}
