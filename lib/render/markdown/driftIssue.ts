/**
 * What somebody changed on the hosts by hand, as one issue for all hosts of a site. Pure.
 *
 * Changes that are only declared and not yet converged are no drift, and are left out.
 */
import type { Review } from '../view/review.ts'
import { counted } from '../words.ts'
import { differenceBlocks } from './differences.ts'
import { fit } from './fit.ts'
import { code, inComment, inert } from './inert.ts'
import { MOST_CHARACTERS, table } from './planMarkdown.ts'

export type DriftIssue = { marker: string; title: string; body: string }

/** For the list of hosts without a section of their own. */
const REST = 4_000
const LEAST_SECTION = 1_500
/** Below it there would be little more than a list of what is hidden. */
const LEAST_DIFFERENCES = 5_000
const MOST_IN_TITLE = 3

/** Undefined when all hosts were read, and none has drifted. `body` begins with the marker. */
export function renderDrift(reviews: readonly Review[], run?: string): DriftIssue | undefined {
  const odd = reviews.map(drifted).filter((review) => review.rows.length > 0 || isLost(review))
  if (odd.length === 0) return undefined
  const marker = driftMarker(reviews)
  const start = `${marker}\n${sentenceOf(odd)}`
  const end = run === undefined ? '' : `\n\nFound by this [run](${run}).`
  const sections = sectionsOf(odd, MOST_CHARACTERS - start.length - end.length)
  return { marker, title: titleOf(odd), body: `${start}\n\n${sections}${end}\n` }
}

/** What an issue says when it is closed. */
export function renderInOrder(reviews: readonly Review[], at: string): DriftIssue {
  const marker = driftMarker(reviews)
  const names = fit(
    reviews.map(({ host }) => code(host.name)),
    ', ',
    REST,
  )
  const more = names.left === 0 ? '' : ` and ${names.left} more`
  const when = `${at.slice(0, 16).replace('T', ' ')} UTC`
  const body = `${marker}\nNothing that Keelson manages is changed by hand any more, as read ${when}: ${names.text}${more}.\n`
  return { marker, title: 'No drift', body }
}

/** One issue for a site; a site without a name has one, too. */
export function driftMarker(reviews: readonly Review[]): string {
  return `<!-- keelson:drift site=${inComment(reviews[0]?.site ?? '')} v1 -->`
}

function drifted(review: Review): Review {
  return { ...review, rows: review.rows.filter(({ cause }) => cause === 'drift' || cause === 'both') }
}

/** A host that was not planned has no facts, not even a digest. */
function isLost({ facts }: Review): boolean {
  return facts.length === 0
}

function titleOf(odd: readonly Review[]): string {
  const lost = odd.filter(isLost)
  const names = (of: readonly Review[]): string =>
    of.length > MOST_IN_TITLE ? counted(of.length, 'host') : of.map(({ host }) => host.name.slice(0, 63)).join(', ')
  if (lost.length === odd.length) return `Not read: ${names(odd)}`
  return `Drift on ${names(odd.filter((review) => !isLost(review)))}`
}

function sentenceOf(odd: readonly Review[]): string {
  const rows = odd.reduce((sum, review) => sum + review.rows.length, 0)
  const lost = odd.filter(isLost).length
  const parts = [
    ...(rows === 0 ? [] : [`${counted(rows, 'resource')} on ${counted(odd.length - lost, 'host')} changed by hand`]),
    ...(lost === 0 ? [] : [`${counted(lost, 'host')} could not be read`]),
  ]
  return `${parts.join('; ')}. A converge sets back what is declared; what should stay belongs into the recipes. This issue is kept up to date, and closed when all is in order.`
}

/** The same room for each host that is left; those without enough are counted. */
function sectionsOf(odd: readonly Review[], whole: number): string {
  const sections: string[] = []
  let room = whole - REST
  for (const [index, review] of odd.entries()) {
    const share = Math.floor(room / (odd.length - index))
    const section = sectionOf(review, Math.max(LEAST_SECTION, share))
    if (section.length + 2 > room) return [...sections, restOf(odd.slice(index))].join('\n\n')
    sections.push(section)
    room -= section.length + 2
  }
  return sections.join('\n\n')
}

function restOf(odd: readonly Review[]): string {
  const { text, left } = fit(
    odd.map(({ host, rows }) => `- ${code(host.name)}: ${counted(rows.length, 'resource')}`),
    '\n',
    REST - 100,
  )
  return `${text}${left === 0 ? '' : `\n- and ${counted(left, 'more host')}`}`
}

function sectionOf({ host, rows, facts, sum }: Review, room: number): string {
  const read = facts.find(({ name }) => name === 'read')?.value
  const head = `### ${code(host.name)}`
  if (facts.length === 0) return `${head}\n\nIt could not be read: ${inert(sum, 400)}`
  const start = `${head}\n\n${counted(rows.length, 'resource')}${read === undefined ? '' : `, read ${inert(read)}`}\n\n`
  const changes = table(rows, Math.floor((room - start.length) / 2))
  const left = room - start.length - changes.length - 2
  const differences = left > LEAST_DIFFERENCES ? differenceBlocks(rows, left) : ''
  return `${start}${changes}${differences === '' ? '' : `\n\n${differences}`}`
}
