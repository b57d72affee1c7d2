/**
 * The process in which the recipes of a revision are evaluated. It says what came out, or what is wrong in them; recipes
 * that mean harm may say anything in its place.
 */
import { existsSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Catalog, canonicalJson } from '../engine/catalog/catalog.ts'
import type { Diagnostic } from '../engine/catalog/evaluate.ts'
import type { Answer } from '../revisions/answer.ts'
import { ANSWER_FD, MOST_WORDS } from '../revisions/protocol.ts'
import { loadSite } from './load.ts'
import type { Program } from './site.ts'

/** @param file Absolute path of the site. */
export async function evaluateSite(file: string): Promise<never> {
  const rest = Buffer.from(JSON.stringify(await answerFor(file)))
  for (let at = 0; at < rest.length;) at += writeSync(ANSWER_FD, rest, at)
  process.exit(0)
}

async function answerFor(file: string): Promise<Answer> {
  if (!existsSync(file)) return {}
  process.chdir(dirname(file))
  try {
    const program = await loadSite(file)
    const catalogs = []
    for (const { name } of program.hosts) catalogs.push(await evaluateTwice(program, name))
    return { catalogs }
  } catch (error) {
    return { mistakes: mistakesIn(error).map(shortened) }
  }
}

/** A catalog that is another each time would show changes that nobody made. */
async function evaluateTwice(program: Program, name: string): Promise<Catalog> {
  const catalog = await program.evaluate(name)
  if (canonicalJson(catalog) === canonicalJson(await program.evaluate(name))) return catalog
  throw new Error(`the recipes of ${name} declare something else each time that they are evaluated`)
}

/** The site may have come with another copy of Keelson, whose errors are of other classes. */
function mistakesIn(error: unknown): Diagnostic[] {
  if (!(error instanceof Error)) return [{ message: String(error) }]
  const diagnostics: unknown = Reflect.get(error, 'diagnostics')
  if (Array.isArray(diagnostics) && diagnostics.length > 0) return diagnostics.map((each) => diagnosticOf(Object(each)))
  const next: unknown = Reflect.get(error, 'next')
  return [{ message: error.message || error.name, ...(typeof next === 'string' && next !== '' ? { next } : {}) }]
}

/** Its places are getters, which JSON would take as they are. */
function diagnosticOf({ message, source, also, next }: Partial<Diagnostic>): Diagnostic {
  return {
    message: String(message),
    ...(source === undefined ? {} : { source }),
    ...(also === undefined ? {} : { also }),
    ...(next === undefined ? {} : { next }),
  }
}

function shortened({ message, ...about }: Diagnostic): Diagnostic {
  return { ...about, message: message.slice(0, MOST_WORDS) }
}
