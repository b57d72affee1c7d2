/**
 * The fields of one change, below its line in a plan.
 */
import { isSecretToken, isTextToken } from '../../kit/value.ts'
import type { FieldChange } from '../../kit/resourceType.ts'
import type { PlanChange } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { counted, fit, pad, type Page, wrap, widest } from './page.ts'
import { lineCount, newText, textDiff } from './textDiff.ts'

/** Columns that stand left of a field. */
export const INDENT = 6
/** Columns used where there is no terminal. */
const PAPER_WIDTH = 110

/** Lines without their indentation. A removal has none: what goes is said by its name. */
export function fieldLines({ kind, fields }: Pick<PlanChange, 'kind' | 'fields'>, page: Page): string[] {
  const own = fields.filter(({ followUp }) => followUp === undefined)
  const loads = fields.flatMap(({ followUp }) => (followUp === undefined ? [] : [loadLine(followUp)]))
  return [...(kind === 'create' ? newFields(own, page) : changedFields(own, page)), ...loads]
}

/** What has to load it, where the change is more than that. */
function loadLine({ action, unit, because }: NonNullable<FieldChange['followUp']>): string {
  return `${action}${unit === undefined ? '' : ` ${cleanLine(unit)}`}, because ${cleanLine(because)}`
}

/** What something new will be: short values side by side; texts by their length, or whole when all is asked for. */
function newFields(fields: readonly FieldChange[], page: Page): string[] {
  const set = fields.filter(({ form, after }) => form === 'secret' || !isEmpty(after))
  const briefs = set.map((field) => `${cleanLine(field.field)} ${briefOf(field)}`)
  const columns = (page.width ?? PAPER_WIDTH) - INDENT
  const lines = wrap(
    briefs.map((brief) => fit(brief, page, INDENT)),
    ' · ',
    columns,
  )
  if (!page.verbose) return lines.slice(0, 4).concat(lines.length > 4 ? ['…'] : [])
  const texts = set.flatMap(({ form, after }) =>
    form === 'text' && typeof after === 'string' ? newText(after, page, INDENT) : [],
  )
  return [...lines, ...texts]
}

function briefOf({ form, after }: FieldChange): string {
  if (form === 'secret') return '(secret)'
  if (typeof after === 'string' && (form === 'text' || after.includes('\n'))) return counted(lineCount(after), 'line')
  return valueText(after)
}

function changedFields(fields: readonly FieldChange[], page: Page): string[] {
  const short = fields.filter((field) => !isText(field))
  const column = widest(short.map(({ field }) => cleanLine(field)))
  return [
    ...short.map((field) => shortField(field, column, page)),
    ...fields.filter(isText).flatMap((field) => textField(field, page)),
  ]
}

function isText({ form, before, after }: FieldChange): boolean {
  if (form === 'text') return true
  return form === 'value' && [before, after].every((side) => typeof side === 'string' && side.includes('\n'))
}

function shortField(change: FieldChange, column: number, page: Page): string {
  const name = pad(cleanLine(change.field), column)
  return `${name}  ${differenceText(change, page, INDENT + column + 2)}`
}

function differenceText({ form, before, after }: FieldChange, page: Page, taken: number): string {
  if (form === 'secret') return '(secret, changed)'
  if (form === 'list' && Array.isArray(before) && Array.isArray(after)) {
    const moved = listDifference(before, after)
    if (moved !== undefined) return fit(moved, page, taken)
  }
  const { colors, width } = page
  const both = [valueText(before), valueText(after)]
  const half = width === undefined ? taken : Math.floor((width + taken + 3) / 2)
  const [was, willBe] =
    widest([both.join(' → ')]) + taken > (width ?? Infinity) ? both.map((text) => fit(text, page, half)) : both
  return `${was!} ${colors.dim('→')} ${willBe!}`
}

/** Items that come and go; undefined when only their order differs, or one stands in place of one other. */
function listDifference(before: readonly unknown[], after: readonly unknown[]): string | undefined {
  if (before.length === 1 && after.length === 1) return undefined
  const had = before.map(valueText)
  const has = after.map(valueText)
  const words = [
    ...has.filter((item) => !had.includes(item)).map((item) => `+ ${item}`),
    ...had.filter((item) => !has.includes(item)).map((item) => `- ${item}`),
  ]
  return words.length === 0 ? undefined : words.join('  ')
}

function textField({ field, before, after }: FieldChange, page: Page): string[] {
  // A file's content needs no name above it.
  const name = field === 'content' ? [] : [cleanLine(field)]
  if (typeof before !== 'string' || typeof after !== 'string') return [`${cleanLine(field)}  differs`]
  return [...name, ...textDiff(before, after, page, INDENT)]
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}

/** A value as one line: plain text as it is, anything that could be misread in JSON's quotes. */
export function valueText(value: unknown): string {
  if (isEmpty(value)) return Array.isArray(value) ? '(none)' : '(not set)'
  if (typeof value === 'string') return cleanLine(/^[^\s"(][^\n]*(?<!\s)$/.test(value) ? value : JSON.stringify(value))
  if (Array.isArray(value)) return value.map(valueText).join(', ')
  if (isSecretToken(value) || isTextToken(value)) return '(secret)'
  if (typeof value !== 'object') return cleanLine(JSON.stringify(value))
  return Object.entries(value!)
    .filter(([, inner]) => inner !== undefined)
    .map(([key, inner]) => `${cleanLine(key)}=${valueText(inner)}`)
    .join(' ')
}
