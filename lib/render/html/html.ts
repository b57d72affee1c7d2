/**
 * HTML that is made of templates only: what stands in a template is markup, what is put into it is text. There is no
 * other way from text to HTML. Pure.
 */

/** A text for the content of an element or a quoted attribute, or HTML made here. */
type Part = string | number | Html | readonly Html[]

const made = Symbol('made of templates')

export type Html = { readonly [made]: string }

/** markup`<td>${text}</td>` */
export function markup(pieces: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { [made]: pieces.map((piece, index) => (index === 0 ? '' : textOf(parts[index - 1]!)) + piece).join('') }
}

export function htmlText(html: Html): string {
  return html[made]
}

function textOf(part: Part): string {
  // HTML has no noncharacters (HTML Living Standard, 13.2.3.5).
  if (typeof part === 'string')
    return part.replace(/[&<>"']|\p{Noncharacter_Code_Point}/gu, (char) => ENTITIES[char] ?? '\ufffd')
  if (typeof part === 'number') return String(part)
  return made in part ? part[made] : part.map(htmlText).join('')
}

const ENTITIES: { readonly [char: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
