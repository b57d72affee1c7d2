/**
 * Ctrl-C: the first says what goes on without this client and how to come back to it, and gives up; the second leaves.
 */
import { EXIT_CODES, type Progress } from '../engine/report.ts'
import { Interrupted } from './errors.ts'
import { cleanLine } from '../render/clean.ts'

export type Interrupts = {
  signal: AbortSignal
  /** To be told of everything that happens, to know what runs where. */
  watch: (progress: Progress) => void
  /** Back to how signals were handled before. */
  stop: () => void
}

/**
 * @param say Writes text to stderr, past any live lines.
 * @param leave Takes live lines away and says one last thing; the process ends right after it.
 */
export function catchInterrupts(say: (text: string) => void, leave: (text: string) => void): Interrupts {
  const controller = new AbortController()
  const running = new Map<string, string>()
  const onSignal = (): void => {
    if (controller.signal.aborted || running.size === 0) {
      leave(controller.signal.aborted ? '\n' : '\ninterrupted; nothing was changed\n')
      process.exit(EXIT_CODES.interrupted)
    }
    say(`\n${leaveText(running)}`)
    controller.abort(new Interrupted('interrupted', 'run converge again: it starts from what is there then'))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  return {
    signal: controller.signal,
    watch: (progress) => {
      if (progress.event === 'applying') running.set(progress.host, progress.unit)
      if (progress.event === 'done' || progress.event === 'waiting') running.delete(progress.host)
    },
    stop: () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
    },
  }
}

/** What goes on where. */
function leaveText(running: ReadonlyMap<string, string>): string {
  const lines = [...running].flatMap(([host, unit]) => [
    `${cleanLine(host)}: what was handed over is finished on the host, by ${cleanLine(unit)}`,
    `  run converge again to go on from there, or follow it there: journalctl -u ${cleanLine(unit)}`,
  ])
  return `${lines.join('\n')}\nCtrl-C again leaves at once.\n`
}
