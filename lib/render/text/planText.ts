/**
 * A plan as text for a terminal. Pure.
 *
 * Marks come from the plan's data and stand where no text of a host or recipe is ever printed, so that no text can pose
 * as a change.
 */
import { MARKS } from '../view/marks.ts'
import type { ChangeRow, FollowUpRow, GatheredRow, Head, Note, PlanView, Remark, Sign, Tone } from '../view/view.ts'
import { fieldLines, INDENT, PAPER_WIDTH } from './fields.ts'
import { ago, pad, type Page, shorten, widest, wrap } from './page.ts'
import { stayLines } from './stays.ts'

/** Labels up to this width share a column with those of the other lines. */
const LABEL_COLUMNS = 44

type Colour = keyof Page['colors']

const SIGN_COLOURS = {
  create: 'green',
  change: 'yellow',
  remove: 'red',
  'follow-up': 'cyan',
  adopt: 'blue',
  forget: 'dim',
  recheck: 'dim',
  opaque: 'yellow',
  guarded: 'red',
} as const satisfies { [sign in Sign]: Colour }

const TONES = {
  danger: 'red',
  warning: 'yellow',
  drift: 'magenta',
} as const satisfies { [tone in Exclude<Tone, 'plain'>]: Colour }

const REMARKS = {
  partial: ['PARTIAL', 'bold'],
  warning: ['warning', 'yellow'],
  lockout: ['lock-out', 'red'],
} as const satisfies { [kind in Exclude<Remark['kind'], 'first'>]: [word: string, colour: Colour] }

type Row = { mark: string; label: string; where: string; note: string; body: string[] }

/** @param sentence Ends the last line, such as "Nothing was changed." */
export function renderPlan(
  { head, rows, gathered, followUps, undo, closing }: PlanView,
  page: Page,
  sentence = '',
): string {
  const blocks = [
    headLines(head, page),
    layOut([...rows.map((row) => changeRow(row, page)), ...gathered.map((row) => gatheredRow(row, page))], page),
    followUpLines(followUps, page),
    ...(undo === undefined ? [] : [stayLines(undo.stays, page), [undo.next]]),
    [[closing, sentence].filter(Boolean).join(' ')],
  ]
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`
}

function headLines({ host, address, os, sum, remarks }: Head, { colors }: Page): string[] {
  return [
    [colors.bold(host), address, os, sum].join('  '),
    ...remarks.map(({ kind, text }) => {
      if (kind === 'first') return `  ${colors.dim(text)}`
      const [word, colour] = REMARKS[kind]
      return `  ${colors[colour](word)}  ${text}`
    }),
  ]
}

function changeRow(row: ChangeRow, page: Page): Row {
  const { sign, label, where, notes } = row
  const note = notes.map((each) => noteText(each, page)).join('; ')
  return { mark: markOf(sign, page), label, where, note, body: fieldLines(row, page) }
}

function gatheredRow({ kind, text, labels }: GatheredRow, page: Page): Row {
  const columns = (page.width ?? PAPER_WIDTH) - INDENT
  const body = page.verbose ? wrap(labels, ', ', columns) : [page.colors.dim(shorten(labels.join(', '), columns))]
  return { mark: markOf(kind, page), label: text, where: '', note: '', body }
}

/** A sign and its colour; the sign alone is sufficient. */
export function markOf(sign: Sign, { colors }: Page): string {
  const coloured = colors[SIGN_COLOURS[sign]](MARKS[sign])
  return sign === 'guarded' ? colors.bold(coloured) : coloured
}

function noteText({ tone, text, since }: Note, page: Page): string {
  const age = since === undefined ? undefined : ago(since, page)
  const whole = age === undefined ? text : `${text} (${age})`
  return tone === 'plain' ? whole : page.colors[TONES[tone]](whole)
}

function layOut(rows: readonly Row[], page: Page): string[] {
  const own = rows.filter(({ where }) => where !== '')
  const labels = Math.min(LABEL_COLUMNS, widest(own.map(({ label }) => label)))
  const places = widest(own.filter(({ note }) => note !== '').map(({ where }) => where))
  return rows.flatMap((row) => rowLines(row, { labels, places }, page))
}

function rowLines(row: Row, { labels, places }: { labels: number; places: number }, page: Page): string[] {
  const { mark, label, where, note, body } = row
  const start = `  ${mark} ${where === '' ? label : `${pad(label, labels)}  ${page.colors.dim(where)}`}`
  const indented = body.map((line) => `${' '.repeat(INDENT)}${line}`)
  if (note === '') return [start, ...indented]
  const line = `  ${mark} ${pad(label, labels)}  ${pad(page.colors.dim(where), places)}   ${note}`
  const fits = page.width === undefined || widest([line]) <= page.width
  return fits ? [line, ...indented] : [start, `${' '.repeat(INDENT)}${note}`, ...indented]
}

function followUpLines(rows: readonly FollowUpRow[], page: Page): string[] {
  const column = widest(rows.map(({ what }) => what))
  return rows.map(
    ({ what, because }) =>
      `  ${markOf('follow-up', page)} ${pad(what, column)}  ${page.colors.dim('because')} ${because}`,
  )
}
