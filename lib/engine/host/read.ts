/**
 * Makes one read program for everything on a host, and parses its framed answer.
 *
 * Each type turns all its resources into one text; the texts are joined into one POSIX sh program that is sent once. A
 * line with a random mark closes each section, so that no host output can be taken for another section's.
 */
import { createHash } from 'node:crypto'
import { HostError, NotUnderstood } from '../errors.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { excerpt } from '../../kit/redact.ts'
import { type AnyType, type Json, type Output, Unknown, type Desired } from '../../kit/resourceType.ts'
import { quote } from '../../kit/shell.ts'

export type Request = { type: AnyType; entries: Desired<Json>[] }

/** One part of a program: shell text under a name without spaces. */
export type Section = { name: string; text: string }

/** The host's answer to one section, with the exact bytes of stdout for a digest. */
export type Answer = Output & { bytes: Buffer }

/** Reading of one type: states by name, or unknown as a whole. */
export type TypeReading = ReadonlyMap<string, Json | Unknown> | Unknown

/** Sections for the requests: one for each type that is read with sh, one for each interpreter. */
export function readSections(requests: readonly Request[], mark: string): Section[] {
  const groups = groupBy(
    requests.filter(({ entries }) => entries.length > 0),
    ({ type }) => type.read.via?.name ?? type.type,
  )
  return [...groups].map(([name, members]) => ({ name, text: sectionText(members, mark) }))
}

function sectionText(members: readonly Request[], mark: string): string {
  const via = members[0]!.type.read.via
  if (via === undefined) return members.map(({ type, entries }) => type.read.command(entries)).join('\n')
  return via.join(
    members.map(({ type, entries }) => ({
      text: type.read.command(entries),
      mark: (exit) => `${mark} ${type.type} ${exit}`,
      ...(type.read.otherwise === undefined ? {} : { otherwise: type.read.otherwise }),
    })),
  )
}

/**
 * Number of sections read at the same time: as many as a small server has processors, and most sections wait for
 * another process.
 */
const LANES = 4

/**
 * One program that runs each section in a subshell and closes it with its mark and its stderr.
 *
 * Lanes are the commands of one pipeline, which run at the same time. Each writes its own answers and then copies those
 * of the lane before it, so that answers never mix and nothing is written to a file. Sections with the same text are
 * run once.
 */
export function framedProgram(sections: readonly Section[], mark: string): string {
  const close = `k_close() { printf '\\n%s %s %s\\n%s\\n%s %s said\\n' ${quote(mark)} "$2" "$1" "$3" ${quote(mark)} "$2"; }`
  const merged = [...groupBy(sections, ({ text }) => text)].map(([text, same]) => ({
    name: same.map(({ name }) => name).join(','),
    text,
  }))
  const lanes = [...groupBy([...merged.entries()], ([index]) => index % LANES).values()]
  const texts = lanes.map((lane) => lane.map(([, section]) => framed(section)).join('\n'))
  return `${close}\n${texts.map((text, index) => `{\nexec 4>&1\n${text}\n${index === 0 ? '' : 'cat\n'}}`).join(' |\n')}\n`
}

/** A section's stderr is held until the section has ended, because other lanes write to stderr too. */
function framed({ name, text }: Section): string {
  return `k_said=$({\n${text}\n} 2>&1 >&4 4>&- </dev/null)\nk_close "$?" ${quote(name)} "$k_said"`
}

/**
 * Splits the output of a framed program by section name; a type read through an interpreter has an answer under its own
 * name.
 *
 * @param stderr What the shell itself printed.
 * @throws {HostError} When a section was never closed: the program was cut off.
 */
export function parseFrames(
  stdout: Buffer,
  stderr: string,
  mark: string,
  expected: readonly string[],
): Map<string, Answer> {
  if (partsIn(stdout) > MOST_PARTS)
    throw new HostError(`the host answered with more than ${MOST_PARTS} lines`, { next: 'see what is read there' })
  const answers = new Map<string, Answer>()
  for (const { names, text, exit } of frames(stdout, mark)) {
    for (const name of names) {
      const known = answers.get(name)
      if (exit !== 'said') answers.set(name, { bytes: text, stdout: text.toString(), stderr: '', exit: Number(exit) })
      else if (known !== undefined) answers.set(name, { ...known, stderr: text.toString() })
    }
  }
  const missing = expected.filter((name) => !answers.has(name))
  if (missing.length === 0) return answers
  throw incomplete(
    missing,
    [...answers.values()].map((answer) => answer.stderr).join('') || excerpt(stderr, 'end', 2000),
  )
}

function incomplete(missing: readonly string[], said: string): HostError {
  return new HostError(`the host's answer is not complete: nothing for ${missing.join(', ')}`, {
    said,
    next: 'see what the host said; a full disk, a missing tool or a killed shell can cut an answer off',
  })
}

/** Maximum number of lines and fields of an answer: each takes more memory than it has bytes. */
const MOST_PARTS = 1_000_000

function partsIn(bytes: Buffer): number {
  let parts = 0
  for (const byte of bytes) if (byte === 0 || byte === 10) parts += 1
  return parts
}

type Frame = { names: string[]; text: Buffer; exit: string }

const EXIT = /^\d{1,3}$/

function frames(stdout: Buffer, mark: string): Frame[] {
  const result: Frame[] = []
  let start = 0
  for (;;) {
    const at = stdout.indexOf(`${mark} `, start)
    const end = at === -1 ? -1 : stdout.indexOf('\n', at)
    if (end === -1) return result
    const [, names = '', exit = ''] = stdout.toString('utf8', at, end).split(' ')
    // A section without a shell's exit status was not closed by the program.
    if (exit !== 'said' && !EXIT.test(exit)) return result
    result.push({ names: names.split(','), text: stdout.subarray(start, Math.max(start, at - 1)), exit })
    start = end + 1
  }
}

/**
 * Parses answers into readings, each with its type's own parser.
 *
 * @param odd Whether an answer that cannot be parsed fails, or makes all resources of its type unknown. Another account
 *   may cause that for a type whose files it owns, and the other types must still be planned.
 * @throws {NotUnderstood} With the text of the answer.
 */
export function parseReadings(
  answers: ReadonlyMap<string, Answer>,
  requests: readonly Request[],
  odd: 'fails' | 'unknown',
): Map<string, TypeReading> {
  return new Map(
    requests
      .filter(({ entries }) => entries.length > 0)
      .map(({ type, entries }) => {
        try {
          return [type.type, parseReading(type, answerOf(answers, type), entries)]
        } catch (error) {
          if (odd === 'fails' || !(error instanceof NotUnderstood)) throw error
          const unknown = new Unknown(error.message)
          return [type.type, new Map(entries.map(({ name }) => [name, unknown]))]
        }
      }),
  )
}

function answerOf(answers: ReadonlyMap<string, Answer>, type: AnyType): Answer {
  const own = answers.get(type.type)
  const via = type.read.via
  // A type read through an interpreter has no section of its own, so nothing has reported it missing yet.
  if (own === undefined) throw incomplete([type.type], answers.get(via?.name ?? '')?.stderr ?? '')
  return via === undefined ? own : { ...own, stderr: answers.get(via.name)?.stderr ?? '' }
}

function parseReading(type: AnyType, output: Output, entries: readonly Desired<Json>[]): TypeReading {
  try {
    return type.read.parse(output, entries)
  } catch (error) {
    throw notUnderstood(type.type, error, output)
  }
}

/** Attributes the error of a type's parser to the host: a reading may be anything. */
export function notUnderstood(what: string, error: unknown, output: Output): NotUnderstood {
  return new NotUnderstood(`the host's answer for ${what} was not understood: ${messageOf(error)}`, {
    said: excerpt(output.stderr || output.stdout, 'end', 2000),
    next: 'nothing was changed; if the host is in order, this is a mistake in Keelson',
  })
}

/** The state of one resource in a reading; null when it does not exist. */
export function stateIn(readings: ReadonlyMap<string, TypeReading>, type: string, name: string): Json | Unknown {
  const reading = readings.get(type)
  if (reading === undefined) throw new Error(`type ${type} was not read`)
  return reading instanceof Unknown ? reading : (reading.get(name) ?? null)
}

/**
 * Shell text whose output's SHA-256 stands for the state of some resources of one type on the host. The client runs it
 * when it makes a plan, and the worker just before it writes: equal digests mean that nothing changed in between.
 */
export function fingerprintText(type: AnyType, entries: readonly Desired<Json>[], mark: string): string {
  // The worker's steps run under `set -eu`; the client's reading does not.
  const text = type.read.compare?.(entries) ?? sectionText([{ type, entries: [...entries] }], innerMark(mark))
  return `set +eu; (\n${text}\n) 2>/dev/null </dev/null; printf '\\n%s' "$?"`
}

/** An interpreter's marks within a fingerprint must differ from those of the surrounding program. */
function innerMark(mark: string): string {
  return `${mark}-seen`
}

export function fingerprintOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function messageOf(error: unknown): string {
  // The message of an error of JavaScript itself says nothing about the host.
  const isOfTheLanguage = [TypeError, RangeError, SyntaxError].some((kind) => error instanceof kind)
  if (isOfTheLanguage) return 'it does not have the form expected'
  return error instanceof Error ? error.message : String(error)
}
