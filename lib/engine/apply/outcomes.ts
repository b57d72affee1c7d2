/**
 * How each resource came out during a run. All that a run finds out about that is noted here, and nowhere else.
 */
import { skipFailure, UNREACHED } from './failures.ts'
import type { Planned } from '../plan/planned.ts'
import type { Failure, Outcome } from '../report.ts'
import { labelOf, type Ref } from '../../kit/ref.ts'

/** `failure` of what failed or was skipped. */
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

  /** Nothing had to be done on the host. */
  settled(ref: Ref, outcome: 'recorded' | 'unchanged'): void {
    this.#results.set(ref, { outcome })
  }

  /** The run ended before it came to this. */
  unreached(ref: Ref): void {
    this.#results.set(ref, { outcome: 'skipped', failure: UNREACHED })
  }

  /** It is to be tried again. */
  reopened(ref: Ref): void {
    this.#results.delete(ref)
  }

  /** @param needs What did not come out right, of all that they come after, near and far: one that failed is why. */
  skipped(refs: readonly Ref[], needs: readonly Ref[]): void {
    const failed = needs.find((ref) => this.of(ref)?.outcome === 'failed')
    // A skipped one knows what it was skipped for.
    const failure = failed === undefined ? this.of(needs[0]!)?.failure : skipFailure(labelOf(failed))
    for (const ref of refs)
      this.#results.set(ref, { outcome: 'skipped', ...(failure === undefined ? {} : { failure }) })
  }

  /** What needs something that failed or was skipped is skipped. */
  skipDependents(items: readonly Planned[]): void {
    for (const { shown, after } of items) {
      if (this.has(shown.ref)) continue
      const stopped = [...after].filter((ref) => ['failed', 'skipped'].includes(this.of(ref)?.outcome ?? ''))
      if (stopped.length > 0) this.skipped([shown.ref], stopped)
    }
  }

  /** Adds what there is to say about a failure, and what to do about it then. */
  explained(ref: Ref, sentence: string, next: string): void {
    const known = this.of(ref)
    if (known?.failure === undefined) return
    const said = `${known.failure.said}; ${sentence}`
    this.#results.set(ref, { ...known, failure: { ...known.failure, said, next } })
  }
}
