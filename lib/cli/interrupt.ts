/**
 * Handles Ctrl-C. While changes are applied and somebody is at the terminal, it offers to leave the runs to their hosts,
 * to stop them after the step in progress, or to go on. Otherwise the first prints what continues without this client
 * and how to return to it, and stops; the second exits at once.
 */
import { EXIT_CODES, type Progress } from '../engine/report.ts'
import { Interrupted } from './errors.ts'
import { cleanLine } from '../render/clean.ts'

export type Choice = 'detach' | 'stop' | 'continue'

export type Interrupts = {
  /** Ends this client. */
  signal: AbortSignal
  /** Ends the runs after the step in progress. */
  stop: AbortSignal
  /** Receives all progress, to know what runs on which host. */
  watch: (progress: Progress) => void
  /** Restores the previous signal handling. */
  end: () => void
}

type Terminal = {
  /** Writes text to stderr, above any live lines. */
  say: (text: string) => void
  /** Removes live lines and writes a last text; the process ends right after it. */
  leave: (text: string) => void
  /** Asks what to do; absent when nobody can be asked. Undefined when the question was withdrawn or its answer is lost. */
  choose?: (question: string, withdrawn: AbortSignal) => Promise<Choice | undefined>
}

const CHOICES = '[d]etach, [s]top after this step, [c]ontinue'

export function catchInterrupts({ say, leave, choose }: Terminal): Interrupts {
  const client = new AbortController()
  const runs = new AbortController()
  const running = new Map<string, string>()
  let question: AbortController | undefined
  const detach = (): void => {
    say(`\n${leaveText(running)}`)
    client.abort(new Interrupted('interrupted', 'run converge again: it starts from what is there then'))
  }
  const ask = async (how: NonNullable<Terminal['choose']>): Promise<void> => {
    question = new AbortController()
    const choice = await how(`${[...running.keys()].map(cleanLine).join(', ')}: ${CHOICES}? `, question.signal)
    question = undefined
    if (running.size === 0) return
    if (choice === 'detach') detach()
    else if (choice === 'stop') {
      say('stopping after this step\n')
      runs.abort(new Interrupted('stopped before it began', 'run converge again'))
    }
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    const isLast = client.signal.aborted || question !== undefined
    if (isLast || running.size === 0) {
      leave(isLast ? '\n' : '\ninterrupted; nothing was changed\n')
      process.exit(EXIT_CODES.interrupted)
    }
    if (choose === undefined || signal !== 'SIGINT') detach()
    else void ask(choose)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  return {
    signal: client.signal,
    stop: runs.signal,
    watch: (progress) => {
      if (progress.event === 'applying') running.set(progress.host, progress.unit)
      const isOver = progress.event === 'done' || (progress.event === 'waiting' && progress.step !== true)
      if (isOver) running.delete(progress.host)
      if (running.size === 0) question?.abort()
    },
    end: () => {
      question?.abort()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
    },
  }
}

/** Says what continues on which host. */
function leaveText(running: ReadonlyMap<string, string>): string {
  const lines = [...running].flatMap(([host, unit]) => [
    `${cleanLine(host)}: the run continues on the host (${cleanLine(unit)}) and will finish there`,
    `  run converge again to go on from there, or follow it there: journalctl -u ${cleanLine(unit)}`,
  ])
  return `${lines.join('\n')}\nPress Ctrl-C again to detach now.\n`
}
