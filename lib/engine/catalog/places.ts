/**
 * Where a path really leads. Two spellings of one place are one place. The links that a recipe declares, those that
 * every Debian has, and root's links found on a host are followed in the folders of a path, not at its end.
 */
import { posix } from 'node:path'
import type { CatalogResource, Source } from './catalog.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { labelOf } from '../../kit/ref.ts'

/** A mistake that involves two declarations. */
export type Conflict = { message: string; source: Source; also: Source[]; next: string }

/** Maps the path of a link to where it leads. */
export type Links = ReadonlyMap<string, string>

/** Merged /usr (file-hierarchy(7)), and the links that base-files creates in /var (Debian 12 and 13). */
const DEBIAN: Links = new Map([
  ...['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].map((name): [string, string] => [`/${name}`, `/usr/${name}`]),
  ['/var/run', '/run'],
  ['/var/lock', '/run/lock'],
])

/** Maximum number of links in a row; more are taken for a loop, as Linux does (path_resolution(7)). */
const MOST_LINKS = 40

/** The path with the links in its folders resolved; unchanged when they form a loop. */
export function placeOf(path: string, links: Links): string {
  let place = path
  for (let followed = 0; followed < MOST_LINKS; followed += 1) {
    const link = foldersOf(place).find((folder) => links.has(folder))
    if (link === undefined) return place
    place = posix.resolve(link, '..', links.get(link)!) + place.slice(link.length)
  }
  return path
}

/** The folders of a path, outermost first. */
export function foldersOf(path: string): string[] {
  const names = path.split('/').slice(1, -1)
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)
}

/** Resources that claim the same thing: one mistake for each pair, however many things they share. */
export function conflicts(resources: readonly CatalogResource[], found: Links = new Map()): Conflict[] {
  const links = new Map([...DEBIAN, ...found, ...declaredLinks(resources)])
  const owners = new Map<string, { resource: CatalogResource; claim: string }>()
  const mistakes = resources.flatMap((resource) => {
    const taken = resource.claims.flatMap((claim) => {
      const place = claimOf(claim, links)
      const owner = owners.get(place)?.resource
      if (owner === undefined) owners.set(place, { resource, claim })
      return owner === undefined ? [] : [{ claim: place.replace(':', ' '), owner }]
    })
    return [...groupBy(taken, ({ owner }) => owner)].map(([owner, both]) => conflict(resource, owner, both))
  })
  // A resource declared as absent under another name of one declared as present: each converge would revert the other.
  const gone = resources.flatMap((resource) => {
    const claim = `path:${resource.name}`
    const place = claimOf(claim, links)
    const owner = owners.get(place)
    if (resource.desired !== null || owner === undefined || owner.claim === claim) return []
    return [conflict(resource, owner.resource, [{ claim: place.replace(':', ' ') }])]
  })
  return [...mistakes, ...gone]
}

function declaredLinks(resources: readonly CatalogResource[]): [string, string][] {
  return resources.flatMap(({ name, leads }): [string, string][] => (leads === undefined ? [] : [[name, leads]]))
}

function claimOf(claim: string, links: Links): string {
  return claim.startsWith('path:') ? `path:${placeOf(claim.slice('path:'.length), links)}` : claim
}

function conflict(resource: CatalogResource, owner: CatalogResource, both: readonly { claim: string }[]): Conflict {
  return {
    message: `${labelOf(resource.ref)} and ${labelOf(owner.ref)} both claim ${both.map(({ claim }) => claim).join(', ')}`,
    source: resource.source,
    also: [owner.source],
    next: 'only one resource may have it: take it away from one of them',
  }
}
