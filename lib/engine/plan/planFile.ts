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

/**
 * What the plan compares with: hosts as they were read at a time, or what another revision of the recipes declares, with
 * no host read. ISO 8601.
 */
export type PlanBase =
  | { kind: 'live'; at: string }
  | { kind: 'rev'; at: string; base: Revision; head: Revision; evaluated: Evaluated }

/** A base as the schema has it: one object, of which `rev` needs all. */
export type StoredBase = Pick<PlanBase, 'kind' | 'at'> &
  Partial<Omit<Extract<PlanBase, { kind: 'rev' }>, 'kind' | 'at'>>

/** A revision of the recipes. */
export type Revision = {
  /** As it was asked for: `origin/main`; empty for the work tree. */
  rev: string
  commit: string
  /** When it was committed. ISO 8601. */
  at: string
  /** Set for a work tree with changes that are in no commit. */
  dirty?: boolean
  /** The commit that was asked for, where that has gone on since the head left it at `commit`. */
  tip?: string
}

/** What was taken away from the processes that evaluated recipes, besides their environment. */
export type Evaluated = {
  by: 'namespaces' | 'permissions' | 'process'
  network: 'none' | 'open'
  /** `own`: those of the revision, of the packages and of Node. */
  files: 'own' | 'all'
}

export type SavedPlan = {
  /** SHA-256 of the host's catalog, which holds secrets by name only. */
  inputsDigest: string
  plan: Plan
}

/**
 * What contradicts itself in a file of the right shape, as a sentence: such a file was not written by `plan --out`, or
 * was changed since, and a reader may have seen something else than what is in it.
 */
export function contradictionIn({ base, hosts }: PlanFile): string | undefined {
  const names = hosts.map(({ plan }) => plan.host.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return `it has two plans for ${twice}`
  const other = hosts.find(({ plan }) => !isOf(base, plan))
  if (other !== undefined) return `the plan of ${other.plan.host.name} compares with something else than the file says`
  return hosts.map(({ plan }) => contradictionOf(plan)).find((each) => each !== undefined)
}

function isOf({ kind, base, head, evaluated }: StoredBase, { revisions }: Plan): boolean {
  if (kind === 'live') return revisions === undefined
  if (revisions === undefined || base === undefined || head === undefined || evaluated === undefined) return false
  return revisions.base === base.commit && revisions.head === head.commit
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
