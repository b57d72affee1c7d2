/**
 * Opens a host of a site for a program instead of the command line.
 */
import type { Site } from '../dsl/site.ts'
import { open, type OpenHost } from '../engine/apply/openHost.ts'
import type { Progress } from '../engine/report.ts'
import { hostOptions, prepare } from './fleet.ts'
import type { Where } from './machine.ts'
import { checkOnly } from './only.ts'

export type OpenOptions = {
  /** Uses a throw-away host instead, booted if it is not running: its name, or true for one with the host's name. */
  sandbox?: string | true
  /** Only these resources, and what they need, each by its ref, its type, a tag, its recipe file or a pattern, as for `--only`. @default all */
  only?: readonly string[]
  /** Called for each progress event. */
  progress?: (progress: Progress) => void
  /** Ends the work in progress, once what was begun on the host is safe. */
  signal?: AbortSignal
  /** Ends a run after the step in progress; `apply` then reports what was not reached. */
  stop?: AbortSignal
}

/** @throws {RecipeError | UsageError} */
export async function openOf(
  site: Site,
  name: string,
  { sandbox, only = [], progress = () => {}, signal, stop }: OpenOptions = {},
): Promise<OpenHost> {
  // It throws for an unknown name.
  const catalog = await site.evaluate(name)
  const chosen = site.hosts.find((host) => host.name === name)!
  checkOnly(only, [...catalog.resources, ...(catalog.forgotten ?? [])])
  const where: Where =
    sandbox === undefined ? { kind: 'own' } : { kind: 'sandbox', ...(sandbox === true ? {} : { name: sandbox }) }
  const ready = await prepare(site, { chosen, catalog }, where, () => {})
  return open(
    hostOptions(ready, site, only, progress, {
      ...(signal === undefined ? {} : { signal }),
      ...(stop === undefined ? {} : { stop }),
    }),
  )
}
