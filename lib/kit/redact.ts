/**
 * Keeps secrets out of text: masks every known value in the forms in which tools commonly print it.
 *
 * It is the last safeguard, not the first: plans hold secrets by name only. It cannot find a value that was split or
 * transformed in a way that neither `formsOf` nor redactWrapped.ts covers.
 */

import { type Broken, brokenForms, brokenSpans, type Span } from './redactWrapped.ts'

/** Replaces a secret; its length does not depend on the secret's. */
export const MASK = '(secret)'

/** Shorter values would mask ordinary words. */
const SHORTEST = 4
/** Lines of a longer secret, such as a private key, are masked individually from this length on. */
const SHORTEST_LINE = 8

/** Shorter words of a passphrase are too common to mask. */
const SHORTEST_WORD = 5
const SHORTEST_REVERSED = 6

export type Redactor = {
  /** Masks a complete text. */
  redact: (text: string) => string
  /** Masks a text that arrives in chunks, wherever it is split. */
  stream: () => RedactStream
}

export type RedactStream = {
  /** @returns What may be shown so far, without an end that could be the start of a secret. */
  write(chunk: string): string
  /** @returns The rest. */
  end(): string
}

/** @param secrets Clear values. Those with fewer than 4 characters are not masked. */
export function redactor(secrets: Iterable<string>): Redactor {
  const all = [...secrets].filter((secret) => secret.length >= SHORTEST)
  const forms = longestFirst(all.flatMap((secret) => [...formsOf(secret), ...wordsOf(secret), ...reversed(secret)]))
  const broken = brokenForms(all, (bytes) => [0, 1, 2].flatMap((offset) => base64At(bytes, offset)))
  return {
    redact: (text) => mask(text, spansIn(text, forms, brokenSpans(text, broken).spans)),
    stream: () => redactStream(forms, broken),
  }
}

/** The same plain JSON with every text in it masked; keys stay. */
export function redactIn<T>(value: T, redactors: Pick<Redactor, 'redact'>): T
export function redactIn(value: unknown, redactors: Pick<Redactor, 'redact'>): unknown {
  if (typeof value === 'string') return redactors.redact(value)
  if (Array.isArray(value)) return value.map((item) => redactIn(item, redactors))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redactIn(inner, redactors)]))
}

/**
 * Masks the rest of a secret at the start of a text that was cut off there: such a rest is recognised only by its
 * position.
 */
export function maskRest(text: string, secrets: Iterable<string>): string {
  // The cut may split a character.
  const whole = text.replace(/^\ufffd+/, '')
  const rest = Math.max(0, ...longestFirst([...secrets].flatMap(formsOf)).map((form) => restLength(whole, form)))
  return rest === 0 ? text : MASK + whole.slice(rest)
}

/**
 * The first, or the last, lines of a text, up to `most` characters. Lines are taken whole, so that none ends within a
 * secret; if a single line is too long, the result only states the length of the text.
 */
export function excerpt(text: string, from: 'start' | 'end', most: number): string {
  if (text.length <= most) return text
  const isStart = from === 'start'
  const end = isStart ? Math.max(0, text.lastIndexOf('\n', most)) : text.length
  const start = isStart ? 0 : text.indexOf('\n', text.length - most - 1) + 1
  const whole = text.slice(start, end)
  return whole === '' || whole.length > most ? `(${text.length} characters in lines too long to show)` : whole
}

function restLength(text: string, form: string): number {
  for (let length = form.length - 1; length > 0; length -= 1) if (text.startsWith(form.slice(-length))) return length
  return 0
}

function longestFirst(forms: readonly string[]): string[] {
  return [...new Set(forms)].toSorted((a, b) => b.length - a.length)
}

function redactStream(forms: readonly string[], broken: Broken): RedactStream {
  let held = ''
  return {
    write(chunk) {
      const text = held + chunk
      const found = brokenSpans(text, broken)
      const spans = spansIn(text, forms, found.spans)
      const cut = safeLength(text, spans, forms, found.open)
      held = text.slice(cut)
      return mask(
        text.slice(0, cut),
        spans.filter(({ end }) => end <= cut),
      )
    },
    end() {
      const rest = mask(held, spansIn(held, forms, brokenSpans(held, broken).spans))
      held = ''
      return rest
    },
  }
}

/** Finds all occurrences. Those that overlap become one span, so that no part of a secret shows beside another. */
function spansIn(text: string, forms: readonly string[], more: readonly Span[]): Span[] {
  const found = [...forms.flatMap((form) => occurrences(text, form)), ...more].sort((a, b) => a.start - b.start)
  const spans: Span[] = []
  for (const { start, end } of found) {
    const last = spans.at(-1)
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end)
    else spans.push({ start, end })
  }
  return spans
}

function occurrences(text: string, form: string): Span[] {
  const found: Span[] = []
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    found.push({ start: at, end: at + form.length })
  }
  return found
}

function mask(text: string, spans: readonly Span[]): string {
  let shown = ''
  let from = 0
  for (const { start, end } of spans) {
    shown += text.slice(from, start) + MASK
    from = end
  }
  return shown + text.slice(from)
}

/** Length of the text that no later chunk can change: up to the first position where a form may have begun. */
function safeLength(text: string, spans: readonly Span[], forms: readonly string[], most: number): number {
  const open = Math.min(most, ...forms.map((form) => openStart(text, form)))
  return spans.find(({ start, end }) => start < open && open < end)?.start ?? open
}

/** The position at which the end of the text is the beginning of the form; the text's length when there is none. */
function openStart(text: string, form: string): number {
  for (let at = Math.max(0, text.length - form.length + 1); at < text.length; at += 1) {
    if (form.startsWith(text.slice(at))) return at
  }
  return text.length
}

/** Every encoding of a secret that tools may use before it is shown. */
function formsOf(secret: string): string[] {
  if (secret.length < SHORTEST) return []
  const bytes = Buffer.from(secret)
  const pieces = secret.includes('\n') ? secret.split('\n').filter((line) => line.length >= SHORTEST_LINE) : []
  return [
    secret,
    ...pieces,
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...urlForms(secret),
    ...jsonForms(secret),
    ...shellForms(secret),
  ]
}

/** Each word of a passphrase by itself, except short ones. */
function wordsOf(secret: string): string[] {
  const words = secret.includes('\n') ? [] : secret.split(/\s+/)
  return words.length < 2 ? [] : words.filter((word) => word.length >= SHORTEST_WORD)
}

function reversed(secret: string): string[] {
  const lines = secret.split('\n').filter((line) => line.length >= SHORTEST_REVERSED)
  return lines.map((line) => Array.from(line).toReversed().join(''))
}

/**
 * The base64 characters that depend only on the secret when it begins `offset` bytes into a group of three, in both
 * alphabets (RFC 4648, 4 and 5).
 */
function base64At(bytes: Buffer, offset: number): string[] {
  const all = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  const own = all.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
  return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
}

function urlForms(secret: string): string[] {
  // A lone surrogate cannot be encoded; toWellFormed replaces it as UTF-8 output does.
  const strict = encodeURIComponent(Buffer.from(secret).toString())
  const rfc3986 = strict.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const each = [strict, rfc3986, strict.replaceAll('%20', '+'), rfc3986.replaceAll('%20', '+')]
  return [...each, ...each.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))]
}

/** As JSON writes it, also with every character that is not printable ASCII as `\uXXXX`. */
function jsonForms(secret: string): string[] {
  const plain = JSON.stringify(secret).slice(1, -1)
  const escaped = (text: string): string =>
    text.replace(/[^\x20-\x7e\n\t]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return [plain, plain.replaceAll('/', '\\/'), escaped(plain), escaped(secret)]
}

/** Inside single quotes, inside double quotes, and with backslashes as `printf %q` and `set -x` may write it. */
function shellForms(secret: string): string[] {
  return [
    secret.replaceAll("'", `'\\''`),
    secret.replaceAll("'", `'"'"'`),
    secret.replace(/["$`\\]/g, '\\$&'),
    secret.replace(/[^A-Za-z0-9_@%+=:,./\n-]/g, '\\$&'),
  ]
}
