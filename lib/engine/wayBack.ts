/**
 * The way back of a change, found when the change is about to be made: what was observed then becomes what undo wants.
 * Pure.
 *
 * What Keelson itself had applied before goes back by its declaration, in which secrets stand by name. Anything else goes
 * back to the state that was read, or to bytes that the host keeps; where a secret is involved, neither is kept.
 */
import { RUNS_FOLDER } from './facts.ts'
import * as form from './form.ts'
import { ENTRY, entryProblem, type LedgerEntry, mayHoldSecret, refText } from './ledger.ts'
import { changeBetween, fieldsBetween, type Item, type Planning } from './plan.ts'
import { type AnyType, type Change, type FieldChange, type Json, type Ref, Unknown, type WayBack } from './resource.ts'
import { secretNames } from './value.ts'

/** Bytes of a file that undo needs, by their SHA-256. */
export type Bytes = { path: string; sha256: string }

/** One change of a run, as far as its way back goes. Kept on the host; secrets by name only. */
export type WayStep = {
  ref: Ref
  /** Nothing was there before. */
  made: boolean
  /** What the run made of it; null: it was taken away. */
  after: Json | null
  back: WayBack<Json>
  bytes?: Bytes
  /** The ledger's entry before, and as the run leaves it; null for none. */
  entry: LedgerEntry | null
  left: LedgerEntry | null
}

const ENTRY_OR_NONE = form.either(ENTRY, form.oneOf(null))

export const WAY_STEP: form.Form<WayStep> = form.fields<WayStep>({
  ref: refText,
  made: form.flag,
  after: form.anything,
  back: form.either(
    form.fields<{ state: Json; stays?: string }>({ state: form.anything, stays: form.optional(form.text()) }),
    form.fields<{ cannot: string }>({ cannot: form.text() }),
  ),
  bytes: form.optional(form.fields<Bytes>({ path: form.line(), sha256: form.sha256Hex })),
  entry: ENTRY_OR_NONE,
  left: ENTRY_OR_NONE,
})

/** Runs whose ways back a host keeps; older ones are forgotten. */
export const KEPT_RUNS = 20

/** What a stage writes, before its first task, of how its run goes back. */
export type Way = { folder: string; states: string; bytes: Bytes[] }

/** What is kept of a run: `states`, and `bytes` of files by their SHA-256. */
export type KeptRun = { run: string; steps: WayStep[] }

/** What is wrong with what a host gives back of how a change goes back, as the end of a sentence. */
export function stepProblem(step: unknown, types: ReadonlyMap<string, AnyType>): string | undefined {
  const problem = WAY_STEP.problem(step, 'no more')
  if (problem !== undefined || !form.fits(WAY_STEP, step)) return problem ?? 'is none'
  const { ref, after, back, entry, left } = step
  const ofType = types.get(ref.slice(0, ref.indexOf(':')))?.state
  const states = [after, 'state' in back ? back.state : null].filter((state) => state !== null)
  const unfit = states.map((state) => ofType?.problem(state, 'no more')).find((wrong) => wrong !== undefined)
  if (unfit !== undefined) return `has a state that ${unfit}`
  const entries = [entry, left].filter((each) => each !== null)
  const unsound = entries.map((each) => entryProblem(ref, each, types)).find((wrong) => wrong !== undefined)
  return unsound === undefined ? undefined : `has an entry that ${unsound}`
}

/** Whether a state that is to be brought about names what only this machine's own evaluation may name. */
export function isForeign(run: string, type: AnyType, { back, bytes }: WayStep): boolean {
  const state = 'state' in back ? back.state : null
  if (form.localField(type.state, state) !== undefined) return true
  const kept = form.isObject(state) ? state['kept'] : undefined
  return kept !== undefined && (bytes === undefined || kept !== `${keptOf(run)}/bytes/${bytes.sha256}`)
}

export function keptOf(run: string): string {
  return `${RUNS_FOLDER}/${run}.kept`
}

/** @param steps Of all stages so far. @param fresh Those of the stage that comes. */
export function wayOf(run: string, steps: readonly WayStep[], fresh: readonly WayStep[]): Way {
  const kept: KeptRun = { run, steps: [...steps] }
  return {
    folder: keptOf(run),
    states: `${JSON.stringify(kept)}\n`,
    bytes: fresh.flatMap(({ bytes }) => bytes ?? []),
  }
}

const HIDDEN = 'it held, or holds, a secret whose former value is not kept'

export function wayStepOf(
  run: string,
  item: Item & { change: Change<Json> },
  planning: Planning,
  left: LedgerEntry | null,
): WayStep {
  const { ref } = item.plan
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
  const isOfThisMachine = entry !== null && form.localField(item.type.state, entry.desired) !== undefined
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
): WayBack<Json> | undefined {
  return before instanceof Unknown ? undefined : type.restore?.({ name, before, after, fields, keep })
}

function isSecret(field: FieldChange): boolean {
  return field.form === 'secret'
}

/**
 * Whether what stood there is what Keelson had last applied, and applying that again brings back all that goes now: a
 * declaration may have left open what the new one does not, or what is lost with the whole.
 */
function isAsApplied(
  entry: LedgerEntry | null,
  { type, name, desired, change }: Item & { change: Change<Json> },
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
