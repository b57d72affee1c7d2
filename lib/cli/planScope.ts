/**
 * What a plan file decides about the command that applies it.
 */
import type { Site } from '../dsl/site.ts'
import type { PlanFile, SavedPlan } from '../engine/plan/planFile.ts'
import { UsageError } from './errors.ts'
import type { ConvergeFlags } from './options.ts'
import { selectHosts } from './select.ts'

/**
 * The hosts and the scope are those of the file; `--host` may choose among its hosts.
 *
 * @param known Hosts of the site. A name in the file is a name, never a pattern.
 * @throws {UsageError} For options that contradict the file, and for plans that no converge applies.
 */
export function flagsFor(
  path: string,
  { base, hosts, only = [] }: PlanFile,
  known: Site['hosts'],
  flags: ConvergeFlags & { watch?: true },
): ConvergeFlags {
  const planned = hosts.map(({ plan }) => plan.host)
  const against = (['only', 'digest'] as const).find((name) => flags[name].length > 0)
  const option = against ?? (['watch', 'wait'] as const).find((name) => flags[name] === true)
  if (option !== undefined)
    throw new UsageError(
      `--${option} does not go with a plan file`,
      `${path} says what is applied; plan again for anything else`,
    )
  const stranger = planned.find(({ name }) => !known.some((host) => host.name === name))
  if (stranger !== undefined)
    throw new UsageError(
      `${path} holds a plan for ${JSON.stringify(stranger.name)}, which is no host of this site`,
      'converge it with the site that it was made with',
    )
  if (base.kind === 'rev')
    throw new UsageError(
      `${path} compares two revisions, and no host was read for it`,
      'plan --out without --base makes a plan that can be applied',
    )
  const undoes = hosts.find(({ plan }) => plan.undo !== undefined)
  if (undoes !== undefined)
    throw new UsageError(
      `${path} holds the plan of an undo, which depends on what the host keeps of the run`,
      'use undo',
    )
  return { ...flags, only: [...only], host: selectHosts(planned, flags.host).map(({ name }) => name) }
}

/**
 * The plan that a file holds for a host.
 * @throws {UsageError} When it holds none: a host must not be converged without one then.
 */
export function expectedFor(file: PlanFile | undefined, name: string): { expected?: SavedPlan } {
  if (file === undefined) return {}
  const expected = file.hosts.find(({ plan }) => plan.host.name === name)
  if (expected === undefined) throw new UsageError(`there is no plan for ${name} in the file`)
  return { expected }
}
