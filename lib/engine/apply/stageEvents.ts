/**
 * What the events of a stage tell: how its tasks come out, and what to show meanwhile.
 */
import type { HostProgress } from '../report.ts'
import { applyFailure, cutFailure, STALE, type TriedStep, undoneFailure } from './failures.ts'
import type { Outcomes } from './outcomes.ts'
import { labelOfTask, type ReadyTask, refsOf } from './readyTask.ts'
import type { TaskEvent, TaskPlace } from './workerEvents.ts'

/** What a stage knows of its run. */
type RunOfStage = {
  outcomes: Outcomes
  secrets: ReadonlyMap<string, string>
  progress: (progress: HostProgress) => void
  /** A task that this run has applied, of this stage or an earlier one. */
  applied: (place: TaskPlace) => ReadyTask | undefined
}

export class StageEvents {
  readonly tasks: readonly ReadyTask[]
  readonly #run: RunOfStage
  /** Title of the step that each task has reached. */
  readonly #begun = new Map<ReadyTask, TriedStep>()

  constructor(tasks: readonly ReadyTask[], run: RunOfStage) {
    this.tasks = tasks
    this.#run = run
  }

  /** Whether anything may have been applied. */
  get hasBegun(): boolean {
    return this.#begun.size > 0
  }

  follow(event: TaskEvent): void {
    const { outcomes, secrets, progress } = this.#run
    const one = this.tasks[event.task]!
    const { items, steps } = one
    const refs = refsOf(one)
    const about = { ref: refs[0]!, label: labelOfTask(items), title: steps[0]?.title ?? '' }
    const tell = (state: 'started' | 'ok' | 'failed' | 'skipped', title = about.title): void =>
      progress({ event: 'step', ...about, title, state })
    switch (event.event) {
      case 'start':
        return tell('started')
      case 'step':
        this.#begun.set(one, steps[event.step]!)
        return tell('started', steps[event.step]!.title)
      case 'ok':
        outcomes.changed(refs)
        return tell('ok')
      case 'failed':
        outcomes.failed(refs, applyFailure(this.#begun.get(one) ?? about, event, secrets))
        return tell('failed')
      case 'stale':
        outcomes.failed(refs, STALE)
        return tell('failed')
      case 'skipped':
        outcomes.skipped(refs, refsOf(this.tasks[event.because]!))
        return tell('skipped')
      case 'stopped':
        // It has no outcome: the end of the run decides.
        return
      case 'waits':
        return progress({ event: 'waiting', because: `${about.label}: ${event.because}`, step: true })
      case 'does':
        return tell('started', event.what)
      case 'undone': {
        const undone = this.#run.applied(event.undone)
        if (undone !== undefined) outcomes.failed(refsOf(undone), undoneFailure(about.label))
      }
    }
  }

  /** Notes what was being applied when the stage ended before its time. */
  cutShort(): void {
    const { outcomes } = this.#run
    for (const [one, step] of this.#begun) {
      const open = refsOf(one).filter((ref) => !outcomes.has(ref))
      outcomes.failed(open, cutFailure(step))
    }
  }
}
