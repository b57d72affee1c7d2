/**
 * Declarations to catalog: checked, canonical, plain JSON. Pure; the JSON Schema check is handed in, so that its
 * library is loaded only by who needs it.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Catalog, type CatalogHost, type CatalogResource, formatSource, type Source } from './catalog.ts'
import { type AnyType, type Json, labelOf, type Ref, refOf } from './resource.ts'

/** One call of a resource function: props as the recipe wrote them. */
export type Declaration = {
  type: AnyType
  props: Record<string, unknown>
  /** Refs of handles found in the props and in `after`. */
  refs: Ref[]
  tags: string[]
  protect: boolean
  source: Source
}

export type Diagnostic = { message: string; source?: Source; also?: Source[]; next?: string }

/** Mistakes in recipes, all of one run. No host was touched. */
export class RecipeError extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n'))
    this.name = 'RecipeError'
    this.diagnostics = diagnostics
  }
}

/** `file:line: message`, the other places and the way out below it. */
export function formatDiagnostic({ message, source, also = [], next }: Diagnostic): string {
  return [
    `${source === undefined ? '' : `${formatSource(source)}: `}${message}`,
    ...(also.length === 0 ? [] : [`  also at   ${also.map(formatSource).join(', ')}`]),
    ...(next === undefined ? [] : [`  next      ${next}`]),
  ].join('\n')
}

/** Sentences about what is wrong with props in their JSON form; empty when nothing is. */
export type Validate = (type: AnyType, props: Json) => string[]

/**
 * @throws {RecipeError} With everything that is wrong, each with its recipe line.
 */
export function buildCatalog(declarations: readonly Declaration[], host: CatalogHost, validate: Validate): Catalog {
  const diagnostics: Diagnostic[] = []
  const resources = new Map<Ref, CatalogResource>()
  const propsOf = new Map<Ref, Json>()
  for (const declaration of declarations) {
    const props = toJson(declaration.props)
    const problems = problemsOf(declaration, props, validate)
    const { source } = declaration
    if (problems.length > 0) {
      diagnostics.push(...problems.map((problem) => ({ message: `${declaration.type.type}: ${problem}`, source })))
      continue
    }
    const resource = catalogResource(declaration)
    const known = resources.get(resource.ref)
    if (known === undefined) {
      resources.set(resource.ref, resource)
      propsOf.set(resource.ref, props)
    } else if (isDeepStrictEqual(propsOf.get(resource.ref), props)) {
      merge(known, resource)
    } else {
      diagnostics.push({
        message: `${labelOf(resource.ref)} is declared twice with different props`,
        source,
        also: [known.source],
        next: 'make them the same, or declare it once and pass its handle',
      })
    }
  }
  diagnostics.push(...conflicts([...resources.values()]))
  if (diagnostics.length > 0) throw new RecipeError(diagnostics)
  return { host, resources: [...resources.values()] }
}

/** Props as plain JSON: secrets, conf texts and handles by their tokens. */
export function toJson(props: unknown): Json {
  const json: Json = JSON.parse(JSON.stringify(props) ?? 'null')
  return json
}

function problemsOf({ type, props }: Declaration, json: Json, validate: Validate): string[] {
  const nul = stringsWithNul(json, '')
  if (nul.length > 0) return nul.map((path) => `${path}: holds a NUL character, which no file or command can`)
  const problems = validate(type, json)
  return problems.length > 0 ? problems : (type.check?.(props) ?? [])
}

function stringsWithNul(value: Json, path: string): string[] {
  if (typeof value === 'string') return value.includes('\0') ? [path.slice(1)] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => stringsWithNul(inner, `${path}.${key}`))
}

function catalogResource({ type, props, refs, tags, protect, source }: Declaration): CatalogResource {
  const name = type.name(props)
  const state = type.desired(props)
  const natural = state === null ? [] : (type.needs?.(name, state) ?? [])
  return {
    ref: refOf(type.type, name),
    type: type.type,
    name,
    desired: state === null ? null : toJson(state),
    needs: [...new Set([...refs, ...natural])].sort(),
    claims: state === null ? [] : (type.claims?.(name, state) ?? []),
    tags: [...new Set(tags)].sort(),
    protect,
    source,
    also: [],
  }
}

function merge(known: CatalogResource, again: CatalogResource): void {
  known.also.push(again.source)
  known.needs = [...new Set([...known.needs, ...again.needs])].sort()
  known.tags = [...new Set([...known.tags, ...again.tags])].sort()
  known.protect ||= again.protect
}

function conflicts(resources: readonly CatalogResource[]): Diagnostic[] {
  const owners = new Map<string, CatalogResource>()
  return resources.flatMap((resource) =>
    resource.claims.flatMap((claim): Diagnostic[] => {
      const owner = owners.get(claim)
      if (owner === undefined) {
        owners.set(claim, resource)
        return []
      }
      return [
        {
          message: `${labelOf(resource.ref)} and ${labelOf(owner.ref)} both claim ${claim.replace(':', ' ')}`,
          source: resource.source,
          also: [owner.source],
          next: 'only one resource may have it: take it away from one of them',
        },
      ]
    }),
  )
}
