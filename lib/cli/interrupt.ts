/**
 * Handles Ctrl-C: the first prints what continues without this client and how to return to it, and stops; the second
 * exits at once.
 */
import { EXIT_CODES, type Progress } from '../engine/report.ts'
import { Interrupted } from './errors.ts'
import { cleanLine } from '../render/clean.ts'

export type Interrupts = {
  signal: AbortSignal
  /** Receives all progress, to know what runs on which host. */
  watch: (progress: Progress) => void
  /** Restores the previous signal handling. */
  stop: () => void
}

/**
 * @param say Writes text to stderr, above any live lines.
 * @param leave Removes live lines and writes a last text; the process ends right after it.
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

/** Says what continues on which host. */
function leaveText(running: ReadonlyMap<string, string>): string {
  const lines = [...running].flatMap(([host, unit]) => [
    `${cleanLine(host)}: what was handed over is finished on the host, by ${cleanLine(unit)}`,
    `  run converge again to go on from there, or follow it there: journalctl -u ${cleanLine(unit)}`,
  ])
  return `${lines.join('\n')}\nCtrl-C again leaves at once.\n`
}
