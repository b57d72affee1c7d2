/**
 * What another hand did to a resource, told from what differs. Pure.
 */
import type { Ledger } from './ledger.ts'
import type { Drift } from './report.ts'
import type { AnyType, Change, FieldChange, Json, Ref } from './resource.ts'

/** @param change From what is on the host to what was last applied. */
export function driftOf({ drift }: AnyType, change: Change<Json>, ref: Ref, ledger: Ledger): Drift {
  const { run } = ledger.entries[ref]!
  const at = ledger.times?.[run]
  const words =
    change.kind === 'create'
      ? [drift?.gone ?? 'removed']
      : change.fields.flatMap((field) =>
          field.followUp === undefined ? [drift?.field?.(field) ?? wordsOf(field)] : [],
        )
  const what = [...new Set(words)]
  return { what: what.length === 0 ? ['changed'] : what, run, ...(at === undefined ? {} : { at }) }
}

/** A difference read backwards: `after` is what it was. */
function wordsOf({ field, form, before, after }: FieldChange): string {
  if (form === 'text') return 'edited'
  if (after === true && before !== true) return `${field} turned off`
  if (after === false && before === true) return `${field} turned on`
  return `${field} changed`
}

/** Items that came to a list and went from it, by another hand. */
export function listDrift(
  { before, after }: FieldChange,
  came: (items: string) => string,
  went: (items: string) => string,
): string {
  const [now, then] = [before, after].map((side) => (Array.isArray(side) ? side.map(String) : []))
  const gained = now!.filter((item) => !then!.includes(item))
  const lost = then!.filter((item) => !now!.includes(item))
  return [
    ...(gained.length === 0 ? [] : [came(gained.join(', '))]),
    ...(lost.length === 0 ? [] : [went(lost.join(', '))]),
  ].join(' and ')
}
