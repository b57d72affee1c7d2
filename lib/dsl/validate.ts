/**
 * Checks JSON Schemas with ajv, and puts the findings into words.
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type * as AjvPackage from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import type { Validate } from '../engine/catalog/evaluate.ts'
import { groupBy } from '../kit/groupBy.ts'
import type { JsonSchema } from '../kit/schema.ts'
import { evaluateCached, readCached, writeCached } from './cache.ts'
import { COMMON_KEYS } from './declare.ts'
import { didYouMean } from './didYouMean.ts'
import { expectedText, kindText } from './expected.ts'
import { foreignKey } from './foreignWords.ts'

const load = createRequire(import.meta.url)
const { version }: { version: string } = load('ajv/package.json')

/**
 * `all`: finds everything that is wrong, for what a person writes. `first`: finds one thing only and removes keys that
 * the schema does not name, for input from outside, of which there may be much.
 */
type Mode = 'all' | 'first'

const checks = { all: new WeakMap<object, ValidateFunction>(), first: new WeakMap<object, ValidateFunction>() }

/**
 * Returns sentences about what is wrong, each beginning with its place in the value; empty when nothing is.
 *
 * @param more Keys accepted in addition to those of the schema, for "did you mean".
 */
export function schemaProblems(schema: JsonSchema, value: unknown, more: readonly string[] = []): string[] {
  const check = checkOf(schema, 'all')
  if (check(value)) return []
  const sentences = worthTelling(check.errors ?? []).map((error) => sentenceFor(error, more))
  return [...new Set(sentences)]
}

/**
 * Checks a value from outside.
 *
 * @param value Loses the keys that the schema does not name.
 * @returns A sentence about the first thing that is wrong.
 */
export function firstProblem(schema: JsonSchema, value: unknown): string | undefined {
  const check = checkOf(schema, 'first')
  if (check(value)) return undefined
  const [error] = worthTelling(check.errors ?? [])
  return error === undefined ? 'it has another shape' : sentenceFor(error, [])
}

function checkOf(schema: JsonSchema, mode: Mode): ValidateFunction {
  const known = checks[mode].get(schema)
  if (known !== undefined) return known
  const check = loadCheck(schema, mode)
  checks[mode].set(schema, check)
  return check
}

/** The check that ajv makes from a schema, cached by an earlier run or compiled now. */
function loadCheck(schema: JsonSchema, mode: Mode): ValidateFunction {
  const key = createHash('sha256')
    .update(`${version} ${mode} ${JSON.stringify(schema)}`)
    .digest('hex')
  const name = `schemas/${key.slice(0, 32)}.js`
  const known = readCached(name)?.toString()
  const code = known ?? compile(schema, mode)
  if (known === undefined) writeCached(name, code)
  return evaluateCached(name, code, load, { exports: Object.create(null) })
}

/** Source of a module with the check. Loads ajv, which takes as long as checking a whole site. */
function compile(schema: JsonSchema, mode: Mode): string {
  const { Ajv }: typeof AjvPackage = load('ajv')
  const { default: sourceOf }: { default: (ajv: AjvPackage.Ajv, check: ValidateFunction) => string } =
    load('ajv/dist/standalone')
  // The schemas are Keelson's own, and a test checks them.
  const ajv = new Ajv({
    allErrors: mode === 'all',
    removeAdditional: mode === 'first' ? 'all' : false,
    strict: true,
    allowUnionTypes: true,
    validateSchema: false,
    // Compiles a fragment with several references once instead of once per reference.
    inlineRefs: false,
    verbose: true,
    code: { optimize: false, source: true },
  })
  return sourceOf(ajv, ajv.compile(schema))
}

export const validateProps: Validate = (schema, props) => schemaProblems(schema, props, COMMON_KEYS)

/**
 * Inside an anyOf every branch reports errors; the anyOf's own error is clearer, unless one branch was plainly meant:
 * the only one for this kind of value, or one that matched further than the others.
 */
function worthTelling(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')
  const meant = new Map(unions.map((union) => [union, meantBy(union, errors)]))
  return errors.filter((error) => {
    // `propertyNames` reports the key itself besides.
    if (error.schemaPath.includes('/propertyNames/')) return false
    const around = unions.filter((union) => isInside(error, union))
    if (!around.every((union) => meant.get(union)?.includes(error) === true)) return false
    return (meant.get(error) ?? []).length === 0
  })
}

/** Errors of the union's branch that was meant; none when that is unclear. */
function meantBy(union: ErrorObject, errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const branches = groupBy(
    errors.filter((error) => isInside(error, union)),
    ({ schemaPath }) => schemaPath.slice(union.schemaPath.length + 1).split('/')[0],
  )
  const isOtherKind = ({ keyword, instancePath }: ErrorObject): boolean =>
    keyword === 'type' && instancePath === union.instancePath
  const fitting = [...branches.values()].filter((branch) => !branch.some(isOtherKind))
  if (fitting.length === 1) return fitting.flat()
  return fitting.flat().filter((error) => depthOf(error) > depthOf(union))
}

function isInside({ schemaPath }: ErrorObject, union: ErrorObject): boolean {
  return schemaPath.startsWith(`${union.schemaPath}/`)
}

function depthOf({ instancePath }: ErrorObject): number {
  return instancePath.split('/').length
}

function sentenceFor(error: ErrorObject, more: readonly string[]): string {
  const where = pathText(error.instancePath)
  const prefix = where === '' ? '' : `${where}: `
  const { params } = error
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty'])
      const known = [...knownKeys(error), ...(where === '' ? more : [])]
      const meant = hint(key, known)
      const foreign = meant === '' ? foreignKey(key, valueOf(error.data, key), known) : undefined
      return `${prefix}unknown key ${JSON.stringify(key)}${meant}${foreign === undefined ? '' : `; ${foreign}`}`
    }
    case 'propertyNames':
      return `${prefix}${JSON.stringify(params['propertyName'])} cannot be a key here${keyText(error)}`
    case 'required':
      return `${prefix}${String(params['missingProperty'])} is missing`
    case 'enum': {
      const values: unknown[] = params['allowedValues']
      const allowed = values.map(String)
      // An object may have a toString of its own.
      const meant = typeof error.data === 'string' ? hint(error.data, allowed) : ''
      return `${prefix}must be one of ${allowed.join(', ')}, not ${show(error.data)}${meant}`
    }
    case 'type':
      return `${prefix}must be ${wantedText(error) ?? kindText(params['type'])}, not ${show(error.data)}`
    case 'minimum':
      return `${prefix}must be at least ${String(params['limit'])}, not ${show(error.data)}`
    case 'maximum':
      return `${prefix}must be at most ${String(params['limit'])}, not ${show(error.data)}`
    case 'minLength':
      return `${prefix}must not be empty`
    case 'maxLength':
      return `${prefix}must not be longer than ${String(params['limit'])} characters`
    case 'pattern':
      return `${prefix}${notAllowed(error)}`
    case 'not':
    case 'anyOf':
    case 'oneOf':
      return `${prefix}${notAllowed(error)}`
    default:
      return `${prefix}${error.message ?? error.keyword}`
  }
}

/** What the schema at fault asks for. A pattern is for programs: without a description nothing can be said of it. */
function notAllowed(error: ErrorObject): string {
  const wanted = wantedText(error)
  return wanted === undefined ? `${show(error.data)} is not allowed here` : `must be ${wanted}, not ${show(error.data)}`
}

function wantedText({ keyword, parentSchema }: ErrorObject): string | undefined {
  if (keyword === 'pattern') {
    const meant: unknown = parentSchema?.['description']
    return typeof meant === 'string' ? meant : undefined
  }
  return keyword === 'not' ? undefined : expectedText(parentSchema)
}

function keyText({ schema }: ErrorObject): string {
  const { description }: { description?: unknown } = typeof schema === 'object' && schema !== null ? schema : {}
  return typeof description === 'string' ? `: it must be ${description}` : ''
}

function valueOf(data: unknown, key: string): unknown {
  return typeof data === 'object' && data !== null ? Reflect.get(data, key) : undefined
}

function knownKeys({ parentSchema }: ErrorObject): string[] {
  const properties: unknown = parentSchema?.['properties']
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

function hint(word: string, candidates: readonly string[]): string {
  // Props that every resource accepts are not accepted everywhere.
  const best = didYouMean(
    word,
    candidates.filter((candidate) => candidate !== word),
  )
  return best === undefined ? '' : `; did you mean ${JSON.stringify(best)}?`
}

/** `/ports/0/from` → `ports[0].from` */
function pathText(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '')
}

/** A value in at most 60 characters; a secret's token is its name. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
