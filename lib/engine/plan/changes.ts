/**
 * What makes one state into another: the differences, how sure they are, and what they do beyond the record. Pure.
 */
import { differences } from '../../kit/byField.ts'
import { comparingBy } from '../../kit/value.ts'
import { type LedgerEntry, mayHoldSecret } from '../host/ledger.ts'
import { refOf } from '../../kit/ref.ts'
import {
  type AnyType,
  type Change,
  CONSEQUENCES,
  type Consequence,
  type Context,
  type FieldChange,
  type Json,
  type EarlierChange,
  Unknown,
} from '../../kit/resourceType.ts'
import type { Certainty } from '../report.ts'
import { isHidden, shownFields } from './secrecy.ts'
import { pathsOfChange, touchesWayIn, type WaysContext } from './touches.ts'
import { type Planned, type Planning } from './planned.ts'

export function changeBetween(
  type: AnyType,
  name: string,
  desired: Json | null,
  observed: Json | null | Unknown,
  context: Context,
): Change<Json> | undefined {
  if (desired === null) {
    if (observed === null || observed instanceof Unknown) return undefined
    return { kind: 'remove', name, before: observed, after: null, fields: [] }
  }
  if (observed === null || observed instanceof Unknown) {
    return { kind: 'create', name, before: observed, after: desired, fields: fieldsBetween(type, desired, {}, context) }
  }
  const fields = fieldsBetween(type, desired, observed, context)
  return fields.length === 0 ? undefined : { kind: 'change', name, before: observed, after: desired, fields }
}

/** By field, or the type's own comparison; against an empty state it says what a new resource will have. */
export function fieldsBetween(type: AnyType, desired: Json, observed: Json, context: Context): FieldChange[] {
  return differences(type, desired, observed, comparingBy(context.reveal))
}

/** Whether text that was read may be shown, see secrecy.ts. */
export function hides(
  planning: Planning,
  type: AnyType,
  name: string,
  desired: Json,
  observed: Json | Unknown,
): boolean {
  const isOurs = isAsLastApplied(planning, type, name, observed)
  return isHidden(planning, type, { name, desired, observed, isOurs })
}

/** Whether what was read is what the ledger says was applied, without a secret. */
export function isAsLastApplied(
  { ledger, context }: Planning,
  type: AnyType,
  name: string,
  observed: Json | Unknown,
): boolean {
  const entry = ledger?.entries[refOf(type, name)]
  if (entry === undefined || entry.pending === true || entry.desired === null || mayHoldSecret(entry)) return false
  if (observed === null || observed instanceof Unknown) return false
  return fieldsBetween(type, entry.desired, observed, context).every(({ form }) => form === 'mode')
}

/**
 * What is still wrong with a resource that was read again; undefined when it is as desired.
 *
 * @param was The ledger's entry of what stood there before.
 * @param hidden Whether what stands there must not be shown.
 */
export function remainingDifference(
  type: AnyType,
  name: string,
  desired: Json | null,
  observed: Json | null | Unknown,
  context: Context,
  was?: LedgerEntry,
  hidden = false,
): string | undefined {
  if (observed instanceof Unknown) return `it cannot be read: ${observed.because}`
  const change = changeBetween(type, name, desired, observed, context)
  if (change === undefined) return undefined
  if (change.kind === 'create') return 'it is not there'
  if (change.kind === 'remove') return 'it is still there'
  if (change.fields.every(({ opaque }) => opaque)) return undefined
  return `it still differs: ${shownFields(change.fields, was, hidden).map(differenceText).join('; ')}`
}

function differenceText({ field, form, before, after, followUp }: FieldChange): string {
  if (followUp !== undefined) return `${followUp.action} needed because ${followUp.because}`
  if (form === 'secret' || form === 'text') return `${field} differs`
  return `${field} is ${JSON.stringify(before) ?? 'not set'}, not ${JSON.stringify(after)}`
}

export function isFollowUp(change: Change<Json>): boolean {
  return change.kind === 'change' && change.fields.every(({ followUp }) => followUp !== undefined)
}

export function certaintyOf(
  change: Change<Json>,
  altering: Planned | undefined,
): { certainty: Certainty; because?: string } {
  if (change.before instanceof Unknown) return { certainty: 'unknown', because: change.before.because }
  if (change.fields.some(({ opaque }) => opaque)) return { certainty: 'opaque' }
  if (altering !== undefined) return { certainty: 'predicted', because: `depends on ${altering.shown.label}` }
  return { certainty: 'exact' }
}

export function consequenceOf(type: AnyType, change: Change<Json>, context: WaysContext): Consequence {
  if (touchesWayIn(type, change, context)) return 'lockout'
  const own = type.consequence?.(change, context) ?? 'safe'
  const followUps = change.fields.flatMap(({ followUp }) => (followUp === undefined ? [] : [followUp.action]))
  return (
    CONSEQUENCES.find((consequence) => consequence === own || followUps.some((action) => action === consequence)) ?? own
  )
}

export function plannedChange(item: Planned | undefined): EarlierChange[] {
  if (item?.change === undefined) return []
  const { ref, label } = item.shown
  const alters = item.type.altersOthers === true ? { altersOthers: true as const } : {}
  return [{ ref, label, kind: item.change.kind, paths: writtenPaths(item), ...alters }]
}

/** Paths that a change writes or takes away. */
export function writtenPaths({ type, change }: Pick<Planned, 'type' | 'change'>): string[] {
  return change === undefined ? [] : pathsOfChange(type, change)
}
