/**
 * How to undo the changes of a run, as a host stores it. What a host returns is checked before it is used.
 */
import * as form from '../../kit/form.ts'
import { flatProblem, joined, parted } from '../../kit/parts.ts'
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Json, UndoTarget } from '../../kit/resourceType.ts'
import { RUNS_FOLDER } from '../../kit/stateFolders.ts'
import { ENTRY, entryProblem, joinedEntry, type LedgerEntry, partedEntry, refText } from './ledger.ts'

/** Bytes of a file that undo needs, by their SHA-256. */
export type Bytes = { path: string; sha256: string }

/** One change of a run, as undo needs it. Stored on the host; secrets by name only. */
export type UndoStep = {
  ref: Ref
  /** The resource did not exist before. */
  made: boolean
  /** The state that the run gave it; null: the run removed it. */
  after: Json | null
  back: UndoTarget<Json>
  bytes?: Bytes
  /** The ledger's entry before the run, and after it; null for none. */
  entry: LedgerEntry | null
  left: LedgerEntry | null
}

const ENTRY_OR_NONE = form.either(ENTRY, form.oneOf(null))

export const UNDO_STEP: form.Form<UndoStep> = form.fields<UndoStep>({
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

/** Number of runs whose undo a host stores; older ones are dropped. */
export const KEPT_RUNS = 20

/** What a stage writes before its first task so that its run can be undone. */
export type UndoRecord = { folder: string; states: string; bytes: Bytes[] }

/** What is kept of a run: `states`, and `bytes` of files by their SHA-256. */
export type KeptRun = { run: string; steps: UndoStep[] }

/** What is wrong with an undo step that a host returned, as the end of a sentence. */
export function stepProblem(step: unknown, types: ReadonlyMap<string, AnyType>): string | undefined {
  const problem = UNDO_STEP.problem(step, 'no more')
  if (problem !== undefined || !form.fits(UNDO_STEP, step)) return problem ?? 'is none'
  const { ref, after, back, entry, left } = step
  const type = types.get(typeIn(ref))
  const states = [after, 'state' in back ? back.state : null].filter((state) => state !== null)
  const problems = type === undefined ? [] : states.map((state) => flatProblem(type, state, 'no more'))
  const unfit = problems.find((wrong) => wrong !== undefined)
  if (unfit !== undefined) return `has a state that ${unfit}`
  const entries = [entry, left].filter((each) => each !== null)
  const unsound = entries.map((each) => entryProblem(ref, each, types)).find((wrong) => wrong !== undefined)
  return unsound === undefined ? undefined : `has an entry that ${unsound}`
}

/** Converts a step from the form that a host stores. */
export function partedStep(step: UndoStep, types: ReadonlyMap<string, AnyType>): UndoStep {
  const type = types.get(typeIn(step.ref))
  if (type === undefined) return step
  return withStates(
    step,
    (state) => parted(type, state),
    (entry) => partedEntry(entry, types),
  )
}

/** Converts a step to the form that a host stores. */
function joinedStep(step: UndoStep): UndoStep {
  return withStates(step, joined, joinedEntry)
}

function withStates(
  step: UndoStep,
  ofState: (state: Json) => Json,
  ofEntry: (entry: LedgerEntry) => LedgerEntry,
): UndoStep {
  const { after, back, entry, left } = step
  return {
    ...step,
    after: after === null ? null : ofState(after),
    back: 'state' in back && back.state !== null ? { ...back, state: ofState(back.state) } : back,
    entry: entry === null ? null : ofEntry(entry),
    left: left === null ? null : ofEntry(left),
  }
}

function typeIn(ref: Ref): string {
  return ref.slice(0, ref.indexOf(':'))
}

/** Whether a state to restore names something that only this machine's own evaluation may name. */
export function isForeign(run: string, type: AnyType, { back, bytes }: UndoStep): boolean {
  const state = 'state' in back && back.state !== null ? joined(back.state) : null
  if (localField(type, state) !== undefined) return true
  const kept = form.isObject(state) ? state['kept'] : undefined
  return kept !== undefined && (bytes === undefined || kept !== `${keptOf(run)}/bytes/${bytes.sha256}`)
}

/** The field in which a flat state names a file of this machine. */
export function localField({ state, how }: AnyType, flat: Json): string | undefined {
  return form.localField(state, flat) ?? (how === undefined ? undefined : form.localField(how, flat))
}

export function keptOf(run: string): string {
  return `${RUNS_FOLDER}/${run}.kept`
}

/** @param steps Of all stages so far. @param fresh Those of the next stage. */
export function undoRecordOf(run: string, steps: readonly UndoStep[], fresh: readonly UndoStep[]): UndoRecord {
  const kept: KeptRun = { run, steps: steps.map(joinedStep) }
  return {
    folder: keptOf(run),
    states: `${JSON.stringify(kept)}\n`,
    bytes: fresh.flatMap(({ bytes }) => bytes ?? []),
  }
}
