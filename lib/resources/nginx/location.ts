/**
 * How a vhost handles the requests for one path.
 */
import type { TextValue } from '../../kit/value.ts'
import { block, directive, ownText, setting, type Line } from './syntax.ts'

/** Response headers by name. `$name` in a value is an nginx variable. */
export type Headers = { readonly [name: string]: string }

/** Times are nginx's: `'60s'`, `'5m'`. */
export type Proxy = {
  /** `http://127.0.0.1:3000`, `http://unix:/run/app.sock`, or `http://NAME` of an upstream. */
  to: string
  /** Passes WebSocket upgrades on, and allows them to idle for an hour. @default false */
  websocket?: boolean
  /** How long connecting to the application may take. @default '5s' */
  connectTimeout?: string
  /** Longest silence of the application. @default '60s', with websocket '3600s' */
  readTimeout?: string
  /** Longest time that the application may take nothing. Left to nginx when omitted. */
  sendTimeout?: string
  /** Buffers the answer before sending it on; off for streams. @default true */
  buffering?: boolean
  /** Buffers the request before passing it on. @default true */
  requestBuffering?: boolean
  /** Request headers for the application in addition to the forwarded ones; an empty value removes one. */
  headers?: Headers
}

export type Location = {
  /** `/api/`; a regular expression with match `regex` or `regex-any-case`; `@name` with match `named`. */
  path: string
  /** `prefix-first` keeps regular expressions from being tried. @default 'prefix' */
  match?: 'prefix' | 'prefix-first' | 'exact' | 'regex' | 'regex-any-case' | 'named'
  /** Passes requests on. */
  proxy?: Proxy
  /** Folder of files; the whole path is looked up below it. */
  root?: string
  /** Folder of files; what follows the location's path is looked up below it. */
  alias?: string
  /** File that answers for a folder. */
  index?: string
  /** Files that are tried in this order, and what answers in the end: `['$uri', '@app']`. */
  tryFiles?: readonly string[]
  /** Answers at once. */
  return?: {
    /** HTTP status. */
    code: number
    /** Address of a redirect, or the text of the answer. */
    to?: string
  }
  /** Response headers, in addition to those of the vhost: `{ 'Cache-Control': 'no-store' }`. */
  headers?: Headers
  /** How many requests are let through. */
  rateLimit?: {
    /** Name of one of `rateLimits`. */
    zone: string
    /** How many more may wait. None when omitted. */
    burst?: number
    /** Whether those are let through at once. @default false */
    nodelay?: boolean
  }
  /** Largest request body, `'25m'`. */
  maxBodySize?: string
  /** Lifetime in caches, `'1y'`, `'off'`. */
  expires?: string
  /** Not reachable from outside. */
  internal?: boolean
  /** Permitted addresses; all others are refused. */
  allow?: readonly string[]
  /** Its requests are not logged. */
  accessLog?: false
  /** More configuration, unchanged: `'etag off;'`. */
  raw?: TextValue
}

const MODIFIERS = {
  prefix: [],
  'prefix-first': ['^~'],
  exact: ['='],
  regex: ['~'],
  'regex-any-case': ['~*'],
  named: [],
}

/** @param inherited Headers of the vhost: nginx drops all of them in a location that adds one of its own. */
export function renderLocation(location: Location, inherited: Headers, upgradeVariable: string): Line[] {
  const { match = 'prefix', path, rateLimit, tryFiles, allow } = location
  const answer = location.return
  return block(
    ['location', ...MODIFIERS[match], path],
    [
      ...(location.internal === true ? directive('internal') : []),
      ...(allow ?? []).flatMap((address) => directive('allow', address)),
      ...(allow ? directive('deny', 'all') : []),
      ...(location.accessLog === false ? directive('access_log', 'off') : []),
      ...setting('root', location.root),
      ...setting('alias', location.alias),
      ...setting('index', location.index),
      ...setting('client_max_body_size', location.maxBodySize),
      ...setting('expires', location.expires),
      ...(rateLimit ? renderLimit(rateLimit) : []),
      ...(location.headers || location.raw ? renderHeaders(mergeHeaders(inherited, location.headers ?? {})) : []),
      ...(tryFiles ? directive('try_files', ...tryFiles) : []),
      ...(location.proxy ? renderProxy(location.proxy, upgradeVariable) : []),
      ...(answer ? directive('return', answer.code, ...(answer.to === undefined ? [] : [answer.to])) : []),
      ...ownText(location.raw),
    ],
  )
}

function renderLimit({ zone, burst, nodelay = burst !== undefined }: NonNullable<Location['rateLimit']>): Line[] {
  const words = [`zone=${zone}`, ...(burst === undefined ? [] : [`burst=${burst}`]), ...(nodelay ? ['nodelay'] : [])]
  return [...directive('limit_req', ...words), ...directive('limit_req_status', 429)]
}

/** `always`: on error pages too. */
export function renderHeaders(headers: Headers): Line[] {
  return Object.entries(headers).flatMap(([name, value]) => directive('add_header', name, value, 'always'))
}

/** The headers of `second` win, whatever the case of their names. */
export function mergeHeaders(first: Headers, second: Headers): Headers {
  const names = new Set(Object.keys(second).map((name) => name.toLowerCase()))
  const kept = Object.entries(first).filter(([name]) => !names.has(name.toLowerCase()))
  return { ...Object.fromEntries(kept), ...second }
}

/** Headers for the application, from nginx's variables only: they overwrite what a client sent under these names. */
const FORWARDED: Headers = {
  // $host is the name that was routed; $http_host is whatever the client sent.
  Host: '$host',
  'X-Real-IP': '$remote_addr',
  'X-Forwarded-For': '$remote_addr',
  'X-Forwarded-Proto': '$scheme',
  'X-Forwarded-Host': '$host',
  'X-Request-ID': '$request_id',
  // httpoxy: CGI would read it as HTTP_PROXY.
  Proxy: '',
  // Skips Next.js middleware when a client may send it (CVE-2025-29927).
  'x-middleware-subrequest': '',
}

function renderProxy(proxy: Proxy, upgradeVariable: string): Line[] {
  const { websocket = false, readTimeout = websocket ? '3600s' : '60s', connectTimeout = '5s' } = proxy
  const connection: Headers = websocket
    ? { Upgrade: '$http_upgrade', Connection: `$${upgradeVariable}` }
    : { Connection: '' }
  const headers = mergeHeaders({ ...FORWARDED, ...connection }, proxy.headers ?? {})
  return [
    ...directive('proxy_pass', proxy.to),
    ...directive('proxy_http_version', '1.1'),
    ...Object.entries(headers).flatMap(([name, value]) => directive('proxy_set_header', name, value)),
    ...directive('proxy_connect_timeout', connectTimeout),
    ...directive('proxy_read_timeout', readTimeout),
    ...setting('proxy_send_timeout', proxy.sendTimeout),
    ...setting('proxy_buffering', proxy.buffering),
    ...setting('proxy_request_buffering', proxy.requestBuffering),
  ]
}
