/**
 * Proves the login of a guarded stage, concurrently with its other tasks.
 */
import type { Connection } from '../../transport/connection.ts'
import type { TaskEvent } from './workerEvents.ts'
import { isGuarded } from '../plan/stage.ts'
import type { ReadyTask } from './readyTask.ts'

/** Begins to prove a new login as soon as all changes that may prevent it are made, while other tasks run. */
export class Proof {
  readonly #begin: () => Promise<Connection>
  readonly #open: Set<number>
  #outcome: Promise<PromiseSettledResult<Connection>> | undefined

  constructor(prepared: readonly ReadyTask[], begin: () => Promise<Connection>) {
    this.#open = new Set(prepared.flatMap(({ items }, index) => (items.some(isGuarded) ? [index] : [])))
    this.#begin = begin
  }

  follow({ event, task }: TaskEvent): void {
    if (['ok', 'failed', 'stale', 'skipped', 'stopped'].includes(event)) this.#open.delete(task)
    if (this.#open.size === 0) void this.outcome()
  }

  /** Undefined when there was no reason to begin yet. */
  begun(): Promise<PromiseSettledResult<Connection>> | undefined {
    return this.#outcome
  }

  outcome(): Promise<PromiseSettledResult<Connection>> {
    this.#outcome ??= Promise.allSettled([this.#begin()]).then(([only]) => only)
    return this.#outcome
  }
}
