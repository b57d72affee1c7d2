/**
 * The tasks of a stage as they are carried out: what of them can be done, how that goes back, and how it came out.
 */
import type { Bookkeeping } from './bookkeeping.ts'
import { skipFailure, unknownFailure } from './failures.ts'
import { isGuarded, isKeptUnit } from './guard.ts'
import { isFollowUp, type Item, remainingDifference } from './plan.ts'
import { stateIn, type TypeReading } from './read.ts'
import type { Failure, Outcome } from './report.ts'
import { type Change, type Json, type Ref, type Step, Unknown } from './resource.ts'
import { stepsOf, type Task } from './stage.ts'
import type { Survey } from './survey.ts'
import { type WayStep, wayStepOf } from './wayBack.ts'

/** How a change came out. */
export type Done = { outcome: Outcome; failure?: Failure }

/** A task with the items of it that can be done, and their steps. */
export type Prepared = { task: Task; items: Item[]; steps: Step[] }

/** The tasks that have something to run; what cannot be known even now fails here. */
export function prepare(tasks: readonly Task[], { planning }: Survey, done: Map<Ref, Done>): Prepared[] {
  return tasks.flatMap((task): Prepared[] => {
    for (const { change, plan } of task.items) {
      if (done.has(plan.ref) || !(change?.before instanceof Unknown)) continue
      done.set(plan.ref, { outcome: 'failed', failure: unknownFailure(change.before) })
    }
    const items = task.items.filter(({ plan, change }) => change !== undefined && !done.has(plan.ref))
    return items.length === 0 ? [] : [{ task, items, steps: stepsOf(items, planning) }]
  })
}

/** How what is about to be done goes back. What a service has yet to load is no change of its own. */
export function waySteps(
  prepared: readonly Prepared[],
  { planning }: Survey,
  ledger: Bookkeeping,
  run: string,
): WayStep[] {
  return prepared
    .flatMap(({ items }) => items)
    .flatMap((item) =>
      hasChange(item) && !isFollowUp(item.change) ? [wayStepOf(run, item, planning, ledger.left(item))] : [],
    )
}

function hasChange(item: Item): item is Item & { change: Change<Json> } {
  return item.change !== undefined
}

/** What needs something that failed or was skipped is skipped. */
export function skipDependents(items: readonly Item[], done: Map<Ref, Done>): void {
  for (const { plan, after } of items) {
    if (done.has(plan.ref)) continue
    const failed = [...after].find((ref) => ['failed', 'skipped'].includes(done.get(ref)?.outcome ?? ''))
    if (failed !== undefined) done.set(plan.ref, { outcome: 'skipped', failure: skipFailure(failed) })
  }
}

/** The reading decides: changed but still different is a failure. */
export function verify(
  items: readonly Item[],
  readings: ReadonlyMap<string, TypeReading>,
  { planning }: Survey,
  done: Map<Ref, Done>,
): void {
  for (const { type, name, desired, plan } of items) {
    if (done.get(plan.ref)?.outcome !== 'changed') continue
    const observed = stateIn(readings, type.type, name)
    if (observed === null && planning.mayBeGone?.has(plan.ref) === true) continue
    const was = planning.ledger?.entries[plan.ref]
    const difference = remainingDifference(type, name, desired, observed, planning.context, was)
    if (difference === undefined) continue
    const failure: Failure = {
      phase: 'verify',
      said: `applied without an error, but ${difference}`,
      next: 'see what else manages this on the host, then converge again',
    }
    done.set(plan.ref, { outcome: 'failed', failure })
  }
}

export function refsOf({ items }: Prepared): Ref[] {
  return items.map(({ plan }) => plan.ref)
}

export function labelOfTask(items: readonly Item[]): string {
  const [first, ...others] = items
  return others.length === 0 ? first!.plan.label : `${first!.plan.label} and ${others.length} more`
}

/** A guarded file that a task wrote. */
export type Written = { stage: number; task: number; ref: Ref; path: string }

export function writtenBy(stage: number, prepared: readonly Prepared[]): Written[] {
  return prepared.flatMap(({ items }, task) =>
    items.filter(isGuarded).flatMap((item) => pathsOf(item).map((path) => ({ stage, task, ref: item.plan.ref, path }))),
  )
}

/** Of what was written, what guarded changes come after, and so may be the first to make use of. */
export function carriedTo(prepared: readonly Prepared[], written: readonly Written[]): Written[] {
  const needs = needsOf(prepared.flatMap(({ items }) => items.filter(isGuarded)))
  return written.filter(({ ref }) => needs.has(ref))
}

/** What no unit that a way in depends on has loaded yet when that was applied. */
export function unusedAfter(prepared: readonly Prepared[], written: readonly Written[]): Written[] {
  const loads = (item: Item): boolean => isGuarded(item) && isKeptUnit(item.name) && pathsOf(item).length === 0
  const loaded = needsOf(prepared.flatMap(({ items }) => items.filter(loads)))
  return written.filter(({ ref }) => !loaded.has(ref))
}

function needsOf(items: readonly Item[]): Set<Ref> {
  return new Set(items.flatMap(({ after }) => [...after]))
}

function pathsOf({ type, change }: Item): string[] {
  if (change === undefined) return []
  if (type.path !== undefined) return [type.path(change)]
  const state = change.after ?? change.before
  if (state === null || state instanceof Unknown) return []
  return (type.claims?.(change.name, state) ?? []).flatMap((claim) =>
    claim.startsWith('path:') ? [claim.slice('path:'.length)] : [],
  )
}
