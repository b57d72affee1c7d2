/**
 * A plan as a reviewer reads it: first what it may break, open or restart, then its changes, the gravest first. Pure.
 */
import type { PlanFile } from '../../engine/plan/planFile.ts'
import type { Cause, ChangeKind, FollowUp, Plan } from '../../engine/report.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { type Consequence, CONSEQUENCES } from '../../kit/resourceType.ts'
import { cleanLine } from '../clean.ts'
import { viewPlan } from './planView.ts'
import { kindSum } from './sums.ts'
import type { ChangeRow, Field, GatheredRow, Note, PlanView, Remark, Sign } from './view.ts'

/** Plain JSON, all text cleaned. */
export type Review = Pick<PlanView, 'undo'> & {
  host: { name: string; address: string; os: string }
  site: string
  /** `3 to create, 1 to remove`, or `nothing to do`; `PARTIAL: …` for a part of what is declared. */
  title: string
  /** `106 resources: 12 planned, 94 in sync` */
  sum: string
  /** Of what the plan was made: `commit`, `3f2c1ab`. */
  facts: { name: string; value: string }[]
  remarks: Remark[]
  /** The gravest first; none without items. */
  alerts: Alert[]
  /** The gravest first. Changes that are only recorded or checked again are in `gathered`. */
  rows: ReviewRow[]
  gathered: GatheredRow[]
}

export type AlertKind = (typeof ALERT_KINDS)[number]

/** `isGrave`: something is lost, or a way in may be. */
export type Alert = { kind: AlertKind; isGrave: boolean; words: string; items: AlertItem[] }

/** A resource, a unit, or a few words, and why. */
export type AlertItem = { what: string; why?: string }

export type ReviewRow = {
  kind: ChangeKind
  sign: Exclude<Sign, 'guarded'>
  label: string
  where: string
  consequence: Consequence
  /** `restarts api.service`; empty for a change without further effect. */
  effect: string
  /** Something is lost, or a way in may be. */
  isGrave: boolean
  /** With `drift`, the change only sets back what somebody else changed on the host. */
  cause: Cause
  why: string[]
  fields: Field[]
}

/** What a plan's file says of it. */
export type About = Partial<Pick<PlanFile, 'site' | 'recipe' | 'base' | 'only'>>

const ALERT_WORDS: { readonly [kind in AlertKind]: string } = {
  lockout: 'Locks you out',
  guarded: 'May lock you out, auto-reverts unless a new login works',
  destroys: 'Destroys data',
  removes: 'Removes',
  opens: 'Opens or closes',
  interrupts: 'Interrupts the service',
  restarts: 'Restarts',
  reloads: 'Reloads',
}

/** What a change does beyond itself. */
export const EFFECTS: { readonly [consequence in Consequence]: string } = {
  lockout: 'guarded',
  destructive: 'destroys data',
  disruptive: 'interrupts the service',
  unknown: 'effect not declared',
  restart: 'restarts its service',
  reload: 'reloads its service',
  safe: '',
  record: 'only recorded',
}

/** The gravest first. */
const ALERT_KINDS = ['lockout', 'guarded', 'destroys', 'removes', 'opens', 'interrupts', 'restarts', 'reloads'] as const

const GRAVE: readonly AlertKind[] = ['lockout', 'guarded', 'destroys', 'removes']

/** Among changes of the same consequence. */
const KINDS: readonly ChangeKind[] = ['remove', 'change', 'create', 'follow-up', 'forget']

/** The plan of each host in a file, and the hosts that were not planned. */
export function viewReviews({ hosts, unplanned = [], ...about }: PlanFile): Review[] {
  return [
    ...hosts.map(({ plan }) => viewReview(plan, about)),
    ...unplanned.map(({ host, because }): Review => ({
      host: { name: cleanLine(host), address: '', os: '' },
      site: cleanLine(about.site ?? ''),
      title: 'not planned',
      sum: cleanLine(because),
      facts: [],
      remarks: [],
      alerts: [],
      rows: [],
      gathered: [],
    })),
  ]
}

export function viewReview(plan: Plan, about: About = {}): Review {
  const { head, rows, gathered, followUps, undo } = viewPlan(plan)
  const loads = followUps.map(({ what, because, consequence }): ReviewRow => ({
    kind: 'follow-up',
    sign: 'follow-up',
    label: what,
    where: '',
    consequence,
    effect: '',
    isGrave: false,
    cause: 'intent',
    why: [`because ${because}`],
    fields: [],
  }))
  return {
    host: { name: head.host, address: head.address, os: head.os },
    site: cleanLine(about.site ?? ''),
    title: `${plan.partial ? 'PARTIAL: ' : ''}${kindSum(plan) || (loads.length > 0 ? 'only to reload or restart or run' : 'nothing to do')}`,
    sum: head.sum,
    facts: factsOf(plan, about),
    remarks: head.remarks.filter(({ kind }) => kind !== 'lockout'),
    alerts: alertsOf(plan, head.remarks, rows),
    rows: [...rows.map(reviewRow), ...loads].sort(gravestFirst),
    gathered,
    ...(undo === undefined ? {} : { undo }),
  }
}

/** Absolute times: a review is read at any time after. */
function factsOf({ digest }: Plan, { recipe, base, only = [] }: About): Review['facts'] {
  const facts = {
    commit: recipe === undefined ? undefined : commitText(recipe),
    read: base === undefined ? undefined : timeText(base.at),
    only: only.length === 0 ? undefined : only.join(' '),
    digest,
  }
  return Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: cleanLine(value) }],
  )
}

function commitText({ commit, dirty }: NonNullable<About['recipe']>): string {
  return `${commit.slice(0, 12)}${dirty ? ' with uncommitted changes' : ''}`
}

/** `2026-11-27 21:57 UTC` */
function timeText(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}

function reviewRow({ kind, sign, label, where, consequence, cause, notes, fields, loads }: ChangeRow): ReviewRow {
  const own = notes.find(({ about }) => about === 'consequence')?.text
  return {
    kind,
    sign: sign === 'guarded' ? kind : sign,
    label,
    where,
    consequence,
    effect: [own ?? (loads.length > 0 ? '' : EFFECTS[consequence]), ...loads.map(({ what }) => what)]
      .filter((words) => words !== '')
      .join('; '),
    isGrave: sign === 'guarded',
    cause,
    why: notes.filter(({ about }) => about !== 'consequence').map(noteText),
    fields,
  }
}

/** With the time in place of an age, which would be wrong by the time that it is read. */
function noteText({ text, since }: Note): string {
  if (since === undefined) return text
  const { run, at } = since
  return `${text} since run ${run}${at === undefined ? '' : ` (${timeText(at)})`}`
}

function gravestFirst(one: ReviewRow, other: ReviewRow): number {
  const gravity = CONSEQUENCES.indexOf(one.consequence) - CONSEQUENCES.indexOf(other.consequence)
  return gravity === 0 ? KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) : gravity
}

function alertsOf({ followUps }: Plan, remarks: readonly Remark[], rows: readonly ChangeRow[]): Alert[] {
  const of = (consequence: Consequence): AlertItem[] =>
    rows.filter((row) => row.consequence === consequence).map(({ label }) => ({ what: label }))
  const opens = rows.flatMap(({ label, notes }) =>
    notes.filter(({ about }) => about === 'opens').map(({ text }) => ({ what: text, why: label })),
  )
  const removed = rows
    .filter(({ kind, sign }) => kind === 'remove' && sign !== 'guarded')
    .map(({ label }) => ({ what: label }))
  const items: { [kind in AlertKind]: AlertItem[] } = {
    lockout: remarks.filter(({ kind }) => kind === 'lockout').map(({ text }) => ({ what: text })),
    guarded: of('lockout'),
    destroys: of('destructive'),
    removes: removed,
    opens,
    interrupts: of('disruptive'),
    restarts: loading('restart', followUps, rows),
    reloads: loading('reload', followUps, rows),
  }
  return ALERT_KINDS.filter((kind) => items[kind].length > 0).map((kind) => ({
    kind,
    isGrave: GRAVE.includes(kind),
    words: ALERT_WORDS[kind],
    items: items[kind],
  }))
}

/** Units that load something, and the changes whose type says so without naming a unit. */
function loading(action: FollowUp['action'], followUps: readonly FollowUp[], rows: readonly ChangeRow[]): AlertItem[] {
  const units = groupBy(
    followUps.filter((one) => one.action === action),
    ({ unit }) => cleanLine(unit),
  )
  const others = rows.filter(({ consequence, loads }) => consequence === action && loads.length === 0)
  return [
    ...[...units].map(([what, group]) => ({
      what,
      why: [...new Set(group.map(({ because }) => cleanLine(because)))].join(', '),
    })),
    ...others.map(({ label }) => ({ what: `the service of ${label}` })),
  ]
}
