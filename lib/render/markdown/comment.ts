/**
 * A plan as the one comment that a pull request keeps for a host and a site: edited with each push, with the digests of
 * earlier plans, and marked while a plan of the latest commits is still being made. Pure.
 *
 * The second line of a comment holds, in a comment of HTML, what the next one has to know. Whoever may edit comments can
 * change it, so only what has the form of a digest, a commit and a time is read from it.
 */
import type { Review } from '../view/review.ts'
import { counted } from '../words.ts'
import { code } from './inert.ts'
import { planMarker, renderBrief, renderMarkdown } from './planMarkdown.ts'

/** What the server and the run that writes the comment say of it, not the plan. */
export type CommentAbout = {
  /** Commits at the head of the pull request, and of the branch that it is to be merged into. */
  head: string
  base: string
  /** When the comment is written. ISO 8601. */
  at: string
  /** URL of the run that writes it. */
  run?: string
  /** The plan was made by code of the pull request, which can write anything into it. */
  isUntrusted: boolean
}

/** A plan that the comment showed before. */
type Earlier = { digest: string; head: string; at: string }

const MOST_EARLIER = 20
const NO_DIGEST = '-'
const STATE = /^<!-- keelson:state ([0-9a-f@:.,TZ -]{1,4000}) -->$/
const EARLIER = /^([0-9a-f]{64})@([0-9a-f]{40,64})@(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z)$/
const OUTDATED = '<!-- keelson:outdated -->'

/** A commit or digest, as long as people say it. */
const SHORT = 12

/**
 * @param known The comment as it is now; undefined when there is none.
 * @param isShort Leaves out the changes, for a server that does not take the whole.
 */
export function renderComment(review: Review, about: CommentAbout, known = '', isShort = false): string {
  const marker = planMarker(review)
  const digest = review.facts.find(({ name }) => name === 'digest')?.value
  const earlier = earlierThan(known, digest)
  const plan = (isShort ? renderBrief(review) : renderMarkdown(review)).slice(marker.length + 1).trimEnd()
  const now = digest === undefined ? NO_DIGEST : `${digest}@${about.head}@${about.at}`
  const blocks = [
    [marker, `<!-- keelson:state ${[now, ...earlier.map(stateOf)].join(',')} -->`, plan].join('\n'),
    ...(isShort ? ['The changes are more than this server takes in a comment.'] : []),
    ...(about.isUntrusted ? [UNTRUSTED] : []),
    aboutLine(about),
    ...(earlier.length === 0 ? [] : [earlierList(earlier)]),
  ]
  return `${blocks.join('\n\n')}\n`
}

const UNTRUSTED = [
  '> [!NOTE]',
  '> The code of this pull request made this plan, without secrets and without the host: it shows what that code says of',
  '> itself. What is applied is planned anew after the merge.',
].join('\n')

/**
 * A comment with the mark that other commits have come since; undefined when it has it, or is of those commits.
 *
 * @param head The commit that the pull request now has at its head.
 */
export function outdatedComment(body: string, head: string): string | undefined {
  const [marker = '', state = '', ...rest] = body.split('\n')
  const [now] = entriesOf(state)
  if (rest[0] === OUTDATED || now?.head === head) return undefined
  const note = [
    OUTDATED,
    '> [!WARNING]',
    `> Outdated: ${code(head.slice(0, SHORT))} was pushed since. A plan of it follows.`,
  ]
  return [marker, state, ...note, '', ...rest].join('\n')
}

/** Of what has the form of a state. The first entry is the plan that the comment shows, unless that has no digest. */
function entriesOf(line: string): Earlier[] {
  const [, entries = ''] = STATE.exec(line) ?? []
  return entries.split(',').flatMap((entry) => {
    const [, digest, head, at] = EARLIER.exec(entry) ?? []
    return digest === undefined || head === undefined || at === undefined ? [] : [{ digest, head, at }]
  })
}

/** The newest first. A plan that comes again counts once. */
function earlierThan(known: string, digest: string | undefined): Earlier[] {
  const entries = entriesOf(known.split('\n')[1] ?? '')
  const seen = new Set([digest])
  return entries.filter((entry) => !seen.has(entry.digest) && seen.add(entry.digest)).slice(0, MOST_EARLIER)
}

function stateOf({ digest, head, at }: Earlier): string {
  return `${digest}@${head}@${at}`
}

function aboutLine({ head, base, at, run }: CommentAbout): string {
  const link = run === undefined ? [] : [`[run](${run})`]
  const commits = `Head ${code(head.slice(0, SHORT))} on base ${code(base.slice(0, SHORT))}`
  return [commits, `written ${minuteOf(at)}`, ...link].join(' · ')
}

function earlierList(earlier: readonly Earlier[]): string {
  const lines = earlier.map(
    ({ digest, head, at }) => `- digest ${code(digest)} of head ${code(head.slice(0, SHORT))}, ${minuteOf(at)}`,
  )
  const summary = `<details><summary>${counted(earlier.length, 'earlier plan')}</summary>`
  return [summary, '', ...lines, '', '</details>'].join('\n')
}

function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}
