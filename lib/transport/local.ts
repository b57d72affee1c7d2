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
  const hangUps = new Set<() => void>()
  const runner = new Runner((command) => start(command, hangUps), ask, { account, label: `${account}@${hostname()}` })
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
      await runner.settle()
      for (const hangUp of hangUps) hangUp()
    },
  }
}

/** @param hangUps Holds, while the child runs, what makes its run end as if a connection had been lost. */
async function start(command: string, hangUps: Set<() => void>): Promise<Child> {
  // A group of its own: an interrupt typed at the terminal reaches this process, which then decides about the program.
  const started = spawn('/bin/sh', ['-c', command], { detached: true })
  const { stdin, stdout, stderr } = started
  const closed = new Promise<void>((resolve) => {
    started.once('close', () => resolve())
  })
  const ended = new Promise<Ending>((resolve) => {
    const hangUp = (): void => {
      resolve({ lost: 'the connection was closed' })
      // A wrapper that waits for a program reads the end of its input and goes; nothing here waits for it.
      release(started)
    }
    hangUps.add(hangUp)
    started.once('exit', (code, signal) => resolve(code === null ? { signal: signal ?? '' } : { exit: code }))
    started.once('error', (error) => resolve({ lost: error.message }))
    started.once('close', () => hangUps.delete(hangUp))
  })
  return { stdin, stdout, stderr, ended, closed, release: () => release(started) }
}

function release(started: ChildProcessWithoutNullStreams): void {
  for (const stream of [started.stdin, started.stdout, started.stderr]) stream.destroy()
  started.unref()
}

function alreadyClosed(): ConnectionLost {
  return new ConnectionLost('the connection to this machine was closed', { next: 'Connect again.' })
}
