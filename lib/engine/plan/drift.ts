/**
 * What another hand did to a resource, told from what differs. Pure.
 */
import type { Ledger } from '../host/ledger.ts'
import type { Drift } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Change, FieldChange, Json } from '../../kit/resourceType.ts'

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
