/**
 * How to undo a change, decided when the change is about to be made: undo restores the state observed then. Pure.
 *
 * What Keelson itself had applied before is restored by its declaration, in which secrets stand by name. Anything else
 * is restored to the state that was read, or from bytes that the host keeps; when a secret is involved, neither is
 * kept.
 */
import { type LedgerEntry, mayHoldSecret } from '../host/ledger.ts'
import { type Bytes, keptOf, localField, type UndoStep } from '../host/undoRecord.ts'
import { changeBetween, fieldsBetween } from '../plan/changes.ts'
import { type Planned, type Planning } from '../plan/planned.ts'
import { joined } from '../../kit/parts.ts'
import {
  type AnyType,
  type Change,
  type FieldChange,
  type Json,
  Unknown,
  type UndoTarget,
} from '../../kit/resourceType.ts'
import { secretNames } from '../../kit/value.ts'

const HIDDEN = 'it held, or holds, a secret whose former value is not kept'

export function undoStepOf(
  run: string,
  item: Planned & { change: Change<Json> },
  planning: Planning,
  left: LedgerEntry | null,
): UndoStep {
  const { ref } = item.shown
  const entry = planning.ledger?.entries[ref] ?? null
  let bytes: Bytes | undefined
  const keep = (path: string, sha256: string): string => {
    bytes = { path, sha256 }
    return `${keptOf(run)}/bytes/${sha256}`
  }
  const { before } = item.change
  const base = { ref, made: before === null, after: item.desired, entry, left }
  if (before instanceof Unknown) return { ...base, back: { cannot: `it could not be read before: ${before.because}` } }
  const own = ownWayBack(item.type, item.change, keep)
  if (before === null || (own !== undefined && 'cannot' in own)) return { ...base, back: own ?? { state: null } }
  const wanted = own?.state ?? before
  const isOfThisMachine = entry !== null && localField(item.type, joined(entry.desired)) !== undefined
  if (!isOfThisMachine && isAsApplied(entry, item, before, wanted, planning))
    return { ...base, back: { state: entry!.desired } }
  const hidden = mayHoldSecret(entry) || secretNames(item.desired).length > 0 || item.change.fields.some(isSecret)
  if (hidden) return { ...base, back: { cannot: HIDDEN } }
  return { ...base, back: own ?? { state: before }, ...(bytes === undefined ? {} : { bytes }) }
}

function ownWayBack(
  type: AnyType,
  { name, before, after, fields }: Change<Json>,
  keep: (path: string, sha256: string) => string,
): UndoTarget<Json> | undefined {
  return before instanceof Unknown ? undefined : type.undo?.({ name, before, after, fields, keep })
}

function isSecret(field: FieldChange): boolean {
  return field.form === 'secret'
}

/**
 * Whether the state there was the one Keelson had last applied, and applying that again restores everything that is
 * lost now: a declaration may have left open what the new one sets, or what is lost with the whole resource.
 */
function isAsApplied(
  entry: LedgerEntry | null,
  { type, name, desired, change }: Planned & { change: Change<Json> },
  before: Json,
  wanted: Json,
  { context, secrets }: Planning,
): boolean {
  if (entry === null || entry.pending === true || entry.desired === null) return false
  if (secretNames([entry.desired, desired]).some((each) => !secrets.has(each))) return false
  if (changeBetween(type, name, entry.desired, before, context) !== undefined) return false
  const lost = desired === null ? fieldsBetween(type, wanted, {}, context) : change.fields
  const back = fieldsBetween(type, entry.desired, desired ?? {}, context)
  return lost.every(({ field }) => back.some((one) => one.field === field))
}
