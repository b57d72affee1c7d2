/**
 * A shell at a terminal of its own, to which a test types.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

export const PROMPT = 'READY>'
const LIMIT_MS = 20_000

export type Typist = {
  /** Everything on the terminal so far. */
  seen: () => string
  type: (keys: string) => void
  /** Resolves as soon as the condition holds; it is looked at whenever the terminal shows something. */
  until: (condition: () => boolean) => Promise<void>
  /** Exit code of the command line. */
  ended: Promise<number | null>
  /** Kills the command line, as a crash would. */
  kill: () => Promise<void>
  close: () => Promise<void>
}

/** Starts a command line at a terminal, with script(1), and waits for its prompt. */
export async function openTypist(
  command: string,
  env: { readonly [name: string]: string } = {},
  prompt = PROMPT,
): Promise<Typist> {
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close').then(() => child.exitCode)
  let text = ''
  const waiting = new Set<() => void>()
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    for (const look of waiting) look()
  })
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => end(new Error(`not within ${LIMIT_MS} ms; the terminal shows:\n${text}`)), LIMIT_MS)
      const end = (error?: Error): void => {
        clearTimeout(late)
        waiting.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = (): void => {
        if (condition()) end()
      }
      waiting.add(look)
      look()
    })
  await until(() => text.includes(prompt))
  return {
    seen: () => text,
    type: (keys) => void child.stdin.write(keys),
    until,
    ended,
    async kill() {
      for (const pid of childrenOf(child.pid)) process.kill(pid, 'SIGKILL')
      await ended
    },
    async close() {
      child.stdin.end('\u0003exit\r')
      await ended
    },
  }
}

/** The processes that a process has started. */
function childrenOf(pid: number | undefined): number[] {
  const ids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return ids.split(' ').filter(Boolean).map(Number)
}
