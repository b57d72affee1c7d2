/**
 * Finds secrets in wrapped text: base64 and hexadecimal over several lines, and dumps as od(1), xxd(1) and hexdump(1)
 * print them. Pure.
 */

/** A range of text to mask; `end` is exclusive. */
export type Span = { start: number; end: number }

/** What to look for in wrapped text. */
export type Broken = {
  /** As it appears in a text without line ends. */
  joined: readonly string[]
  /** In lower case, in a text without line ends, blanks and colons. */
  hex: readonly string[]
  bytes: readonly Buffer[]
}

/** Shorter values occur by accident once blanks are removed. */
const SHORTEST = 8
/** Maximum characters of a dump that a stream holds back. */
const LONGEST_DUMP = 65_536

/** Line ends with the indentation of the next line, also as JSON writes them. */
const LINE_ENDS = /(?:\r?\n|\\r|\\n)[ \t|>]*/g
const SEPARATORS = /(?:[\s:]|\\[nrt])+/g

/** @param encoded Returns the forms of the secret that some tools wrap. */
export function brokenForms(secrets: readonly string[], encoded: (bytes: Buffer) => readonly string[]): Broken {
  const long = secrets.filter((secret) => secret.length >= SHORTEST)
  const all = secrets.map((secret) => Buffer.from(secret))
  return {
    joined: [...long.filter((secret) => !secret.includes('\n')), ...all.flatMap(encoded)].filter(
      (form) => form.length >= SHORTEST,
    ),
    hex: all.map((bytes) => bytes.toString('hex')).filter((form) => form.length >= SHORTEST),
    bytes: all.filter((bytes) => bytes.length >= SHORTEST / 2),
  }
}

/** Where wrapped secrets are, and the position from which a later chunk of text may still complete one. */
export function brokenSpans(text: string, forms: Broken): { spans: Span[]; open: number } {
  const joined = squeezed(text, LINE_ENDS)
  const hex = squeezed(text.toLowerCase(), SEPARATORS)
  const dumps = dumpSpans(text, forms.bytes)
  return {
    spans: [...spansOf(joined, forms.joined), ...spansOf(hex, forms.hex), ...dumps.spans],
    open: Math.min(openIn(joined, forms.joined, text.length), openIn(hex, forms.hex, text.length), dumps.open),
  }
}

/** A text with parts removed, and the original positions of what is left. */
type Squeezed = { text: string; starts: number[]; at: number[] }

/** A backslash at the end may begin a line end. */
function squeezed(whole: string, out: RegExp): Squeezed {
  const text = whole.endsWith('\\') ? whole.slice(0, -1) : whole
  const parts: string[] = []
  const starts: number[] = []
  const at: number[] = []
  let from = 0
  let length = 0
  const keep = (end: number): void => {
    if (end <= from) return
    parts.push(text.slice(from, end))
    starts.push(length)
    at.push(from)
    length += end - from
  }
  for (const match of text.matchAll(out)) {
    keep(match.index)
    from = match.index + match[0].length
  }
  keep(text.length)
  return { text: parts.join(''), starts, at }
}

function spansOf(from: Squeezed, forms: readonly string[]): Span[] {
  // Text that is not wrapped is searched elsewhere.
  if (from.starts.length < 2) return []
  return forms.flatMap((form) => {
    const found: Span[] = []
    for (let at = from.text.indexOf(form); at !== -1; at = from.text.indexOf(form, at + 1))
      found.push({ start: placeOf(from, at), end: placeOf(from, at + form.length - 1) + 1 })
    return found
  })
}

/** The original position of a character of the squeezed text. */
function placeOf({ starts, at }: Squeezed, index: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= index) low = middle
    else high = middle - 1
  }
  return at[low]! + index - starts[low]!
}

function openIn(from: Squeezed, forms: readonly string[], length: number): number {
  const { text } = from
  let open = text.length
  for (const form of forms)
    for (let at = Math.max(0, text.length - form.length + 1); at < open; at += 1)
      if (form.startsWith(text.slice(at))) open = at
  return open === text.length ? length : placeOf(from, open)
}

/** An offset, as od and hexdump print it, or with the colon of xxd. */
const OFFSET = /^[\s|>]*[0-9a-fA-F]{6,8}:?(?=\s|$)/
const TOKENS = /^\s*((?:[0-9a-fA-F]{2,8}\s{1,2})*[0-9a-fA-F]{2,8})(?=\s|$)/
const CHARACTERS = /^(?: {3}[^\s]| {2}\\[0abfnrtv]| [0-7]{3}| {4})+/

/** The beginning of a line that may become a line of a dump. */
const MAY_BECOME = /^[\s|>]*([0-9a-fA-F][0-9a-fA-F\s:]*)?$|^[\s|>]*[0-9a-fA-F]{6,8}:?\s/

type DumpLine = Span & { readings: (number[] | undefined)[] }

function dumpSpans(text: string, secrets: readonly Buffer[]): { spans: Span[]; open: number } {
  const spans: Span[] = []
  let run: DumpLine[] = []
  let open = text.length
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const line = text.slice(start, Math.min(end, start + 400))
    const readings = readingsOf(line)
    const indent = /^[\s|>]*/.exec(line)![0].length
    const isOpen = newline === -1 && MAY_BECOME.test(line)
    if (readings !== undefined) run.push({ start: start + indent, end, readings })
    else if (!isOpen) {
      spans.push(...spansInRun(run, secrets))
      run = []
    }
    open = run[0]?.start ?? (isOpen ? start : text.length)
    start = end + 1
  }
  spans.push(...spansInRun(run, secrets))
  return { spans, open: Math.max(open, text.length - LONGEST_DUMP) }
}

/** The bytes that a line of a dump may represent, by interpretation; undefined for any other line. */
function readingsOf(line: string): DumpLine['readings'] | undefined {
  const offset = OFFSET.exec(line)
  const rest = offset === null ? line : line.slice(offset[0].length)
  const tokens = (TOKENS.exec(rest)?.[1] ?? '').split(/\s+/).filter((token) => token !== '')
  const characters = offset === null ? undefined : CHARACTERS.exec(rest)?.[0]
  if (tokens.length < (offset === null ? 4 : 1) && characters === undefined) return undefined
  return [
    bytesOf(tokens, /^[0-9a-fA-F]{2}([0-9a-fA-F]{2})*$/, (token) => [...Buffer.from(token, 'hex')]),
    bytesOf(tokens, /^[0-9a-fA-F]{2}([0-9a-fA-F]{2})*$/, (token) => [...Buffer.from(token, 'hex')].toReversed()),
    bytesOf(tokens, /^[0-7]{6}$/, (token) => wordOf(Number.parseInt(token, 8))),
    bytesOf(tokens, /^[0-7]{3}$/, (token) => [Number.parseInt(token, 8)]),
    characters === undefined ? undefined : charactersOf(characters),
  ]
}

function bytesOf(tokens: readonly string[], form: RegExp, bytes: (token: string) => number[]): number[] | undefined {
  if (tokens.length === 0 || !tokens.every((token) => form.test(token))) return undefined
  return tokens.flatMap(bytes)
}

const wordOf = (word: number): number[] => [word & 0xff, word >> 8]

const ESCAPES: { readonly [letter: string]: number } = { 0: 0, a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** The bytes of a line of `od -c`, which uses four columns for each. */
function charactersOf(text: string): number[] {
  return [...text.matchAll(/.{4}/g)].map(([cell]) => {
    const word = cell.trim()
    if (word === '') return 32
    if (word.length === 3) return Number.parseInt(word, 8)
    return word.startsWith('\\') && word.length === 2 ? (ESCAPES[word.slice(1)] ?? 92) : word.charCodeAt(0)
  })
}

/** The lines of a dump that contain a secret, in any interpretation. */
function spansInRun(run: readonly DumpLine[], secrets: readonly Buffer[]): Span[] {
  if (run.length === 0) return []
  return run[0]!.readings.flatMap((_, how) => {
    const bytes = Buffer.from(run.flatMap(({ readings }) => readings[how] ?? []))
    const lineOf = run.flatMap(({ readings }, line) => (readings[how] ?? []).map(() => line))
    return secrets.flatMap((secret) => {
      const found: Span[] = []
      for (let at = bytes.indexOf(secret); at !== -1; at = bytes.indexOf(secret, at + 1))
        found.push({ start: run[lineOf[at]!]!.start, end: run[lineOf[at + secret.length - 1]!]!.end })
      return found
    })
  })
}
