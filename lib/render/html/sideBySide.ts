/**
 * The fields of a change: before on the left, after on the right. Pure.
 */
import type { ReviewRow } from '../view/review.ts'
import type { Field, Hunk } from '../view/view.ts'
import { type Html, markup } from './html.ts'

type Line = { number?: number; text: string }
/** `same`: a line of context. `lost`, `gained`: only one side has the line. */
type Pair = { form: 'same' | 'changed' | 'lost' | 'gained'; before: Line; after: Line }

const NOTHING = markup``
const NO_LINE: Line = { text: '' }

/** Short fields first, then texts. */
export function fieldsHtml({ kind, fields }: ReviewRow): Html {
  const short = fields.flatMap((field) => shortField(field, kind === 'create'))
  const table = markup`<table class="fields"><thead><tr><th>Field</th><th>Before</th><th>After</th></tr></thead>
<tbody>${short}</tbody></table>\n`
  return markup`${short.length === 0 ? NOTHING : table}${fields.flatMap(textField)}`
}

function shortField(field: Field, isNew: boolean): Html[] {
  const row = (before: Html, after: Html): Html[] => [
    markup`<tr><th scope="row">${field.name}</th><td>${before}</td><td>${after}</td></tr>\n`,
  ]
  switch (field.form) {
    case 'value':
      return row(lost(field.before), gained(field.after))
    case 'list':
      return row(markup`${field.losses.map(lost)}`, markup`${field.gains.map(gained)}`)
    case 'secret':
      return isNew ? row(NOTHING, gained('(secret)')) : row(NOTHING, markup`(secret, changed)`)
    case 'new':
      return field.text === undefined ? row(NOTHING, gained(field.value)) : []
    case 'text': {
      const { words = 'differs', hunks } = field.difference ?? {}
      return hunks === undefined ? row(NOTHING, markup`${words}`) : []
    }
    default:
      return []
  }
}

function textField(field: Field): Html[] {
  if (field.form === 'new' && field.text !== undefined) {
    const lines = field.text.replace(/\n$/, '').split('\n')
    const all = lines.map((text, index): Pair => ({
      form: 'gained',
      before: NO_LINE,
      after: { number: index + 1, text },
    }))
    return [diffTable(`${field.name}, ${field.value}`, [all])]
  }
  const hunks = field.form === 'text' ? field.difference?.hunks : undefined
  return hunks === undefined ? [] : [diffTable(field.name, hunks.map(pairsOf))]
}

/** Lines removed in one place stand beside those added there. */
function pairsOf({ start, lines }: Hunk): Pair[] {
  let { before, after } = start
  const pairs: Pair[] = []
  let alone: Pair[] = []
  let last = ' '
  for (const line of lines) {
    const [sign, text] = [line[0]!, line.slice(1)]
    if (sign === '-') {
      const pair: Pair = { form: 'lost', before: { number: before++, text }, after: NO_LINE }
      alone.push(pair)
      pairs.push(pair)
    } else if (sign === '+') {
      const [mate, gain] = [alone.shift(), { number: after++, text }]
      if (mate === undefined) pairs.push({ form: 'gained', before: NO_LINE, after: gain })
      else Object.assign(mate, { form: 'changed', after: gain })
    } else if (sign === ' ') {
      alone = []
      pairs.push({ form: 'same', before: { number: before++, text }, after: { number: after++, text } })
    } else pairs.push(remark(text.trim(), last))
    last = sign
  }
  return pairs
}

/** `\ No newline at end of file` speaks of the line above, on that line's side or on both. */
function remark(text: string, above: string): Pair {
  return { form: 'same', before: above === '+' ? NO_LINE : { text }, after: above === '-' ? NO_LINE : { text } }
}

function diffTable(name: string, hunks: readonly Pair[][]): Html {
  return markup`<table class="diff"><caption>${name}</caption><colgroup><col><col><col><col></colgroup>
<thead><tr><th>Line</th><th>Before</th><th>Line</th><th>After</th></tr></thead>
${hunks.map((hunk) => markup`<tbody>\n${hunk.map(pairRow)}</tbody>\n`)}</table>\n`
}

function pairRow({ form, before, after }: Pair): Html {
  const was = form === 'lost' || form === 'changed' ? lost(before.text) : markup`${before.text}`
  const is = form === 'gained' || form === 'changed' ? gained(after.text) : markup`${after.text}`
  return markup`<tr class="${form}"><td>${before.number ?? ''}</td><td>${was}</td><td>${after.number ?? ''}</td><td>${is}</td></tr>\n`
}

function lost(text: string): Html {
  return markup`<del>${text}</del>`
}

function gained(text: string): Html {
  return markup`<ins>${text}</ins>`
}
