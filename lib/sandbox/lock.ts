/**
 * Locks between processes, held by flock(1) on a file.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { commandEnvironment } from './commands.ts'

/**
 * Runs `work` while holding the exclusive lock on `file`; waits for the lock as long as it takes.
 *
 * The lock is held by a child process that reads from a pipe to this one. When this process ends, however it ends, the
 * pipe closes, the child ends, and the kernel lets the lock go: a crash leaves none behind.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const holder = await takeLock(file)
  try {
    return await work()
  } finally {
    await letGo(holder)
  }
}

async function takeLock(file: string): Promise<ChildProcess> {
  // Detached: an interrupt typed at the terminal must not free the lock before this process has cleaned up.
  const holder = spawn('flock', ['--exclusive', '--no-fork', file, 'cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: commandEnvironment(),
    detached: true,
  })
  const ended = once(holder, 'exit').then(([code]) => {
    throw new Error(`flock ${file} ended with exit ${String(code)} before it held the lock`)
  })
  // cat answers only once flock has the lock and has become cat.
  holder.stdin.write('held\n')
  await Promise.race([once(holder.stdout, 'data'), ended])
  ended.catch(() => undefined)
  return holder
}

async function letGo(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return
  const ended = once(holder, 'exit')
  holder.stdin?.end()
  await ended
}
