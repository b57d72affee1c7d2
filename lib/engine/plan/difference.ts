/**
 * What differs between two plans of a host, the one that was reviewed and the one that would be applied now. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import type { FieldChange } from '../../kit/resourceType.ts'
import type { Fingerprint, Moved, Plan, PlanChange, PlanDifference } from '../report.ts'

/**
 * Compares all that a reader saw, because a plan that comes from a file may have been written to show less than it does,
 * and by keyed digests what no plan shows.
 *
 * @returns Undefined when both plans say the same of the same host, and no run has come between them.
 */
export function differenceOf(was: Plan, now: Plan): PlanDifference | undefined {
  if (was === now) return undefined
  const before = new Map(was.changes.map((change) => [change.ref, change]))
  const after = new Map(now.changes.map((change) => [change.ref, change]))
  const difference: PlanDifference = {
    about: [...hostMoved(was, now), ...runsBetween(was, now)],
    gone: was.changes.filter(({ ref }) => !after.has(ref)),
    added: now.changes.filter(({ ref }) => !before.has(ref)),
    moved: now.changes.flatMap((change) => {
      const earlier = before.get(change.ref)
      if (earlier === undefined) return []
      const differences = movedIn([earlier, fingerprintIn(was, change)], [change, fingerprintIn(now, change)])
      return differences.length === 0 ? [] : [{ ref: change.ref, label: change.label, differences }]
    }),
  }
  if (Object.values(difference).some((list) => list.length > 0)) return difference
  const inOrder = isDeepStrictEqual([...before.keys()], [...after.keys()])
  return inOrder ? undefined : { ...difference, about: ['the changes would be applied in another order'] }
}

/** The host key is not compared: one host shows different keys to different clients, and each client checks its own. */
function hostMoved(was: Plan, now: Plan): string[] {
  const isOther = was.machine?.id !== undefined && was.machine.id !== now.machine?.id
  const about = Object.entries(now.host).flatMap(([key, value]) => {
    const before: unknown = Reflect.get(was.host, key)
    return before === value ? [] : [`its ${key} was ${JSON.stringify(before)} and is ${JSON.stringify(value)}`]
  })
  return [...(isOther ? ['this is another machine: its machine-id differs'] : []), ...about]
}

function runsBetween(was: Plan, now: Plan): string[] {
  if (was.ledger === now.ledger) return []
  const { ledgerSerial: before } = was
  const { ledgerSerial: after } = now
  return before !== undefined && after !== undefined && after > before
    ? [`it was converged since: its last run was ${before === 0 ? 'none' : before} and is ${after}`]
    : ['its ledger was changed since']
}

function fingerprintIn({ fingerprints = {} }: Plan, { ref }: PlanChange): Fingerprint {
  return (Object.hasOwn(fingerprints, ref) ? fingerprints[ref] : undefined) ?? {}
}

type Side = [change: PlanChange, fingerprint: Fingerprint]

function movedIn([was, wasPrint]: Side, [now, nowPrint]: Side): Moved[] {
  const shown = [...fieldsMoved(was.fields, now.fields), ...restMoved(was, now)]
  const hidden = (['observed', 'declared'] as const).filter(
    (side) => wasPrint[side] !== nowPrint[side] && !shown.some((moved) => moved.side === side),
  )
  return [...shown, ...hidden.map((side): Moved => ({ side, field: 'something not shown', form: 'secret' }))]
}

function fieldsMoved(was: readonly FieldChange[], now: readonly FieldChange[]): Moved[] {
  const names = new Set([...was, ...now].map(({ field }) => field))
  return [...names].flatMap((name) => {
    const [before, after] = [was, now].map((fields) => fields.filter(({ field }) => field === name))
    if (isDeepStrictEqual(before, after)) return []
    const [one, other] = [before?.[0], after?.[0]]
    const form = other?.form ?? one?.form ?? 'value'
    const sides = [
      sideMoved('observed', name, form, one?.before, other?.before),
      sideMoved('declared', name, form, one?.after, other?.after),
    ]
    const moved = sides.flatMap((side) => side ?? [])
    return moved.length > 0 ? moved : [{ side: 'plan', field: name, form: 'value', was: before, now: after }]
  })
}

function sideMoved(
  side: Moved['side'],
  field: string,
  form: Moved['form'],
  was: unknown,
  now: unknown,
): Moved | undefined {
  if (isDeepStrictEqual(was, now)) return undefined
  return { side, field, form, ...(was === undefined ? {} : { was }), ...(now === undefined ? {} : { now }) }
}

/** What else a plan says of a change, such as its consequence or its line. */
function restMoved({ fields: _was, ...was }: PlanChange, { fields: _now, ...now }: PlanChange): Moved[] {
  const keys = new Set([...Object.keys(was), ...Object.keys(now)])
  return [...keys].flatMap((key) => sideMoved('plan', key, 'value', Reflect.get(was, key), Reflect.get(now, key)) ?? [])
}
