/**
 * Makes the marks of watched resources (`markOf`). A mark is made before a change begins and again after it, so that a
 * service that has to load the change is known wherever the run is cut off. A boot of the host empties /run, and loads
 * everything.
 */
import type { Catalog } from '../catalog/catalog.ts'
import { quote } from '../../kit/shell.ts'
import { LOADED, MARKS } from '../../kit/stateFolders.ts'

/** Marks of the resources that the catalog watches. */
export function watchedMarks({ resources }: Catalog): ReadonlySet<string> {
  const prefix = `under:${MARKS}/`
  const needs = resources.flatMap((resource) => resource.needs)
  return new Set(needs.flatMap((need) => (need.startsWith(prefix) ? [need.slice('under:'.length)] : [])))
}

export function markText(marks: readonly string[]): string {
  if (marks.length === 0) return ''
  const calls = marks.map((mark) => `: > ${quote(mark)}\n`)
  return `[ -d ${MARKS} ] || mkdir -p -m 0700 ${LOADED} ${MARKS}\n${calls.join('')}`
}
