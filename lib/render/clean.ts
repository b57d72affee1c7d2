/**
 * Makes text of a host or a recipe safe to show: any character that could steer a terminal, reorder a line or start a
 * new one becomes visible instead.
 */

/**
 * C0 except newline and tab, DEL, C1; the bidi controls and marks (Unicode UAX #9), line and paragraph separators,
 * zero-width space and no-break space, tag characters, and halves of surrogate pairs.
 */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu

/** Select Graphic Rendition with one parameter (ECMA-48), as picocolors writes it. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const COLOUR = /(\x1b\[\d{1,3}m)/

/** Cleans several lines: newlines and tabs stay. */
export function cleanText(text: string): string {
  return text.replace(UNSAFE, visible)
}

/** Cleans one line: newlines and tabs become visible too. */
export function cleanLine(text: string): string {
  return cleanText(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

/**
 * The last safeguard before a terminal, whatever a renderer missed: keeps only colours of all control sequences. This
 * client wrote those, or they do no more than paint.
 */
export function coloursOnly(text: string): string {
  return text
    .split(COLOUR)
    .map((piece, index) => (index % 2 === 1 ? piece : cleanText(piece)))
    .join('')
}

/** JSON text with every unsafe character as an escape; such characters occur only inside strings. */
export function cleanJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escapes)
}

function visible(char: string): string {
  return char === '\r' ? '\\r' : escapes(char)
}

/** `\u001b`; two escapes for a character beyond U+FFFF. */
function escapes(char: string): string {
  return char
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
