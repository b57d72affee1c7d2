/**
 * Runs a read program on a host within a deadline. When it fails, finds the section that hangs or never ends.
 */
import { type Connection, TimedOut, TooMuchOutput } from '../../transport/connection.ts'
import { HostError } from '../errors.ts'
import { LESS_OF_FILES } from '../../kit/files/tarStream.ts'
import { type Answer, framedProgram, parseFrames, type Section } from './read.ts'

/** Reading a host takes a second or two; the check of a command may take one minute. */
export const READ_MS = 180_000
/** Maximum bytes of a whole answer: several copies of it are in memory while it is parsed. */
export const LONGEST_ANSWER = 32 * 2 ** 20
/** Time limit of one section when it is run alone to find the fault. */
const ALONE_MS = 20_000

/**
 * Runs sections and parses their answers. Accounts may own more than one answer can hold: then less of their files is
 * read, and what is left out is unknown.
 *
 * @param expected Names of the sections, and of the types read by an interpreter, that must be answered.
 * @param timeoutMs Time limit for all of it together.
 * @throws {HostError} When the answer is late, too large, or cut off.
 */
export async function ask(
  connection: Connection,
  sections: readonly Section[],
  mark: string,
  expected: readonly string[],
  timeoutMs = READ_MS,
): Promise<Map<string, Answer>> {
  const program = framedProgram(sections, mark)
  try {
    return await answersTo(program).catch((error: unknown) => {
      if (error instanceof TooMuchOutput) return answersTo(`${LESS_OF_FILES}\n${program}`)
      throw error
    })
  } catch (error) {
    throw await explained(error, connection, sections, timeoutMs)
  }

  async function answersTo(text: string): Promise<Map<string, Answer>> {
    const { stdout, stderr } = await connection.run(text, { timeoutMs, maxOutput: LONGEST_ANSWER })
    return parseFrames(stdout, stderr, mark, expected)
  }
}

/**
 * Turns the error of an answer that was late or without end into one that names what was read; returns any other
 * unchanged.
 */
export async function explained(
  error: unknown,
  connection: Connection,
  sections: readonly Section[],
  timeoutMs = READ_MS,
): Promise<unknown> {
  if (!(error instanceof TimedOut || error instanceof TooMuchOutput)) return error
  const aloneMs = Math.min(ALONE_MS, timeoutMs)
  // A host that runs nothing at all fails here.
  const nothing = await failureOf(connection, ':', aloneMs)
  if (nothing !== undefined) return nothing
  const failures = await Promise.all(sections.map(({ text }) => failureOf(connection, text, aloneMs)))
  const names = sections.flatMap(({ name }, index) => (failures[index] === undefined ? [] : [name]))
  const what = names.length === 0 ? 'the host' : names.join(', ')
  const how =
    error instanceof TimedOut
      ? `did not end within ${timeoutMs / 1000} s`
      : `gave more than ${LONGEST_ANSWER / 2 ** 20} MiB`
  return new HostError(`reading ${what} ${how}`, {
    said: error.said,
    next: 'see on the host what hangs (a lock, a mount that is gone) or does not end (a file that is no small one), then run the same again',
  })
}

/** How one section fails when it is run alone; its answer is dropped. */
async function failureOf(connection: Connection, text: string, timeoutMs: number): Promise<Error | undefined> {
  const limit = new AbortController()
  let bytes = 0
  try {
    await connection.run(`{\n${text}\n} </dev/null 2>/dev/null`, {
      timeoutMs,
      signal: limit.signal,
      onStdout(chunk) {
        bytes += chunk.length
        if (bytes > LONGEST_ANSWER) limit.abort(tooMuch())
      },
    })
    return undefined
  } catch (error) {
    if (error instanceof TimedOut || error instanceof TooMuchOutput) return error
    throw error
  }
}

export function tooMuch(): TooMuchOutput {
  return new TooMuchOutput(`the host answered with more than ${LONGEST_ANSWER} bytes`, {
    next: 'see what is read there',
  })
}
