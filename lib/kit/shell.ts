/**
 * POSIX shell text that holds values literally.
 *
 * Quoting uses single quotes, the one form that every POSIX shell reads the same way and in which only `'` is special
 * (POSIX.1-2017, 2.2.2). A NUL cannot be part of a shell word and is refused.
 */

/** A value for `sh`; an array becomes several words, an empty one none. */
export type Word = string | number | readonly (string | number)[] | ShellText

/** Shell text that is already quoted; `sh` inserts it unchanged. */
export class ShellText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/

/**
 * One shell word that holds a value literally: `quote('it is')`. In `sh` values are quoted already.
 *
 * @throws {TypeError} On a NUL, which no shell word can hold.
 */
export function quote(value: string | number): string {
  const text = String(value)
  if (text.includes('\0')) throw new TypeError('a shell word cannot hold a NUL character')
  // zsh expands a leading `=`, and PLAIN contains no `~`; quoting both keeps them plain text in every shell.
  if (PLAIN.test(text) && !text.startsWith('=')) return text
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * Shell text with every value quoted; a list becomes several words. Nest with `raw(…)`. Backslashes are kept, so `\n`
 * and `\(` reach the shell, except before `${` and before a backtick.
 *
 * @example sh`rm -f -- ${['/srv/a b', '/srv/c']}`
 * @throws {TypeError} On a NUL, which no shell word can hold.
 */
export function sh(parts: TemplateStringsArray, ...words: Word[]): string {
  return parts.raw.reduce(
    (text, part, index) => text + (index === 0 ? '' : render(words[index - 1]!)) + literal(part),
    '',
  )
}

function literal(part: string): string {
  return part.replaceAll('\\${', '${').replaceAll('\\`', '`')
}

/**
 * Marks text as shell text, so that `sh` inserts it unchanged.
 *
 * @example sh`${raw('cat | sort')} > ${payload('sorted')}`
 */
export function raw(text: string): ShellText {
  return new ShellText(text)
}

function render(word: Word): string {
  if (word instanceof ShellText) return word.text
  if (typeof word === 'string' || typeof word === 'number') return quote(word)
  return word.map(quote).join(' ')
}

/**
 * Passes a list of words, NUL-separated, to one command: the number of processes does not grow with the list, and no
 * argument limit applies because printf is a builtin. An empty list runs nothing.
 *
 * @param command Shell text that takes the words as its last arguments.
 * @example forEach(['adm', 'sudo'], 'getent group --')
 */
export function forEach(values: readonly string[], command: string): string {
  if (values.length === 0) return ':'
  return `printf '%s\\0' ${values.map(quote).join(' ')} | xargs -0 -r ${command}`
}

/**
 * Shell text that writes a text to a file: `bytesTo(text, '"$new"')`. For programs that are sent to a shell on standard
 * input, so that the text appears in no argument.
 *
 * @param to A word, quoted already.
 */
export function bytesTo(text: string, to: string): string {
  return `printf %s ${Buffer.from(text).toString('base64')} | base64 -d > ${to}`
}

/** Lines of a command's output, without an empty one after the last newline: `lines('a\nb\n')` is `['a', 'b']`. */
export function lines(output: string): string[] {
  return output === '' ? [] : output.replace(/\n$/, '').split('\n')
}

/** NUL-terminated records of a command's output: `records('a\0b\0')` is `['a', 'b']`. */
export function records(output: string): string[] {
  return output === '' ? [] : output.replace(/\0$/, '').split('\0')
}
