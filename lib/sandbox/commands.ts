/**
 * Runs programs on this machine. Arguments are passed as a list and never meet a shell.
 */
import { execFile } from 'node:child_process'
import { delimiter } from 'node:path'

/** A program that could not be started or ended with a non-zero exit; the message holds what it said. */
export class CommandFailed extends Error {
  readonly exit: number | undefined

  constructor(command: string, args: readonly string[], exit: number | undefined, said: string) {
    const ending = exit === undefined ? 'did not run' : `ended with exit ${exit}`
    super(`${[command, ...args].join(' ')} ${ending}: ${lastLines(said, 15) || 'it said nothing'}`)
    this.name = 'CommandFailed'
    this.exit = exit
  }
}

/**
 * Runs a program and waits for it to end.
 *
 * @returns Its standard output as UTF-8 text.
 * @throws {CommandFailed} On a non-zero exit, or when the program is missing.
 */
export function run(command: string, args: readonly string[], options: { timeoutMs?: number } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = { env: commandEnvironment(), maxBuffer: 64 * 1024 * 1024, timeout: options.timeoutMs ?? 0 }
    const child = execFile(command, [...args], settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const exit = typeof error.code === 'number' ? error.code : undefined
      reject(new CommandFailed(command, args, exit, stderr || error.message))
    })
    child.stdin?.end()
  })
}

/** Whether a program ends with exit 0. A missing program is an error, not a no. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args)
    return true
  } catch (error) {
    if (error instanceof CommandFailed && error.exit !== undefined) return false
    throw error
  }
}

/** This process's environment, in plain English and with the administrator's directories on the path. */
export function commandEnvironment(): NodeJS.ProcessEnv {
  const path = [process.env['PATH'], '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter(Boolean).join(delimiter)
  return { ...process.env, PATH: path, LC_ALL: 'C' }
}

export function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n')
}
