/**
 * Resource functions and the one collector they declare into.
 */
import type { Declaration } from '../engine/evaluate.ts'
import { RecipeError } from '../engine/evaluate.ts'
import { type AnyType, labelOf, type Ref, refOf, type ResourceType } from '../engine/resource.ts'
import { Text } from '../engine/value.ts'
import { callerSource } from './source.ts'

/** What every resource takes besides its own props. */
export type Common = {
  /** Resources that must be in order first, where nothing else says so. */
  after?: Handle | readonly Handle[]
  /** Names for `--only`. */
  tags?: readonly string[]
  /** Never removed, even when it is no longer declared. */
  protect?: boolean
}

export const COMMON_KEYS: readonly (keyof Common)[] = ['after', 'tags', 'protect']

/** A declared resource. Passing it on as a value wires it and puts what takes it after it. */
export class Handle<Props = object> {
  readonly ref: Ref
  readonly type: string
  /** Natural key: path, package, role name. */
  readonly name: string
  readonly props: Readonly<Props>

  constructor(type: string, name: string, props: Readonly<Props>) {
    this.ref = refOf(type, name)
    this.type = type
    this.name = name
    this.props = props
  }

  toJSON(): { $ref: Ref } {
    return { $ref: this.ref }
  }

  toString(): string {
    throw new TypeError(
      `${labelOf(this.ref)} was turned into text, which forgets that it is needed; write conf\`…\${handle}…\`, or its .name`,
    )
  }
}

type Collector = { root: string; declarations: Declaration[] }

let collector: Collector | undefined
const registered = new Map<string, AnyType>()

/** Every type a resource function was made for; removals need types that no recipe uses any more. */
export const types: ReadonlyMap<string, AnyType> = registered

/** Makes a type's function for recipes. */
export function resource<Props extends object, State>(
  type: ResourceType<Props, State>,
): (props: Props & Common) => Handle<Props> {
  const known = anyType(type)
  const other = registered.get(type.type)
  if (other !== undefined && other !== known) throw new Error(`two resource types are called ${type.type}`)
  registered.set(type.type, known)
  return ({ after, tags = [], protect = false, ...rest }) => {
    const source = callerSource(collector?.root ?? process.cwd())
    if (collector === undefined) {
      throw new RecipeError([
        {
          message: `${type.type.replaceAll('-', ' ')} is declared outside a role`,
          source,
          next: 'call it inside one of the functions given to site(…)',
        },
      ])
    }
    const props = Object.freeze(rest)
    const refs = [...refsIn(props), ...refsIn(after)]
    const mistakes = commonMistakes({ after, tags, protect })
    collector.declarations.push({ type: known, props, refs, tags: [...tags], protect, source, mistakes })
    // A name can only be made of props that are right; evaluation reports those that are not.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Props & Common without Common is Props
    return Object.freeze(new Handle<Props>(type.type, nameOf(known, props), props as unknown as Props))
  }
}

/** Runs `declare` and returns what it declared, in order. `root` is the folder that source files are relative to. */
export function collect(root: string, declare: () => void): Declaration[] {
  if (collector !== undefined) throw new Error('roles cannot be evaluated inside roles')
  const own: Collector = { root, declarations: [] }
  collector = own
  try {
    declare()
    return own.declarations
  } finally {
    collector = undefined
  }
}

/** Recipes may be written without types, and a need that is dropped in silence shows only on a fresh host. */
function commonMistakes({ after, tags, protect }: { [Key in keyof Common]: unknown }): string[] {
  const handles: unknown[] = after === undefined ? [] : [after].flat()
  const areTags = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && /^[^\s,]+$/.test(tag))
  return [
    ...(handles.every((each) => each instanceof Handle)
      ? []
      : ['after: takes handles, which resource functions return']),
    ...(areTags ? [] : ['tags: takes a list of words']),
    ...(typeof protect === 'boolean' ? [] : ['protect: must be true or false']),
  ]
}

function nameOf(type: AnyType, props: Record<string, unknown>): string {
  try {
    return type.name(props)
  } catch {
    return ''
  }
}

/** Refs of handles, and of handles in conf`…`, anywhere in a value. */
function refsIn(value: unknown, above: readonly unknown[] = []): Ref[] {
  if (value instanceof Handle) return [value.ref]
  if (value instanceof Text) return [...value.refs]
  // A value that holds itself is reported when it is evaluated.
  if (typeof value !== 'object' || value === null || above.includes(value)) return []
  return Object.values(value).flatMap((inner) => refsIn(inner, [...above, value]))
}

/** The engine calls a type's slots only with that type's own props and states. */
function anyType<Props, State>(type: ResourceType<Props, State>): AnyType {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where a type's own props are forgotten
  return type as unknown as AnyType
}
