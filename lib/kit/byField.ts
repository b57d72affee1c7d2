/**
 * Compares desired with observed state, field by field.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Form } from './form.ts'
import type { FieldChange, Slots } from './resourceType.ts'
import { isSecretToken, isTextToken, type Comparing, type StateText } from './value.ts'

type Fields = { [field: string]: unknown }

/** The forms of a state, see `ResourceType`. */
type StateForm = Pick<Form<unknown>, 'members'>

/**
 * Returns one `FieldChange` for each field that the recipe manages and the host has otherwise. A field of the observed
 * state that the desired one leaves undefined is not managed. A secret is compared with the observed digest, and
 * reported without values.
 *
 * @example byField({ mode: '0644' }, { mode: '0600', owner: 'root' }) // one change, of mode
 */
export function byField(
  desired: unknown,
  observed: unknown,
  { members = {} }: StateForm = {},
  { sameText }: Pick<Comparing, 'sameText'> = { sameText: () => false },
): FieldChange[] {
  const want = asFields(desired)
  const have = asFields(observed)
  for (const [field, { missing }] of Object.entries(members)) {
    if (missing !== undefined && have[field] === undefined) have[field] = missing
  }
  const isSame = (field: string): boolean => {
    const [after, before] = [want[field], have[field]]
    if (isText(after)) return typeof before === 'string' && sameText(after, before)
    return isDeepStrictEqual(after, before)
  }
  return Object.keys(want)
    .filter((field) => want[field] !== undefined && !isSame(field))
    .map((field) => fieldChange(field, have[field], want[field], members[field]?.shown))
}

/** The differences of two states, by the type's own `diff` if it has one, otherwise by field. */
export function differences<State>(
  type: Pick<Slots<never, State, never, never>, 'diff' | 'state'>,
  desired: State,
  observed: State,
  comparing: Comparing,
): FieldChange[] {
  return type.diff?.(desired, observed, comparing) ?? byField(desired, observed, type.state, comparing)
}

/** A difference in the form that its values require. */
function fieldChange(field: string, before: unknown, after: unknown, shown?: FieldChange['form']): FieldChange {
  if (shown === 'secret' || hasToken(before) || hasToken(after)) return { field, form: 'secret' }
  const form = shown ?? (field === 'mode' ? 'mode' : Array.isArray(after) ? 'list' : 'value')
  return { field, form, before, after }
}

function asFields(state: unknown): Fields {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return { value: state }
  const { how: _how, seen: _seen, ...compared }: Fields = { ...state }
  return compared
}

/** A secret, or a text with secrets in it. */
function isText(value: unknown): value is StateText {
  return isSecretToken(value) || isTextToken(value)
}

function hasToken(value: unknown): boolean {
  if (isText(value)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasToken)
}
