/**
 * A server that speaks the endpoints of GitHub's REST API that reviews need, as its documentation and its answers have
 * them: pages with a Link header, bodies of errors, 65,536 characters at most.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

export const TOKEN = 'ghs_0123456789abcdefTOKENsecret'
export const BOT = 'github-actions[bot]'
export const REPO = 'acme/servers'
const MOST_CHARACTERS = 65_536

type Comment = { id: number; body: string; user: { login: string } | null; html_url: string }
type Issue = Comment & {
  number: number
  state: 'open' | 'closed'
  title: string
  labels: string[]
  pull_request?: object
}
type Pull = { number: number; state: string; head: { sha: string; label: string }; base: { sha: string } }
export type Asked = { method: string; path: string; headers: IncomingMessage['headers']; body: string }
/** An answer in place of the usual one. */
export type Odd = { status: number; headers?: { [name: string]: string }; body?: string }

export type Forge = {
  url: string
  comments: Comment[]
  issues: Issue[]
  pulls: Pull[]
  asked: Asked[]
  /** Decides about a request before the usual answer; `hang` never answers. */
  odd: (asked: Asked) => Odd | 'hang' | undefined
  /** Runs after the usual answer was decided and carried out, and replaces it. */
  after: (asked: Asked) => Odd | 'hang' | undefined
  /** Login that GET /user tells; undefined for the token of a workflow. */
  login: string | undefined
  close: () => void
}

export async function startForge(): Promise<Forge> {
  const server = createServer((request, response) => void answer(forge, request, response))
  server.listen(0, '127.0.0.1')
  // A test that fails may leave it open.
  server.unref()
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const forge: Forge = {
    url: `http://127.0.0.1:${port}`,
    comments: [],
    issues: [],
    pulls: [],
    asked: [],
    odd: () => undefined,
    after: () => undefined,
    login: undefined,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return forge
}

export function comment(id: number, body: string, login: string = BOT): Comment {
  return { id, body, user: { login }, html_url: `https://github.example/${REPO}/pull/12#issuecomment-${id}` }
}

export function issue(number: number, body: string, login: string = BOT): Issue {
  const about = { state: 'open', title: 'an issue', labels: [] } as const
  return { ...comment(number * 1000, body, login), ...about, labels: [], number }
}

async function answer(forge: Forge, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request
  const asked: Asked = { method, path: url, headers, body: await text(request) }
  forge.asked.push(asked)
  const early = forge.odd(asked)
  const usual = early ?? usualAnswer(forge, asked)
  const odd = early ?? forge.after(asked) ?? usual
  if (odd === 'hang') return
  response.writeHead(odd.status, { 'content-type': 'application/json; charset=utf-8', ...odd.headers })
  response.end(odd.body ?? '')
}

function usualAnswer(forge: Forge, { method, path, headers, body }: Asked): Odd {
  if (headers.authorization !== `Bearer ${TOKEN}`) return refusal(401, 'Bad credentials')
  const url = new URL(path, forge.url)
  if (url.pathname === '/user')
    return forge.login === undefined
      ? refusal(403, 'Resource not accessible by integration')
      : json(200, { login: forge.login })
  const [, place = ''] = new RegExp(`^/repos/${REPO}(/.*)$`).exec(url.pathname) ?? []
  const given: { body?: string; title?: string; labels?: string[]; state?: 'closed' } =
    body === '' ? {} : JSON.parse(body)
  if (Array.from(given.body ?? '').length > MOST_CHARACTERS) return tooLong()
  const [, kind = '', , number = ''] = /^\/(\w+)(\/comments)?(?:\/(\d+))?/.exec(place) ?? []
  if (method === 'GET' && kind === 'pulls') return pullsAnswer(forge, url, number)
  if (place.endsWith('/comments')) return commentsAnswer(forge, url, method, given.body)
  if (place.startsWith('/issues/comments/')) return commentAnswer(forge, method, Number(number), given.body)
  return issuesAnswer(forge, url, method, Number(number), given)
}

function pullsAnswer({ pulls }: Forge, url: URL, number: string): Odd {
  if (number === '')
    return page(
      url,
      pulls.filter(({ head }) => head.label === url.searchParams.get('head')),
    )
  const pull = pulls.find((each) => each.number === Number(number))
  return pull === undefined ? refusal(404, 'Not Found') : json(200, pull)
}

function commentsAnswer({ comments }: Forge, url: URL, method: string, body = ''): Odd {
  if (method === 'GET') return page(url, comments)
  const made = comment(1 + Math.max(0, ...comments.map(({ id }) => id)), body)
  comments.push(made)
  return json(201, made)
}

function commentAnswer({ comments }: Forge, method: string, id: number, body = ''): Odd {
  const index = comments.findIndex((each) => each.id === id)
  const found = comments[index]
  if (found === undefined) return refusal(404, 'Not Found')
  if (method === 'DELETE') comments.splice(index, 1)
  else found.body = body
  return method === 'DELETE' ? { status: 204 } : json(200, found)
}

function issuesAnswer(
  { issues }: Forge,
  url: URL,
  method: string,
  number: number,
  given: { body?: string; title?: string; labels?: string[]; state?: 'closed' },
): Odd {
  const { body = '', title = '', labels = [], state } = given
  if (method === 'GET') {
    const creator = url.searchParams.get('creator')
    return page(
      url,
      issues.filter((each) => each.state === 'open' && each.user?.login === creator),
    )
  }
  if (method === 'POST') {
    const made = { ...issue(issues.length + 1, body), title, labels }
    issues.push(made)
    return json(201, made)
  }
  const found = issues.find((each) => each.number === number)
  if (found === undefined) return refusal(404, 'Not Found')
  Object.assign(found, { body, title, ...(state === undefined ? {} : { state }) })
  return json(200, found)
}

function page(url: URL, all: readonly object[]): Odd {
  const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 30))
  const at = Number(url.searchParams.get('page') ?? 1)
  const last = Math.max(1, Math.ceil(all.length / size))
  const link = (to: number, rel: string): string => {
    const other = new URL(url)
    other.searchParams.set('page', String(to))
    return `<${other.href}>; rel="${rel}"`
  }
  const links = [
    ...(at > 1 ? [link(at - 1, 'prev')] : []),
    ...(at < last ? [link(at + 1, 'next'), link(last, 'last')] : []),
  ]
  const headers = links.length === 0 ? {} : { link: links.join(', ') }
  return { ...json(200, all.slice((at - 1) * size, at * size)), headers }
}

export function json(status: number, value: unknown): Odd {
  return { status, body: JSON.stringify(value) }
}

export function refusal(status: number, message: string, headers: { [name: string]: string } = {}): Odd {
  return { ...json(status, { message, documentation_url: 'https://docs.github.com/rest' }), headers }
}

/** As seen of GitHub. */
function tooLong(): Odd {
  const message = 'Body is too long (maximum is 65536 characters)'
  const errors = [{ resource: 'IssueComment', code: 'unprocessable', field: 'data', message }]
  return json(422, { message: 'Validation Failed', errors })
}
