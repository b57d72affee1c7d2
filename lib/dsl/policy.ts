/**
 * Policies: functions of a site that look at each plan, and deny it or warn. What they are given is a frozen copy.
 */
import { inspect } from 'node:util'
import { formatSource, type Source } from '../engine/catalog/catalog.ts'
import type { Check, Plan, PlanChange } from '../engine/report.ts'
import { isObject } from '../kit/form.ts'
import type { Ref } from '../kit/ref.ts'
import { callerSource, sourceIn } from './source.ts'

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T

/** A plan as a policy sees it: plain data, and frozen. Values of secrets are in no plan. */
export type PolicyPlan = Frozen<Plan>
export type PolicyChange = Frozen<PlanChange>

/** What a policy says, as a sentence, and the changes that it speaks of. `deny` refuses the plan. */
export type Finding = ({ deny: string; warn?: never } | { warn: string; deny?: never }) & {
  changes?: readonly PolicyChange[]
}

type Verdict = void | Finding | readonly Finding[]

export type Policy = {
  readonly name: string
  readonly source: Source
  readonly check: (plan: PolicyPlan) => Verdict
}

const MOST_FINDINGS = 100
const MOST_REFS = 1000
const MOST_TEXT = 1000
const FRAMES = 50
const SHORT = { depth: 1, breakLength: Infinity, maxArrayLength: 3, maxStringLength: 100 }

/**
 * A rule that each plan of the site has to follow, for `policies` of `site(…)`. A plan that a policy denies is refused
 * with exit 4, whatever part of it is asked for, and no option overrides that. A policy that throws denies.
 *
 * @param check Returns what it finds; nothing when the plan is as it should be. It is called for each host.
 * @example
 * policy('nothing leaves on web-1', ({ host, changes }) => {
 *   const gone = changes.filter(({ kind }) => kind === 'remove')
 *   if (host.name === 'web-1' && gone.length > 0) return { deny: `${gone.length} would be removed`, changes: gone }
 * })
 */
export function policy(name: string, check: (plan: PolicyPlan) => Verdict): Policy {
  return Object.freeze({ name, check, source: callerSource('/') })
}

/** Applies all policies of a site to a plan. @param place Makes the line of a policy relative to the site. */
export function judgeBy(
  policies: readonly Policy[],
  root: string,
  place: (source: Source) => Source,
): (plan: Plan) => Check[] {
  return (plan) => {
    const frozen: PolicyPlan = frozenCopy(plan)
    return policies.map((one) => judgeOne(one, frozen, root, place(one.source)))
  }
}

function judgeOne({ name, check }: Policy, plan: PolicyPlan, root: string, source: Source): Check {
  const findings = findingsOf(check, plan, root)
  const status = (['fail', 'warn'] as const).find((one) => findings.some((finding) => finding.status === one)) ?? 'pass'
  return { name, status, findings, source }
}

function findingsOf(check: Policy['check'], plan: PolicyPlan, root: string): Check['findings'] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  try {
    const verdict: unknown = check(plan)
    const all: readonly unknown[] = verdict === undefined ? [] : Array.isArray(verdict) ? verdict : [verdict]
    const known = new Set(plan.changes.map(({ ref }) => ref))
    const found = all.slice(0, MOST_FINDINGS).map((one) => readFinding(one, known))
    const more = all.length - found.length
    return more === 0 ? found : [...found, failed(`and ${more} more`)]
  } catch (error) {
    const where = error instanceof Error ? sourceIn(error.stack, root) : undefined
    const message = error instanceof Error ? error.message : inspect(error, SHORT)
    return [failed(`it failed${where === undefined ? '' : ` at ${formatSource(where)}`}: ${message}`)]
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** Recipes may be untyped, and what a policy says must not be lost. */
function readFinding(finding: unknown, known: ReadonlySet<Ref>): Check['findings'][number] {
  const { deny, warn, changes = [] } = isObject(finding) ? finding : {}
  const text = deny ?? warn
  if (typeof text !== 'string' || (deny !== undefined && warn !== undefined) || !Array.isArray(changes))
    return failed(
      finding instanceof Promise
        ? 'it is asynchronous, and policies are plain functions'
        : `it returned ${inspect(finding, SHORT)}, and not { deny: '…' }, { warn: '…' } or nothing`,
    )
  const refs = changes.flatMap((change: unknown) => {
    const ref = isObject(change) ? change['ref'] : undefined
    return typeof ref === 'string' && known.has(ref) ? [ref] : []
  })
  const status = deny === undefined ? 'warn' : 'fail'
  return { status, because: text.slice(0, MOST_TEXT) || 'it gave no reason', refs: refs.slice(0, MOST_REFS) }
}

function failed(because: string): Check['findings'][number] {
  return { status: 'fail', because: because.slice(0, MOST_TEXT), refs: [] }
}

function frozenCopy<T>(value: T): T {
  return deepFreeze(structuredClone(value))
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
