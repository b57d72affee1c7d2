/**
 * Decides how each resource came out. After each stage everything that is declared and in scope is read again: what was
 * applied and still differs has failed, what is open and was not tried is applied in a further stage, and nothing is
 * settled while something it comes after is open. The last reading gives the verdict.
 */
import { settledFailure } from './failures.ts'
import { Outcomes } from './outcomes.ts'
import { hides, remainingDifference } from '../plan/changes.ts'
import { type Planned, type Planning } from '../plan/planned.ts'
import { stateIn, type TypeReading } from '../host/read.ts'
import type { Failure, PlanChange, ReportChange } from '../report.ts'
import type { Ref } from '../../kit/ref.ts'
import type { HostPlan } from '../plan/planHost.ts'

/** Consequences that the operator must have seen in the plan before they are applied. */
const NEEDS_CONSENT: ReadonlySet<string> = new Set(['lockout', 'destructive'])

export class Verdict {
  readonly outcomes = new Outcomes()
  readonly #first: HostPlan
  readonly #planned: ReadonlySet<Ref>
  /** The latest planned item of each ref. */
  readonly #items: Map<Ref, Planned>
  /** The stage in which each ref was last applied. */
  readonly #attempts = new Map<Ref, number>()
  /** Remaining differences of applied changes, by the last reading. */
  #differences: ReadonlyMap<Ref, string> = new Map()

  constructor(first: HostPlan) {
    this.#first = first
    this.#planned = new Set(first.plan.changes.map(({ ref }) => ref))
    this.#items = new Map(first.items.map((item) => [item.shown.ref, item]))
  }

  get items(): Planned[] {
    return [...this.#items.values()]
  }

  /** The planned changes, and those that were found later. */
  get changes(): PlanChange[] {
    const later = this.items.filter(({ shown: { ref, kind } }) => !this.#planned.has(ref) && kind !== 'recheck')
    return [...this.#first.plan.changes, ...later.map(({ shown }) => shown)]
  }

  outcome(change: PlanChange): ReportChange {
    return { ...change, ...(this.outcomes.of(change.ref) ?? { outcome: 'unchanged' }) }
  }

  attempt(stage: number, items: readonly Planned[]): void {
    for (const { shown: plan } of items) this.#attempts.set(plan.ref, stage)
  }

  /** Records the reading after a stage. */
  look(readings: ReadonlyMap<string, TypeReading>, planning: Planning): void {
    const differences = [...this.#attempts.keys()].flatMap((ref): [Ref, string][] => {
      const { type, name, desired, change } = this.#items.get(ref)!
      if (this.outcomes.of(ref)?.outcome !== 'changed') return []
      const observed = stateIn(readings, type.type, name)
      if (observed === null && planning.mayBeGone?.has(ref) === true) return []
      const was = planning.ledger?.entries[ref]
      const wanted = change?.after ?? desired
      const hidden = hides(planning, type, name, wanted, observed)
      const difference = remainingDifference(type, name, wanted, observed, planning.context, was, hidden)
      return difference === undefined ? [] : [[ref, difference]]
    })
    this.#differences = new Map(differences)
  }

  /** Refs whose outcome is known by the last reading: they are not planned again. */
  get settled(): ReadonlySet<Ref> {
    return new Set(this.outcomes.refs.filter((ref) => !this.#differences.has(ref)))
  }

  /**
   * Of the items planned from the last reading, those to apply or read in a further stage. What was applied is tried
   * again only when something it comes after is tried, or was since; so this terminates.
   */
  next(items: readonly Planned[]): Planned[] {
    const open = new Map<Ref, Planned>()
    for (const item of items.filter((one) => this.#isOpen(one))) {
      const { ref } = item.shown
      const failure = this.#failureOf(item, open)
      if (failure === undefined) {
        this.outcomes.reopened(ref)
        open.set(ref, this.#own(item))
      } else this.outcomes.failed([ref], failure)
      this.#items.set(ref, this.#own(item))
    }
    this.#failDiffering((ref) => !open.has(ref))
    this.outcomes.skipDependents([...open.values()])
    return [...open.values()].filter(({ shown }) => !this.outcomes.has(shown.ref))
  }

  #isOpen({ change, shown: { ref, kind } }: Planned): boolean {
    if (this.#first.plan.undo !== undefined && !this.#planned.has(ref)) return false
    return change !== undefined || kind === 'recheck'
  }

  #failureOf(item: Planned, open: ReadonlyMap<Ref, Planned>): Failure | undefined {
    const { ref, consequence, kind } = item.shown
    const stage = this.#attempts.get(ref)
    const difference = this.#differences.get(ref)
    if (difference !== undefined && stage !== undefined) {
      const isAgain = [...item.after].some(
        (need) => open.get(need)?.change !== undefined || (this.#attempts.get(need) ?? 0) > stage,
      )
      return isAgain ? undefined : stillDiffers(difference)
    }
    const isAgreed = this.#planned.has(ref) || !(kind === 'remove' || NEEDS_CONSENT.has(consequence))
    return isAgreed ? undefined : settledFailure(item.shown.label)
  }

  /**
   * Corrects the cause: within a run the plan itself says why a change is needed, because the run is what changed the
   * host.
   */
  #own(item: Planned): Planned {
    const { cause = 'intent', leftBy } = this.#items.get(item.shown.ref)?.shown ?? {}
    const { leftBy: _, ...plan } = item.shown
    return { ...item, shown: { ...plan, cause, ...(leftBy === undefined ? {} : { leftBy }) } }
  }

  #failDiffering(isLeft: (ref: Ref) => boolean): void {
    for (const [ref, difference] of this.#differences)
      if (isLeft(ref)) this.outcomes.failed([ref], stillDiffers(difference))
  }

  /** The operator ends the run before these items, which the last reading has left to apply. */
  stop(items: readonly Planned[]): void {
    this.#failDiffering(() => true)
    for (const { shown } of items) if (!this.outcomes.has(shown.ref)) this.outcomes.unreached(shown.ref)
  }

  /** The run ends before everything was applied. */
  giveUp(): void {
    this.#failDiffering(() => true)
    for (const { ref } of this.changes) if (!this.outcomes.has(ref)) this.outcomes.unreached(ref)
  }

  /**
   * Everything was read and nothing is left to apply. What comes after something that failed may be in order only
   * because of that.
   */
  settle(): void {
    const isRecord = ({ shown: { kind } }: Planned): boolean => kind === 'adopt' || kind === 'forget'
    this.outcomes.skipDependents(this.items.filter((item) => !isRecord(item)))
    for (const item of this.items)
      if (!this.outcomes.has(item.shown.ref))
        this.outcomes.settled(item.shown.ref, isRecord(item) ? 'recorded' : 'unchanged')
  }
}

function stillDiffers(difference: string): Failure {
  return {
    phase: 'verify',
    said: `applied without an error, but ${difference}`,
    next: 'see what else manages this on the host, then converge again',
  }
}
