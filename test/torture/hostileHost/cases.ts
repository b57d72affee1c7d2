/**
 * What is run against a host that lies, and where it lies: decided by a seed.
 */
import { parseJson } from '../../../lib/kit/form.ts'
import { Random } from '../random.ts'
import { changedJson, type Mutation, textMutations } from './mutate.ts'
import type { Purpose, Recording } from './recording.ts'
import type { Change, Place } from './replay.ts'
import { hostileJson, type Planted } from './strings.ts'

export type HostileCase = {
  os: string
  /** In the recording. */
  command: string
  argv: readonly string[]
  changes: readonly Change[]
  /** The one record that is changed: a resource of the ledger or of an undo, or the number of a run. */
  only?: string
  about: string
}

/** Each with the recorded one that its answers are of. */
const COMMANDS: readonly (readonly [command: string, ...argv: string[]])[] = [
  ['plan', 'plan'],
  ['plan', 'plan', '--json'],
  ['plan', 'plan', '--only', 'file'],
  ['converge', 'converge', '--yes'],
  ['converge', 'converge', '--yes', '--json'],
  ['undo', 'undo', '--yes'],
  ['undo', 'undo', '3', '--yes', '--json'],
  ['runs', 'runs'],
  ['runs', 'runs', '2'],
  ['runs', 'runs', '--json'],
]

export function hostileCase(seed: number, recordings: ReadonlyMap<string, Recording>, planted: Planted): HostileCase {
  const random = new Random(seed)
  const os = random.pick([...recordings.keys()])
  const tools: Tools = { recordings, recording: recordings.get(os)!, planted, seed }
  const share = random.next()
  if (share < 0.25) return { os, ...oneRecord(random, tools) }
  const [command, ...argv] = random.pick(COMMANDS)
  if (share < 0.26) return { os, command, argv, ...endless(random, tools, command) }
  const count = 1 + random.below(random.next() < 0.3 ? 4 : 1)
  const changes = Array.from({ length: count }, () =>
    random.next() < 0.5 ? documentChange(random, tools, command) : textChange(random, tools, command),
  )
  return {
    os,
    command,
    argv,
    changes: changes.map(({ change }) => change),
    about: changes.map(({ about }) => about).join(', '),
  }
}

type Tools = {
  recordings: ReadonlyMap<string, Recording>
  recording: Recording
  planted: Planted
  seed: number
}
type Described = { change: Change; about: string }

/** The same change whenever the host is asked again, or only from some time on. */
function steadily(random: Random, seed: number, at: Place, mutation: Mutation): Described {
  const own = random.below(2 ** 31)
  const after = random.next() < 0.15 ? 1 + random.below(3) : 0
  const make = (text: string): string => mutation(text, new Random(seed + own))
  const about = `${at.purpose} ${at.section ?? ''} ${at.part}`
  return { change: { at, make, after }, about }
}

/** Anything anywhere. */
function textChange(random: Random, { recording, recordings, planted, seed }: Tools, command: string): Described {
  const at = random.pick(placesIn(recording, command))
  const other = random.pick([...recordings.values()])
  const mutation = at.part === 'exit' ? exitMutation : random.pick(textMutations(planted, other.texts))
  return steadily(random, seed, at, mutation)
}

const EXITS: readonly string[] = ['1', '2', '255', '-1', '1e9', 'NaN', '', 'said', '99999999999999999999']
const exitMutation: Mutation = (_, random) => random.pick(EXITS)

function placesIn({ commands, texts }: Recording, command: string): Place[] {
  const trips = (commands[command] ?? []).filter(({ purpose }) => purpose !== 'other')
  return trips.flatMap(({ purpose, head, sections }): Place[] => [
    ...(texts[head] === '' ? [] : repeated(5, { purpose, part: 'head' } as const)),
    { purpose, part: 'whole' },
    { purpose, part: 'wire' },
    ...sections.flatMap(([section, , said]): Place[] => [
      { purpose, part: 'text', section },
      { purpose, part: 'text', section },
      ...(texts[said] === '' && section.startsWith('seen-') ? [] : [{ purpose, part: 'said', section } as const]),
      { purpose, part: 'exit', section },
    ]),
  ])
}

function repeated<T>(times: number, value: T): T[] {
  return Array.from({ length: times }, () => value)
}

/** A value of a record that the host keeps for the client. */
function documentChange(random: Random, tools: Tools, command: string): Described {
  const { planted, seed } = tools
  const purposes = new Set((tools.recording.commands[command] ?? []).map(({ purpose }) => purpose))
  const [purpose, section, find] = random.pick(DOCUMENTS.filter(([of]) => purposes.has(of)))
  const json: Mutation = (text, own) => {
    const [from, to] = find(text, own)
    if (from >= to) return text
    const record = text.slice(from, to)
    const changed =
      own.next() < 0.1 ? Buffer.from(hostileJson(own, planted)).toString('latin1') : changedJson(record, own, planted)
    return text.slice(0, from) + changed + text.slice(to)
  }
  const mutation: Mutation = section === 'keelson-holder' ? (_, own) => json(holderIn(tools, own), own) : json
  return steadily(
    random,
    seed,
    section === undefined ? { purpose, part: 'head' } : { purpose, part: 'text', section },
    mutation,
  )
}

type Range = readonly [from: number, to: number]

/** Where JSON stands in answers, and of which record it is. */
const DOCUMENTS: readonly (readonly [
  purpose: Purpose,
  section: string | undefined,
  find: (text: string, random: Random) => Range,
])[] = [
  ['read', 'keelson-ledger', (text) => [0, text.lastIndexOf('}') + 1]],
  ['read', 'keelson-holder', (text) => [0, text.indexOf('}}') + 2]],
  ['runs', undefined, (text, random) => recordIn(text, random)],
  ['kept', undefined, (text, random) => (random.next() < 0.3 ? [0, text.indexOf('\0') - 1] : statesIn(text))],
]

function recordIn(text: string, random: Random): Range {
  const found = [...text.matchAll(/^(?:.*\0)?\.\/\d+\.json:(\{.*\})$/gm)]
  if (found.length === 0) return [0, 0]
  const { index, 0: line, 1: json = '' } = random.pick(found)
  const from = index + line.length - json.length
  return [from, from + json.length]
}

function statesIn(text: string): Range {
  const from = text.indexOf('\0') + 1
  return [from, text.lastIndexOf('}', text.indexOf('\0', from)) + 1]
}

/** A run that is at work, as the owner of the lock leaves it: what a record begins with. */
function holderIn({ recording }: Tools, random: Random): string {
  const record = recording.texts.flatMap(
    (text) => /^(?:.*\0)?\.\/\d+\.json:(\{.*?\}),"(?:undoes|endedAt)"/m.exec(text)?.[1] ?? [],
  )[0]
  return `${record ?? '{}'}}\n${random.next() < 0.5 ? 'alone\n' : ''}`
}

/** One record of several is changed, all others are as they were. */
function oneRecord(random: Random, { recording, planted, seed }: Tools): Omit<HostileCase, 'os'> {
  const own = new Random(seed + 1)
  const change = (json: unknown): unknown => {
    const text = Buffer.from(JSON.stringify(json)).toString('latin1')
    const changed = own.next() < 0.2 ? hostileJson(own, planted) : changedJson(text, own, planted)
    const record = Buffer.from(changed, 'latin1').toString()
    return new Raw(isTooMuch(record) ? 'null' : record)
  }
  const which = random.pick(['ledger', 'runs', 'kept'] as const)
  const text = (command: string, purpose: Purpose, section?: string): string => {
    const trip = recording.commands[command]?.find((one) => one.purpose === purpose)
    const number = section === undefined ? trip?.head : trip?.sections.find(([name]) => name === section)?.[1]
    return Buffer.from(recording.texts[number ?? -1] ?? '', 'latin1').toString()
  }
  if (which === 'ledger') {
    const ledger: { entries: { [ref: string]: unknown } } = JSON.parse(text('plan', 'read', 'keelson-ledger'))
    const only = random.pick(Object.keys(ledger.entries))
    ledger.entries[only] = change(ledger.entries[only])
    const at = { purpose: 'read', part: 'text', section: 'keelson-ledger' } as const
    return {
      command: 'plan',
      argv: ['plan', '--json'],
      changes: [given(at, `${rawJson(ledger)}\n`)],
      only,
      about: `entry of ${only}`,
    }
  }
  if (which === 'runs') {
    const all = text('runs', 'runs')
    const only = random.pick([...all.matchAll(/\.\/(\d+)\.json:/g)].map(([, run]) => run!))
    const line = new RegExp(`(\\./${only}\\.json:)(.*)`)
    const changed = all.replace(line, (_, name: string, json: string) => name + rawJson(change(JSON.parse(json))))
    return {
      command: 'runs',
      argv: ['runs', '--json'],
      changes: [given({ purpose: 'runs', part: 'head' }, changed)],
      only,
      about: `run ${only}`,
    }
  }
  const [ledger = '', states = '', ...rest] = text('undo', 'kept').split('\0')
  const kept: { steps: { ref: string }[] } = JSON.parse(states)
  const at = random.below(kept.steps.length)
  const only = kept.steps[at]!.ref
  const steps: unknown[] = [...kept.steps]
  steps[at] = change(kept.steps[at])
  const changed = [ledger, `${rawJson({ ...kept, steps })}\n`, ...rest].join('\0')
  return {
    command: 'undo',
    argv: ['undo', '--yes', '--json'],
    changes: [given({ purpose: 'kept', part: 'head' }, changed)],
    only,
    about: `way back of ${only}`,
  }
}

/** What is too deep or has too much in it cannot be told from a text that is so as a whole. */
function isTooMuch(json: string): boolean {
  try {
    parseJson(`[[[[[[${json}]]]]]]`)
    return json.length > 100_000
  } catch {
    return true
  }
}

/** JSON text that is to stand in JSON as it is. */
class Raw {
  readonly json: string

  constructor(json: string) {
    this.json = json
  }
}

function rawJson(value: unknown): string {
  const raws: string[] = []
  const text = JSON.stringify(value, (_, each: unknown) =>
    each instanceof Raw ? `@RAW${raws.push(each.json) - 1}@` : each,
  )
  return text.replaceAll(/"@RAW(\d+)@"/g, (_, number: string) => raws[Number(number)] ?? '')
}

function given(at: Place, text: string): Change {
  return { at, make: () => Buffer.from(text).toString('latin1') }
}

/** An answer that goes on for ever. */
function endless(
  random: Random,
  { recording, planted, seed }: Tools,
  command: string,
): Pick<HostileCase, 'changes' | 'about'> {
  const { purpose } = random.pick((recording.commands[command] ?? []).filter((trip) => trip.purpose !== 'other'))
  const part = random.pick([
    'x',
    'start 0\n',
    'step 0 0\n',
    '~\n',
    '\n',
    '\0',
    'gone\n',
    'said 0 eA==\n',
    hostileJson(new Random(seed), planted).slice(0, 100),
  ])
  const more = part.repeat(Math.ceil(65_536 / Math.max(1, part.length)))
  const cut = random.next() < 0.5
  return {
    changes: [
      { at: { purpose, part: 'whole' }, make: (text) => (cut ? text.slice(0, random.below(100)) : text), more },
    ],
    about: `${purpose} without an end`,
  }
}
