/**
 * A plan as text for a terminal. Pure.
 *
 * Marks come from the plan's data and stand where no text of a host or recipe is ever printed, so that no text can pose
 * as a change.
 */
import { groupBy } from '../../kit/groupBy.ts'
import { foldCreates, type Guarded, type RecipeRow } from '../view/fold.ts'
import { MARKS } from '../view/marks.ts'
import type { ChangeRow, FollowUpRow, GatheredRow, Head, PlanView, Remark, Sign, Since } from '../view/view.ts'
import { fieldLines, INDENT, PAPER_WIDTH } from './fields.ts'
import { noteLines, sinceText } from './noteText.ts'
import { isWithin, pad, type Page, paragraph, shorten, widest, wrap, wrapList } from './page.ts'
import { stayLines } from './stays.ts'

/** Labels up to this part of the page share a column with those of the other lines. */
const LABEL_PART = 0.4

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
  guarded: 'yellow',
} as const satisfies { [sign in Sign]: Colour }

const REMARKS = {
  partial: ['PARTIAL', 'bold'],
  warning: ['warning', 'yellow'],
  lockout: ['lock-out', 'red'],
} as const satisfies { [kind in Exclude<Remark['kind'], 'first'>]: [word: string, colour: Colour] }

/** The plans of several hosts; those that are the same are shown once. */
export function renderPlans(views: readonly PlanView[], page: Page, sentence = ''): string {
  const groups = groupBy(views, ({ head: _, rows, ...rest }) => JSON.stringify({ ...rest, rows: rows.map(ageless) }))
  return [...groups.values()]
    .map(([first, ...others]) =>
      renderPlan(
        first!,
        page,
        sentence,
        others.map(({ head }) => head),
      ),
    )
    .join('\n')
}

/** The moments at which the last runs ended differ from host to host. */
function ageless(row: ChangeRow): ChangeRow {
  const notes = row.notes.map(({ since, ...note }) =>
    since === undefined ? note : { ...note, since: { run: since.run } },
  )
  return { ...row, notes }
}

/**
 * @param sentence Ends the last line, such as "Nothing was changed."
 * @param others Heads of other hosts with the same plan.
 */
export function renderPlan(view: PlanView, page: Page, sentence = '', others: readonly Head[] = []): string {
  const { head, rows, gathered, followUps, undo, closing } = view
  const same = others.length === 0 ? [] : [page.colors.dim(`  the same on ${others.length + 1} hosts`)]
  const drifted = rows.filter(isDrift)
  const intended = rows.filter((row) => !isDrift(row))
  const blocks = [
    [...[head, ...others].flatMap((one) => headLines(one, page)), ...same],
    [...ownLines(intended, page), ...gathered.flatMap((row) => gatheredLines(row, page))],
    driftLines(drifted, page),
    followUpLines(followUps, page),
    ...(undo === undefined ? [] : [stayLines(undo.stays, page), paragraph(undo.next, page, 0)]),
    paragraph([closing, sentence].filter(Boolean).join(' '), page, 0),
  ]
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`
}

function isDrift({ cause }: ChangeRow): boolean {
  return cause === 'drift'
}

/** The address of the host itself has the weight of what is in production. */
function headLines({ host, isReal, address, os, sum, remarks }: Head, page: Page): string[] {
  const { colors, width = Infinity } = page
  const place = isReal ? colors.red(colors.bold(address)) : address
  const [first = '', ...more] = wrap([colors.bold(host), place, os, sum], '  ', width)
  return [first, ...more.map((line) => `    ${line}`), ...remarks.flatMap((remark) => remarkLines(remark, page))]
}

export function remarkLines({ kind, text }: Remark, page: Page): string[] {
  const { colors } = page
  if (kind === 'first') return paragraph(text, page, 2).map((line) => `  ${colors.dim(line)}`)
  const [word, colour] = REMARKS[kind]
  const [first = '', ...more] = paragraph(text, page, word.length + 4)
  return [`  ${colors[colour](word)}  ${first}`, ...more.map((line) => `  ${' '.repeat(word.length)}  ${line}`)]
}

/** What the code asks for. */
function ownLines(rows: readonly ChangeRow[], page: Page): string[] {
  if (page.verbose) return layOut(rows, page)
  const { guarded, recipes, rest } = foldCreates(rows)
  return [
    ...guarded.flatMap((row) => guardedLines(row, page)),
    ...layOut(rest, page),
    ...recipeLines(recipes, page),
    ...(recipes.length === 0 ? [] : [`    ${page.colors.dim('each of them with its values: --verbose')}`]),
  ]
}

/** The names of what is guarded are never cut. */
function guardedLines({ text, labels, opens }: Guarded, page: Page): string[] {
  const lines = [
    ...wrapList(labels, columnsOf(page)),
    ...wrapList(opens, columnsOf(page)).map((line) => page.colors.yellow(line)),
  ]
  return [` ${markOf({ sign: 'guarded', kind: 'create' }, page)} ${page.colors.yellow(text)}`, ...indented(lines)]
}

function recipeLines(rows: readonly RecipeRow[], page: Page): string[] {
  const column = widest(rows.map(({ file }) => file))
  const room = (page.width ?? PAPER_WIDTH) - column - INDENT
  return rows.flatMap(({ file, counts, opens, unknown }, index) => {
    const lines = [
      ...wrapList(counts, room),
      ...wrapList(opens, room).map((line) => page.colors.yellow(line)),
      ...(unknown === undefined ? [] : paragraph(`not known yet: ${unknown}`, page, column + INDENT)),
    ]
    const isSame = rows[index - 1]?.file === file
    return lines.map((line, at) =>
      at === 0
        ? `  ${markOf({ sign: 'create', kind: 'create' }, page)} ${pad(isSame ? '' : file, column)}  ${line}`
        : `${' '.repeat(INDENT + column)}${line}`,
    )
  })
}

function gatheredLines({ kind, text, labels }: GatheredRow, page: Page): string[] {
  const columns = columnsOf(page)
  const body = page.verbose ? wrapList(labels, columns) : [page.colors.dim(shorten(labels.join(', '), columns))]
  return [`  ${page.colors[SIGN_COLOURS[kind]](MARKS[kind])} ${text}`, ...indented(body)]
}

/** A run that all of it came after is named once. */
function driftLines(rows: readonly ChangeRow[], page: Page): string[] {
  if (rows.length === 0) return []
  const since = commonSince(rows)
  const heading = `Changed by hand${since === undefined ? '' : ` ${sinceText(since, page)}`}, to be set back:`
  return [page.colors.magenta(heading), ...layOut(since === undefined ? rows : rows.map(withoutSince), page)]
}

function commonSince(rows: readonly ChangeRow[]): Since | undefined {
  const all = rows.flatMap(({ notes }) => notes.filter(({ tone }) => tone === 'drift').map(({ since }) => since))
  return all.every((since) => since?.run === all[0]?.run) ? all[0] : undefined
}

function withoutSince(row: ChangeRow): ChangeRow {
  return { ...row, notes: row.notes.map(({ since: _, ...note }) => note) }
}

/** A sign and its colour, which adds nothing to it. A guarded change has the sign of its kind as well. */
export function markOf({ sign, kind, notes = [] }: Pick<ChangeRow, 'sign' | 'kind'> & Partial<ChangeRow>, page: Page) {
  const { colors } = page
  if (sign !== 'guarded') return colors[SIGN_COLOURS[sign]](MARKS[sign])
  const isCertain = notes.some(({ tone }) => tone === 'danger')
  return colors.bold(colors[isCertain ? 'red' : 'yellow'](`${MARKS.guarded}${MARKS[kind]}`))
}

function layOut(rows: readonly ChangeRow[], page: Page): string[] {
  const noted = rows.filter(({ notes }) => notes.length > 0)
  const most = LABEL_PART * (page.width ?? PAPER_WIDTH)
  const fitting = rows.map(({ label }) => label).filter((label) => widest([label]) <= most)
  const columns = { labels: widest(fitting), places: widest(noted.map(({ where }) => where)) }
  return rows.flatMap((row) => [...rowLines(row, columns, page), ...indented(fieldLines(row, page))])
}

/** The label, where it is declared, and the notes: on one line where there is room. */
function rowLines(row: ChangeRow, columns: { labels: number; places: number }, page: Page): string[] {
  const { sign, label, where } = row
  const lead = `${sign === 'guarded' ? ' ' : '  '}${markOf(row, page)} `
  const place = page.colors.dim(where)
  const notes = noteLines(row.notes, page, INDENT)
  const note = notes.length === 0 ? '' : `   ${notes.join('')}`
  const fits = (...lines: string[]): string | undefined => lines.find((line) => isWithin(line, page))
  const inColumns = `${lead}${pad(label, columns.labels)}  ${place}`
  const close = `${lead}${label}  ${place}`
  const padded = `${lead}${pad(label, columns.labels)}  ${pad(place, columns.places)}`
  const whole =
    notes.length > 1 ? undefined : fits(...(note === '' ? [] : [`${padded}${note}`]), inColumns + note, close + note)
  if (whole !== undefined) return [whole]
  const start = fits(inColumns, close)
  return start === undefined ? [`${lead}${label}`, ...indented([place, ...notes])] : [start, ...indented(notes)]
}

function followUpLines(rows: readonly FollowUpRow[], page: Page): string[] {
  const column = widest(rows.map(({ what }) => what))
  const mark = page.colors[SIGN_COLOURS['follow-up']](MARKS['follow-up'])
  return rows.flatMap(({ what, because }) => {
    const line = `  ${mark} ${pad(what, column)}  ${page.colors.dim('because')} ${because}`
    if (isWithin(line, page)) return [line]
    return [`  ${mark} ${what}`, ...indented(paragraph(`because ${because}`, page, INDENT))]
  })
}

function columnsOf({ width = PAPER_WIDTH }: Page): number {
  return width - INDENT
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `${' '.repeat(INDENT)}${line}`)
}
