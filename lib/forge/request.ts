/**
 * Requests to the REST API of a forge (GitHub, or a server with the same endpoints).
 *
 * A server is not believed: its answers are bounded in time and size, and the token goes to the configured server only,
 * whatever a redirect or a link to a next page says.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { isObject, parseJson } from '../kit/form.ts'
import { Forbidden, ForgeError, Gone, TooLong, Uncertain } from './errors.ts'

export type Api = {
  /** `https://api.github.com`, without a slash at the end. */
  url: string
  token: string
  /** Limit of one request with its answer, in milliseconds. @default 30,000 */
  timeoutMs?: number
  /** Waits before the next attempt. @default on the clock */
  wait?: (ms: number, because: string) => Promise<void>
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
export type Answer = {
  value: unknown
  /** URL of the next page. */
  next?: string
}

const TIMEOUT_MS = 30_000
/** A page of 100 comments of 65,536 characters, each escaped, has less. */
const MOST_BYTES = 64 * 2 ** 20
const MOST_VALUES = 1_000_000
const ATTEMPTS = 4
/** For the first attempt after a failure of the server; it doubles. */
const BACKOFF_MS = 1_000
/** The documentation of GitHub asks for at least a minute where a limit says no time. */
const LIMIT_MS = 60_000
/** A limit that lasts longer than that is an error. */
const MOST_WAIT_MS = 10 * 60_000
const MOST_REDIRECTS = 3
const REDIRECTS = [301, 302, 307, 308]

type Request = { method: Method; url: string; body?: object }
type Raw = { status: number; headers: Headers; text: string }

/**
 * One request, repeated where that cannot do harm: when the server asks to wait, and, except for POST, when it fails.
 *
 * @param path Below the API's URL, or the URL of a next page.
 * @throws {Gone} For 404 and 410. @throws {TooLong} When the text is too long.
 * @throws {Uncertain} When a POST may or may not have been carried out.
 * @throws {ForgeError} For everything else.
 */
export async function request(api: Api, method: Method, path: string, body?: object): Promise<Answer> {
  const url = urlOf(api, path)
  const asked: Request = { method, url, ...(body === undefined ? {} : { body }) }
  let waitedMs = 0
  for (let attempt = 1; ; attempt += 1) {
    const raw = await send(api, asked).catch((error: unknown) => failureOf(error, asked))
    if (!(raw instanceof ForgeError) && raw.status < 300) return answerOf(api, asked, raw)
    const limitMs = raw instanceof ForgeError ? undefined : limitOf(raw, attempt)
    const isFailure = raw instanceof Uncertain || (!(raw instanceof ForgeError) && raw.status >= 500)
    const error = raw instanceof ForgeError ? raw : errorOf(asked, raw)
    if (limitMs === undefined && (!isFailure || method === 'POST')) throw error
    waitedMs += limitMs ?? 0
    if (attempt === ATTEMPTS || waitedMs > MOST_WAIT_MS) throw limitMs === undefined ? error : limited(error, limitMs)
    if (limitMs === undefined) await backOff(api, attempt, error.message)
    else await (api.wait ?? onTheClock)(limitMs, 'the server limits how often it may be asked')
  }
}

/** Waits before something is tried again after a failure of the server. */
export function backOff(api: Api, attempt: number, because: string): Promise<void> {
  return (api.wait ?? onTheClock)(BACKOFF_MS * 2 ** (attempt - 1), because)
}

function onTheClock(ms: number): Promise<void> {
  return pause(ms)
}

/** @throws {ForgeError} When a URL leads to another server. */
function urlOf({ url }: Api, path: string): string {
  if (path.startsWith('/')) return `${url}${path}`
  if (isOwn(url, path)) return path
  throw new ForgeError(`${url} names a next page on another server, which is not asked`, {})
}

function isOwn(own: string, url: string): boolean {
  return URL.canParse(url) && new URL(url).origin === new URL(own).origin
}

async function send(api: Api, { method, url, body }: Request): Promise<Raw> {
  let at = url
  for (let hops = 0; ; hops += 1) {
    const response = await fetch(at, {
      method,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${api.token}`,
        'user-agent': 'keelson',
        'x-github-api-version': '2022-11-28',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // GitHub redirects what was renamed (301, 307); fetch itself would follow anywhere.
      redirect: 'manual',
      signal: AbortSignal.timeout(api.timeoutMs ?? TIMEOUT_MS),
    })
    const { status, headers } = response
    const location = headers.get('location')
    if (!REDIRECTS.includes(status) || location === null) return { status, headers, text: await textOf(response) }
    await response.body?.cancel()
    at = new URL(location, at).href
    if (!isOwn(api.url, at))
      throw new ForgeError(`${api.url} redirects to another server, which is not given the token`, {
        next: 'give the URL of that API with --api, if it is the right one',
      })
    if (hops === MOST_REDIRECTS) throw new ForgeError(`${api.url} redirects again and again`, {})
  }
}

async function textOf({ body }: Response): Promise<string> {
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = body.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length
    if (size > MOST_BYTES) {
      await reader.cancel()
      throw new ForgeError(`the server's answer is larger than ${MOST_BYTES / 2 ** 20} MiB`, {})
    }
    chunks.push(part.value)
  }
  return Buffer.concat(chunks).toString()
}

function answerOf(api: Api, asked: Request, { headers, text }: Raw): Answer {
  const next = nextOf(headers)
  if (next !== undefined) urlOf(api, next)
  if (text === '') return { value: undefined }
  try {
    return { value: parseJson(text, MOST_VALUES), ...(next === undefined ? {} : { next }) }
  } catch {
    throw new ForgeError(`the server's answer to ${wordsOf(asked)} is no JSON`, { said: saidIn(text) })
  }
}

/** `<https://…?page=2>; rel="next", <https://…?page=9>; rel="last"` (RFC 8288) */
function nextOf(headers: Headers): string | undefined {
  const [, url] = /<([^<>]{1,4096})>\s*;[^,<]*\brel="?next"?/.exec(headers.get('link')?.slice(0, 20_000) ?? '') ?? []
  return url
}

/** The milliseconds that a limit asks to wait; undefined when the answer is about something else. */
function limitOf({ status, headers, text }: Raw, attempt: number): number | undefined {
  if (status !== 403 && status !== 429) return undefined
  const after = Number(headers.get('retry-after') ?? Number.NaN)
  if (Number.isFinite(after) && after >= 0) return after * 1000
  const isUsedUp = headers.get('x-ratelimit-remaining') === '0'
  if (isUsedUp) {
    const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN) * 1000
    // By the clock of the server: the one of this machine may be wrong.
    const now = Date.parse(headers.get('date') ?? '') || Date.now()
    if (Number.isFinite(reset)) return Math.max(0, reset - now) + 1000
  }
  const isLimit = isUsedUp || status === 429 || /rate limit|abuse detection/i.test(messageIn(text))
  return isLimit ? LIMIT_MS * 2 ** (attempt - 1) : undefined
}

function limited({ said }: ForgeError, waitMs: number): ForgeError {
  return new ForgeError(`the server limits how often it may be asked, for another ${Math.ceil(waitMs / 1000)} s`, {
    said,
    next: 'run it again later',
  })
}

/** What stands for a request that got no answer. */
function failureOf(error: unknown, asked: Request): ForgeError {
  if (error instanceof ForgeError) return error
  const isTimeout = error instanceof Error && error.name === 'TimeoutError'
  const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  return new Uncertain(
    isTimeout ? `${wordsOf(asked)} was not answered in time` : `${wordsOf(asked)} failed: ${why.slice(0, 500)}`,
    { next: 'see whether the API can be reached from here; --api gives its URL' },
  )
}

function errorOf(asked: Request, { status, text }: Raw): ForgeError {
  const what = `${wordsOf(asked)} was answered with ${status}`
  const said = saidIn(text)
  switch (status) {
    case 401:
      return new ForgeError(`${what}: the token is not accepted`, {
        said,
        next: 'set GITHUB_TOKEN to one that is valid',
      })
    case 403:
      return new Forbidden(`${what}: the token may not do that`, {
        said,
        next: 'give it the rights pull-requests: write (review post) or issues: write (review issue)',
      })
    case 404:
    case 410:
      return new Gone(`${what}: it is not there, or the token may not see it`, { said, next: 'check --repo and --pr' })
    case 422:
      return isTooLong(text) ? new TooLong(`${what}: the text is too long`, { said }) : new ForgeError(what, { said })
    default:
      return status >= 500 ? new Uncertain(what, { said, next: 'run it again later' }) : new ForgeError(what, { said })
  }
}

/** Seen with the field `body` and with the field `data`, and with two codes; the words are the same in all. */
function isTooLong(text: string): boolean {
  return /\btoo long\b/i.test(text)
}

function wordsOf({ method, url }: Request): string {
  return `${method} ${url.slice(0, 300)}`
}

function saidIn(text: string): string {
  const message = messageIn(text)
  return (message === '' ? text : message).slice(0, 2000)
}

/** What a server says of an error: its message, and those of the fields that are wrong. */
function messageIn(text: string): string {
  try {
    const value = parseJson(text, 10_000)
    if (!isObject(value) || typeof value['message'] !== 'string') return ''
    const errors: unknown[] = Array.isArray(value['errors']) ? value['errors'] : []
    const more = errors.flatMap((each) =>
      isObject(each) && typeof each['message'] === 'string' ? [each['message']] : [],
    )
    return [value['message'], ...more].join('\n')
  } catch {
    return ''
  }
}
