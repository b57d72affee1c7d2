/**
 * The catalog: everything one host should have, as plain JSON. Same commit, same bytes.
 */
import { createHash } from 'node:crypto'
import type { Ref } from '../../kit/ref.ts'
import type { Json } from '../../kit/resourceType.ts'

/** A place in a recipe; lines and columns count from 1, the file is relative to the site's folder. 0: no line of it. */
export type Source = { file: string; line: number; column: number }

export type CatalogResource = {
  ref: Ref
  type: string
  name: string
  /** Canonical state, null for `ensure: 'absent'`. Secrets by name only. */
  desired: Json
  /**
   * What must be in order first: handles passed as values and `after`, by ref; natural keys from the type's `needs`,
   * which may also be `type:*` (every declared resource of that type) and `under:/path` (every one that writes a path
   * there). What is not declared binds to nothing.
   */
  needs: Ref[]
  /** Things only one resource of a host may have, from the type's `claims`. */
  claims: string[]
  /** Paths it writes that others may write as well. */
  paths?: string[]
  /** Of a link: the path it leads to. */
  leads?: string
  /** Refs of what it makes beside itself, from the type's `brings`: who needs one of them needs this. */
  brings?: Ref[]
  tags: string[]
  /** Never removed or replaced until the declaration says otherwise. */
  protect: boolean
  /** Declared not to be there. Some types have a state of their own for that, `desired` need not be null. */
  absent?: true
  source: Source
  /** Further places that declared the same with the same props. */
  also: Source[]
}

/** What recipes were told of the host, and what the real one is checked against. */
export type CatalogHost = {
  name: string
  address: string
  os: 'debian-12' | 'debian-13'
  /** Hetzner server type, 'CCX32'. */
  server: string
  cpus: number
  memoryMiB: number
}

/** Something that is to stay as it is, and to be Keelson's no longer. */
export type Forgotten = Pick<CatalogResource, 'ref' | 'type' | 'name' | 'tags' | 'source' | 'also'>

/** Both stand in declaration order. Without `forgotten`: nothing is. */
export type Catalog = {
  host: CatalogHost
  resources: CatalogResource[]
  forgotten?: Forgotten[]
  /** Whose it is, wherever it is checked out: what other sites have declared on the host is left to them. */
  site?: string
}

/** What recipes speak of: by declaring it, or by letting it go. */
export function spokenOf({ resources, forgotten = [] }: Catalog): Set<Ref> {
  return new Set([...resources, ...forgotten].map(({ ref }) => ref))
}

export function formatSource({ file, line }: Source): string {
  return line === 0 ? file : `${file}:${line}`
}

/** JSON with sorted keys and no spaces: equal values give equal bytes. Undefined fields vanish. */
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
