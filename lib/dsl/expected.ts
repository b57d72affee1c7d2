/**
 * What a schema expects, in words for people: no keyword of JSON Schema, no pattern.
 */
import type { JsonSchema } from '../kit/schema.ts'

/** The words for a kind of value. */
const KINDS: { readonly [type: string]: string } = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

/** `a whole number or text`: the kinds of value that the keyword `type` names. */
export function kindText(type: unknown): string {
  return joined([type].flat().map((each) => KINDS[String(each)] ?? String(each)))
}

/**
 * What a value must be, as the end of "must be …"; undefined where a schema says too little.
 *
 * @example expectedText({ anyOf: [{ type: 'integer' }, { enum: ['any'] }] }) // a whole number or 'any'
 */
export function expectedText(schema: unknown): string | undefined {
  if (!isSchema(schema)) return undefined
  const { description, type, enum: values, anyOf, oneOf, properties } = schema
  if (typeof description === 'string') return description
  if (isSchema(properties) && '$secret' in properties) return "secret('NAME')"
  if (isSchema(properties) && '$text' in properties) return 'conf`…`'
  if (isSchema(properties) && '$ref' in properties) return 'a handle'
  if (Array.isArray(values))
    return joined(values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))))
  const branches: unknown = anyOf ?? oneOf
  if (Array.isArray(branches)) {
    const texts = branches.map(expectedText)
    return texts.every((text) => text !== undefined) ? joined(texts) : undefined
  }
  if (type === 'object' && isSchema(properties))
    return `an object with ${Object.keys(properties).slice(0, 3).join(', ')}`
  if (type === 'array') return listText(schema)
  return type === undefined ? undefined : kindText(type)
}

function listText({ items }: JsonSchema): string {
  const item = expectedText(items)
  return item === undefined || item === 'text' ? 'a list' : `a list, each ${item}`
}

function joined(texts: readonly string[]): string {
  const all = [...new Set(texts)]
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)!}`
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
