/**
 * Makes the marks of resources that somebody watches (`markOf`). A mark is made before a change begins and once more after
 * it, so that whoever is to load it knows so whatever cuts the run off. A start of the host empties /run, and loads
 * everything.
 */
import type { Catalog } from '../catalog/catalog.ts'
import { quote } from '../../kit/shell.ts'
import { LOADED, MARKS } from '../../kit/stateFolders.ts'

/** Marks that a resource of the catalog watches. */
export function watchedMarks({ resources }: Catalog): ReadonlySet<string> {
  const prefix = `under:${MARKS}/`
  const needs = resources.flatMap((resource) => resource.needs)
  return new Set(needs.flatMap((need) => (need.startsWith(prefix) ? [need.slice('under:'.length)] : [])))
}

/** Shell text that makes marks. */
export function markText(marks: readonly string[]): string {
  if (marks.length === 0) return ''
  const calls = marks.map((mark) => `: > ${quote(mark)}\n`)
  return `[ -d ${MARKS} ] || mkdir -p -m 0700 ${LOADED} ${MARKS}\n${calls.join('')}`
}
