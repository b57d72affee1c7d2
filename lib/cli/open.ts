/**
 * A host of a site, opened by a program instead of the command line.
 */
import type { Site } from '../dsl/site.ts'
import { open, type OpenHost } from '../engine/apply/openHost.ts'
import type { Progress } from '../engine/report.ts'
import { hostOptions, prepare } from './fleet.ts'
import type { Where } from './machine.ts'
import { checkOnly } from './select.ts'

export type OpenOptions = {
  /** A throw-away host in its place, booted when it is not running: its name, or true for one that is named as the host. */
  sandbox?: string | true
  /** Only these, and what they need, each by its ref, its type or a tag, as for `--only`. @default all */
  only?: readonly string[]
  /** Told of what happens meanwhile. */
  progress?: (progress: Progress) => void
  /** Ends what is going on, once what was begun on the host is safe. */
  signal?: AbortSignal
}

/** @throws {RecipeError | UsageError} */
export async function openOf(
  site: Site,
  name: string,
  { sandbox, only = [], progress = () => {}, signal }: OpenOptions = {},
): Promise<OpenHost> {
  // It tells of a name that is none.
  const catalog = await site.evaluate(name)
  const chosen = site.hosts.find((host) => host.name === name)!
  checkOnly(only, [...catalog.resources, ...(catalog.forgotten ?? [])])
  const where: Where =
    sandbox === undefined ? { kind: 'own' } : { kind: 'sandbox', ...(sandbox === true ? {} : { name: sandbox }) }
  const ready = await prepare(site, { chosen, catalog }, where, () => {})
  return open(hostOptions(ready, site, only, progress, signal))
}
