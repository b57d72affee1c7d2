/**
 * Resource functions, and the one collector of their declarations.
 */
import type { Declaration } from '../engine/catalog/evaluate.ts'
import { RecipeError } from '../engine/catalog/evaluate.ts'
import { labelOf, type Ref, type TypedRef, refOf } from '../kit/ref.ts'
import { type AnyType, desiredOf, pathsOf, type ResourceType } from '../kit/resourceType.ts'
import { Text } from '../kit/value.ts'
import { callerSource } from './source.ts'

/** The props that every resource accepts besides its own. */
export type Common = {
  /** Resources that must be in order first, for needs that nothing else declares. */
  after?: Handle | readonly Handle[]
  /** Names for `--only`. */
  tags?: readonly string[]
  /** Never removed, even when it is no longer declared. */
  protect?: boolean
}

export const COMMON_KEYS: readonly (keyof Common)[] = ['after', 'tags', 'protect']

/** The function that declares resources of one type. `absent` and `forget` take it as an argument. */
export type Resource<Props extends object, Key extends keyof Props, AbsentProp extends keyof Props> = {
  (props: Props & Common): Handle<Props>
  readonly of: Pick<ResourceType<Props, unknown, Key, AbsentProp>, 'type' | 'key' | 'absentProps'>
}

/** A declared resource. A resource that receives it as a value comes after it. */
export class Handle<Props = object> {
  readonly ref: TypedRef
  readonly type: string
  /** Natural key: path, package, role name. */
  readonly name: string
  readonly props: Readonly<Props>
  readonly #paths: () => string[]

  constructor(type: AnyType, name: string, props: Readonly<Props>, paths: () => string[]) {
    this.ref = refOf(type, name)
    this.type = type.type
    this.name = name
    this.props = props
    this.#paths = paths
  }

  get paths(): readonly string[] {
    return this.#paths()
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
/** Set while a role is evaluated by this copy of the library, or by another one in the process. */
const EVALUATING = Symbol.for('keelson.evaluating')
const registered = new Map<string, AnyType>()

/** Every type that has a resource function; removals need types that no recipe uses any more. */
export const types: ReadonlyMap<string, AnyType> = registered

/**
 * Makes a type's function for recipes. Two types of one name are an error.
 *
 * @example const hostsEntry = resource(hostsEntryType)
 */
export function resource<Props extends object, State, Key extends keyof Props, AbsentProp extends keyof Props>(
  type: ResourceType<Props, State, Key, AbsentProp>,
): Resource<Props, Key, AbsentProp> {
  const known = anyType(type)
  const other = registered.get(type.type)
  if (other !== undefined && other !== known) throw new Error(`two resource types are called ${type.type}`)
  registered.set(type.type, known)
  const declare = (given: Props & Common): Handle<Props> => {
    refuseOtherThanProps(known, given)
    const { after, tags, protect, ...rest } = given
    const props = Object.freeze(rest)
    note({ type: known, props }, { after, tags, protect })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Props & Common without Common is Props
    return handleOf(known, props, props as unknown as Props)
  }
  return Object.assign(declare, { of: type })
}

/**
 * Declares that something must not exist, whoever created it: `absent(file, { path: '/etc/motd' })`. It takes the props
 * that identify the resource, and those that say how it is removed. A resource that holds data is removed with its
 * data.
 */
export function absent<
  Props extends { ensure?: 'present' | 'absent' },
  Key extends keyof Props,
  AbsentProp extends keyof Props,
>(
  what: Resource<Props, Key, AbsentProp>,
  { after, tags, ...which }: NoInfer<Pick<Props, Key | AbsentProp>> & Pick<Common, 'after' | 'tags'>,
): Handle<Pick<Props, Key>> {
  const type = typeOf(what, 'absent')
  const props = Object.freeze({ ...which, ensure: 'absent' })
  note({ type, by: 'absent', props }, { after, tags })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was taken away is Common's
  const known = props as unknown as Pick<Props, Key>
  return handleOf<Pick<Props, Key>>(type, props, known)
}

/**
 * Gives up ownership of a resource: it stays as it is, even if Keelson created it or it was protected, and the ledger
 * drops it. `forget(file, { path: '/etc/motd' })` can be deleted from the recipe once it was converged.
 */
export function forget<Props extends object, Key extends keyof Props, AbsentProp extends keyof Props>(
  what: Resource<Props, Key, AbsentProp>,
  { tags, ...which }: NoInfer<Pick<Props, Key>> & Pick<Common, 'tags'>,
): void {
  note({ type: typeOf(what, 'forget'), by: 'forget', props: Object.freeze(which) }, { tags })
}

function typeOf(what: { of?: { type: string } } | undefined, by: 'absent' | 'forget'): AnyType {
  const type = registered.get(what?.of?.type ?? '')
  if (type !== undefined) return type
  throw new RecipeError([
    {
      message: `${by} was given something that is no resource function`,
      source: callerSource(collector?.root ?? process.cwd()),
      next: `write ${by}(file, { path: … }): the function itself, then the props that tell which one is meant`,
    },
  ])
}

/** The compiler refuses it as well; nothing can be said of such props one by one. */
function refuseOtherThanProps({ type, key, schema }: AnyType, given: unknown): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given) && !(given instanceof Handle)) return
  const [first = 'name'] = [...(key ?? schema.required), ...Object.keys(schema.properties)]
  throw new RecipeError([
    {
      message: `${type.replaceAll('-', ' ')} takes an object with its props`,
      source: callerSource(collector?.root ?? process.cwd()),
      next: `write them in braces: { ${first}: … }`,
    },
  ])
}

/** Adds a declaration to the collector. A name can only be made from valid props; evaluation reports invalid ones. */
function note(
  { type, by, props }: Pick<Declaration, 'type' | 'by' | 'props'>,
  { after, tags = [], protect = false }: { [Name in keyof Common]: Common[Name] | undefined },
): void {
  const source = callerSource(collector?.root ?? process.cwd())
  if (collector === undefined) {
    const what = `${type.type.replaceAll('-', ' ')} is ${by === 'forget' ? 'forgotten' : 'declared'}`
    throw new RecipeError([
      Reflect.has(globalThis, EVALUATING)
        ? {
            message: `${what} with another copy of Keelson than the site's`,
            source,
            next: 'import every name from one place: keelson, or #keelson in its repository',
          }
        : { message: `${what} outside a role`, source, next: 'call it inside one of the functions given to site(…)' },
    ])
  }
  const refs = [...refsIn(props), ...refsIn(after)]
  const mistakes = [...commonMistakes({ after, tags, protect }), ...(by === 'absent' ? absenceMistakes(type) : [])]
  const call = { type, props, refs, tags: [...tags], protect, source, mistakes }
  collector.declarations.push(by === undefined ? call : { ...call, by })
}

/** Mistakes that the compiler reports as well, for recipes without types. */
function absenceMistakes({ type, schema, holdsData }: AnyType): string[] {
  if ('ensure' in schema.properties) return []
  const because = typeof holdsData === 'string' ? `: ${holdsData}` : ''
  return [`a ${type.replaceAll('-', ' ')} cannot be declared absent${because}`]
}

/** Runs `declare` and returns what it declared, in order. `root` is the folder that source files are relative to. */
export function collect(root: string, declare: () => void): Declaration[] {
  if (collector !== undefined) throw new Error('roles cannot be evaluated inside roles')
  const own: Collector = { root, declarations: [] }
  collector = own
  Reflect.set(globalThis, EVALUATING, true)
  try {
    declare()
    return own.declarations
  } finally {
    collector = undefined
    Reflect.deleteProperty(globalThis, EVALUATING)
  }
}

/** Mistakes in the common props: recipes may be untyped, and a need that is silently dropped shows only on a fresh host. */
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

/** @param known The props, as the recipe's own type has them. */
function handleOf<Props>(type: AnyType, props: Record<string, unknown>, known: Readonly<Props>): Handle<Props> {
  const name = nameOf(type, props)
  const handle = new Handle(type, name, known, () => writtenBy(type, name, props))
  Object.freeze(handle)
  return handle
}

function writtenBy(type: AnyType, name: string, props: Record<string, unknown>): string[] {
  try {
    return pathsOf(type, name, type.paths === undefined ? null : desiredOf(type, props))
  } catch {
    // As with a name, evaluation reports what is wrong with the props.
    return []
  }
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
  // Evaluation reports a value that contains itself.
  if (typeof value !== 'object' || value === null || above.includes(value)) return []
  return Object.values(value).flatMap((inner) => refsIn(inner, [...above, value]))
}

/** The engine calls a type's slots only with that type's own props and states. */
function anyType<Props, State, Key extends keyof Props, AbsentProp extends keyof Props>(
  type: ResourceType<Props, State, Key, AbsentProp>,
): AnyType {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where a type's own props are forgotten
  return type as unknown as AnyType
}
