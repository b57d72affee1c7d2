/**
 * What a schema says of a prop beyond its type.
 */
import type { JsonSchema } from '../lib/kit/schema.ts'

/** The schema of a prop: `locations[].path` is within the items of `locations`. Empty where there is none. */
export function schemaAt(schema: JsonSchema, name: string): JsonSchema {
  const definitions = asSchema(schema['$defs'])
  return name.split('.').reduce((within: JsonSchema, part) => {
    const key = part.replace(/\[\]$/, '')
    const found = branchesOf(within, definitions).map((branch) => asSchema(asSchema(branch['properties'])[key]))
    const own = found.find((each) => Object.keys(each).length > 0) ?? {}
    if (!part.endsWith('[]')) return resolved(own, definitions)
    const list = branchesOf(own, definitions).find((branch) => branch['items'] !== undefined) ?? {}
    return resolved(asSchema(list['items']), definitions)
  }, schema)
}

/** `1 to 65535`, `at most 200 characters`; undefined where anything goes. */
export function limitsOf({ minimum, maximum, maxLength, maxItems }: JsonSchema): string | undefined {
  if (typeof minimum === 'number') return typeof maximum === 'number' ? `${minimum} to ${maximum}` : `from ${minimum}`
  if (typeof maximum === 'number') return `up to ${maximum}`
  if (typeof maxItems === 'number') return `at most ${maxItems}`
  // Higher ones are bounds of Keelson's, which nobody meets.
  return typeof maxLength === 'number' && maxLength <= 255 ? `at most ${maxLength} characters` : undefined
}

function branchesOf(schema: JsonSchema, definitions: JsonSchema): JsonSchema[] {
  const own = resolved(schema, definitions)
  const branches: unknown[] = [own['anyOf'], own['oneOf']].flat()
  return [own, ...branches.flatMap((branch) => (branch === undefined ? [] : branchesOf(asSchema(branch), definitions)))]
}

function resolved(schema: JsonSchema, definitions: JsonSchema): JsonSchema {
  const { $ref } = schema
  return typeof $ref === 'string' ? asSchema(definitions[$ref.replace('#/$defs/', '')]) : schema
}

function asSchema(value: unknown): JsonSchema {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every keyword's value is unknown
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {}
}
