/**
 * Turns declarations into a catalog: checked, canonical, plain JSON. Pure; the caller passes the JSON Schema check, so
 * that its library is loaded only when needed.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  type Catalog,
  type CatalogHost,
  type CatalogResource,
  type Forgotten,
  formatSource,
  type Source,
} from './catalog.ts'
import { conflicts } from './places.ts'
import { joined, parted } from '../../kit/parts.ts'
import { labelOf, type Ref, refOf } from '../../kit/ref.ts'
import { type AnyType, desiredOf, isAbsent, type Json, mistakesIn, pathsOf } from '../../kit/resourceType.ts'
import { type JsonSchema, narrowed } from '../../kit/schema.ts'

/** One call of a resource function, of `absent` or of `forget`: props as the recipe wrote them. */
export type Declaration = {
  type: AnyType
  /** Set for a declaration that takes only the natural key and how the resource goes. */
  by?: 'absent' | 'forget'
  props: Record<string, unknown>
  /** Refs of handles found in the props and in `after`. */
  refs: Ref[]
  tags: string[]
  protect: boolean
  source: Source
  /** Mistakes in the call itself, other than those of its props. */
  mistakes: string[]
}

export type Diagnostic = {
  message: string
  source?: Source
  also?: Source[]
  next?: string
  /** The line itself and a mark below the column, where a file cannot be read as code. */
  excerpt?: string[]
}

/** `file:line`, and the column where that matters. */
export function placeOf({ source, excerpt }: Diagnostic): string | undefined {
  if (source === undefined) return undefined
  return excerpt === undefined ? formatSource(source) : `${formatSource(source)}:${source.column}`
}

/** All mistakes in recipes of one evaluation. No host was touched. */
export class RecipeError extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n'))
    this.name = 'RecipeError'
    this.diagnostics = diagnostics
  }
}

/** `file:line: message`, then on lines of their own the other places and the remedy. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { message, also = [], next } = diagnostic
  const place = placeOf(diagnostic)
  return [
    `${place === undefined ? '' : `${place}: `}${message}`,
    ...(also.length === 0 ? [] : [`  also at   ${also.map(formatSource).join(', ')}`]),
    ...(next === undefined ? [] : [`  next      ${next}`]),
  ].join('\n')
}

/** Returns sentences about what is wrong with props in their JSON form; empty when nothing is. */
export type Validate = (schema: JsonSchema, props: Json) => string[]

/** The result of one declaration, or its mistakes. */
type Evaluated = { resource: CatalogResource; props: Json } | { forgotten: Forgotten } | { mistakes: string[] }

/**
 * @param mistakes Mistakes found while recipes were declaring.
 * @throws {RecipeError} With everything that is wrong, each with its recipe line.
 */
export function buildCatalog(
  declarations: readonly Declaration[],
  host: CatalogHost,
  validate: Validate,
  mistakes: readonly Diagnostic[] = [],
): Catalog {
  const diagnostics = [...mistakes]
  const known = new Map<Ref, { resource: CatalogResource; props: Json }>()
  const forgotten = new Map<Ref, Forgotten>()
  for (const declaration of declarations) {
    const evaluated = evaluateOne(declaration, validate)
    if ('mistakes' in evaluated) {
      const label = labelFor(declaration)
      const { source } = declaration
      const next = waysOf(declaration)
      diagnostics.push(...evaluated.mistakes.map((mistake) => ({ message: `${label}: ${mistake}`, source, ...next })))
      continue
    }
    if ('forgotten' in evaluated) {
      const { ref } = evaluated.forgotten
      const earlier = forgotten.get(ref)
      if (earlier === undefined) forgotten.set(ref, evaluated.forgotten)
      else earlier.also.push(declaration.source)
      continue
    }
    const { resource, props } = evaluated
    const earlier = known.get(resource.ref)
    if (earlier === undefined) known.set(resource.ref, evaluated)
    else if (isDeepStrictEqual(earlier.props, props)) merge(earlier.resource, resource)
    else diagnostics.push(declaredTwice(resource, earlier.resource))
  }
  const resources = [...known.values()].map(({ resource }) => resource)
  diagnostics.push(...conflicts(resources), ...bothWays(resources, forgotten))
  if (diagnostics.length > 0) throw new RecipeError(diagnostics)
  return { host, resources, ...(forgotten.size === 0 ? {} : { forgotten: [...forgotten.values()] }) }
}

/** Lists the props that `absent` and `forget` take, for a call with others. */
function waysOf({ type, by }: Declaration): Pick<Diagnostic, 'next'> {
  if (by === undefined) return {}
  const keys = [...keysOf(type, by).filter((key) => key !== 'ensure'), ...(by === 'absent' ? ['after'] : []), 'tags']
  return {
    next: `${by}(…) takes ${keys.slice(0, -1).join(', ')} and ${keys.at(-1)!} of a ${type.type.replaceAll('-', ' ')}`,
  }
}

/** The props that the declaration may have. */
function keysOf({ schema, key = schema.required, absentProps = [] }: AnyType, by: 'absent' | 'forget'): string[] {
  return by === 'forget' ? [...key] : [...key, ...absentProps, 'ensure']
}

/** A resource cannot be both declared, present or absent, and forgotten. */
function bothWays(resources: readonly CatalogResource[], forgotten: ReadonlyMap<Ref, Forgotten>): Diagnostic[] {
  return resources.flatMap(({ ref, source, absent }) => {
    const other = forgotten.get(ref)
    if (other === undefined) return []
    const message = `${labelOf(ref)} is ${absent === true ? 'declared absent' : 'declared'} and forgotten`
    return [{ message, source, also: [other.source], next: 'keep one of the two' }]
  })
}

function evaluateOne(declaration: Declaration, validate: Validate): Evaluated {
  const { type, by, props, mistakes: ofCall } = declaration
  const unfit = [...ofCall, ...notPlain(props, '', [])]
  if (unfit.length > 0) return { mistakes: unfit }
  const json = toJson(props)
  const schema = by === undefined ? type.schema : narrowed(type.schema, keysOf(type, by))
  const mistakes = [...unwritable(json, ''), ...validate(schema, json), ...protectedAbsence(declaration)]
  if (mistakes.length > 0) return { mistakes }
  try {
    if (by === 'forget') return { forgotten: forgottenFrom(declaration) }
    const more = mistakesIn(type, props)
    return more.length > 0 ? { mistakes: more } : { resource: catalogResource(declaration), props: json }
  } catch (error) {
    // For example, a local file that does not exist.
    return { mistakes: [error instanceof Error ? error.message : String(error)] }
  }
}

function protectedAbsence({ props, protect }: Declaration): string[] {
  return isAbsent(props) && protect ? ['protect: what is absent cannot be protected'] : []
}

/** `file /etc/motd`; only `file` when the props are too wrong to give a name. */
function labelFor({ type, props }: Declaration): string {
  try {
    const name: unknown = type.name(props)
    if (typeof name === 'string' && name !== '') return labelOf(refOf(type, name))
  } catch {
    // The wrong props are reported already; this failure adds nothing.
  }
  return labelOf(refOf(type, '')).trimEnd()
}

/** Props as plain JSON: secrets, conf texts and handles by their tokens. */
function toJson(props: unknown): Json {
  const json: Json = JSON.parse(JSON.stringify(props) ?? 'null')
  return json
}

/**
 * Values that JSON would silently lose or alter. Objects with a JSON form of their own (secrets, texts, URLs) are
 * allowed.
 */
function notPlain(value: unknown, path: string, above: readonly object[]): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path}: ${value} is not a number to be used`]
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    return [`${path}: a ${typeof value} is not plain data`]
  }
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return []
  if (above.includes(value)) return [`${path}: holds itself`]
  const kind = kindOf(value)
  if (kind !== undefined) return [`${path}: a ${kind} is not plain data`]
  return Object.entries(value).flatMap(([key, inner]) => notPlain(inner, join(path, key), [...above, value]))
}

function kindOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype || Array.isArray(value)) return undefined
  return value.constructor.name
}

/** Strings that files, arguments or databases do not accept unchanged. */
function unwritable(value: Json, path: string): string[] {
  if (typeof value === 'string') {
    if (value.includes('\0')) return [`${path}: holds a NUL character, which no file name or argument can`]
    // UTF-8 writes half a pair as U+FFFD, which would differ from what is desired for ever.
    if (/\p{Surrogate}/u.test(value)) return [`${path}: holds half of a surrogate pair, which is not text`]
    // psql omits these from its output; systemd ignores a setting that contains one (seen on Debian 13).
    const [never] = /\p{Noncharacter_Code_Point}/u.exec(value) ?? []
    if (never !== undefined) return [`${path}: holds U+${codeOf(never)}, which Unicode will never make a character`]
    return []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...unwritable(key, `key ${JSON.stringify(key)}`),
    ...unwritable(inner, join(path, key)),
  ])
}

function codeOf(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase()
}

function join(path: string, key: string): string {
  if (/^\d+$/.test(key)) return `${path}[${key}]`
  return path === '' ? key : `${path}.${key}`
}

function catalogResource({ type, props, refs, tags, protect, source }: Declaration): CatalogResource {
  const name = type.name(props)
  const state = desiredOf(type, props)
  const natural = state === null ? [] : (type.needs?.(name, state) ?? [])
  const brings = state === null ? [] : (type.brings?.(name, state) ?? [])
  const implied = state === null ? [] : impliedIn(type, props)
  return {
    ref: refOf(type, name),
    type: type.type,
    name,
    // Drops undefined fields, and a part whose fields are all undefined.
    desired: state === null ? null : parted(type, joined(toJson(state))),
    ...(implied.length === 0 ? {} : { implied }),
    needs: [...new Set([...refs, ...natural])].sort(),
    claims: state === null ? [] : [...new Set(type.claims?.(name, state))],
    ...(type.paths === undefined ? {} : { paths: pathsOf(type, name, state) }),
    ...leadsOf(state === null ? undefined : type.leads?.(name, state)),
    ...(brings.length === 0 ? {} : { brings }),
    tags: [...new Set(tags)].sort(),
    protect,
    ...(isAbsent(props) ? { absent: true } : {}),
    source,
    also: [],
  }
}

/** A text is what a reader looks for, whichever props it is made from. */
function impliedIn({ schema, state: { members = {} } }: AnyType, props: object): string[] {
  const isLeftOut = (name: string): boolean =>
    Object.hasOwn(schema.properties, name) && Reflect.get(props, name) === undefined
  return Object.entries(members).flatMap(([field, { inner, shown }]) =>
    inner === true || (shown !== 'text' && isLeftOut(field)) ? [field] : [],
  )
}

function leadsOf(leads: string | undefined): Pick<CatalogResource, 'leads'> {
  return leads === undefined ? {} : { leads }
}

function forgottenFrom({ type, props, tags, source }: Declaration): Forgotten {
  const name = type.name(props)
  return { ref: refOf(type, name), type: type.type, name, tags: [...new Set(tags)].sort(), source, also: [] }
}

function declaredTwice(resource: CatalogResource, earlier: CatalogResource): Diagnostic {
  return {
    message: `${labelOf(resource.ref)} is declared twice with different props`,
    source: resource.source,
    also: [earlier.source],
    next: 'make them the same, or declare it once and pass its handle',
  }
}

function merge(known: CatalogResource, again: CatalogResource): void {
  known.also.push(again.source)
  known.needs = [...new Set([...known.needs, ...again.needs])].sort()
  known.tags = [...new Set([...known.tags, ...again.tags])].sort()
  known.protect ||= again.protect
}
