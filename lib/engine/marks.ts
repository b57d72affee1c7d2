/**
 * Marks: an empty file for each resource that somebody watches and that writes no path of its own, such as a command. Its
 * change time says when it last was changed. A mark is made before a change begins and once more after it, so that
 * whoever is to load it knows so whatever cuts the run off. A start of the host empties /run, and loads everything.
 */
import { createHash } from 'node:crypto'
import type { Catalog } from './catalog.ts'
import type { Ref } from './resource.ts'
import { quote } from './shell.ts'

/** Where services keep what they have loaded, and below it the marks. */
export const LOADED = '/run/keelson/loaded'
const MARKS = `${LOADED}/made`

export function markOf(ref: Ref): string {
  return `${MARKS}/${createHash('sha256').update(ref).digest('hex').slice(0, 32)}`
}

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
