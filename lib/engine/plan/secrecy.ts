/**
 * Which parts of a difference may be shown. Secrecy goes by path, over the whole ledger: what one resource wrote with a
 * secret may be read by another, of another type or through a link. Pure.
 */
import type { Catalog } from '../catalog/catalog.ts'
import { type Ledger, type LedgerEntry, mayHoldSecret } from '../host/ledger.ts'
import { type AnyType, type FieldChange, type Json, pathsOf, Unknown } from '../../kit/resourceType.ts'
import { secretNames } from '../../kit/value.ts'

/** The part of the planning that secrecy depends on. */
type Planning = {
  catalog: Catalog
  ledger: Ledger | undefined
  types: ReadonlyMap<string, AnyType>
}

type Known = { type: string; name: string; desired: Json }

/** Fields that reveal nothing of a file's text. */
const RIGHTS: ReadonlySet<string> = new Set(['owner', 'group', 'mode', 'kind', 'acl'])
/** Maximum number of links followed from one path. */
const MOST_LINKS = 10

const known = new WeakMap<Planning, { paths: ReadonlySet<string>; links: ReadonlyMap<string, string> }>()

/**
 * Whether the reading of a resource may hold another resource's secret, or is not readable by everybody. What Keelson
 * itself wrote may be shown.
 *
 * @param isOurs Whether the reading equals what was last applied.
 */
export function isHidden(
  planning: Planning,
  type: AnyType,
  { name, desired, observed, isOurs }: { name: string; desired: Json; observed: Json | Unknown; isOurs: boolean },
): boolean {
  if (observed === null || observed instanceof Unknown) return false
  if (!isOurs && type.isPrivate?.(observed) === true) return true
  const { paths, links } = secretPaths(planning)
  return paths.size > 0 && pathsOf(type, name, desired ?? observed).some((path) => paths.has(followed(path, links)))
}

/** Paths whose text may hold a secret, and the known links. */
function secretPaths(planning: Planning): { paths: ReadonlySet<string>; links: ReadonlyMap<string, string> } {
  const found = known.get(planning)
  if (found !== undefined) return found
  const { catalog, ledger, types } = planning
  const entries = Object.values(ledger?.entries ?? {})
  const links = linksOf([...entries, ...catalog.resources], types)
  const secret = [
    ...entries.filter(mayHoldSecret),
    ...catalog.resources.filter(({ desired }) => secretNames(desired).length > 0),
  ]
  const paths = new Set(
    secret.flatMap(({ type, name, desired }) => {
      const own = types.get(type)
      return own === undefined ? [] : pathsOf(own, name, desired).map((path) => followed(path, links))
    }),
  )
  const made = { paths, links }
  known.set(planning, made)
  return made
}

function linksOf(all: readonly Known[], types: Planning['types']): Map<string, string> {
  const links = all.flatMap(({ type, name, desired }): [string, string][] => {
    const target = desired === null ? undefined : types.get(type)?.leads?.(name, desired)
    return target === undefined ? [] : [[name, target]]
  })
  return new Map([['/var/run', '/run'], ['/var/lock', '/run/lock'], ...links])
}

/** Where a path leads through links that are or were declared. */
function followed(path: string, links: ReadonlyMap<string, string>): string {
  let at = plain(path)
  for (let step = 0; step < MOST_LINKS; step += 1) {
    const link = prefixesOf(at).find((prefix) => links.has(prefix))
    if (link === undefined) return at
    at = plain(links.get(link)! + at.slice(link.length))
  }
  return at
}

function prefixesOf(path: string): string[] {
  const parts = path.split('/').slice(1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

function plain(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/**
 * Fields as a plan shows them, plain JSON. When the host's text may hold a secret that the declaration no longer names,
 * only fields that cannot contain one are shown.
 */
export function shownFields(
  changed: readonly FieldChange[],
  entry: LedgerEntry | undefined,
  hidden: boolean,
): FieldChange[] {
  const fields = changed.map(withoutUndefined)
  const mayHold = mayHoldSecret(entry)
  if (!mayHold && !hidden) return fields
  const open = !mayHold || entry?.hides === true ? [] : openFields(entry!.desired)
  return fields.map((one) => {
    const isOpen = one.form === 'mode' || RIGHTS.has(one.field) || (!hidden && open.includes(one.field))
    if (isOpen) return one
    const { before: _before, after: _after, ...rest } = one
    return { ...rest, form: 'secret' }
  })
}

function withoutUndefined({ before, after, ...field }: FieldChange): FieldChange {
  return { ...field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
}

function openFields(desired: Json): string[] {
  if (typeof desired !== 'object' || desired === null) return []
  return Object.entries(desired).flatMap(([field, value]) => (secretNames(value).length === 0 ? [field] : []))
}
