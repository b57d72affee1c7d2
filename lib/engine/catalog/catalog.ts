/**
 * The catalog: everything that one host should have, as plain JSON. The same commit gives the same bytes.
 */
import { createHash } from 'node:crypto'
import type { Ref } from '../../kit/ref.ts'
import type { Json } from '../../kit/resourceType.ts'

/**
 * A place in a recipe; lines and columns count from 1, the file is relative to the site's folder. 0: not a line of the
 * file.
 */
export type Source = { file: string; line: number; column: number }

export type CatalogResource = {
  ref: Ref
  type: string
  name: string
  /** Canonical state, null for `ensure: 'absent'`. Secrets by name only. */
  desired: Json
  /** Fields that a state may have and the recipe did not write: defaults of props, and what follows from the type. */
  implied?: string[]
  /**
   * What must be in order first: handles passed as values and `after`, by ref; natural keys from the type's `needs`,
   * which may also be `type:*` (every declared resource of that type) and `under:/path` (every one that writes a path
   * there). A need that is not declared has no effect.
   */
  needs: Ref[]
  /** Names that only one resource of a host may hold, from the type's `claims`. */
  claims: string[]
  /** Paths that it writes and that others may write as well. */
  paths?: string[]
  /** Of a link: the path it leads to. */
  leads?: string
  /**
   * Refs of what it creates in addition to itself, from the type's `brings`: a resource that needs one of them needs
   * this one.
   */
  brings?: Ref[]
  tags: string[]
  /** Never removed or replaced until the declaration no longer says so. */
  protect: boolean
  /** Declared as absent. Some types have a state of their own for that, so `desired` need not be null. */
  absent?: true
  source: Source
  /** Other places that declared the same with the same props. */
  also: Source[]
}

/** What recipes know of the host; the real host is checked against it. */
export type CatalogHost = {
  name: string
  address: string
  os: 'debian-12' | 'debian-13'
  /** Hetzner server type, 'CCX32'. */
  server: string
  cpus: number
  memoryMiB: number
}

/** A resource that stays as it is while Keelson gives up its ownership. */
export type Forgotten = Pick<CatalogResource, 'ref' | 'type' | 'name' | 'tags' | 'source' | 'also'>

/** Both lists are in declaration order. Without `forgotten`, nothing is forgotten. */
export type Catalog = {
  host: CatalogHost
  resources: CatalogResource[]
  forgotten?: Forgotten[]
  /** Name of the site, the same in every checkout: what other sites have declared on the host is left to them. */
  site?: string
}

/** Refs that the recipes mention, by declaring or by forgetting them. */
export function spokenOf({ resources, forgotten = [] }: Catalog): Set<Ref> {
  return new Set([...resources, ...forgotten].map(({ ref }) => ref))
}

export function formatSource({ file, line }: Source): string {
  return line === 0 ? file : `${file}:${line}`
}

/** JSON with sorted keys and no spaces: equal values give equal bytes. Undefined fields are dropped. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** SHA-256 of a value's canonical JSON, as hex. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}
