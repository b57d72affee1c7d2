/**
 * Plans as one page of HTML that needs nothing else: no script, no request. Pure.
 */
import { createHash } from 'node:crypto'
import { type Consequence, CONSEQUENCES } from '../../kit/resourceType.ts'
import { MARKS } from '../view/marks.ts'
import type { Alert, Review, ReviewRow } from '../view/review.ts'
import type { GatheredRow, Remark } from '../view/view.ts'
import { type Html, htmlText, markup } from './html.ts'
import { fieldsHtml } from './sideBySide.ts'
import { STYLE } from './style.ts'

/** Existing resources of which at most so many fields change are unfolded. */
const MOST_UNFOLDED = 8

/** Allows the page its style and nothing else, should a text ever become markup. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(htmlText(STYLE)).digest('base64')}'`,
  // For an empty icon: without one, browsers ask a server for it.
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const CHOICES: { readonly [consequence in Consequence]: string } = {
  lockout: 'may lock you out',
  destructive: 'destroys data',
  disruptive: 'interrupts a service',
  unknown: 'effect not declared',
  restart: 'restarts',
  reload: 'reloads',
  safe: 'nothing beyond the change',
  record: 'only recorded',
}

/** @param reviews Of one site, one for each host. */
export function renderHtml(reviews: readonly Review[]): string {
  const title = `Plan for ${reviews.map(({ host }) => host.name).join(', ')}`
  return htmlText(markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${filter(reviews.flatMap(({ rows }) => rows))}
${reviews.map(hostSection)}</main>
</body>
</html>
`)
}

/** Radio buttons that the style reads; without a choice there is nothing to filter. */
function filter(rows: readonly ReviewRow[]): Html {
  const found = CONSEQUENCES.filter((one) => rows.some(({ consequence }) => consequence === one))
  if (found.length < 2) return markup``
  const choices = found.map((one) => {
    const count = rows.filter(({ consequence }) => consequence === one).length
    return markup`<label><input type="radio" name="only" id="only-${one}"> ${CHOICES[one]} (${count})</label>\n`
  })
  return markup`<fieldset><legend>Show changes</legend>
<label><input type="radio" name="only" id="only-all" checked> all (${rows.length})</label>
${choices}</fieldset>`
}

function hostSection({ host, title, sum, facts, alerts, remarks, rows, gathered, undo }: Review): Html {
  const known = facts.map(({ name, value }) => markup`<span>${name} <code>${value}</code></span>\n`)
  return markup`<section>
<h2>${host.name} · ${title}</h2>
<p class="facts"><span>${sum}</span>
<span><code>${host.address}</code> <code>${host.os}</code></span>
${known}</p>
${list('alerts', [...alerts.map(alertItem), ...remarks.map(remarkItem)])}
${undo === undefined ? [] : [undo.stays.length === 0 ? markup`` : titled('Not fully undone', list('', undo.stays.map(stayItem))), markup`<p>${undo.next}</p>\n`]}
${changes(
  'Changes',
  '',
  rows.filter(({ cause }) => cause !== 'drift'),
)}
${changes(
  'Changed by hand on the host, and set back',
  'drift',
  rows.filter(({ cause }) => cause === 'drift'),
)}
${gathered.length === 0 ? [] : titled('Only recorded, or checked again', markup`${gathered.map(gatheredRow)}`)}
</section>
`
}

function titled(title: string, body: Html): Html {
  return markup`<h3>${title}</h3>\n${body}`
}

function list(name: string, items: readonly Html[]): Html {
  return items.length === 0 ? markup`` : markup`<ul class="${name}">\n${items}</ul>`
}

function alertItem({ words, items, isGrave }: Alert): Html {
  const name = isGrave ? 'caution' : 'warning'
  const inner = items.map(({ what, why }) => {
    const because = why === undefined ? markup`` : markup` (${why})`
    return markup`<li><code>${what}</code>${because}</li>\n`
  })
  return markup`<li class="${name}"><strong>${words}</strong> (${items.length})\n${list('', inner)}</li>\n`
}

function remarkItem({ kind, text }: Remark): Html {
  return markup`<li class="note">${kind === 'partial' ? markup`<strong>PARTIAL</strong> ` : []}${text}</li>\n`
}

function stayItem({ label, why }: NonNullable<Review['undo']>['stays'][number]): Html {
  return markup`<li><code>${label}</code>: ${why}</li>\n`
}

function changes(title: string, name: string, rows: readonly ReviewRow[]): Html {
  if (rows.length === 0) return markup``
  return titled(`${title} (${rows.length})`, markup`<div class="${name}">\n${rows.map(changeRow)}</div>`)
}

function changeRow(row: ReviewRow): Html {
  const { kind, consequence, fields, isGrave } = row
  const line = rowLine(row)
  if (fields.length === 0) return markup`<div class="row is-${consequence}"><div class="line">${line}</div></div>\n`
  const isOpen = isGrave || (kind !== 'create' && fields.length <= MOST_UNFOLDED)
  return markup`<details class="row is-${consequence}"${isOpen ? markup` open` : []}><summary class="line">${line}</summary>
<div class="body">${fieldsHtml(row)}</div></details>\n`
}

function rowLine({ kind, sign, label, where, effect, why }: ReviewRow): Html {
  return markup`<span class="what"><span class="kind ${sign}">${MARKS[sign]} ${kind}</span> <code>${label}</code>
${effect === '' ? [] : markup`<span class="effect">${effect}</span>\n`}<span class="why">${why.join('; ')}</span></span>
<span class="where">${where}</span>`
}

function gatheredRow({ kind, text, labels }: GatheredRow): Html {
  const items = labels.map((label) => markup`<li><code>${label}</code></li>\n`)
  return markup`<details><summary><span class="kind ${kind}">${MARKS[kind]}</span> ${text}</summary>
${list('', items)}</details>\n`
}
