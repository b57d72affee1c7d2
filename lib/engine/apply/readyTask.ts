/**
 * The tasks of a stage as they are carried out: what of them can be done, and how that goes back.
 */
import type { Bookkeeping } from './runLedger.ts'
import { unknownFailure } from './failures.ts'
import type { Outcomes } from './outcomes.ts'
import { isFollowUp, type Item, writtenPaths } from '../plan/plan.ts'
import { type Change, type Json, type Ref, type Step, Unknown } from '../../kit/resourceType.ts'
import type { Touch } from '../../kit/touch.ts'
import { isGuarded, stepsOf, type Task } from '../plan/stage.ts'
import type { Survey } from '../plan/survey.ts'
import { touchesOf } from '../plan/touches.ts'
import type { WayStep } from '../host/undoRecord.ts'
import { wayStepOf } from './undoSteps.ts'

/** A task with the items of it that can be done, and their steps. */
export type Prepared = { task: Task; items: Item[]; steps: Step[] }

/** The tasks that have something to run; what cannot be known even now fails here. */
export function prepare(tasks: readonly Task[], { planning }: Survey, outcomes: Outcomes): Prepared[] {
  return tasks.flatMap((task): Prepared[] => {
    for (const { change, plan } of task.items) {
      if (outcomes.has(plan.ref) || !(change?.before instanceof Unknown)) continue
      outcomes.failed([plan.ref], unknownFailure(change.before))
    }
    const items = task.items.filter(({ plan, change }) => change !== undefined && !outcomes.has(plan.ref))
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
    items
      .filter(isGuarded)
      .flatMap((item) => writtenPaths(item).map((path) => ({ stage, task, ref: item.plan.ref, path }))),
  )
}

/** Of what was written, what guarded changes come after, and so may be the first to make use of. */
export function carriedTo(prepared: readonly Prepared[], written: readonly Written[]): Written[] {
  const needs = needsOf(prepared.flatMap(({ items }) => items.filter(isGuarded)))
  return written.filter(({ ref }) => needs.has(ref))
}

/** What no unit that a way in depends on has loaded yet when that was applied. */
export function unusedAfter(prepared: readonly Prepared[], written: readonly Written[]): Written[] {
  const loads = (item: Item): boolean => isGuarded(item) && touches(item).some((touch) => 'unit' in touch)
  const loaded = needsOf(prepared.flatMap(({ items }) => items.filter(loads)))
  return written.filter(({ ref }) => !loaded.has(ref))
}

function touches({ type, change }: Item): Touch[] {
  return change === undefined ? [] : touchesOf(type, change)
}

function needsOf(items: readonly Item[]): Set<Ref> {
  return new Set(items.flatMap(({ after }) => [...after]))
}
