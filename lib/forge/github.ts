/**
 * The endpoints of GitHub's REST API that reviews need, each answer checked before anything else reads it.
 */
import * as form from '../kit/form.ts'
import { Forbidden, ForgeError, Gone } from './errors.ts'
import { type Answer, type Api, type Method, request } from './request.ts'

export type Repository = Api & {
  /** `owner/name` */
  repo: string
}

/** A comment on a pull request or an issue. */
export type Comment = { id: number; author: string; body: string; url: string }
export type Issue = Comment & { number: number; isPull: boolean }
export type Pull = { number: number; head: string; base: string; isOpen: boolean }

/** The most that GitHub gives in one page. */
const PER_PAGE = 100
/** 10,000 comments or issues. */
const MOST_PAGES = 100

type Said = { body?: string | null; user?: { login: string } | null; html_url: string }
const said: form.FieldForms<Said> = {
  body: form.optional(form.either(form.text(), form.oneOf(null))),
  user: form.optional(form.either(form.fields<{ login: string }>({ login: form.text(200) }), form.oneOf(null))),
  html_url: form.text(2000),
}

type CommentAnswer = Said & { id: number }
const commentForm = form.fields<CommentAnswer>({ ...said, id: form.whole(1, Number.MAX_SAFE_INTEGER) })

type IssueAnswer = Said & { number: number; pull_request?: object | null }
const issueForm = form.fields<IssueAnswer>({
  ...said,
  number: form.whole(1, Number.MAX_SAFE_INTEGER),
  pull_request: form.optional(form.either(form.fields<object>({}), form.oneOf(null))),
})

const sha = form.matching(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'hash of a commit')
type PullAnswer = { number: number; state: string; head: { sha: string }; base: { sha: string } }
const pullForm = form.fields<PullAnswer>({
  number: form.whole(1, Number.MAX_SAFE_INTEGER),
  state: form.text(20),
  head: form.fields<{ sha: string }>({ sha }),
  base: form.fields<{ sha: string }>({ sha }),
})

/**
 * Login of the token's account. Undefined for a token that may not ask, such as the one of a workflow: an installation
 * has no account.
 */
export async function ownLogin(api: Api): Promise<string | undefined> {
  try {
    const { value } = await request(api, 'GET', '/user')
    return checked(form.fields<{ login: string }>({ login: form.text(200) }), value, 'a user').login
  } catch (error) {
    if (error instanceof Forbidden || error instanceof Gone) return undefined
    throw error
  }
}

export async function readPull(repository: Repository, number: number): Promise<Pull> {
  const { value } = await at(repository, 'GET', `/pulls/${number}`)
  return pullOf(checked(pullForm, value, 'a pull request'))
}

/**
 * The open pull request of a branch with this commit at its head. By branch, because GitHub finds the commits of a fork
 * by nothing else.
 *
 * @param branch `owner:branch`
 */
export async function findPull(repository: Repository, branch: string, head: string): Promise<Pull | undefined> {
  const path = `/pulls?state=open&head=${encodeURIComponent(branch)}&per_page=${PER_PAGE}`
  const pulls = await all(repository, path, pullForm, 'a pull request')
  return pulls.map(pullOf).find((pull) => pull.head === head)
}

/** Comments on a pull request or an issue, the oldest first. */
export async function readComments(repository: Repository, number: number): Promise<Comment[]> {
  const found = await all(repository, `/issues/${number}/comments?per_page=${PER_PAGE}`, commentForm, 'a comment')
  return found.map(commentOf)
}

export async function createComment(repository: Repository, number: number, body: string): Promise<Comment> {
  const { value } = await at(repository, 'POST', `/issues/${number}/comments`, { body })
  return commentOf(checked(commentForm, value, 'a comment'))
}

/** @throws {Gone} When the comment was deleted meanwhile. */
export async function editComment(repository: Repository, id: number, body: string): Promise<Comment> {
  const { value } = await at(repository, 'PATCH', `/issues/comments/${id}`, { body })
  return commentOf(checked(commentForm, value, 'a comment'))
}

export async function deleteComment(repository: Repository, id: number): Promise<void> {
  await at(repository, 'DELETE', `/issues/comments/${id}`)
}

/** Open issues of an account, the oldest first. */
export async function readIssues(repository: Repository, author: string): Promise<Issue[]> {
  const query = `state=open&creator=${encodeURIComponent(author)}&sort=created&direction=asc&per_page=${PER_PAGE}`
  const found = await all(repository, `/issues?${query}`, issueForm, 'an issue')
  return found.map(issueOf).filter(({ isPull }) => !isPull)
}

type IssueText = { title: string; body: string }

export async function createIssue(repository: Repository, text: IssueText & { labels: string[] }): Promise<Issue> {
  const { value } = await at(repository, 'POST', '/issues', text)
  return issueOf(checked(issueForm, value, 'an issue'))
}

/** @param text With `state: 'closed'` it is closed. */
export async function editIssue(
  repository: Repository,
  number: number,
  text: IssueText & { state?: 'closed'; state_reason?: 'completed' },
): Promise<Issue> {
  const { value } = await at(repository, 'PATCH', `/issues/${number}`, text)
  return issueOf(checked(issueForm, value, 'an issue'))
}

function at(repository: Repository, method: Method, path: string, body?: object): Promise<Answer> {
  return request(repository, method, `/repos/${repository.repo}${path}`, body)
}

async function all<T>(repository: Repository, path: string, of: form.Form<T>, what: string): Promise<T[]> {
  const found: T[] = []
  let answer = await at(repository, 'GET', path)
  for (let page = 1; ; page += 1) {
    found.push(...checked(form.list(of), answer.value, `a list of which each is ${what}`))
    if (answer.next === undefined) return found
    if (page === MOST_PAGES) throw new ForgeError(`${path} has more than ${MOST_PAGES} pages`, {})
    answer = await request(repository, 'GET', answer.next)
  }
}

function checked<T>(of: form.Form<T>, value: unknown, what: string): T {
  if (form.fits(of, value)) return value
  throw new ForgeError(`the server's answer is not ${what}: ${of.problem(value, 'more') ?? ''}`, {
    next: 'see whether --api is the URL of the REST API',
  })
}

function pullOf({ number, state, head, base }: PullAnswer): Pull {
  return { number, head: head.sha, base: base.sha, isOpen: state === 'open' }
}

/** A server may give the lines of a text that was edited by hand as CR LF. */
function saidOf({ body, user, html_url: url }: Said): Omit<Comment, 'id'> {
  return { author: user?.login ?? '', body: (body ?? '').replaceAll('\r\n', '\n'), url }
}

function commentOf(answer: CommentAnswer): Comment {
  return { id: answer.id, ...saidOf(answer) }
}

function issueOf(answer: IssueAnswer): Issue {
  const { number, pull_request: pull } = answer
  return { id: number, number, isPull: pull !== undefined && pull !== null, ...saidOf(answer) }
}
