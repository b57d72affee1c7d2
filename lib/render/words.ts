/**
 * Numbers in words, the same in every form of output.
 */

/** `1 file`, `2 files`. */
export function counted(count: number, noun: string): string {
  return `${count} ${plural(count, noun)}`
}

/** `files`, `directories`, `ufw defaults`; the noun itself for one. */
export function plural(count: number, noun: string): string {
  if (count === 1 || noun.endsWith('s')) return noun
  return /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`
}

/** `5 changed, 1 failed`: the counts that are not zero. */
export function counts(numbers: readonly (readonly [count: number, word: string])[]): string {
  return numbers.flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : [])).join(', ')
}

/** `0.8 s`, `12 s`, `2 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Cuts off the end of a text that is longer than so many UTF-16 units, between two characters as a reader sees them. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text
  let shown = ''
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, 2 * length))) {
    if (shown.length + segment.length > length - 1) break
    shown += segment
  }
  return `${shown}…`
}
