/** This machine as a host: the same programs, started as root by /bin/sh, through sudo when this process is not root. */
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { hostname, userInfo } from 'node:os'
import { ConnectionLost } from './connection.ts'
import type { Ask, Connection } from './connection.ts'
import type { Child, Ending } from './run.ts'
import { Runner } from './runner.ts'

/**
 * Connects to this machine. Nothing is started before the first program is.
 *
 * @param ask Only `sudoPassword` is used.
 */
export async function connectLocal(ask: Ask): Promise<Connection> {
  const account = userInfo().username
  const children = new Set<Child>()
  const runner = new Runner((command) => start(command, children), ask, { account, label: `${account}@${hostname()}` })
  let closed = false
  return {
    run: async (program, options = {}) => {
      if (closed) throw alreadyClosed()
      return runner.run(program, options)
    },
    get trips() {
      return { connections: 1, execs: runner.execs }
    },
    peer: {},
    close: async () => {
      closed = true
      for (const child of children) child.release('kill')
    },
  }
}

async function start(command: string, children: Set<Child>): Promise<Child> {
  // A group of its own: an interrupt typed at the terminal reaches this process, which then decides about the program.
  const started = spawn('/bin/sh', ['-c', command], { detached: true })
  const child = childOf(started)
  children.add(child)
  void child.ended.then(() => children.delete(child))
  return child
}

function childOf(started: ChildProcessWithoutNullStreams): Child {
  const { stdin, stdout, stderr } = started
  const closed = new Promise<void>((resolve) => {
    started.once('close', () => resolve())
  })
  const ended = new Promise<Ending>((resolve) => {
    started.once('exit', (code, signal) => resolve(code === null ? { signal: signal ?? '' } : { exit: code }))
    started.once('error', (error) => resolve({ lost: error.message }))
  })
  return { stdin, stdout, stderr, ended, closed, release: (how) => release(started, how) }
}

function release(started: ChildProcessWithoutNullStreams, how: 'leave' | 'kill'): void {
  if (how === 'kill') killGroup(started.pid)
  for (const stream of [started.stdin, started.stdout, started.stderr]) stream.destroy()
  started.unref()
}

/** Ends the program and what it started; under sudo that is not ours to end, and goes on. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGTERM')
  } catch {
    // Ended meanwhile (ESRCH), or root's (EPERM).
  }
}

function alreadyClosed(): ConnectionLost {
  return new ConnectionLost('the connection to this machine was closed', { next: 'Connect again.' })
}
