/**
 * A plan as a file: what was planned for one or several hosts, from when and of which commit. Pure.
 *
 * A file is input from outside: `PLAN_FILE_SCHEMA` decides about its shape, `contradictionIn` about its content. Readers
 * ignore keys they do not know, and refuse other major versions of the format.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Plan } from '../report.ts'
import { planDigest } from './digest.ts'
import { followUpsOf, summaryOf } from './summary.ts'

/** A later minor version adds keys, a later major version changes what known keys mean. */
export const PLAN_FILE_FORMAT = '1.0'

export type PlanFile = {
  /** `major.minor` */
  format: string
  /** Version of Keelson that wrote the file. */
  tool: string
  base: PlanBase
  /** Name of the site. */
  site?: string
  /** Commit of the recipes; absent outside a git work tree. */
  recipe?: { commit: string; dirty: boolean }
  /** Patterns of `--only`; absent when everything was planned. */
  only?: string[]
  hosts: SavedPlan[]
  /** Hosts that were asked for and could not be planned. */
  unplanned?: { host: string; because: string }[]
}

/** What the plan compares with: hosts as they were read at a time, ISO 8601. */
export type PlanBase = { kind: 'live'; at: string }

export type SavedPlan = {
  /** SHA-256 of the host's catalog, which holds secrets by name only. */
  inputsDigest: string
  plan: Plan
}

/**
 * What contradicts itself in a file of the right shape, as a sentence: such a file was not written by `plan --out`, or
 * was changed since, and a reader may have seen something else than what is in it.
 */
export function contradictionIn({ hosts }: PlanFile): string | undefined {
  const names = hosts.map(({ plan }) => plan.host.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return `it has two plans for ${twice}`
  return hosts.map(({ plan }) => contradictionOf(plan)).find((each) => each !== undefined)
}

function contradictionOf({ host, changes, digest, summary, followUps }: Plan): string | undefined {
  if (new Set(changes.map(({ ref }) => ref)).size < changes.length)
    return `${host.name} has two changes of one resource`
  if (digest !== planDigest(changes)) return `the digest of ${host.name} is not that of its changes`
  const isSummed =
    isDeepStrictEqual(summary, summaryOf(changes, summary.resources)) &&
    isDeepStrictEqual(followUps, followUpsOf(changes))
  return isSummed ? undefined : `the summary of ${host.name} is not that of its changes`
}
