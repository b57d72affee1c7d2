/**
 * Ways to change a text that a host gave: bytes of anything, values of JSON. Texts are bytes in latin1.
 */
import { parseJson } from '../../../lib/kit/form.ts'
import type { Random } from '../random.ts'
import { FIELDS, hostileJson, hostileText, type Planted } from './strings.ts'

export type Mutation = (text: string, random: Random) => string

const bytesOf = (text: string): string => Buffer.from(text).toString('latin1')

/** Of any text; `others` are texts of other places. */
export function textMutations(planted: Planted, others: readonly string[]): readonly Mutation[] {
  const text = (random: Random): string => bytesOf(hostileText(random, planted))
  return [
    ...BYTES,
    ...LINES,
    (all, random) => spliced(all, random, 0, text(random)),
    (all, random) => spliced(all, random, random.below(40), text(random)),
    (all, random) => replacedOne(all, random, /[A-Za-z0-9_./-]+/g, text(random)),
    (all, random) => replacedOne(all, random, /\d+/g, random.pick(NUMBERS)),
    (all, random) => replacedOne(all, random, /\0/g, random.pick(['', '\n', '\0\0', text(random)])),
    (all, random) => replacedOne(all, random, /"[^"]*"/g, bytesOf(hostileJson(random, planted))),
    (all, random) => replacedOne(all, random, /\/[\w./-]+/g, text(random)),
    (_, random) => random.pick(others),
    (all, random) => all + random.pick(others),
    (_, random) => text(random),
    () => '',
  ]
}

const NUMBERS: readonly string[] = [
  '',
  '-1',
  '0',
  '00',
  '1e9',
  '4294967295',
  '99999999999999999999',
  '1.5',
  '0x10',

  ' 7',
]
const CONTROL: readonly string[] = [
  '\0',
  '\x1b[31m',
  '\x1b]0;x\x07',
  '\r',
  '\x08',
  '\x7f',
  '\x9b2J',
  '\xc2\x9b2J',
  '\x1e',
  '\t',
  '\x0b',
]
/** Bytes that are no UTF-8, or that of what never is a character. */
const INVALID: readonly string[] = [
  '\xff',
  '\xc3',
  '\xe2\x82',
  '\xed\xa0\x80',
  '\xf4\x90\x80\x80',
  '\xc0\xaf',
  '\xfe\xff',
]

const BYTES: readonly Mutation[] = [
  (all, random) => flipped(all, random, 1),
  (all, random) => flipped(all, random, 1 + random.below(30)),
  (all, random) => all.slice(0, random.below(all.length + 1)),
  (all, random) => all.slice(random.below(all.length + 1)),
  (all, random) => spliced(all, random, random.below(100), ''),
  (all, random) => spliced(all, random, 0, random.pick(CONTROL)),
  (all, random) => spliced(all, random, random.below(3), random.pick(INVALID)),
  (all, random) => {
    const [from, to] = range(all, random)
    return spliced(all, random, 0, all.slice(from, to))
  },
  (all, random) => {
    const [from, to] = range(all, random)
    return all.slice(0, to) + all.slice(from, to).repeat(random.below(20)) + all.slice(to)
  },
]

const LINES: readonly Mutation[] = [
  (all, random) => withLines(all, (lines) => void lines.splice(random.below(lines.length), 1)),
  (all, random) => withLines(all, (lines) => void lines.splice(random.below(lines.length), 0, random.pick(lines))),
  (all, random) =>
    withLines(all, (lines) => {
      const [one, two] = [random.below(lines.length), random.below(lines.length)]
      ;[lines[one], lines[two]] = [lines[two]!, lines[one]!]
    }),
  (all, random) =>
    withLines(all, (lines) => void lines.splice(random.below(lines.length), 2, lines.slice(0, 2).join(''))),
  (all, random) => withLines(all, (lines) => void lines.sort(() => random.next() - 0.5)),
  (all, random) => withLines(all, (lines) => void (lines[random.below(lines.length)] = '')),
]

function flipped(all: string, random: Random, count: number): string {
  const bytes = Buffer.from(all, 'latin1')
  for (let done = 0; done < count && bytes.length > 0; done += 1) {
    const at = random.below(bytes.length)
    bytes[at] = bytes[at]! ^ (1 << random.below(8))
  }
  return bytes.toString('latin1')
}

function range(all: string, random: Random): [from: number, to: number] {
  const from = random.below(all.length + 1)
  return [from, Math.min(all.length, from + random.below(2000))]
}

function spliced(all: string, random: Random, length: number, more: string): string {
  const at = random.below(all.length + 1)
  return all.slice(0, at) + more + all.slice(at + length)
}

function replacedOne(all: string, random: Random, what: RegExp, by: string): string {
  const found = [...all.matchAll(what)]
  if (found.length === 0) return spliced(all, random, 0, by)
  const { index, 0: text } = random.pick(found)
  return all.slice(0, index) + by + all.slice(index + text.length)
}

function withLines(all: string, change: (lines: string[]) => void): string {
  const lines = all.split('\n')
  change(lines)
  return lines.join('\n')
}

/** A change of one value within a JSON text, or of the field that it stands in. */
export function changedJson(json: string, random: Random, planted: Planted): string {
  const root = valueOf(json)
  const holders = holdersIn(root)
  if (holders.length === 0) return bytesOf(hostileJson(random, planted))
  const holder = random.pick(holders)
  const keys = Object.keys(holder)
  const known = keys.filter((key) => FIELDS.includes(key))
  const key = random.pick(random.next() < 0.5 && known.length > 0 ? known : keys)
  const value: unknown = Reflect.get(holder, key)
  const ways: readonly (() => void)[] = [
    () => set(holder, key, HOLE),
    () => set(holder, key, HOLE),
    () => set(holder, key, HOLE),
    () => set(holder, random.pick(FIELDS), HOLE),
    () => set(holder, random.pick(FIELDS), value),
    () => set(holder, random.pick(keys), value),
    () => void Reflect.deleteProperty(holder, key),
    () => set(holder, hostileText(random, planted), value),
    () => set(holder, key, [value]),
    () => set(holder, key, random.pick(holdersIn(root))),
    () => set(holder, key, JSON.stringify(value)),
  ]
  random.pick(ways)()
  return bytesOf(jsonOf(root).replace(`"${HOLE}"`, () => hostileJson(random, planted)))
}

/** What was changed before may be no JSON any more, or too deep to be walked through. */
function valueOf(json: string): unknown {
  try {
    return parseJson(Buffer.from(json, 'latin1').toString())
  } catch {
    return undefined
  }
}

const HOLE = '@HOLE@'

/** A holder that was put into itself has no JSON: then it stands for nothing. */
function jsonOf(root: unknown): string {
  try {
    return JSON.stringify(root)
  } catch {
    return 'null'
  }
}

function set(holder: object, key: string, value: unknown): void {
  if (Array.isArray(holder) && key === 'length') return
  Object.defineProperty(holder, key, { value, configurable: true, enumerable: true, writable: true })
}

/** Objects and lists that have something in them, the outermost first. */
function holdersIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return []
  return [value, ...Object.values(value).flatMap(holdersIn)]
}
