/**
 * Makes the marks of watched resources (`markOf`). A mark is made before a change begins and again after it, so that a
 * service that has to load the change, or a command that has to run for it, is known wherever the run is cut off, also
 * by a loss of power: the mark is on the disk before the change begins.
 */
import type { Catalog } from '../catalog/catalog.ts'
import { quote } from '../../kit/shell.ts'
import { MARKS } from '../../kit/stateFolders.ts'

/** Marks of the resources that the catalog watches. */
export function watchedMarks({ resources }: Catalog): ReadonlySet<string> {
  const prefix = `under:${MARKS}/`
  const needs = resources.flatMap((resource) => resource.needs)
  return new Set(needs.flatMap((need) => (need.startsWith(prefix) ? [need.slice('under:'.length)] : [])))
}

export function markText(marks: readonly string[]): string {
  if (marks.length === 0) return ''
  const files = marks.map(quote)
  return `[ -d ${MARKS} ] || mkdir -p -m 0700 ${MARKS}\n${files.map((mark) => `: > ${mark}\n`).join('')}sync -- ${files.join(' ')} ${MARKS}\n`
}
