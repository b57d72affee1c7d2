/**
 * What a real host answered, as it stands in recorded/: trips in the order in which the client made them, each an answer
 * by sections. Answers that are the same are kept once.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Stands for the mark of the client's session, which is another one each time. */
export const MARK = '@MARK@'
/** Stands for the folder that the repository is in. */
export const ROOT = '@ROOT@'
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '')

/** What a program of the client is for; sections of a reading come after the events of a stage. */
export type Purpose = 'read' | 'runs' | 'kept' | 'stage' | 'finish' | 'other'

/** A section of a reading: its names, and by number what it printed and what it said; and its exit status. */
export type Section = [names: string, text: number, said: number, exit: string]
export type Trip = { purpose: Purpose; exit: number; head: number; sections: Section[] }

export type Recording = {
  /** OS of the host, and how it was recorded. */
  about: string
  /** By command line. */
  commands: { [command: string]: Trip[] }
  texts: string[]
}

const MARKS = /keelson-[0-9a-f]{32}/

/** The session's mark, by which a program's sections are told apart. */
export function markIn(program: string): string | undefined {
  const closing = program.lastIndexOf('k_close() {')
  return closing === -1 ? undefined : MARKS.exec(program.slice(closing))?.[0]
}

/** Names of a program's sections, in order; those of the same text are one, with a comma between. */
export function sectionsIn(program: string): string[] {
  return [...program.matchAll(/^k_close "\$\?" (\S+) "\$k_said"$/gm)].map(([, name = '']) => name.replaceAll("'", ''))
}

export function purposeOf(program: string): Purpose {
  if (program.includes('sha256sum < /var/lib/keelson/ledger.json')) return 'finish'
  if (/^set \+e\nif cd \/run\/keelson\//m.test(program)) return 'stage'
  if (program.startsWith('cd /var/lib/keelson/runs 2>/dev/null || exit 0')) return 'runs'
  if (program.includes('.kept/states')) return 'kept'
  return markIn(program) === undefined ? 'other' : 'read'
}

/** What came before the first section, and the sections. */
export function takeApart(stdout: string): {
  head: string
  sections: [names: string, text: string, said: string, exit: string][]
} {
  const sections: [string, string, string, string][] = []
  const closing = new RegExp(`\\n${MARK} (\\S+) (-?\\d+)\\n`, 'g')
  const stage = stdout.indexOf('over\n')
  // Only a stage's answer begins with event lines.
  const start = /^(start|gone|over|locked|moved|unrecorded|end) ?/.test(stdout) && stage !== -1 ? stage + 5 : 0
  let [from, at] = [start, start]
  for (let found = next(closing, stdout, at); found !== null; found = next(closing, stdout, at)) {
    const [whole, names = '', exit = ''] = found
    const saidFrom = found.index + whole.length
    const ending = `\n${MARK} ${names} said\n`
    const saidTo = stdout.indexOf(ending, saidFrom)
    at = saidTo === -1 ? saidFrom - 1 : saidTo + ending.length
    // An interpreter marks what is read through it within its own section.
    if (saidTo === -1) continue
    sections.push([names, stdout.slice(from, found.index), stdout.slice(saidFrom, saidTo), exit])
    from = at
  }
  return { head: stdout.slice(0, start), sections }
}

function next(pattern: RegExp, text: string, from: number): RegExpExecArray | null {
  pattern.lastIndex = from
  return pattern.exec(text)
}

export function putTogether(head: string, sections: readonly (readonly [string, string, string, string])[]): string {
  return (
    head +
    sections
      .map(([names, text, said, exit]) => `${text}\n${MARK} ${names} ${exit}\n${said}\n${MARK} ${names} said\n`)
      .join('')
  )
}

/** Collects trips, keeping each text once. Bytes are held as latin1, so that nothing is lost. */
export class Texts {
  all: string[] = []
  readonly #known = new Map<string, number>()

  number(text: string): number {
    const digest = createHash('sha256').update(text).digest('hex')
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    this.#known.set(digest, this.all.length)
    return this.all.push(text) - 1
  }

  clear(): void {
    this.all = []
    this.#known.clear()
  }
}

export function recordingOf(os: string): Recording {
  const recording: Recording = JSON.parse(readFileSync(new URL(`recorded/${os}.json`, import.meta.url), 'utf8'))
  return { ...recording, texts: recording.texts.map((text) => text.replaceAll(ROOT, REPOSITORY)) }
}
