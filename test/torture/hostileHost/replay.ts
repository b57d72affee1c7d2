/**
 * A host that answers as one that was recorded, but for what a case changes of it.
 */
import { createHash } from 'node:crypto'
import { parseTar, type TarFileItem } from 'nanotar'
import type { Answer, Host } from './fakeHost.ts'
import {
  MARK,
  markIn,
  type Purpose,
  purposeOf,
  putTogether,
  type Recording,
  sectionsIn,
  type Trip,
} from './recording.ts'

/** Where something stands in an answer: a section by its name, what comes before the sections, all of it, or with the
 * marks of the transport. */
export type Place = { purpose: Purpose; part: 'text' | 'said' | 'exit' | 'head' | 'whole' | 'wire'; section?: string }

/** What is changed of an answer; `text` as bytes in latin1. */
export type Change = {
  at: Place
  make: (text: string) => string
  /** Answers before it that are left as they are. */
  after?: number
  /** It then goes on with this for ever. */
  more?: string
}

type Part = [names: string, text: string, said: string, exit: string]

export class Replay implements Host {
  readonly #recording: Recording
  readonly #trips: readonly Trip[]
  readonly #used = new Set<Trip>()
  readonly #changes: readonly Change[]
  readonly #onTooMany: () => void
  readonly #counts = new Map<Change, number>()
  asked = 0

  constructor(recording: Recording, command: string, changes: readonly Change[], onTooMany: () => void) {
    this.#recording = recording
    this.#trips = recording.commands[command] ?? []
    this.#changes = changes
    this.#onTooMany = onTooMany
  }

  answer(program: string, input: Buffer): Answer {
    this.asked += 1
    if (this.asked > MOST_ASKED) this.#onTooMany()
    const purpose = purposeOf(program)
    const names = sectionsIn(program)
    const trip = this.#tripFor(purpose, names)
    const due = this.#changes.filter((change) => change.at.purpose === purpose && this.#isDue(change))
    const parts = names.map((name) => this.#part(name, trip, due))
    const head = changed(due, 'head', headOf(purpose, input, this.#text(trip?.head)), undefined)
    const whole = changed(due, 'whole', putTogether(head, parts), undefined)
    const more = due.find((change) => change.more !== undefined)?.more
    return {
      stdout: whole.replaceAll(MARK, markIn(program) ?? ''),
      stderr: '',
      exit: String(trip?.exit ?? 0),
      wire: (stdout) => changed(due, 'wire', stdout, undefined),
      ...(more === undefined ? {} : { more }),
    }
  }

  #isDue(change: Change): boolean {
    const count = this.#counts.get(change) ?? 0
    this.#counts.set(change, count + 1)
    return count >= (change.after ?? 0)
  }

  /** The next that was asked the same; otherwise the next for the same purpose. */
  #tripFor(purpose: Purpose, names: readonly string[]): Trip | undefined {
    const same = this.#trips.filter((trip) => trip.purpose === purpose)
    const alike = same.filter(({ sections }) => sections.map(([name]) => name).join(' ') === names.join(' '))
    const found = [...alike, ...same].find((trip) => !this.#used.has(trip)) ?? alike.at(-1) ?? same.at(-1)
    if (found !== undefined) this.#used.add(found)
    return found
  }

  #part(name: string, trip: Trip | undefined, due: readonly Change[]): Part {
    const all = [trip, ...this.#trips].flatMap((one) => one?.sections ?? [])
    const [, text, said, exit] =
      all.find(([names]) => names === name) ?? all.find(([names]) => sharesOne(names, name)) ?? []
    return [
      name,
      changed(due, 'text', this.#text(text), name),
      changed(due, 'said', this.#text(said), name),
      changed(due, 'exit', exit ?? '0', name),
    ]
  }

  #text(number: number | undefined): string {
    return number === undefined ? '' : (this.#recording.texts[number] ?? '')
  }
}

/** A client that goes on asking for ever asks more often. */
const MOST_ASKED = 300

function sharesOne(names: string, other: string): boolean {
  return names.split(',').some((name) => other.split(',').includes(name))
}

function changed(due: readonly Change[], part: Place['part'], text: string, section: string | undefined): string {
  return due
    .filter(({ at }) => at.part === part && (section === undefined || sharesOne(at.section ?? '', section)))
    .reduce((before, { make }) => make(before), text)
}

function headOf(purpose: Purpose, input: Buffer, recorded: string): string {
  if (input.length === 0 || (purpose !== 'finish' && purpose !== 'stage')) return recorded
  const files: readonly TarFileItem[] = parseTar(new Uint8Array(input))
  return purpose === 'finish' ? ledgerDigestIn(files) : eventsOf(files, recorded)
}

/** A worker says which ledger it has written. */
function ledgerDigestIn(files: readonly TarFileItem[]): string {
  const ledger = files.find(({ name }) => name.endsWith('/ledger'))
  return `${createHash('sha256')
    .update(ledger?.data ?? '')
    .digest('hex')}  -\n`
}

/** Of a stage with other tasks than the recorded one had, all go well. */
function eventsOf(files: readonly TarFileItem[], recorded: string): string {
  const steps = files.flatMap(({ name }) => /^(\d+)\/(\d+)\/(\d+)\/program$/.exec(name)?.slice(1) ?? []).join(' ')
  const triples = [...steps.matchAll(/(\d+) (\d+) (\d+)/g)]
  const tasks = new Set(triples.map(([, , task]) => task))
  if (tasks.size === new Set(recorded.match(/^start \d+$/gm)).size) return recorded
  const stage = triples[0]?.[1] ?? '1'
  const told = [...tasks].map((task) => {
    const own = triples.filter(([, , of]) => of === task).map(([, , , step]) => `step ${task} ${step}\n`)
    return `start ${task}\n${own.join('')}ok ${task}\n`
  })
  return `${told.join('')}end ${stage}\nover\n`
}
