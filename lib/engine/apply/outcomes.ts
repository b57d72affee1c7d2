/**
 * How each resource came out during a run. Everything that the run learns about that is noted here, and nowhere else.
 */
import { skipFailure, UNREACHED } from './failures.ts'
import type { Planned } from '../plan/planned.ts'
import type { Failure, Outcome } from '../report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'

/** `failure` is set for what failed or was skipped. */
export type Result = { outcome: Outcome; failure?: Failure }

export class Outcomes {
  readonly #results = new Map<Ref, Result>()

  of(ref: Ref): Result | undefined {
    return this.#results.get(ref)
  }

  has(ref: Ref): boolean {
    return this.#results.has(ref)
  }

  get refs(): Ref[] {
    return [...this.#results.keys()]
  }

  changed(refs: readonly Ref[]): void {
    for (const ref of refs) this.#results.set(ref, { outcome: 'changed' })
  }

  failed(refs: readonly Ref[], failure: Failure): void {
    for (const ref of refs) this.#results.set(ref, { outcome: 'failed', failure })
  }

  /** Nothing had to be applied on the host. */
  settled(ref: Ref, outcome: 'recorded' | 'unchanged'): void {
    this.#results.set(ref, { outcome })
  }

  /** The run ended before it reached this resource. */
  unreached(ref: Ref): void {
    this.#results.set(ref, { outcome: 'skipped', failure: UNREACHED })
  }

  /** The resource is to be tried again. */
  reopened(ref: Ref): void {
    this.#results.delete(ref)
  }

  /**
   * @param needs The refs that did not come out right, of all that these come after, directly or indirectly. One that
   *   failed is the cause.
   */
  skipped(refs: readonly Ref[], needs: readonly Ref[]): void {
    const failed = needs.find((ref) => this.of(ref)?.outcome === 'failed')
    // A skipped resource already names the failure that it was skipped for.
    const failure = failed === undefined ? this.of(needs[0]!)?.failure : skipFailure(labelOf(failed))
    for (const ref of refs)
      this.#results.set(ref, { outcome: 'skipped', ...(failure === undefined ? {} : { failure }) })
  }

  /** Skips every item that needs something that failed or was skipped. */
  skipDependents(items: readonly Planned[]): void {
    for (const { shown, after } of items) {
      if (this.has(shown.ref)) continue
      const stopped = [...after].filter((ref) => ['failed', 'skipped'].includes(this.of(ref)?.outcome ?? ''))
      if (stopped.length > 0) this.skipped([shown.ref], stopped)
    }
  }

  /** Adds an explanation to a failure, and what to do about it. */
  explained(ref: Ref, sentence: string, next: string): void {
    const known = this.of(ref)
    if (known?.failure === undefined) return
    const said = `${known.failure.said}; ${sentence}`
    this.#results.set(ref, { ...known, failure: { ...known.failure, said, next } })
  }
}
