/**
 * The line of a declared text that a host complains of. Pure.
 */
import type { PlanChange } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { cut } from '../words.ts'

/** Longer lines are cut. */
const LONGEST = 120

/** `/etc/nginx/conf.d/bad.conf:1`, `/etc/sudoers.d/ops:2:5`, `/etc/ssh/sshd_config.d/a.conf line 3`, `a.conf: line 3`. */
const PLACE = /([^\s"'():]+)(?::(\d{1,6})(?::(\d{1,4}))?|:? line (\d{1,6}))(?!\d)/g

/**
 * The line with its number, and below it a mark under the word that is quoted or at the column that is named.
 *
 * @param said What the host said.
 * @returns No lines when the complaint is about no line of the change's own text, or that text is not shown.
 */
export function excerptOf({ label, fields }: Pick<PlanChange, 'label' | 'fields'>, said: string): string[] {
  const texts = fields.flatMap(({ form, after }) => (form === 'text' && typeof after === 'string' ? [after] : []))
  const place = placeIn(said, label)
  const line = texts.length === 1 && place !== undefined ? texts[0]!.split('\n')[place.line - 1] : undefined
  if (line === undefined || line.trim() === '') return []
  const shown = cut(cleanLine(line.replaceAll('\t', ' ')), LONGEST)
  const number = String(place!.line)
  const mark = markUnder(shown, place!.column, said)
  return [`${number} | ${shown}`, ...(mark === '' ? [] : [`${' '.repeat(number.length)} | ${mark}`])]
}

/** The first place in the file that the label names: the tool may have read a candidate of it elsewhere. */
function placeIn(said: string, label: string): { line: number; column?: number } | undefined {
  const name = label.slice(Math.max(label.lastIndexOf('/'), label.lastIndexOf(' ')) + 1)
  for (const [, path = '', line, column, lineInWords] of said.matchAll(PLACE)) {
    if (name === '' || !path.slice(path.lastIndexOf('/') + 1).includes(name)) continue
    return { line: Number(line ?? lineInWords), ...(column === undefined ? {} : { column: Number(column) }) }
  }
  return undefined
}

function markUnder(line: string, column: number | undefined, said: string): string {
  const quoted = [...said.matchAll(/["'‘`]([^"'’`\n]{1,60})["'’`]/g)].map(([, word = '']) => word)
  const word = quoted.find((each) => each.trim() !== '' && line.includes(each))
  if (word !== undefined) return `${' '.repeat(line.indexOf(word))}${'^'.repeat(word.length)}`
  return column === undefined || column > line.length ? '' : `${' '.repeat(column - 1)}^`
}
