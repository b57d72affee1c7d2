/**
 * review: puts plans in front of people, as comments on a pull request and as an issue about drift. No host is
 * contacted. The token comes from the environment, and goes nowhere but to the API.
 */
import type { ExitName } from '../../engine/report.ts'
import { Stale } from '../../engine/errors.ts'
import { editComment, findPull, ownLogin, type Pull, readComments, readPull } from '../../forge/github.ts'
import { isBy, keepComment, keepIssue, type Kept, type Writer } from '../../forge/sticky.ts'
import { cleanLine } from '../../render/clean.ts'
import { jsonLine } from '../../render/json.ts'
import { type CommentAbout, outdatedComment, renderComment } from '../../render/markdown/comment.ts'
import { driftMarker, renderDrift, renderInOrder } from '../../render/markdown/driftIssue.ts'
import { planMarker } from '../../render/markdown/planMarkdown.ts'
import { type Review, viewReviews } from '../../render/view/review.ts'
import type { CommandContext } from '../commandContext.ts'
import { UsageError } from '../errors.ts'
import { parseCount } from '../options.ts'
import { readPlanFile } from '../planFile.ts'

export type ForgeFlags = { repo?: string; api?: string; author?: string; runUrl?: string }
export type PullFlags = ForgeFlags & { pr?: string; branch?: string; head?: string }
export type PostFlags = PullFlags & { comment: 'always' | 'changes' | 'never'; untrusted?: true }
export type IssueFlags = ForgeFlags & { label: string[] }

/** The account of the token that GitHub gives a workflow: it may not ask for its own name. */
const ACTIONS = 'github-actions[bot]'
const TOKENS = ['GITHUB_TOKEN', 'GH_TOKEN']

/** Puts each plan of a file on a pull request, as one comment that is edited with each push. */
export async function reviewPost(context: CommandContext, path: string, flags: PostFlags): Promise<ExitName> {
  const reviews = viewReviews(await readPlanFile(path))
  const writer = await openWriter(context, flags)
  const pull = await pullOf(writer, flags)
  if (flags.head !== undefined && flags.head !== pull.head)
    throw new Stale(`pull request ${pull.number} has moved on to ${pull.head.slice(0, 12)}; nothing was posted`, {
      next: 'the run of that commit posts its plan',
    })
  const run = runUrlOf(flags)
  const about: CommentAbout = {
    head: pull.head,
    base: pull.base,
    at: new Date().toISOString(),
    ...(run === undefined ? {} : { run }),
    isUntrusted: flags.untrusted === true,
  }
  const kept: Named[] = []
  for (const review of reviews) {
    const isNew = flags.comment === 'always' || (flags.comment === 'changes' && hasChanges(review))
    const done = await keepComment(writer, pull.number, planMarker(review), (known, short) =>
      known === undefined && !isNew ? undefined : renderComment(review, about, known?.body, short),
    )
    kept.push({ what: `comment on #${pull.number} for ${review.host.name}`, host: review.host.name, ...done })
  }
  await markOutdated(writer, pull, new Set(reviews.map(planMarker)))
  return tell(context, 'review post', kept)
}

/** Marks the comments of earlier commits, until a plan of the latest is posted. */
export async function reviewOutdated(context: CommandContext, flags: PullFlags): Promise<ExitName> {
  const writer = await openWriter(context, flags)
  const pull = await pullOf(writer, flags)
  const marked = await markOutdated(writer, pull, new Set())
  return tell(context, 'review outdated', [{ what: `comments on #${pull.number} marked outdated: ${marked}` }])
}

/** Opens or updates the issue about drift, and closes it when all hosts are in order. */
export async function reviewIssue(context: CommandContext, path: string, flags: IssueFlags): Promise<ExitName> {
  const reviews = viewReviews(await readPlanFile(path))
  const writer = await openWriter(context, flags)
  const issue = renderDrift(reviews, runUrlOf(flags))
  const text = issue === undefined ? undefined : { title: issue.title, body: issue.body, labels: flags.label }
  const { title, body } = renderInOrder(reviews, new Date().toISOString())
  const kept = await keepIssue(writer, driftMarker(reviews), text, { title, body })
  return tell(context, 'review issue', [{ what: issue?.title ?? 'no drift', ...kept }])
}

type Named = Partial<Kept> & { what: string; host?: string }

function hasChanges({ rows, gathered, facts }: Review): boolean {
  // A host that was not planned has no facts, and must not be passed over.
  return rows.length > 0 || gathered.length > 0 || facts.length === 0
}

/** @param besides First lines of comments that were just written. @returns How many were marked. */
async function markOutdated(writer: Writer, pull: Pull, besides: ReadonlySet<string>): Promise<number> {
  let marked = 0
  for (const comment of await readComments(writer, pull.number)) {
    const [marker = ''] = comment.body.split('\n')
    if (!/^<!-- keelson:plan .{1,1200} v1 -->$/.test(marker) || besides.has(marker) || !isBy(writer, marker, comment))
      continue
    const body = outdatedComment(comment.body, pull.head)
    if (body === undefined) continue
    await editComment(writer, comment.id, body)
    marked += 1
  }
  return marked
}

async function pullOf(writer: Writer, { pr, branch, head }: PullFlags): Promise<Pull> {
  if (branch !== undefined) {
    if (pr !== undefined || head === undefined)
      throw new UsageError(
        '--branch goes with --head, and without --pr',
        'a branch and its commit tell the pull request',
      )
    const found = await findPull(writer, branch, head)
    if (found !== undefined) return found
    throw new Stale(`no open pull request of ${branch} has ${head.slice(0, 12)} at its head; nothing was posted`, {
      next: 'where the branch has moved on, the run of its latest commit posts its plan',
    })
  }
  const [, own] = /^refs\/pull\/(\d+)\//.exec(process.env['GITHUB_REF'] ?? '') ?? []
  const number = pr ?? own
  if (number !== undefined) return readPull(writer, parseCount('--pr', number))
  throw new UsageError(
    'it is not said which pull request is meant',
    'give --pr NUMBER, or --branch OWNER:BRANCH and --head',
  )
}

async function openWriter({ output, json }: CommandContext, flags: ForgeFlags): Promise<Writer> {
  const repo = flags.repo ?? process.env['GITHUB_REPOSITORY']
  if (repo === undefined || !/^[\w.-]{1,100}\/[\w.-]{1,100}$/.test(repo) || /(^|\/)\.\.?(\/|$)/.test(repo))
    throw new UsageError(
      repo === undefined ? 'it is not said which repository is meant' : '--repo takes OWNER/NAME',
      'give --repo OWNER/NAME',
    )
  const token = tokenOf()
  output.hide([token])
  const wait = async (ms: number, because: string): Promise<void> => {
    if (!json) output.err.write(`${because}; trying again in ${Math.ceil(ms / 1000)} s\n`)
    await new Promise((resolve) => void setTimeout(resolve, ms))
  }
  const api = { url: apiUrl(flags.api ?? process.env['GITHUB_API_URL'] ?? 'https://api.github.com'), token, wait }
  const author =
    flags.author ?? (await ownLogin(api)) ?? (process.env['GITHUB_ACTIONS'] === 'true' ? ACTIONS : undefined)
  if (author !== undefined) return { ...api, repo, author }
  throw new UsageError(
    'the token does not say whose it is',
    'give --author LOGIN: the account that the comments are written by, such as my-app[bot]',
  )
}

/** A value that no header can hold is not passed on, because the error about it would show it. */
function tokenOf(): string {
  const name = TOKENS.find((each) => (process.env[each] ?? '').trim() !== '')
  if (name === undefined)
    throw new UsageError('there is no token for the API', `set ${TOKENS.join(' or ')} in the environment`)
  const token = process.env[name]!.trim()
  if (/^[\x21-\x7e]{8,4096}$/.test(token)) return token
  throw new UsageError(`${name} holds no token`, 'a token is one word of at least 8 letters, digits and signs')
}

/** Only this machine is asked without encryption. */
function apiUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined
  const isLocal = url !== undefined && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  const isFit = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)
  if (url === undefined || !isFit || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new UsageError('--api takes an https URL without a query', 'such as https://github.example/api/v3')
  return url.href.replace(/\/+$/, '')
}

/** URL of the run that writes. It becomes a link, so it may hold no character that Markdown gives a meaning. */
function runUrlOf({ runUrl }: ForgeFlags): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repo, GITHUB_RUN_ID: run } = process.env
  const own =
    server === undefined || repo === undefined || run === undefined
      ? undefined
      : `${server}/${repo}/actions/runs/${run}`
  const url = runUrl ?? own
  if (url === undefined || /^https?:\/\/[\w.:/%-]{1,500}$/.test(url)) return url
  throw new UsageError('--run-url takes a plain URL', 'letters, digits and the signs . : / % - _ only')
}

function tell({ output, json }: CommandContext, command: string, kept: readonly Named[]): ExitName {
  if (json) {
    const results = kept.map(({ what: _what, ...rest }) => rest)
    output.out.write(jsonLine(command, { results }))
    return 'ok'
  }
  for (const { what, action, url } of kept)
    output.out.write(
      `${[what, action, url].flatMap((part) => (part === undefined ? [] : [cleanLine(part)])).join('  ')}\n`,
    )
  return 'ok'
}
