/**
 * A plan as rows, from which every output format is made. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { followUpsOf } from '../../engine/plan/summary.ts'
import type { Plan, PlanChange } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { cleanLine } from '../clean.ts'
import { counted } from '../words.ts'
import { viewFields } from './fields.ts'
import { viewNotes } from './notes.ts'
import { viewStays } from './stays.ts'
import { closingSum, headSum } from './sums.ts'
import type { ChangeRow, FollowUpRow, GatheredRow, Head, PlanView, Sign } from './view.ts'

/** What the next converge applies again after an undo. */
const STILL_DECLARED =
  'What the site still declares, the next converge brings back: revert the commit as well, or change it.'

/** Puts each change in exactly one row: follow-ups and changes that are only recorded have rows of their own. */
export function viewPlan(plan: Plan): PlanView {
  const { changes, undo } = plan
  const of = (...kinds: PlanChange['kind'][]): PlanChange[] => changes.filter(({ kind }) => kinds.includes(kind))
  return {
    head: viewHead(plan),
    rows: of('create', 'change', 'remove', 'forget').map(viewChange),
    gathered: [...gather('recheck', of('recheck')), ...gather('adopt', of('adopt'))],
    followUps: of('follow-up').map(viewFollowUp),
    ...(undo === undefined ? {} : { undo: { stays: viewStays(undo), next: STILL_DECLARED } }),
    closing: closingSum(plan),
  }
}

function viewHead(plan: Plan): Head {
  const { host, partial, first, warnings, lockouts = [] } = plan
  return {
    host: cleanLine(host.name),
    address: cleanLine(host.address),
    os: cleanLine(host.os),
    sum: headSum(plan),
    remarks: [
      ...(partial ? [{ kind: 'partial' as const, text: 'only what was asked for, and what that needs' }] : []),
      ...(first ? [{ kind: 'first' as const, text: 'nothing was ever converged here' }] : []),
      ...warnings.map((warning) => ({ kind: 'warning' as const, text: cleanLine(warning) })),
      ...lockouts.map((lockout) => ({ kind: 'lockout' as const, text: cleanLine(lockout) })),
    ],
  }
}

export function viewChange(change: PlanChange): ChangeRow {
  const { kind, label, source, fields, consequence, cause } = change
  return {
    kind,
    sign: signOf(change),
    label: cleanLine(label),
    consequence,
    cause,
    where: source === undefined ? undeclared(change) : cleanLine(formatSource(source)),
    notes: viewNotes(change),
    fields: viewFields(change),
    loads: fields.flatMap(({ followUp }) => {
      if (followUp === undefined) return []
      const { action, unit, because } = followUp
      return [{ what: unit === undefined ? action : `${action} ${cleanLine(unit)}`, because: cleanLine(because) }]
    }),
  }
}

function signOf({ kind, consequence, certainty }: PlanChange): Sign {
  if (consequence === 'lockout' || consequence === 'destructive') return 'guarded'
  return certainty === 'opaque' ? 'opaque' : kind
}

function undeclared({ kind, run }: PlanChange): string {
  return `no longer declared${run === undefined || kind === 'forget' ? '' : `; made by run ${cleanLine(run)}`}`
}

/** Groups changes by reason: why they are read again later, or what the ledger lacks about resources in order. */
function gather(kind: GatheredRow['kind'], changes: readonly PlanChange[]): GatheredRow[] {
  return [...groupBy(changes, ({ because }) => because ?? '')].map(([because, group]) => {
    const verb = kind === 'recheck' ? ' checked again, because' : ''
    return {
      kind,
      text: `${counted(group.length, 'resource')}${verb} ${cleanLine(because)}`,
      labels: group.map(({ label }) => cleanLine(label)),
    }
  })
}

function viewFollowUp(change: PlanChange): FollowUpRow {
  const followUps = followUpsOf([change])
  return {
    label: cleanLine(change.label),
    consequence: change.consequence,
    what: followUps.map(({ action, unit }) => `${action} ${cleanLine(unit)}`).join(', '),
    because: [...new Set(followUps.map(({ because }) => cleanLine(because)))].join(', '),
  }
}
