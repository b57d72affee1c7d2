/**
 * The fields of one change, below its line in a plan.
 */
import type { ChangeRow, Field, TextDifference } from '../view/view.ts'
import { counted } from '../words.ts'
import { fit, pad, type Page, wrap, widest } from './page.ts'

/** Columns to the left of a field. */
export const INDENT = 6
/** Columns used without a terminal. */
export const PAPER_WIDTH = 110
/** Maximum lines of one text, unless `verbose` is set. */
const MOST_LINES = 60

/** Lines without their indentation. */
export function fieldLines(
  { kind, fields, loads }: Pick<ChangeRow, 'kind' | 'fields' | 'loads'>,
  page: Page,
): string[] {
  return [
    ...(kind === 'create' ? newFields(fields, page) : changedFields(fields, page)),
    ...loads.map(({ what, because }) => `${what}, because ${because}`),
  ]
}

/** The fields of a new resource: short values side by side; texts by their length, or whole with `verbose`. */
function newFields(fields: readonly Field[], page: Page): string[] {
  const briefs = fields.map((field) => `${field.name} ${field.form === 'new' ? field.value : '(secret)'}`)
  const columns = (page.width ?? PAPER_WIDTH) - INDENT
  const lines = wrap(
    briefs.map((brief) => fit(brief, page, INDENT)),
    ' · ',
    columns,
  )
  if (!page.verbose) return lines.slice(0, 4).concat(lines.length > 4 ? ['…'] : [])
  return [...lines, ...fields.flatMap((field) => newText(field, page))]
}

function newText(field: Field, page: Page): string[] {
  if (field.form !== 'new' || field.text === undefined) return []
  const lines = field.text.replace(/\n$/, '').split('\n')
  return cutLines(
    lines.map((line) => paint(fit(`+${line}`, page, INDENT), page)),
    page,
  )
}

type Text = Extract<Field, { form: 'text' }>
type Short = Exclude<Field, Text>

/** Texts come last. */
function changedFields(fields: readonly Field[], page: Page): string[] {
  const short = fields.filter((field) => field.form !== 'text')
  const column = widest(short.map(({ name }) => name))
  return [
    ...short.map((field) => `${pad(field.name, column)}  ${shortDifference(field, page, INDENT + column + 2)}`),
    ...fields.flatMap((field) => (field.form === 'text' ? textField(field, page) : [])),
  ]
}

function shortDifference(field: Short, page: Page, taken: number): string {
  switch (field.form) {
    case 'secret':
      return '(secret, changed)'
    case 'list': {
      const items = [...field.gains.map((item) => `+ ${item}`), ...field.losses.map((item) => `- ${item}`)]
      return fit(items.join('  '), page, taken)
    }
    case 'value':
      return arrow(field.before, field.after, page, taken)
    default:
      return field.value
  }
}

function arrow(before: string, after: string, page: Page, taken: number): string {
  const { colors, width = Infinity } = page
  const isWide = widest([`${before} → ${after}`]) + taken > width
  const half = Math.floor((width + taken + 3) / 2)
  const [was, willBe] = isWide ? [fit(before, page, half), fit(after, page, half)] : [before, after]
  return `${was} ${colors.dim('→')} ${willBe}`
}

function textField({ name, difference }: Text, page: Page): string[] {
  if (difference === undefined) return [`${name}  differs`]
  // A file's content is shown without the field's name.
  return [...(name === 'content' ? [] : [name]), ...differenceLines(difference, page)]
}

function differenceLines({ words, hunks }: TextDifference, page: Page): string[] {
  if (words !== undefined) return [words]
  const lines = hunks.flatMap((hunk) => [
    page.colors.cyan(`@@ ${hunk.range} @@`),
    ...hunk.lines.map((line) => paint(fit(line, page, INDENT), page)),
  ])
  return cutLines(lines, page)
}

function cutLines(lines: readonly string[], page: Page): string[] {
  if (page.verbose || lines.length <= MOST_LINES) return [...lines]
  const left = lines.length - MOST_LINES
  return [...lines.slice(0, MOST_LINES), page.colors.dim(`… ${counted(left, 'more line')}: --verbose`)]
}

function paint(line: string, { colors }: Page): string {
  switch (line[0]) {
    case '+':
      return colors.green(line)
    case '-':
      return colors.red(line)
    default:
      return colors.dim(line)
  }
}
