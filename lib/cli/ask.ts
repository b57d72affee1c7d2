/**
 * Asks questions at the terminal, on stderr so that stdout contains only the requested output.
 */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { isatty } from 'node:tty'
import { Interrupted } from './errors.ts'
import { cleanLine } from '../render/clean.ts'
import type { Ask } from '../transport/connection.ts'

/** Whether there is a person to ask. */
export function isInteractive(): boolean {
  return isatty(0) && isatty(2)
}

/** Returns true for `y` and `yes` only. @throws {Interrupted} On Ctrl-C or the end of input. */
export async function askYes(question: string): Promise<boolean> {
  const answer = await askLine(`${cleanLine(question)} [y/N] `, process.stderr)
  return /^y(es)?$/i.test(answer.trim())
}

/** Asks for a value that is not shown while it is typed. @throws {Interrupted} On Ctrl-C or the end of input. */
export async function askHidden(prompt: string): Promise<string> {
  process.stderr.write(cleanLine(prompt))
  // readline echoes input to its output; this stream discards it.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const answer = await askLine('', silent)
  process.stderr.write('\n')
  return answer
}

/** All of stdin, without the newline that `echo` appends. */
export async function readStdin(): Promise<string> {
  return (await text(process.stdin)).replace(/\r?\n$/, '')
}

/** The questions that a connection may ask; none when nobody is at the terminal. */
export function askForLogin(): Ask {
  if (!isInteractive()) return {}
  return {
    passphrase: (file) => askHidden(`Passphrase of ${file}: `),
    sudoPassword: (account) => askHidden(`Password of ${account}, for sudo: `),
  }
}

/**
 * Asks each question once, however many connections to a machine need the answer: a client reconnects after a loss, and
 * to prove that a login still works, when nobody may be there to type.
 */
export function remembering({ passphrase, sudoPassword }: Ask): Ask {
  return {
    ...(passphrase === undefined ? {} : { passphrase: once(passphrase) }),
    ...(sudoPassword === undefined ? {} : { sudoPassword: once(sudoPassword) }),
  }
}

function once<T>(ask: (about: string) => Promise<T>): (about: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>()
  return (about) => {
    const answer = answers.get(about) ?? ask(about)
    answers.set(about, answer)
    return answer
  }
}

/**
 * Asks for one of several keys, without Enter.
 *
 * @param withdrawn Ends the question.
 * @returns Undefined when the question was withdrawn, or the input has ended.
 */
export async function askKey<T>(
  question: string,
  keys: ReadonlyMap<string, T>,
  withdrawn: AbortSignal,
): Promise<T | undefined> {
  const { stdin, stderr } = process
  stderr.write(cleanLine(question))
  stdin.setRawMode(true)
  stdin.resume()
  try {
    return await new Promise<T | undefined>((resolve) => {
      withdrawn.addEventListener('abort', () => resolve(undefined))
      stdin.once('end', () => resolve(undefined))
      stdin.on('data', (chunk: Buffer) => {
        for (const key of chunk.toString().toLowerCase()) {
          // In this mode the terminal makes no signal of Ctrl-C.
          if (key === '\u0003') process.kill(process.pid, 'SIGINT')
          else if (keys.has(key)) resolve(keys.get(key))
        }
      })
    })
  } finally {
    stdin.removeAllListeners('data')
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}

async function askLine(prompt: string, output: Writable): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('close', () => reject(new Interrupted('no answer; nothing was changed')))
      lines.once('SIGINT', () => {
        lines.close()
        // readline consumed the key; one place handles Ctrl-C for all hosts.
        process.kill(process.pid, 'SIGINT')
      })
      lines.question(prompt).then(resolve, reject)
    })
  } finally {
    lines.close()
  }
}
