/**
 * What the policies of a site say of a plan. Pure, as far as the policies are.
 */
import { formatSource } from '../catalog/catalog.ts'
import { Refused } from '../errors.ts'
import type { Check, Plan } from '../report.ts'
import { labelOf } from '../../kit/ref.ts'

/** Applies all policies to a plan. It must not throw. */
export type Judge = (plan: Plan) => Check[]

/** Labels in a sentence. */
const MOST_LABELS = 5

export function judged(plan: Plan, judge: Judge | undefined): Plan {
  const checks = judge?.(plan) ?? []
  return checks.length === 0 ? plan : { ...plan, checks }
}

/** Why a plan is refused; undefined when no policy denies it. No option overrides that. */
export function denialOf({ checks = [] }: Plan, written = 'nothing was written'): Refused | undefined {
  const denials = checks.filter(({ status }) => status === 'fail')
  const [first] = denials
  if (first === undefined) return undefined
  const sentences = denials.flatMap(({ name, findings }) =>
    findings.filter(({ status }) => status === 'fail').map((finding) => `policy ${name}: ${findingText(finding)}`),
  )
  const where = first.source === undefined ? '' : ` at ${formatSource(first.source)}`
  return new Refused(`${sentences.join('; ')}; ${written}`, {
    next: `change what is declared, or the policy${where}`,
  })
}

/** `opens 8443/tcp (ufw rule 8443/tcp)` */
export function findingText({ because, refs }: Check['findings'][number]): string {
  const labels = refs.slice(0, MOST_LABELS).map(labelOf)
  const more = refs.length > labels.length ? [`${refs.length - labels.length} more`] : []
  return labels.length === 0 ? because : `${because} (${[...labels, ...more].join(', ')})`
}
