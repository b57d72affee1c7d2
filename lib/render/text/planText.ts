/**
 * A plan as people read it on a terminal. Pure.
 *
 * Marks come from the plan's data and stand where nothing of a host's or recipe's text ever does, so that no text can
 * pass for a change.
 */
import { formatSource } from '../../engine/catalog/catalog.ts'
import { groupBy } from '../../kit/groupBy.ts'
import { followUpsOf } from '../../engine/plan/summary.ts'
import type { ChangeKind, FollowUp, Plan, PlanChange, Summary } from '../../engine/report.ts'
import { cleanLine } from '../clean.ts'
import { fieldLines, INDENT } from './fields.ts'
import { ago, counted, pad, type Page, shorten, widest, wrap } from './page.ts'
import { pendingText } from './standing.ts'
import { STILL_DECLARED, stayLines } from './undoText.ts'

/** Differences of a drift that are told in words. */
const MOST_WORDS = 3
/** Labels up to this wide share a column with those of the other lines. */
const LABEL_COLUMNS = 44

const SIGNS = {
  create: ['+', 'green'],
  change: ['~', 'yellow'],
  remove: ['-', 'red'],
  'follow-up': ['↻', 'cyan'],
  adopt: ['←', 'blue'],
  forget: ['.', 'dim'],
  recheck: ['?', 'dim'],
} as const satisfies { [kind in ChangeKind]: [sign: string, colour: keyof Page['colors']] }

type Row = { mark: string; label: string; where: string; note: string; body: string[] }

/** @param sentence Closes the last line, such as "Nothing was changed." */
export function renderPlan(plan: Plan, page: Page, sentence = ''): string {
  const rows = [
    ...plan.changes.filter(hasOwnRow).map((change) => rowOf(change, page)),
    ...recheckRows(plan.changes, page),
    ...adoptRows(plan.changes, page),
  ]
  const blocks = [
    headLines(plan, page),
    layOut(rows, page),
    followUpLines(plan.changes, page),
    ...(plan.undo === undefined ? [] : [stayLines(plan.undo, page), [STILL_DECLARED]]),
    [[closingLine(plan), sentence].filter(Boolean).join(' ')],
  ]
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`
}

/** Those of the other kinds are gathered: follow-ups by unit, the rest by reason. */
function hasOwnRow({ kind }: PlanChange): boolean {
  return kind !== 'follow-up' && kind !== 'adopt' && kind !== 'recheck'
}

function headLines(plan: Plan, page: Page): string[] {
  const { host, summary, changes, warnings, lockouts = [], partial, first, undo } = plan
  const { colors } = page
  const names = [colors.bold(cleanLine(host.name)), cleanLine(host.address), cleanLine(host.os)]
  const what = undo === undefined ? lookedAt(changes, summary) : `undo of run ${cleanLine(undo.run)}`
  return [
    [...names, `${what}: ${pendingText(undo === undefined ? summary : withoutSame(summary))}`].join('  '),
    ...(partial ? [`  ${colors.bold('PARTIAL')}  only what was asked for, and what that needs`] : []),
    ...(first ? [`  ${colors.dim('nothing was ever converged here')}`] : []),
    ...warnings.map((warning) => `  ${colors.yellow('warning')}  ${cleanLine(warning)}`),
    ...lockouts.map((lockout) => `  ${colors.red('lock-out')}  ${cleanLine(lockout)}`),
  ]
}

/** `106 resources and 2 no longer declared` */
function lookedAt(changes: readonly PlanChange[], { resources }: Summary): string {
  const others = changes.filter(({ source }) => source === undefined).length
  return `${counted(resources - others, 'resource')}${others === 0 ? '' : ` and ${others} no longer declared`}`
}

/** What a run did not touch is no matter of its undo. */
function withoutSame(summary: Summary): Summary {
  return { ...summary, resources: summary.resources - summary.unchanged, unchanged: 0 }
}

function rowOf(change: PlanChange, page: Page): Row {
  return {
    mark: markOf(change, page),
    label: cleanLine(change.label),
    where: change.source === undefined ? undeclared(change) : cleanLine(formatSource(change.source)),
    note: notesOf(change, page).join('; '),
    body: fieldLines(change, page),
  }
}

/** A sign and its colour; the sign alone is enough. */
function markOf({ kind, consequence, certainty }: PlanChange, { colors }: Page): string {
  if (consequence === 'lockout' || consequence === 'destructive') return colors.bold(colors.red('!'))
  if (certainty === 'opaque') return colors.yellow('?')
  const [sign, colour] = SIGNS[kind]
  return colors[colour](sign)
}

function undeclared({ kind, run }: PlanChange): string {
  return `no longer declared${run === undefined || kind === 'forget' ? '' : `; made by run ${cleanLine(run)}`}`
}

function notesOf(change: PlanChange, page: Page): string[] {
  const { kind, certainty, leftBy, source } = change
  const { colors } = page
  const because = change.because === undefined ? '' : cleanLine(change.because)
  return [
    ...consequenceNotes(change, colors),
    ...(kind === 'remove' && source !== undefined && source.line > 0 ? ['removed, as declared'] : []),
    ...(kind === 'forget' ? [`released; ${because}`] : []),
    ...driftNotes(change, page),
    ...(leftBy === undefined ? [] : [`not done by run ${cleanLine(leftBy)}`]),
    ...(change.opens ?? []).map((words) => colors.yellow(cleanLine(words))),
    ...(certainty === 'unknown' ? [`not known yet: ${because}`] : []),
    ...(certainty === 'predicted' ? [`predicted: ${because}`] : []),
    ...(certainty === 'opaque' ? ['cannot be checked: runs each time'] : []),
  ]
}

/** `drift: stopped after run 41 (2 h ago)` */
function driftNotes({ cause, drift, leftBy }: PlanChange, page: Page): string[] {
  if (cause === 'intent') return []
  const { what, run, at = '' } = drift ?? { what: ['changed'] }
  const shown = what.slice(0, MOST_WORDS).map(cleanLine)
  const words = [...shown, ...(what.length > MOST_WORDS ? [`${what.length - MOST_WORDS} more`] : [])].join(', ')
  const age = ago(at, page)
  // What a run began and did not do was changed before that run, and nobody knows after which.
  const isKnown = run !== undefined && run !== leftBy
  const after = isKnown ? ` after run ${cleanLine(run)}${age === undefined ? '' : ` (${age})`}` : ''
  return [page.colors.magenta(`${cause === 'both' ? 'declared otherwise, and ' : 'drift: '}${words}${after}`)]
}

function consequenceNotes({ kind, consequence, locksOut }: PlanChange, colors: Page['colors']): string[] {
  const verb = kind === 'remove' ? 'remove; ' : kind === 'create' ? 'create; ' : ''
  switch (consequence) {
    case 'lockout':
      if (locksOut === true) return [colors.red(`${verb}locks you out`)]
      return [colors.red(`${verb}guarded: reverts by itself unless a new login works`)]
    case 'destructive':
      return [colors.red(`${verb}destroys data`)]
    case 'disruptive':
      return [colors.yellow('interrupts the service')]
    default:
      return []
  }
}

/** What is looked at again later, gathered by reason. */
function recheckRows(changes: readonly PlanChange[], page: Page): Row[] {
  const groups = groupBy(
    changes.filter(({ kind }) => kind === 'recheck'),
    ({ because }) => because ?? '',
  )
  return [...groups].map(([because, group]) => ({
    mark: page.colors.dim('?'),
    label: `${counted(group.length, 'resource')} checked again, because ${cleanLine(because)}`,
    where: '',
    note: '',
    body: gathered(group, page),
  }))
}

/** What is right already, gathered by what its record lacks. */
function adoptRows(changes: readonly PlanChange[], page: Page): Row[] {
  const groups = groupBy(
    changes.filter(({ kind }) => kind === 'adopt'),
    ({ because }) => because ?? '',
  )
  return [...groups].map(([because, group]) => ({
    mark: page.colors.blue('←'),
    label: `${counted(group.length, 'resource')} ${cleanLine(because)}`,
    where: '',
    note: '',
    body: gathered(group, page),
  }))
}

function gathered(group: readonly PlanChange[], page: Page): string[] {
  const labels = group.map(({ label }) => cleanLine(label))
  const columns = (page.width ?? 110) - INDENT
  if (page.verbose) return wrap(labels, ', ', columns)
  const line = labels.join(', ')
  return [page.colors.dim(shorten(line, columns))]
}

function layOut(rows: readonly Row[], page: Page): string[] {
  const own = rows.filter(({ where }) => where !== '')
  const labels = Math.min(LABEL_COLUMNS, widest(own.map(({ label }) => label)))
  const places = widest(own.filter(({ note }) => note !== '').map(({ where }) => where))
  return rows.flatMap((row) => rowLines(row, { labels, places }, page))
}

function rowLines(row: Row, { labels, places }: { labels: number; places: number }, page: Page): string[] {
  const { mark, label, where, note, body } = row
  const start = `  ${mark} ${where === '' ? label : `${pad(label, labels)}  ${page.colors.dim(where)}`}`
  const indented = body.map((line) => `${' '.repeat(INDENT)}${line}`)
  if (note === '') return [start, ...indented]
  const line = `  ${mark} ${pad(label, labels)}  ${pad(page.colors.dim(where), places)}   ${note}`
  const fits = page.width === undefined || widest([line]) <= page.width
  return fits ? [line, ...indented] : [start, `${' '.repeat(INDENT)}${note}`, ...indented]
}

/** Of what only has something to load; what changes besides says so at its own line. */
function followUpLines(changes: readonly PlanChange[], { colors }: Page): string[] {
  const rows = changes.filter(isFollowUp).map((change) => {
    const followUps = followUpsOf([change])
    return {
      what: followUps.map(({ action, unit }) => `${action} ${cleanLine(unit)}`).join(', '),
      why: [...new Set(followUps.map(({ because }) => cleanLine(because)))].join(', '),
    }
  })
  const column = widest(rows.map(({ what }) => what))
  return rows.map(({ what, why }) => `  ${colors.cyan('↻')} ${pad(what, column)}  ${colors.dim('because')} ${why}`)
}

function isFollowUp({ kind }: PlanChange): boolean {
  return kind === 'follow-up'
}

/** `Plan: 1 create, 3 change · 1 to reload · 57 unchanged.` */
function closingLine({ summary, changes, partial, undo }: Plan): string {
  const todo = terms(summary, ['create', 'change', 'remove', 'adopt', 'forget'])
  const later = summary.recheck === 0 ? [] : [`${summary.recheck} to check again`]
  const restarts = changes.filter((change) => isFollowUp(change) && followUpsOf([change]).some(isRestart)).length
  const loads = { 'to reload': summary.followUps - restarts, 'to restart': restarts }
  const actions = Object.entries(loads).flatMap(([words, count]) => (count === 0 ? [] : [`${count} ${words}`]))
  const parts = [[...todo, ...later].join(', '), actions.join(', ')].filter(Boolean)
  const said = parts.length === 0 ? ['nothing to do'] : parts
  const unchanged = summary.unchanged === 0 || undo !== undefined ? [] : [`${summary.unchanged} unchanged`]
  return `${partial ? 'PARTIAL plan' : 'Plan'}: ${[...said, ...unchanged].join(' · ')}.`
}

function isRestart({ action }: FollowUp): boolean {
  return action === 'restart'
}

function terms(summary: Summary, names: readonly (keyof Summary)[]): string[] {
  return names.flatMap((name) => (summary[name] === 0 ? [] : [`${summary[name]} ${name}`]))
}
