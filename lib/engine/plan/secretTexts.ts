/**
 * Shows what a declaration changes in a text that holds a secret: the text last applied beside the new one, each with
 * the names of its secrets in place of their values. Only where the host still has what was last applied: of any other
 * text nobody knows which part is the secret. Pure.
 */
import type { LedgerEntry } from '../host/ledger.ts'
import type { FieldChange, Json } from '../../kit/resourceType.ts'
import { isTextToken, secretNames, type TextToken } from '../../kit/value.ts'

/** @param moved The fields in which the host differs from what was last applied; not called unless that is needed. */
export function maskedFields(
  fields: readonly FieldChange[],
  desired: Json,
  entry: LedgerEntry | undefined,
  secrets: ReadonlyMap<string, string>,
  moved: (applied: Json) => readonly FieldChange[],
): FieldChange[] {
  const applied = entry?.pending === true || entry?.hides === true ? undefined : entry?.desired
  return fields.map((one) => {
    const [was, is] = [fieldOf(applied, one.field), fieldOf(desired, one.field)]
    if (one.form !== 'secret' || was === undefined || is === undefined || applied === undefined) return one
    const isKnown = secretNames(applied).every((name) => secrets.has(name))
    const [before, after] = [masked(was, secrets), masked(is, secrets)]
    if (!isKnown || before === after || moved(applied).some(({ field }) => field === one.field)) return one
    return { ...one, form: 'text', before, after }
  })
}

function fieldOf(state: Json | undefined, field: string): TextToken | undefined {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return undefined
  const value = state[field]
  return isTextToken(value) ? value : undefined
}

/** A value that stood there in clear, before it became a secret, is masked as well. */
function masked({ $text }: TextToken, secrets: ReadonlyMap<string, string>): string {
  const named = (name: string): string => `(secret ${name})`
  const values = [...secrets].filter(([, value]) => value !== '').toSorted(([, a], [, b]) => b.length - a.length)
  const plain = (part: string): string =>
    values.reduce((text, [name, value]) => text.replaceAll(value, () => named(name)), part)
  return $text.map((part) => (typeof part === 'string' ? plain(part) : named(part.$secret))).join('')
}
