/**
 * A state in three parts. Its top-level fields are compared; `how` holds what acting needs, and `seen` what is only
 * observed. On a host, and as input of digests, a desired state is one flat object, which the forms of its type split
 * into the parts.
 */
import { isObject } from './form.ts'
import type { AnyType, Json } from './resourceType.ts'

type Forms = Pick<AnyType, 'state' | 'how' | 'seen'>
type More = 'more' | 'no more'

/** Joins the parts into the flat object that a host keeps, without what was only observed. */
export function joined(state: Json): Json {
  if (!isFields(state) || (state['how'] === undefined && state['seen'] === undefined)) return state
  const { how, seen: _, ...compared } = state
  return { ...compared, ...(isFields(how) ? how : {}) }
}

/** Splits a flat object into its parts. Drops a field of it that has a part's name: Keelson did not write it. */
export function parted({ how: hows, seen: seens }: Forms, flat: Json): Json {
  if (!isFields(flat) || (hows === undefined && seens === undefined)) return flat
  const isOf = (part: Forms['how'], field: string): boolean => Object.hasOwn(part?.members ?? {}, field)
  const fields = Object.entries(flat).filter(([field]) => !isOf(seens, field) && field !== 'how' && field !== 'seen')
  const how = Object.fromEntries(fields.filter(([field]) => isOf(hows, field)))
  const compared = Object.fromEntries(fields.filter(([field]) => !isOf(hows, field)))
  return { ...compared, ...(Object.keys(how).length === 0 ? {} : { how }) }
}

/** What is wrong with a flat object as a desired state, as the end of a sentence. */
export function flatProblem(type: Forms, flat: Json, more: More): string | undefined {
  const state = parted(type, flat)
  if (!isFields(state) || type.how === undefined) return type.state.problem(state, more)
  const { how, ...compared } = state
  const wrong = type.state.problem(compared, more)
  if (wrong !== undefined || (how === undefined && type.how.optional === true)) return wrong
  return type.how.problem(how ?? {}, more)
}

function isFields(value: Json | undefined): value is { [field: string]: Json } {
  return isObject(value)
}
