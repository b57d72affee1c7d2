/**
 * Desired against observed, field by field.
 */
import { isDeepStrictEqual } from 'node:util'
import type { FieldChange } from './resourceType.ts'
import { isSecretToken, isTextToken } from './value.ts'

type Fields = { [field: string]: unknown }

/**
 * One `FieldChange` for each field the recipe manages and the host has otherwise. A field of the observed state that
 * the desired one leaves undefined is not managed. Fields with secrets in them are reported without values; types that
 * can tell whether a secret differs need a diff of their own.
 *
 * @example byField({ mode: '0644' }, { mode: '0600', owner: 'root' }) // one change, of mode
 */
export function byField(desired: unknown, observed: unknown): FieldChange[] {
  const want = asFields(desired)
  const have = asFields(observed)
  return Object.keys(want)
    .filter((field) => want[field] !== undefined && !isDeepStrictEqual(want[field], have[field]))
    .map((field) => fieldChange(field, have[field], want[field]))
}

/** A difference shown in the form its values call for. */
function fieldChange(field: string, before: unknown, after: unknown): FieldChange {
  if (hasToken(before) || hasToken(after)) return { field, form: 'secret' }
  const form = field === 'mode' ? 'mode' : Array.isArray(after) ? 'list' : 'value'
  return { field, form, before, after }
}

function asFields(state: unknown): Fields {
  return typeof state === 'object' && state !== null && !Array.isArray(state) ? { ...state } : { value: state }
}

function hasToken(value: unknown): boolean {
  if (isSecretToken(value) || isTextToken(value)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasToken)
}
