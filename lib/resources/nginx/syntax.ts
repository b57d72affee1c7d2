/**
 * nginx configuration as text: directives, blocks, and the one quoting function that all of it uses.
 */
import { Secret, Text, type SecretToken, type StateText, type TextValue } from '../../kit/value.ts'

/** A line of configuration, in pieces because text of a recipe may contain secrets. */
export type Line = readonly (string | SecretToken)[]

/**
 * One argument of a directive. Inside double quotes nginx reads `\\` and `\"` as those characters, and only `"` ends
 * the argument (ngx_conf_read_token in ngx_conf_file.c); `$name` stays a variable there, which no quoting can prevent.
 *
 * @throws {TypeError} On a control character.
 */
export function word(value: string | number): string {
  const text = String(value)
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new TypeError(`nginx argument ${JSON.stringify(text)} holds a control character`)
  if (/^[A-Za-z0-9_./:@%+=,*$&?^~!|()[\]<>-]+$/.test(text)) return text
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

export function directive(name: string, ...words: (string | number)[]): Line[] {
  return [[`${[name, ...words.map(word)].join(' ')};`]]
}

/** A directive, or none when its value is undefined. */
export function setting(name: string, value: string | number | boolean | undefined): Line[] {
  if (value === undefined) return []
  return directive(name, typeof value === 'boolean' ? (value ? 'on' : 'off') : value)
}

export function block(words: readonly string[], lines: readonly Line[]): Line[] {
  const [name = '', ...rest] = words
  return [[`${[name, ...rest.map(word)].join(' ')} {`], ...indent(lines), ['}']]
}

function indent(lines: readonly Line[]): Line[] {
  return lines.map((line) => (line.length === 1 && line[0] === '' ? line : ['    ', ...line]))
}

/** Configuration text of a recipe, unchanged. Lines with secrets keep their place but not their indentation. */
export function ownText(value: TextValue | undefined): Line[] {
  if (value === undefined) return []
  if (value instanceof Secret) return [[value.toJSON()]]
  if (value instanceof Text && value.isSecret)
    return [value.parts.map((part) => (part instanceof Secret ? part.toJSON() : part))]
  return String(value)
    .replace(/\n+$/, '')
    .split('\n')
    .map((line) => [line])
}

/** The whole file: a string, or its tokens when it contains secrets. */
export function joinLines(lines: readonly Line[]): StateText {
  const parts = lines
    .flatMap((line) => [...line, '\n'])
    .reduce<(string | SecretToken)[]>((merged, part) => {
      const last = merged.at(-1)
      if (typeof part === 'string' && typeof last === 'string') merged[merged.length - 1] = last + part
      else merged.push(part)
      return merged
    }, [])
  return parts.every((part) => typeof part === 'string') ? parts.join('') : { $text: parts }
}
