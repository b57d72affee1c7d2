/**
 * A cache for later runs: files in node_modules/.cache/keelson. Losing them only costs time, so errors are printed
 * under NODE_DEBUG=keelson only.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { debuglog } from 'node:util'
import { Script } from 'node:vm'
import { CACHE } from './home.ts'

/** The end of every file: a file that a crash cut off is not taken for a whole one. */
const END = '\n//whole\n'

const debug = debuglog('keelson')
/** Scripts without a code cache, by the name of their file. */
const fresh = new Map<string, Script>()

/**
 * @param name Path below the folder; it must change with everything that the content depends on.
 * @returns The content; undefined when there is none.
 */
export function readCached(name: string): Buffer | undefined {
  try {
    const bytes = readFileSync(join(CACHE, name))
    return bytes.subarray(-END.length).equals(Buffer.from(END)) ? bytes.subarray(0, -END.length) : undefined
  } catch {
    return undefined
  }
}

/** Writes by rename, because two commands may start at once. */
export function writeCached(name: string, content: string | Uint8Array): void {
  const file = join(CACHE, name)
  const part = join(dirname(file), `.${process.pid}-${basename(file)}`)
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(part, Buffer.concat([Buffer.from(content), Buffer.from(END)]))
    renameSync(part, file)
  } catch (error) {
    debug('not kept: %s', error)
  }
}

/**
 * Evaluates a CommonJS module; beside its file V8's code cache is kept for later runs.
 *
 * @param name Of the module's file, as for `readCached`.
 * @param load Its `require`.
 * @param module Filled by it.
 * @returns What it exports.
 */
export function evaluateCached<Exports>(
  name: string,
  code: string,
  load: NodeJS.Require,
  module: { exports: Exports },
): Exports {
  const filename = join(CACHE, name)
  const known = readCached(`${name}.v8`)
  const text = `(function (exports, require, module, __filename, __dirname) {${code}\n})`
  const script = new Script(text, { filename, ...(known === undefined ? {} : { cachedData: known }) })
  script.runInThisContext()(module.exports, load, module, filename, CACHE)
  if (known === undefined || script.cachedDataRejected === true) {
    if (fresh.size === 0) process.once('exit', writeFresh)
    fresh.set(name, script)
  }
  return module.exports
}

/** At the end V8 has compiled what a command really uses. */
function writeFresh(): void {
  for (const [name, script] of fresh) writeCached(`${name}.v8`, script.createCachedData())
}
