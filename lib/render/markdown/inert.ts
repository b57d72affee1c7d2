/**
 * Puts text of a host or a recipe into GitHub-flavoured Markdown such that it is only text: no markup, link, mention,
 * reference to an issue or commit, HTML or table cell. Expects cleaned text of one line. Pure.
 */
import { cut } from '../words.ts'

/** Longest text within a line, in UTF-16 units. */
const MOST = 160

/**
 * Words that no rule of GitHub's turns into anything. A number before a full stop or a parenthesis starts a list; a
 * word with a hyphen and a number refers to an issue (GH-12), and seven hexadecimal digits to a commit.
 */
const WORD =
  /^\(?(?![0-9a-f]{7})[A-Za-z]+(?:['’-][A-Za-z]+)*\)?[,;:.]?$|^\(?(\d{1,6}|\d{4}-\d\d-\d\d|\d\d:\d\d)[,;:]?$|^[·→…]$/

/** Plain words stay as they are, all others become code: `needs` `/etc/motd`. */
export function inert(text: string, most = MOST): string {
  const runs: { isPlain: boolean; words: string[] }[] = []
  for (const word of cut(text, most).split(' ')) {
    const isPlain = WORD.test(word)
    if (runs.at(-1)?.isPlain === isPlain) runs.at(-1)!.words.push(word)
    else runs.push({ isPlain, words: [word] })
  }
  return runs.map(({ isPlain, words }) => (isPlain ? words.join(' ') : code(words.join(' '), most))).join(' ')
}

/** A code span, the only form in which Markdown takes every character as it is. Blank text has none. */
export function code(whole: string, most = MOST): string {
  if (whole.trim() === '') return ''
  const text = cut(whole, most)
  const ticks = '`'.repeat(longestRun(text) + 1)
  const pad = /^[` ]|[` ]$/.test(text) ? ' ' : ''
  return `${ticks}${pad}${text}${pad}${ticks}`
}

/** Of inert Markdown: what a cell of a table can hold. A backslash before the bar would have two readings. */
export function cell(markdown: string): string {
  return markdown.replaceAll('\\|', String.raw`\\u007c`).replaceAll('|', String.raw`\|`)
}

/** A fenced block, longer than any fence within it. */
export function fenced(lines: readonly string[]): string {
  const ticks = '`'.repeat(Math.max(3, longestRun(lines.join('\n')) + 1))
  return [`${ticks}diff`, ...lines, ticks].join('\n')
}

/** Code as an element of HTML, for the places where Markdown is not read. */
export function codeElement(text: string): string {
  const escaped = cut(text, MOST).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<code>${escaped}</code>`
}

/** A value in a comment of HTML: `%`, `>` and spaces cannot be read as anything else. */
export function inComment(text: string): string {
  return encodeURIComponent(cut(text, MOST))
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((longest, { length }) => Math.max(longest, length), 0)
}
