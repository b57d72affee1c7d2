/**
 * Hostile text, made at random: fragments that mean something to a shell, to PostgreSQL, nginx, systemd, sudo or cron,
 * joined to each other and to harmless ones.
 */
import type { Random } from '../random.ts'

/** What runs in a shell, in psql or anywhere else makes a file here. */
export const CANARY = '/srv/canary'
const TOUCH = `touch ${CANARY}/hit`

/** Nothing in them ends a line. */
const PRINTABLE: readonly string[] = [
  "'",
  '"',
  '`',
  '\\',
  '$',
  '%',
  '#',
  ';',
  '|',
  '&',
  '<',
  '>',
  '(',
  ')',
  '{',
  '}',
  '[',
  ']',
  '*',
  '?',
  '~',
  '!',
  '=',
  ',',
  ':',
  '/',
  '@',
  '^',
  '+',
  '-',
  '.',
  ' ',
  '  ',
  'a',
  'b',
  'x1',
  'Z',
  '0',
  '/etc',
  'word',
  'é',
  'ß',
  '日本',
  `$(${TOUCH})`,
  `\`${TOUCH}\``,
  `'; ${TOUCH}; '`,
  `"; ${TOUCH}; "`,
  `; ${TOUCH} #`,
  `| ${TOUCH}`,
  `&& ${TOUCH}`,
  `> ${CANARY}/hit`,
  `'"'"'`,
  `'\\''`,
  "\\'",
  '\\"',
  '\\\\',
  '\\n',
  '\\x27',
  '\\047',
  '\\0',
  '\\u0027',
  '\\ ',
  '\\',
  '$HOME',
  '${PATH}',
  '$1',
  '$@',
  '$$',
  '$?',
  '$((1))',
  '${IFS}',
  '${x:-y}',
  '%%',
  '%s',
  '%n',
  '%d',
  '100%',
  '--',
  '-rf',
  '# x',
  '-- x',
  '/* x */',
  '// x',
  '{{ x }}',
  '<%= x %>',
  '!x',
  '!!',
  '..',
  '../..',
  '~root',
  'a=b',
  'NULL',
  'true',
  '\u0301',
  '\u202Eabc',
  '\u200B',
  '\u00A0',
  '\uFEFF',
  '👩‍👩‍👧',
  '\u{1F4A9}',
  'ﬀ',
  '\u0130',
  '𝔘',
  'Ω',
  'नि',
  'עברית',
]

/** What ends a line or a string, or is no text at all. */
const BREAKING: readonly string[] = [
  '\n',
  '\r',
  '\r\n',
  '\t',
  '\0',
  '\u001b[31m',
  '\u0007',
  '\u0008',
  '\u000b',
  '\u000c',
  '\u007f',
  '\u0085',
  '\u009b',
  '\u2028',
  '\u2029',
  '\uD800',
  '\uDC00',
  '\uFDD0',
  '\uFFFE',
  '\u{10FFFF}',
  `\n${TOUCH}\n`,
  `x\nEOF\n${TOUCH}\n`,
]

/** How many of them end a line or a string: the others have a chance to be kept. */
const BREAKS = 0.25

/**
 * So many different strings; never an empty one.
 *
 * @param own Fragments of the class, as likely as all the others together.
 */
export function hostileStrings(random: Random, count: number, own: readonly string[]): string[] {
  const made = new Set<string>()
  while (made.size < count) {
    const value = hostileString(random, own)
    if (value !== '') made.add(value)
  }
  return [...made]
}

function hostileString(random: Random, own: readonly string[]): string {
  const kind = random.next()
  if (kind < 0.02) return random.pick([...PRINTABLE, ...own]).repeat(1 + random.below(700))
  if (kind < 0.15) return plain(random)
  const breaks = random.next() < BREAKS
  const parts = Array.from({ length: 1 + random.below(7) }, () => fragment(random, own))
  if (breaks) parts.splice(random.below(parts.length + 1), 0, random.pick(BREAKING))
  return parts.join('')
}

function fragment(random: Random, own: readonly string[]): string {
  return random.pick(random.next() < 0.5 ? own : PRINTABLE)
}

/** Characters at random: of ASCII that can be printed, or of all of Unicode, halves of pairs among them. */
function plain(random: Random): string {
  const ascii = random.next() < 0.7
  return Array.from({ length: 1 + random.below(30) }, () =>
    ascii ? String.fromCodePoint(0x20 + random.below(0x5f)) : String.fromCodePoint(random.below(0x11_0000)),
  ).join('')
}
