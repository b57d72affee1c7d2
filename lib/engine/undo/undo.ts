/**
 * Plans the undo of a whole run: what can be undone, what stays and why, and the catalog that restores it. Pure.
 *
 * What somebody else or a later run has changed since stays as it is. A resource is removed after everything that needs
 * it, and stays if something that stays needs it.
 */
import type { CatalogResource } from '../catalog/catalog.ts'
import { type Ledger, type LedgerEntry, ledgerDigest } from '../host/ledger.ts'
import { changeBetween } from '../plan/changes.ts'
import { dataIn } from '../plan/undeclared.ts'
import { stateIn, type TypeReading } from '../host/read.ts'
import type { Staying } from '../report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'
import { type AnyType, type Context, type Json, Unknown } from '../../kit/resourceType.ts'
import type { StoredRun } from '../host/storedRun.ts'
import type { Undo } from '../plan/scope.ts'
import { secretNames } from '../../kit/value.ts'
import { isForeign, type UndoStep } from '../host/undoRecord.ts'

export type Undoable = {
  run: string
  steps: readonly UndoStep[]
  /** Steps whose stored data is unusable. */
  damaged: readonly Staying[]
  /** SHA-256 of the bytes that the host has kept. */
  bytes: ReadonlySet<string>
  /** All runs that the host has stored, the latest first. */
  runs: readonly StoredRun[]
  ledger: Ledger
  types: ReadonlyMap<string, AnyType>
  /** Position of a declaration in the site, for types whose order matters. */
  position: (ref: Ref) => number | undefined
}

export type Look = {
  readings: ReadonlyMap<string, TypeReading>
  secrets: ReadonlyMap<string, string>
  context: Context
}

/** The run to undo: the requested one, otherwise the latest that changed something; undefined when there is none. */
export function runToUndo(runs: readonly StoredRun[], wanted: string | undefined): StoredRun | undefined {
  if (wanted !== undefined) return runs.find(({ run }) => run === wanted)
  const latest = runs.find(({ changes }) => changes.some(({ kind, outcome }) => isOwnChange(kind) && hasBegun(outcome)))
  // An undo that did not finish is continued.
  const undone = latest?.outcome === 'ok' ? undefined : latest?.undoes
  return undone === undefined ? latest : (runs.find(({ run }) => run === undone) ?? latest)
}

function isOwnChange(kind: StoredRun['changes'][number]['kind']): boolean {
  return ['create', 'change', 'remove', 'recheck'].includes(kind)
}

function hasBegun(outcome: StoredRun['changes'][number]['outcome']): boolean {
  return ['changed', 'applied', 'failed', 'unfinished'].includes(outcome)
}

/** Everything that Keelson owns or that the run removed, as the run left it, to be read. */
export function asLeft(undoable: Undoable): { resources: CatalogResource[]; was: Map<Ref, Json> } {
  const { ledger, steps } = undoable
  const owned = Object.entries(ledger.entries).map(([ref, entry]) => resourceOf(undoable, ref, entry.desired, entry))
  const others = steps
    .filter(({ ref }) => ledger.entries[ref] === undefined)
    .map(({ ref, after, entry }) => resourceOf(undoable, ref, after, entry))
  return { resources: inOrder(undoable, [...owned, ...others]), was: foundBy(steps) }
}

/** The states by which resources to be removed are found. */
function foundBy(steps: readonly UndoStep[]): Map<Ref, Json> {
  return new Map(
    steps.flatMap(({ ref, after, back }): [Ref, Json][] => {
      const state = after ?? ('state' in back ? back.state : null)
      return state === null ? [] : [[ref, state]]
    }),
  )
}

/** Decides what is undone, and by which catalog. */
export function planUndo(
  undoable: Undoable,
  look: Look,
): { resources: CatalogResource[]; undo: Omit<Undo, 'ledgerDigest'> } {
  const { ledger, run, steps } = undoable
  const verdicts = new Map(steps.map((step) => [step.ref, verdictOf(step, undoable, look)]))
  keepWhatIsNeeded(verdicts, undoable)
  const going = steps.filter(({ ref }) => verdicts.get(ref) === GOES)
  const followers = followersOf(undoable, look, new Set(going.map(({ ref }) => ref)))
  const targets = new Map(going.map((step) => [step.ref, step]))
  const refs = new Set([...Object.keys(ledger.entries), ...targets.keys()])
  const resources = [...refs].map((ref) => {
    const step = targets.get(ref)
    const entry = step === undefined ? ledger.entries[ref]! : (ledger.entries[ref] ?? step.entry)
    const desired = step === undefined ? (followers.get(ref) ?? entry!.desired) : targetIn(step, look)
    return resourceOf(undoable, ref, desired, entry)
  })
  return {
    resources: inOrder(undoable, withNeeds(resources, targets, undoable)),
    undo: {
      run,
      stays: [...undoable.damaged, ...steps.flatMap((step) => stayingOf(step, verdicts.get(step.ref)!, look))],
      entries: new Map([
        ...[...followers.keys()].map((ref): [Ref, LedgerEntry] => [ref, ledger.entries[ref]!]),
        ...going.map(({ ref, entry }): [Ref, LedgerEntry | null] => [ref, entry]),
      ]),
      made: new Set(going.filter(({ made }) => made).map(({ ref }) => ref)),
      followers: new Set(followers.keys()),
      was: foundBy(going),
    },
  }
}

function targetOf({ back }: UndoStep): Json | null {
  return 'state' in back ? back.state : null
}

/** A resource that was only to be disabled may no longer exist at all. */
function targetIn(step: UndoStep, { readings }: Look): Json | null {
  const { type, name } = partsOf(step.ref)
  return step.made && stateIn(readings, type, name) === null ? null : targetOf(step)
}

/** To be undone; already undone; or the reason why it stays. */
type Verdict = typeof GOES | typeof DONE | { because: string; by?: Ref }
const GOES = 'goes'
const DONE = 'done'

function verdictOf(step: UndoStep, undoable: Undoable, look: Look): Verdict {
  const { type, name } = partsOf(step.ref)
  const known = undoable.types.get(type)
  if (known === undefined) return { because: 'this Keelson knows no such type' }
  const isBegun = wasCutOff(step, undoable)
  if (!isBegun && !isSameEntry(undoable.ledger.entries[step.ref], step.left)) return changedSince(step, undoable)
  if ('cannot' in step.back) return { because: step.back.cannot }
  if (isForeign(undoable.run, known, step)) return { because: 'what the host has kept of it is not its own' }
  const observed = stateIn(look.readings, type, name)
  if (observed instanceof Unknown) return { because: `it cannot be read: ${observed.because}` }
  const unknown = unknownSecret(step, undoable, look)
  if (unknown !== undefined) return { because: unknown }
  if (isAs(known, name, targetIn(step, look), observed, look)) return GOES
  if (!isBegun && !isAs(known, name, step.after, observed, look)) return { because: 'edited on the host since' }
  if (step.bytes !== undefined && !undoable.bytes.has(step.bytes.sha256))
    return { because: 'its former bytes were not kept: they were too many' }
  return losesNothing(step, known, observed, undoable)
}

/** Whether this run, or an undo of it, was cut off during this change: a difference there is then Keelson's own doing. */
function wasCutOff({ ref, entry, left }: UndoStep, { run, runs, ledger }: Undoable): boolean {
  const now = ledger.entries[ref]
  const own = runs.filter((each) => each.run === run || each.undoes === run)
  if (now?.pending === true) return own.some((each) => each.run === now.run)
  const isUnfinished = own.some((each) => each.run === run && each.outcome !== 'ok')
  return isUnfinished && left === null && isSameEntry(now, entry)
}

function isSameEntry(a: LedgerEntry | undefined, b: LedgerEntry | null): boolean {
  return a === undefined || b === null ? a === undefined && b === null : a.digest === b.digest
}

function changedSince({ ref }: UndoStep, { run, runs }: Undoable): Verdict {
  const later = runs.find(
    (each) =>
      Number(each.run) > Number(run) &&
      each.changes.some((change) => change.ref === ref && ['changed', 'applied', 'recorded'].includes(change.outcome)),
  )
  if (later === undefined) return { because: 'the ledger on the host has it otherwise by now' }
  return later.undoes === run ? DONE : { because: `changed since by run ${later.run}` }
}

/** Without the value that a secret had then, the state can be neither compared nor restored. */
function unknownSecret(
  { after, left, entry, back }: UndoStep,
  { ledger }: Undoable,
  { secrets }: Look,
): string | undefined {
  const state = 'state' in back ? back.state : null
  const missing = secretNames([after, state]).find((name) => !secrets.has(name))
  if (missing !== undefined) return `its secret ${missing} is none that this host's recipes name`
  const isOther = (known: LedgerEntry | null): boolean =>
    known !== null && (known.applied ?? known.digest) !== ledgerDigest(ledger.key, known.desired, secrets)
  const [then] = secretNames(state)
  if (then !== undefined && isOther(entry)) return `its secret ${then} has another value by now`
  const [since] = secretNames(after)
  if (since !== undefined && isOther(left)) return `its secret ${since} has another value by now than on the host`
  return undefined
}

/** Whether the host is as desired, except for what a service has yet to load and what cannot be read. */
function isAs(type: AnyType, name: string, desired: Json | null, observed: Json | null, { context }: Look): boolean {
  const change = changeBetween(type, name, desired, observed, context)
  if (change === undefined) return true
  return change.kind === 'change' && change.fields.every(({ followUp, opaque }) => followUp !== undefined || opaque)
}

/** Removes what the run created, unless that loses data or it is protected; a type may decide otherwise. */
function losesNothing(step: UndoStep, type: AnyType, observed: Json | null, { ledger }: Undoable): Verdict {
  if (!step.made) return GOES
  if (ledger.entries[step.ref]?.protect === true) return { because: 'it is protected' }
  const { name } = partsOf(step.ref)
  const own = type.undo?.({ name, before: null, after: step.after, fields: [], keep: (path) => path })
  const data = own === undefined && observed !== null ? dataIn(type, observed, step.after) : undefined
  return data === undefined ? GOES : { because: data }
}

/**
 * What the run created stays if something that stays, or was created later, needs it; and so does whatever depends on
 * it.
 */
function keepWhatIsNeeded(verdicts: Map<Ref, Verdict>, { ledger, runs, run, steps }: Undoable): void {
  const stays = (ref: Ref): boolean => typeof verdicts.get(ref) === 'object'
  const made = new Set(steps.filter((step) => step.made).map(({ ref }) => ref))
  const later = runs.filter((each) => Number(each.run) > Number(run)).flatMap(({ changes }) => changes)
  const madeLater = new Set(later.filter(({ kind }) => kind === 'create').map(({ ref }) => ref))
  const holds = Object.entries(ledger.entries).filter(([ref]) => made.has(ref) || madeLater.has(ref))
  for (let settled = false; !settled;) {
    settled = true
    for (const step of steps.filter(({ ref }) => made.has(ref) && verdicts.get(ref) === GOES)) {
      const { ref } = step
      const above = holds.find(([each, { needs }]) => needs.includes(ref) && verdicts.get(each) !== GOES)?.[0]
      const below =
        targetOf(step) === null ? undefined : ledger.entries[ref]?.needs.find((need) => made.has(need) && stays(need))
      if (above === undefined && below === undefined) continue
      settled = false
      verdicts.set(ref, {
        because: above === undefined ? `${labelOf(below!)} stays` : `${labelOf(above)} needs it, and stays`,
      })
    }
  }
}

/** Services and the like, with their present state as desired: the only change they can need is to load what is restored. */
function followersOf({ ledger, types }: Undoable, look: Look, going: ReadonlySet<Ref>): Map<Ref, Json> {
  return new Map(
    Object.entries(ledger.entries).flatMap(([ref, { type: typeName, name, desired }]): [Ref, Json][] => {
      const type = types.get(typeName)
      if (type?.simulate === undefined || going.has(ref)) return []
      const before = stateIn(look.readings, typeName, name)
      if (before === null || before instanceof Unknown) return []
      const back = type.undo?.({ name, before, after: desired, fields: [], keep: (path) => path })
      return back !== undefined && 'state' in back && back.state !== null ? [[ref, back.state]] : []
    }),
  )
}

/**
 * A resource that the run created is removed after everything restored that needed it; services that only have to load
 * come last.
 */
function withNeeds(
  resources: readonly CatalogResource[],
  targets: ReadonlyMap<Ref, UndoStep>,
  { types }: Undoable,
): CatalogResource[] {
  const isMade = (ref: Ref): boolean => targets.get(ref)?.made === true
  const isBefore = ({ ref, type }: CatalogResource): boolean =>
    targets.has(ref) && (isMade(ref) || types.get(type)?.simulate === undefined)
  return resources.map((resource) => {
    const own = isMade(resource.ref) ? [] : resource.needs
    const first = isBefore(resource) ? own.filter((need) => !isMade(need)) : own
    const needing = isMade(resource.ref)
      ? resources.filter((other) => other.needs.includes(resource.ref) && isBefore(other)).map(({ ref }) => ref)
      : []
    return { ...resource, needs: [...first, ...needing] }
  })
}

/** In the site's order of declaration, the rest last. Needs recorded over several runs may form cycles, which are cut. */
function inOrder({ position }: Undoable, resources: readonly CatalogResource[]): CatalogResource[] {
  const sorted = resources.toSorted((a, b) => (position(a.ref) ?? Infinity) - (position(b.ref) ?? Infinity) || 0)
  const needs = new Map(sorted.map((resource) => [resource.ref, resource.needs]))
  const state = new Map<Ref, 'open' | Ref[]>()
  const visit = (ref: Ref): void => {
    if (state.has(ref)) return
    state.set(ref, 'open')
    const kept = needs.get(ref)!.filter((need) => {
      if (!needs.has(need) || state.get(need) === 'open') return false
      visit(need)
      return true
    })
    state.set(ref, kept)
  }
  for (const { ref } of sorted) visit(ref)
  return sorted.map((resource) => {
    const kept = state.get(resource.ref)
    return { ...resource, needs: kept === undefined || kept === 'open' ? [] : kept }
  })
}

function stayingOf({ ref, back }: UndoStep, verdict: Verdict, { readings }: Look): Staying[] {
  const label = labelOf(ref)
  if (typeof verdict === 'object') return [{ ref, label, because: verdict.because }]
  if (verdict === DONE || !('state' in back) || back.stays === undefined) return []
  const { type, name } = partsOf(ref)
  return stateIn(readings, type, name) === null ? [] : [{ ref, label, because: back.stays, rest: true }]
}

function resourceOf({ run }: Undoable, ref: Ref, desired: Json | null, entry: LedgerEntry | null): CatalogResource {
  return {
    ref,
    ...partsOf(ref),
    desired,
    needs: entry?.needs ?? [],
    claims: [],
    tags: [],
    protect: entry?.protect ?? false,
    source: { file: `run ${run}`, line: 0, column: 0 },
    also: [],
  }
}

function partsOf(ref: Ref): { type: string; name: string } {
  const colon = ref.indexOf(':')
  return { type: ref.slice(0, colon), name: ref.slice(colon + 1) }
}
