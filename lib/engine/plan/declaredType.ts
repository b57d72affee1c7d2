/**
 * Types for comparing what two revisions declare. The state declared by the one takes the place of what is read from a
 * host; secrets are compared and shown by name, because no value of one is known. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import { differences } from '../../kit/byField.ts'
import { anything, isObject } from '../../kit/form.ts'
import type { AnyType, FieldChange, Json } from '../../kit/resourceType.ts'
import { type Comparing, isSecretToken, isTextToken } from '../../kit/value.ts'

type Fields = { readonly [field: string]: unknown }

/** Longest name of a field in a plan. */
const LONGEST_NAME = 200

/** Slots about what only a host knows. */
const OF_HOSTS = ['rights', 'adopted', 'impossible', 'isPrivate', 'foresee', 'alteredByOthers', 'altersOthers'] as const

export function declaredType(type: AnyType): AnyType {
  const pure: AnyType = { ...type, diff: (desired, observed) => declaredDifferences(type, desired, observed) }
  for (const slot of OF_HOSTS) delete pure[slot]
  return pure
}

/** A type that this process does not know: a site's own, or one of another version of Keelson. */
export function unknownType(type: string): AnyType {
  const plain: AnyType = {
    type,
    schema: { type: 'object', additionalProperties: false, required: [], properties: {} },
    name: () => '',
    desired: () => null,
    state: anything,
    read: { command: () => ':', parse: () => new Map() },
    consequence: () => 'unknown',
    steps: () => [],
    remove: () => [],
  }
  return declaredType(plain)
}

/** What the head declares otherwise than the base; against an empty state, what is new. */
function declaredDifferences(type: AnyType, head: Json, base: Json): FieldChange[] {
  const news = newFields(type, head)
  if (news.length > 0 && isObject(base) && Object.keys(base).length === 0) return news
  const [want, have] = [comparedFields(type, head), comparedFields(type, base)]
  const differing = Object.keys(want).filter((name) => !isDeepStrictEqual(want[name], have[name]))
  if (differing.length === 0) return opaqueFields(type, head, base)
  const loads = loadFields(type, head, base)
  const olds = newFields(type, base)
  const own = ownDifferences(news, olds)
  const shown = new Set([...news, ...olds].map(({ field }) => field))
  // A type may show a field of its state by another name.
  const isShown = (name: string): boolean =>
    own.some(({ field }) => field === name) || (own.length > 0 && !shown.has(name))
  const rest = differing.filter((name) => !isShown(name) && !loads.some(({ field }) => field === name))
  return [...own, ...rest.map((name) => fieldOf(name, have[name], want[name])), ...loads]
}

/**
 * What changes on no host by itself: how something is brought about, fields that the host keeps as it has them, and
 * protection.
 */
export function recordedFields(
  type: AnyType,
  base: { desired: Json; protect: boolean },
  head: { desired: Json; protect: boolean },
  shown: readonly FieldChange[],
): FieldChange[] {
  const [want, have] = [comparedFields(type, head.desired), comparedFields(type, base.desired)]
  const left = Object.keys(have).filter((name) => have[name] !== undefined && want[name] === undefined)
  const [now, was] = [leavesOf(partOf(head.desired, 'how')), leavesOf(partOf(base.desired, 'how'))]
  const acting = [...new Set([...was.keys(), ...now.keys()])].filter(
    (name) => !isDeepStrictEqual(was.get(name), now.get(name)),
  )
  return [
    ...left.map((name) => fieldOf(name, have[name], undefined)),
    ...acting
      .map((name) => fieldOf(name, was.get(name), now.get(name)))
      .filter((field) => !shown.some((other) => sameSides(field, other))),
    ...(base.protect === head.protect ? [] : [fieldOf('protect', base.protect, head.protect)]),
  ]
}

/** A command that nothing checks runs with every converge, and is a difference only where its text is another. */
function opaqueFields(type: AnyType, head: Json, base: Json): FieldChange[] {
  if (isDeepStrictEqual(partOf(head, 'how'), partOf(base, 'how'))) return []
  return ownDiff(type, head, base).filter(({ opaque }) => opaque === true)
}

function loadFields(type: AnyType, head: Json, base: Json): FieldChange[] {
  if (type.simulate === undefined) return []
  return ownDiff(type, head, base).filter(({ followUp }) => followUp !== undefined)
}

function ownDiff(type: AnyType, head: Json, base: Json): FieldChange[] {
  return type.diff?.(head, base, BY_NAME) ?? []
}

/** No value of a secret is known, so none is the same as what a host would show. */
const BY_NAME: Comparing = { sameText: () => false, agrees: () => false }

/** What a new resource will have, as its type says it; text with secrets by their names. */
function newFields(type: AnyType, state: Json): FieldChange[] {
  const fields = comparedFields(type, state)
  return differences(type, state, {}, BY_NAME).map((field) =>
    field.form === 'secret' && fields[field.field] !== undefined
      ? fieldOf(field.field, undefined, fields[field.field])
      : { ...field, ...('after' in field ? { after: named(field.after) } : {}) },
  )
}

function ownDifferences(news: readonly FieldChange[], olds: readonly FieldChange[]): FieldChange[] {
  const find = (fields: readonly FieldChange[], name: string): FieldChange | undefined =>
    fields.find(({ field }) => field === name)
  const names = [...new Set([...news, ...olds].map(({ field }) => field))]
  return names.flatMap((name): FieldChange[] => {
    const [before, after] = [find(olds, name), find(news, name)]
    // What the head leaves out, the host keeps.
    if (after === undefined || isDeepStrictEqual(before?.after, after.after)) return []
    const { opaque: _opaque, ...field } = after
    return [{ ...field, ...formOf(before?.after, after.after, after.form), ...sides(before?.after, after.after) }]
  })
}

function fieldOf(name: string, before: unknown, after: unknown): FieldChange {
  const [was, is] = [named(before), named(after)]
  const field = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name
  return { field, ...formOf(was, is, name === 'mode' ? 'mode' : 'value'), ...sides(was, is) }
}

/** Texts of several lines as a difference of texts, which needs both sides or, of what is new, one. */
function formOf(before: unknown, after: unknown, form: FieldChange['form']): Pick<FieldChange, 'form'> {
  const texts = [before, after].filter((side) => side !== undefined)
  const isText = texts.every((side) => typeof side === 'string')
  if (isText && texts.some((side) => side.includes('\n'))) return { form: 'text' }
  if (form === 'text' || form === 'secret') return { form: isText ? form : 'value' }
  return { form: Array.isArray(after) && form === 'value' ? 'list' : form }
}

function sides(before: unknown, after: unknown): Pick<FieldChange, 'before' | 'after'> {
  return { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
}

function sameSides(one: FieldChange, other: FieldChange): boolean {
  const holds = (side: unknown, value: unknown): boolean =>
    isDeepStrictEqual(side, value) || (Array.isArray(side) && side.some((each) => isDeepStrictEqual(each, value)))
  return holds(other.before, one.before) && holds(other.after, one.after)
}

/** A value with the names of its secrets in their places: `password=(secret database)`. */
function named(value: unknown): unknown {
  if (isSecretToken(value)) return `(secret ${value.$secret})`
  if (isTextToken(value)) return value.$text.map((part) => String(named(part))).join('')
  if (Array.isArray(value)) return value.map(named)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, named(inner)]))
}

/** The fields of a state that are compared, with what stands for one that is missing. */
function comparedFields({ state: { members = {} } }: AnyType, state: Json): Fields {
  if (!isObject(state)) return { value: state }
  const { how: _how, seen: _seen, ...compared } = state
  const missing = Object.entries(members).flatMap(([name, form]): [string, unknown][] =>
    form.missing !== undefined && compared[name] === undefined ? [[name, form.missing]] : [],
  )
  return { ...compared, ...Object.fromEntries(missing) }
}

function partOf(state: Json, part: 'how'): unknown {
  return isObject(state) ? state[part] : undefined
}

/** The values of nested objects by their path: `wishes.restart.paths`. */
function leavesOf(value: unknown, path = ''): Map<string, unknown> {
  if (!isObject(value) || isSecretToken(value) || isTextToken(value))
    return new Map(value === undefined || path === '' ? [] : [[path, value]])
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...leavesOf(inner, path === '' ? key : `${path}.${key}`)]),
  )
}
