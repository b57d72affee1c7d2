/**
 * The fields of one change: the new values, or how each differs. Pure.
 */
import type { PlanChange } from '../../engine/report.ts'
import type { FieldChange } from '../../kit/resourceType.ts'
import { isSecretToken, isTextToken } from '../../kit/value.ts'
import { cleanLine, cleanText } from '../clean.ts'
import { counted } from '../words.ts'
import { lineCount, textDiff } from './textDiff.ts'
import type { Field } from './view.ts'

/** Of a new resource, what the recipe wrote. A removal has no fields: its name says what is removed. */
export function viewFields({ kind, fields, implied = [] }: Pick<PlanChange, 'kind' | 'fields' | 'implied'>): Field[] {
  const own = fields.filter(({ followUp }) => followUp === undefined)
  if (kind !== 'create') return own.map(differing)
  return own
    .filter(({ field, form, after }) => !implied.includes(field) && (form === 'secret' || !isEmpty(after)))
    .map(newField)
}

function newField({ field, form, after }: FieldChange): Field {
  const name = cleanLine(field)
  if (form === 'secret') return { form, name }
  if (typeof after !== 'string' || (form !== 'text' && !after.includes('\n')))
    return { form: 'new', name, value: valueText(after) }
  const value = counted(lineCount(after), 'line')
  return { form: 'new', name, value, ...(form === 'text' ? { text: cleanText(after) } : {}) }
}

function differing({ field, form, before, after }: FieldChange): Field {
  const name = cleanLine(field)
  if (form === 'secret') return { form, name }
  if (isText(form, before, after)) {
    const isKnown = typeof before === 'string' && typeof after === 'string'
    return { form: 'text', name, ...(isKnown ? { difference: textDiff(before, after) } : {}) }
  }
  const items = form === 'list' ? listDifference(before, after) : undefined
  if (items !== undefined) return { form: 'list', name, ...items }
  return { form: 'value', name, before: valueText(before), after: valueText(after) }
}

function isText(form: FieldChange['form'], ...sides: readonly unknown[]): boolean {
  if (form === 'text') return true
  return form === 'value' && sides.every((side) => typeof side === 'string' && side.includes('\n'))
}

/** Items added and removed; undefined when only their order differs, or one replaces another. */
function listDifference(before: unknown, after: unknown): { gains: string[]; losses: string[] } | undefined {
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined
  if (before.length === 1 && after.length === 1) return undefined
  const had = before.map(valueText)
  const has = after.map(valueText)
  const gains = has.filter((item) => !had.includes(item))
  const losses = had.filter((item) => !has.includes(item))
  return gains.length + losses.length === 0 ? undefined : { gains, losses }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}

/** A value as one line: plain text unchanged, anything ambiguous in JSON's quotes. */
function valueText(value: unknown): string {
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
