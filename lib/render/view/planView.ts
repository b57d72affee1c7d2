/**
 * A plan as rows, from which every output format is made. Pure.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { findingText } from '../../engine/plan/checks.ts'
import { followUpsOf } from '../../engine/plan/summary.ts'
import type { Plan, PlanChange } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { cleanLine } from '../clean.ts'
import { counted } from '../words.ts'
import { viewFields } from './fields.ts'
import { hostTitle } from './host.ts'
import { viewNotes } from './notes.ts'
import { viewStays } from './stays.ts'
import { closingSum, headSum } from './sums.ts'
import type { ChangeRow, FollowUpRow, GatheredRow, Head, PlanView, Sign } from './view.ts'

/** What the next converge applies again after an undo. */
const STILL_DECLARED =
  'The next converge will reapply what site.ts still declares: revert the commit as well, or change it.'

/** Puts each change in exactly one row: follow-ups and changes that are only recorded have rows of their own. */
export function viewPlan(plan: Plan): PlanView {
  const { changes, undo } = plan
  const of = (...kinds: PlanChange['kind'][]): PlanChange[] => changes.filter(({ kind }) => kinds.includes(kind))
  return {
    head: viewHead(plan),
    rows: of('create', 'change', 'remove', 'forget').map(viewChange).sort(gravestFirst),
    gathered: [...gather('recheck', of('recheck')), ...gather('adopt', of('adopt'))],
    followUps: of('follow-up').map(viewFollowUp),
    ...(undo === undefined ? {} : { undo: { stays: viewStays(undo), next: STILL_DECLARED } }),
    closing: closingSum(plan),
  }
}

function viewHead(plan: Plan): Head {
  const { host, machine, partial, first, warnings, lockouts = [] } = plan
  return {
    host: hostTitle(host.name, machine?.standIn),
    isReal: machine?.standIn === undefined,
    address: cleanLine(host.address),
    os: cleanLine(host.os),
    sum: headSum(plan),
    remarks: [
      ...(partial ? [{ kind: 'partial' as const, text: 'only what was asked for, and what that needs' }] : []),
      ...(first ? [{ kind: 'first' as const, text: 'first converge: this host is new to Keelson' }] : []),
      ...warnings.map((warning) => ({ kind: 'warning' as const, text: cleanLine(warning) })),
      ...lockouts.map((lockout) => ({ kind: 'lockout' as const, text: cleanLine(lockout) })),
      ...checkRemarks(plan),
    ],
  }
}

/** Each finding, and in one line the policies that found nothing. */
function checkRemarks({ checks = [] }: Plan): Head['remarks'] {
  const passed = checks.filter(({ status }) => status === 'pass').map(({ name }) => cleanLine(name))
  return [
    ...checks.flatMap(({ name, findings, source }) =>
      findings.map((finding) => ({
        kind: finding.status === 'fail' ? ('denied' as const) : ('warned' as const),
        text: cleanLine(`${name}: ${findingText(finding)}${source === undefined ? '' : `  ${formatSource(source)}`}`),
      })),
    ),
    ...(passed.length === 0
      ? []
      : [
          {
            kind: 'passed' as const,
            text: `${passed.length === 1 ? 'policy' : 'policies'} passed: ${passed.join(', ')}`,
          },
        ]),
  ]
}

export function viewChange(change: PlanChange): ChangeRow {
  const { kind, ref, label, source, fields, consequence, cause, certainty } = change
  return {
    kind,
    sign: signOf(change),
    label: cleanLine(label),
    type: cleanLine(ref.split(':', 1)[0]!.replaceAll('-', ' ')),
    ...(source === undefined ? {} : { file: cleanLine(source.file) }),
    ...(certainty === 'unknown' ? { unknown: cleanLine(change.because ?? '') } : {}),
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

/** What certainly does harm, then what is guarded, then the rest in the order of the plan. */
function gravestFirst(one: ChangeRow, other: ChangeRow): number {
  return gravity(one) - gravity(other)
}

function gravity({ sign, notes }: ChangeRow): number {
  if (sign !== 'guarded') return 2
  return notes.some(({ tone }) => tone === 'danger') ? 0 : 1
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
    return {
      kind,
      text: (kind === 'recheck' ? recheckText : adoptText)(counted(group.length, 'resource'), cleanLine(because)),
      labels: group.map(({ label }) => cleanLine(label)),
    }
  })
}

function recheckText(count: string, because: string): string {
  return because.startsWith('after ') ? `${count} checked again ${because}` : `${count} checked again: ${because}`
}

/** What a run has done and could not confirm is Keelson's own work. */
function adoptText(count: string, because: string): string {
  return because.startsWith('applied by run ') ? `confirm ${count} ${because}` : `adopt ${count} (${because})`
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
