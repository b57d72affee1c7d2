/**
 * The tasks of a stage as they are carried out: which of their items can be applied, and how to undo them.
 */
import type { RunLedger } from './runLedger.ts'
import { unknownFailure } from './failures.ts'
import type { Outcomes } from './outcomes.ts'
import { isFollowUp, writtenPaths } from '../plan/changes.ts'
import { type Planned } from '../plan/planned.ts'
import type { Ref } from '../../kit/ref.ts'
import { type Change, type Json, type Step, Unknown } from '../../kit/resourceType.ts'
import type { Touch } from '../../kit/touch.ts'
import { isGuarded, stepsOf, type Task } from '../plan/stage.ts'
import type { HostPlan } from '../plan/planHost.ts'
import { touchesOf } from '../plan/touches.ts'
import type { UndoStep } from '../host/undoRecord.ts'
import { undoStepOf } from './undoSteps.ts'

/** A task, its items that can be applied, and their steps. */
export type ReadyTask = { task: Task; items: Planned[]; steps: Step[] }

/** The tasks that have something to run; items that are still unknown fail here. */
export function prepare(tasks: readonly Task[], { planning }: HostPlan, outcomes: Outcomes): ReadyTask[] {
  return tasks.flatMap((task): ReadyTask[] => {
    for (const { change, shown } of task.items) {
      if (outcomes.has(shown.ref) || !(change?.before instanceof Unknown)) continue
      outcomes.failed([shown.ref], unknownFailure(change.before))
    }
    const items = task.items.filter(({ shown, change }) => change !== undefined && !outcomes.has(shown.ref))
    return items.length === 0 ? [] : [{ task, items, steps: stepsOf(items, planning) }]
  })
}

/** How to undo what is about to be applied. A follow-up, which only makes a service load a change, needs no undo. */
export function undoStepsOf(
  prepared: readonly ReadyTask[],
  { planning }: HostPlan,
  ledger: RunLedger,
  run: string,
): UndoStep[] {
  return prepared
    .flatMap(({ items }) => items)
    .flatMap((item) =>
      hasChange(item) && !isFollowUp(item.change) ? [undoStepOf(run, item, planning, ledger.left(item))] : [],
    )
}

function hasChange(item: Planned): item is Planned & { change: Change<Json> } {
  return item.change !== undefined
}

export function refsOf({ items }: ReadyTask): Ref[] {
  return items.map(({ shown }) => shown.ref)
}

export function labelOfTask(items: readonly Planned[]): string {
  const [first, ...others] = items
  return others.length === 0 ? first!.shown.label : `${first!.shown.label} and ${others.length} more`
}

/** A guarded file that a task wrote. */
export type Written = { stage: number; task: number; ref: Ref; path: string }

export function writtenBy(stage: number, prepared: readonly ReadyTask[]): Written[] {
  return prepared.flatMap(({ items }, task) =>
    items
      .filter(isGuarded)
      .flatMap((item) => writtenPaths(item).map((path) => ({ stage, task, ref: item.shown.ref, path }))),
  )
}

/** Files of `written` that guarded changes come after, and so may be the first to use. */
export function carriedTo(prepared: readonly ReadyTask[], written: readonly Written[]): Written[] {
  const needs = needsOf(prepared.flatMap(({ items }) => items.filter(isGuarded)))
  return written.filter(({ ref }) => needs.has(ref))
}

/** Files that no unit of a way in has loaded yet when the stage was applied. */
export function unusedAfter(prepared: readonly ReadyTask[], written: readonly Written[]): Written[] {
  const loads = (item: Planned): boolean => isGuarded(item) && touches(item).some((touch) => 'unit' in touch)
  const loaded = needsOf(prepared.flatMap(({ items }) => items.filter(loads)))
  return written.filter(({ ref }) => !loaded.has(ref))
}

function touches({ type, change }: Planned): Touch[] {
  return change === undefined ? [] : touchesOf(type, change)
}

function needsOf(items: readonly Planned[]): Set<Ref> {
  return new Set(items.flatMap(({ after }) => [...after]))
}
