/**
 * Symbolic links of root in the folders of declared paths: through them two declarations may be one place on a host.
 */
import { type CatalogResource, formatSource } from '../catalog/catalog.ts'
import { type Conflict, conflicts, foldersOf } from '../catalog/places.ts'
import { Refused } from '../errors.ts'
import { quote } from '../../kit/shell.ts'
import type { Answer, Section } from './read.ts'

const LINKS_SECTION = 'keelson-links'

/**
 * Reads which folders of declared paths are root's links, and where each finally leads. Links of other accounts are
 * ignored: no account may make the declarations of a host conflict.
 */
export function linksSection(resources: readonly CatalogResource[]): Section {
  const claimed = resources.flatMap(({ claims, desired, name }) => [
    ...claims.flatMap((claim) => (claim.startsWith('path:') ? [claim.slice('path:'.length)] : [])),
    ...(desired === null && name.startsWith('/') ? [name] : []),
  ])
  const folders = [...new Set(claimed.flatMap(foldersOf))].sort()
  if (folders.length === 0) return { name: LINKS_SECTION, text: ':' }
  const found = `printf '%s\\0' ${folders.map(quote).join(' ')} | find -files0-from - -maxdepth 0 -type l -user root`
  return { name: LINKS_SECTION, text: `${found} -printf '%p\\0%l\\0' 2>/dev/null || :` }
}

/** @throws {Refused} When two declarations are one place on this host, with the lines of both. */
export function checkPlaces(resources: readonly CatalogResource[], answers: ReadonlyMap<string, Answer>): void {
  const fields = answers.get(LINKS_SECTION)!.stdout.split('\0')
  const links = new Map<string, string>()
  for (let at = 0; at + 1 < fields.length; at += 2) links.set(fields[at]!, fields[at + 1]!)
  const [first, ...others] = conflicts(resources, links)
  if (first === undefined) return
  throw new Refused(sentenceOf(first), {
    said: others.map(sentenceOf).join('\n'),
    next: `on this host a folder is a link: ${first.next}`,
  })
}

function sentenceOf({ message, source, also }: Conflict): string {
  return `${[source, ...also].map(formatSource).join(' and ')}: ${message}`
}
