/**
 * The shape of a type's JSON Schema, tied to its props at compile time, and the fragments that many schemas share.
 *
 * A schema checks props in their JSON form: secrets as `{ $secret }`, conf`…` with a secret as `{ $text }`, handles as
 * `{ $ref }`. ajv applies it at run time; unknown keys are always an error. The `description` beside a pattern ends the
 * sentence "must be …".
 */

export type JsonSchema = { readonly [keyword: string]: unknown }

export type RequiredKeys<Props> = { [K in keyof Props]-?: object extends Pick<Props, K> ? never : K }[keyof Props]

type SchemaOf<Value> = [Value] extends [boolean]
  ? { type: 'boolean' } | { enum: readonly boolean[] }
  : [Value] extends [number]
    ? { type: 'integer' | 'number'; minimum?: number; maximum?: number } | { enum: readonly number[] }
    : [Value] extends [string]
      ? ({ type: 'string' } & JsonSchema) | { enum: readonly Value[] }
      : [Value] extends [readonly (infer Item)[]]
        ? { type: 'array'; items: SchemaOf<Item>; minItems?: number; uniqueItems?: boolean; maxItems?: number }
        : JsonSchema

/** A strict schema with exactly the props' keys. Use as `… as const satisfies PropsSchema<Props>`. */
export type PropsSchema<Props> = {
  type: 'object'
  additionalProperties: false
  required: readonly RequiredKeys<Props>[]
  properties: { readonly [K in keyof Required<Props>]: SchemaOf<NonNullable<Props[K]>> }
  /** Fragments used in several places, as `{ $ref: '#/$defs/NAME' }`: compiled once. */
  $defs?: { readonly [name: string]: JsonSchema }
  /** Rules between props, such as oneOf. */
  allOf?: readonly JsonSchema[]
}

/** The part of a schema that applies when only some of its props may be given. */
export function narrowed(schema: PropsSchema<Record<string, unknown>>, keys: readonly string[]): JsonSchema {
  const { required, properties, $defs } = schema
  return {
    type: 'object',
    additionalProperties: false,
    required: required.filter((key) => keys.includes(key)),
    properties: Object.fromEntries(Object.entries(properties).filter(([key]) => keys.includes(key))),
    ...($defs === undefined ? {} : { $defs }),
  }
}

/** No control character but tab and newline. NUL is refused in every string before any schema applies. */
export const text = { type: 'string' } as const
/** One line: no control character at all (C0, DEL, C1), no Unicode line separators. */
export const oneLine = {
  type: 'string',
  minLength: 1,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
  description: 'one line of text',
} as const
/** Absolute path without control characters, `.`/`..` segments, doubled or trailing slashes. */
export const absolutePath = {
  type: 'string',
  maxLength: 4095,
  pattern: '^/$|^(/(?!\\.{1,2}(/|$))[^/\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,255})+$',
  description: 'an absolute path without "." and "..", such as "/srv/app"',
} as const
/** Absolute path of something that can be created and removed: not the root. */
export const entryPath = { ...absolutePath, pattern: absolutePath.pattern.replace('^/$|', '') } as const
/** Login or group name as Debian's adduser and shadow accept it without force. */
export const accountName = {
  type: 'string',
  pattern: '^[a-z_][a-z0-9_-]{0,30}[$]?$',
  description: 'a name of small letters, digits, "-" and "_", such as "deploy"',
} as const
/** Octal permission text, `'0640'`; three or four digits. */
export const fileMode = {
  type: 'string',
  pattern: '^[0-7]?[0-7]{3}$',
  description: 'three or four octal digits, such as "0640"',
} as const
/** The prop that declares a resource absent. `absent(…)` accepts resources of types that have it. */
export const ensure = { enum: ['present', 'absent'] } as const
/** TCP or UDP port. */
export const port = { type: 'integer', minimum: 1, maximum: 65535 } as const
/** A secret's JSON form. */
export const secretToken = {
  type: 'object',
  additionalProperties: false,
  required: ['$secret'],
  properties: { $secret: { type: 'string', pattern: '^[a-z0-9][a-z0-9._-]{0,99}$' } },
} as const
/** The same within a text, with how its value is written there. */
const writtenSecret = {
  ...secretToken,
  properties: { ...secretToken.properties, $as: { enum: ['json', 'line', 'shell'] } },
} as const
/** A prop of type `TextValue`: plain text, a secret, or text with secrets in it. */
export const textValue = {
  anyOf: [
    { type: 'string' },
    secretToken,
    {
      type: 'object',
      additionalProperties: false,
      required: ['$text'],
      properties: { $text: { type: 'array', items: { anyOf: [{ type: 'string' }, writtenSecret] } } },
    },
  ],
} as const
/** A handle passed as a value. */
export const handle = {
  type: 'object',
  additionalProperties: false,
  required: ['$ref'],
  properties: { $ref: { type: 'string' } },
} as const
