/**
 * What there is to know of a resource type for somebody who writes a recipe, as build/typeDocs.ts takes it from the
 * schemas and the doc comments.
 */

/** A later minor version adds keys, a later major version changes what known keys mean. */
export const TYPE_DOCS_FORMAT = '1.0'

export type TypeDocs = {
  /** `major.minor` */
  format: string
  types: TypeDoc[]
  /** Props that every type has. */
  common: PropDoc[]
  /** Named types that occur in the types of props. */
  words: WordDoc[]
}

/** A named type; `type` is what it stands for, missing for what only a function makes. */
export type WordDoc = { name: string; type?: string; about: string }

export type TypeDoc = {
  /** The function that a recipe calls: `aptPackage`. */
  name: string
  /** As refs and `--only` have it: `package`. */
  type: string
  family: string
  /** One or two sentences. */
  about: string
  /** What its own file says of it: how it is read and changed. */
  more: string
  /** TypeScript, formatted. */
  examples: string[]
  /** Props that make the natural key. */
  key: string[]
  /** Props besides the key that `absent` takes; missing when it cannot be declared absent. */
  absent?: string[]
  /** Why it is never removed only because it is no longer declared; true when that depends on the host. */
  holdsData?: string | true
  props: PropDoc[]
}

export type PropDoc = {
  /** `locations[].path` for a prop of the objects in a list. */
  name: string
  /** In the notation of TypeScript. */
  type: string
  required: boolean
  default?: string
  unit?: string
  /** `1 to 65535` */
  limits?: string
  /** What a text must be: `three or four octal digits, such as "0640"`. */
  form?: string
  about?: string
  example?: string
}
