/**
 * A plan as a comment on a pull request, in GitHub-flavoured Markdown. Pure.
 *
 * A comment has a limit, and what it has room for goes by meaning: the summary and what the plan may break, then the
 * table of changes, then their differences. Only whole lines and whole blocks are left out, and counted, so that nothing
 * stays open.
 */
import { MARKS } from '../view/marks.ts'
import type { Alert, AlertItem, Review, ReviewRow } from '../view/review.ts'
import { counted, counts } from '../words.ts'
import { differenceBlocks } from './differences.ts'
import { fit } from './fit.ts'
import { cell, code, inComment, inert } from './inert.ts'

/** GitHub takes 65,536 characters; a tenth is left to what is put around a plan. */
export const MOST_CHARACTERS = Math.floor(65_536 * 0.9)
/** Characters for all alerts, for each of them at least, and for each other list above the table. */
const ALERTS = 24_000
const LEAST_ALERT = 400
const LIST = 6_000
/** Characters of a list that are left to the sentence about the rest of it. */
const REST = 160
/** Characters left to each block after the one that is written. */
const LATER = 4_000
const MOST_IN_HEADING = 3

/** The first line, by which a comment is found again. */
export function planMarker({ host, site }: Pick<Review, 'host' | 'site'>): string {
  return `<!-- keelson:plan host=${inComment(host.name)} site=${inComment(site)} v1 -->`
}

/** What the plan may break, without its changes: for a place that has no room for them. */
export function renderBrief(review: Review): string {
  return `${headText(review)}\n`
}

export function renderMarkdown(review: Review): string {
  const { rows } = review
  const parts: ((room: number) => string)[] = [
    (room) =>
      changeBlock(
        rows.filter(({ cause }) => cause !== 'drift'),
        room,
      ),
    (room) =>
      driftBlock(
        rows.filter(({ cause }) => cause === 'drift'),
        room,
      ),
    (room) => gatheredBlock(review, room),
    (room) => differenceBlocks(rows, room),
  ]
  let text = headText(review)
  parts.forEach((part, index) => {
    const block = part(MOST_CHARACTERS - text.length - 3 - LATER * (parts.length - 1 - index))
    if (block !== '') text += `\n\n${block}`
  })
  return `${text}\n`
}

function headText(review: Review): string {
  const { alerts, remarks, undo } = review
  const blocks = [
    `${planMarker(review)}\n${heading(review)}`,
    factsLine(review),
    ...alertBlocks(alerts),
    list(
      '> [!NOTE]',
      remarks.map(
        ({ kind, text }) => `> - ${kind === 'partial' ? '**PARTIAL**: ' : ''}${inert(text, 400) || '(no text)'}`,
      ),
      '> - and',
    ),
    ...(undo === undefined ? [] : [stayList(undo.stays), inert(undo.next)]),
  ]
  return blocks.filter((block) => block !== '').join('\n\n')
}

/** ### `web-1` · 2 create, 1 remove · restarts `api.service` · opens `8443/tcp` */
function heading({ host, title, alerts }: Review): string {
  const brief = (kind: Alert['kind'], verb: string): string[] => {
    const items = alerts.find((alert) => alert.kind === kind)?.items ?? []
    const shown = items.slice(0, MOST_IN_HEADING).map(({ what }) => inert(what, 60))
    const more = items.length > shown.length ? [`${items.length - shown.length} more`] : []
    return items.length === 0 ? [] : [`${verb}${[...shown, ...more].join(', ')}`]
  }
  const effects = [
    ...brief('destroys', 'destroys data: '),
    ...brief('restarts', 'restarts '),
    ...brief('reloads', 'reloads '),
    ...brief('opens', ''),
  ]
  const lockout = alerts.some(({ kind }) => kind === 'lockout') ? ['**locks you out**'] : []
  return `### ${[code(host.name), title, ...lockout, ...effects].filter((part) => part !== '').join(' · ')}`
}

function factsLine({ host, facts, sum }: Review): string {
  const known = facts.map(({ name, value }) => `${name} ${inert(value)}`)
  return [...known, code(host.address), code(host.os), inert(sum)].filter((part) => part !== '').join(' · ')
}

/** Every alert has its count; the worst has the most room for its list. */
function alertBlocks(alerts: readonly Alert[]): string[] {
  let room = ALERTS
  const lines = alerts.map((alert) => {
    const line = `> - ${alertText(alert, Math.max(LEAST_ALERT, room))}`
    room -= line.length
    return { line, title: alert.isGrave ? '> [!CAUTION]' : '> [!WARNING]' }
  })
  return ['> [!CAUTION]', '> [!WARNING]'].flatMap((title) => {
    const own = lines.filter((each) => each.title === title)
    return own.length === 0 ? [] : [[title, ...own.map(({ line }) => line)].join('\n')]
  })
}

/** **Restarts** (2): `api.service` (file `/etc/app.env` changed); `redis-server` */
function alertText({ words, items }: Alert, room: number): string {
  const start = `**${words}** (${items.length}): `
  const { text, left } = fit(items.map(itemText), '; ', room - start.length - REST)
  return `${start}${[text, left === 0 ? '' : `${left} more`].filter((part) => part !== '').join('; ')}`
}

function itemText({ what, why }: AlertItem): string {
  return why === undefined ? inert(what) : `${inert(what)} (${inert(why)})`
}

function stayList(stays: NonNullable<Review['undo']>['stays']): string {
  return list(
    '**Not fully undone**\n',
    stays.map(({ label, why }) => `- ${inert(label)}: ${inert(why)}`),
    '- and',
  )
}

/** @param and Starts the line about what has no room. */
function list(start: string, lines: readonly string[], and: string): string {
  if (lines.length === 0) return ''
  const { text, left } = fit(lines, '\n', LIST)
  return [start, text, left === 0 ? '' : `${and} ${left} more`].filter((part) => part !== '').join('\n')
}

const TABLE_HEAD = '| | Resource | Effect | Why | Declared at |\n|:--|:--|:--|:--|:--|'

function changeBlock(rows: readonly ReviewRow[], room: number): string {
  if (rows.length === 0) return ''
  const start = `**Changes** (${rows.length})\n\n`
  return `${start}${table(rows, room - start.length)}`
}

function driftBlock(rows: readonly ReviewRow[], room: number): string {
  if (rows.length === 0) return ''
  const start = `<details><summary>Changed by hand on the host, and set back (${rows.length})</summary>\n\n`
  const end = '\n\n</details>'
  return `${start}${table(rows, room - start.length - end.length)}${end}`
}

export function table(rows: readonly ReviewRow[], room: number): string {
  const { text, left } = fit(rows.map(tableRow), '\n', room - TABLE_HEAD.length - REST)
  const shown = text === '' ? [] : [`${TABLE_HEAD}\n${text}`]
  const hidden = left === 0 ? [] : [`… and ${left} more: ${kindCounts(rows.slice(rows.length - left))}`]
  return [...shown, ...hidden].join('\n\n')
}

function tableRow({ kind, sign, label, effect, why, where }: ReviewRow): string {
  const cells = [`${code(MARKS[sign])} ${kind}`, inert(label), inert(effect), inert(why.join('; '), 400), inert(where)]
  return `| ${cells.map(cell).join(' | ')} |`
}

function kindCounts(rows: readonly ReviewRow[]): string {
  const kinds = ['create', 'change', 'remove', 'forget', 'follow-up'] as const
  return counts(kinds.map((kind) => [rows.filter((row) => row.kind === kind).length, kind] as const))
}

/** Changes that are only recorded or checked again, by reason. */
function gatheredBlock({ gathered }: Review, room: number): string {
  const lines = gathered.map(({ kind, text, labels }) => {
    const names = fit(
      labels.map((label) => inert(label)),
      ', ',
      LATER / 2,
    )
    const more = names.left === 0 ? '' : ` and ${names.left} more`
    return `- ${code(MARKS[kind])} ${inert(text)}: ${names.text}${more}`
  })
  const { text, left } = fit(lines, '\n', room - REST)
  const hidden = gathered.slice(gathered.length - left)
  const more = (['recheck', 'adopt'] as const).flatMap((kind) => {
    const count = hidden.reduce((sum, row) => sum + (row.kind === kind ? row.labels.length : 0), 0)
    return count === 0 ? [] : [`- ${code(MARKS[kind])} ${kind}: ${counted(count, 'more resource')}`]
  })
  return [...(text === '' ? [] : [text]), ...more].join('\n')
}
