/**
 * A vhost as one nginx file: its upstreams and zones, its servers for HTTP and HTTPS, its locations.
 */
import type { StateText, TextValue } from '../../kit/value.ts'
import { mergeHeaders, renderHeaders, renderLocation, type Headers, type Location } from './location.ts'
import { block, directive, joinLines, ownText, setting, type Line } from './syntax.ts'

export type Upstream = {
  /** As in `proxy.to`: `http://NAME`. */
  name: string
  /** `127.0.0.1:3000`, `unix:/run/app.sock`; parameters such as `backup` after a space. */
  servers: readonly string[]
  /** Idle connections kept per worker. @default 16 */
  keepalive?: number
  /** Must be shorter than the application's own, or requests meet closed connections; Node's is 5 s. @default '4s' */
  keepaliveTimeout?: string
  /** Which server gets a request. @default round robin */
  balance?: 'least_conn' | 'ip_hash'
}

export type Tls = {
  /** Path of a PEM file, with the certificates in between. */
  certificate: string
  /** Path of a PEM file. */
  key: string
  /** Versions of TLS that clients may use. @default ['TLSv1.2', 'TLSv1.3'] */
  protocols?: readonly ('TLSv1.2' | 'TLSv1.3')[]
  /** OpenSSL cipher list for TLS 1.2: `'ECDHE+AESGCM'`. Left to nginx when omitted. */
  ciphers?: string
  /** Clients must present a certificate of this authority: `'/etc/ssl/clients.pem'`. */
  clientCertificate?: string
}

export type Hsts = {
  /** Seconds. @default 63_072_000 */ maxAge?: number
  /** Holds for all names below too. */
  includeSubDomains?: boolean
  /** Browsers may build it in. */
  preload?: boolean
}

/** A vhost without its file. Sizes and times are nginx's: `'25m'`, `'60s'`. */
export type VhostContent = {
  /** Exact names, `*.example.com`, or a regular expression after `~`. */
  serverNames?: readonly string[]
  /** Where plain HTTP listens: ports and addresses; a port alone means IPv4 and IPv6. @default [80] */
  listen?: readonly (number | string)[]
  /** Where HTTPS listens, with `tls` or `refuse`. @default [443] */
  listenTls?: readonly (number | string)[]
  /** Serves HTTPS. */
  tls?: Tls
  /** Plain HTTP redirects to HTTPS. @default true with tls */
  redirectToHttps?: boolean
  /** `listen` before nginx 1.25.1 (Debian 12), `directive` from then on. @default false */
  http2?: 'listen' | 'directive' | false
  /** Answers for names that no other vhost has. @default false */
  defaultServer?: boolean
  /** Closes every connection: no answer, no certificate. For the vhost of unknown names. @default false */
  refuse?: boolean
  /** Groups of servers that locations pass requests to. */
  upstreams?: readonly Upstream[]
  /** What is done with which path. */
  locations?: readonly Location[]
  /** Response headers, on every answer. */
  headers?: Headers
  /** Strict-Transport-Security on HTTPS answers. @default false */
  hsts?: Hsts | boolean
  /** Exact paths and their new locations. */
  redirects?: readonly {
    /** Exact path. */
    from: string
    /** Path or address. */
    to: string
    /** HTTP status. @default 301 */
    code?: 301 | 302 | 307 | 308
  }[]
  /** Zones for `rateLimit` of locations; their names are global to nginx. */
  rateLimits?: readonly {
    /** What `rateLimit.zone` of a location names. */
    name: string
    /** Requests per second or minute: `'5r/s'`, `'30r/m'`. */
    rate: string
    /** Requests with the same value are counted together. @default '$binary_remote_addr' */
    key?: string
    /** Memory for the counts. @default '10m' */
    size?: string
  }[]
  /** Largest request body. Left to nginx, 1 MB, when omitted. */
  maxBodySize?: string
  /** Left to nginx when omitted. */
  timeouts?: {
    /** For the head of a request. */
    clientHeader?: string
    /** Between two reads of its body. */
    clientBody?: string
    /** Between two writes of the answer. */
    send?: string
    /** How long an idle connection stays open. */
    keepalive?: string
  }
  /** Path, or false for none. Left to nginx when omitted. */
  accessLog?: string | false
  /** Path. Left to nginx when omitted. */
  errorLog?: string
  /** Directory from which /.well-known/acme-challenge/ is answered over plain HTTP. */
  acmeChallenge?: string
  /** More configuration, unchanged, in each server. */
  raw?: TextValue
  /** More configuration, unchanged, before the servers. */
  rawBefore?: TextValue
}

export function renderVhost(name: string, vhost: VhostContent): StateText {
  const upgrade = upgradeVariable(name)
  const websocket = (vhost.locations ?? []).some(({ proxy }) => proxy?.websocket === true)
  return joinLines([
    ...(websocket ? upgradeMap(upgrade) : []),
    ...(vhost.rateLimits ?? []).flatMap(renderZone),
    ...(vhost.upstreams ?? []).flatMap(renderUpstream),
    ...ownText(vhost.rawBefore),
    ...(vhost.refuse === true ? refusing(vhost) : serving(vhost, upgrade)),
  ])
}

/** One variable per vhost, so that vhosts do not depend on each other. */
function upgradeVariable(name: string): string {
  return `upgrade_${Buffer.from(name).toString('hex')}`
}

function upgradeMap(variable: string): Line[] {
  return block(['map', '$http_upgrade', `$${variable}`], [...directive('default', 'upgrade'), [`'' '';`]])
}

function renderZone({
  name,
  rate,
  key = '$binary_remote_addr',
  size = '10m',
}: NonNullable<VhostContent['rateLimits']>[number]): Line[] {
  return directive('limit_req_zone', key, `zone=${name}:${size}`, `rate=${rate}`)
}

function renderUpstream({ name, servers, keepalive = 16, keepaliveTimeout = '4s', balance }: Upstream): Line[] {
  return block(
    ['upstream', name],
    [
      ...(balance ? directive(balance) : []),
      ...servers.flatMap((one) => directive('server', ...one.split(' '))),
      ...directive('keepalive', keepalive),
      ...directive('keepalive_timeout', keepaliveTimeout),
    ],
  )
}

function refusing(vhost: VhostContent): Line[] {
  const { acmeChallenge } = vhost
  const answers = acmeChallenge
    ? [...acme(acmeChallenge), ...block(['location', '/'], directive('return', 444))]
    : directive('return', 444)
  return [
    ...server(vhost, plainListens(vhost), answers),
    // Without the return, a known name in the handshake and an unknown Host get an answer (seen on Debian 12 and 13).
    ...server(vhost, tlsListens(vhost), [...directive('ssl_reject_handshake', 'on'), ...directive('return', 444)]),
  ]
}

function serving(vhost: VhostContent, upgrade: string): Line[] {
  const { tls, acmeChallenge, redirectToHttps = tls !== undefined } = vhost
  const challenge = acmeChallenge === undefined ? [] : acme(acmeChallenge)
  if (tls === undefined)
    return server(vhost, plainListens(vhost), [...challenge, ...content(vhost, vhost.headers ?? {}, upgrade)])
  const https = block(['location', '/'], directive('return', 301, 'https://$host$request_uri'))
  const plain = redirectToHttps ? https : content(vhost, vhost.headers ?? {}, upgrade)
  const headers = mergeHeaders(hstsHeader(vhost.hsts ?? false), vhost.headers ?? {})
  return [
    ...server(vhost, plainListens(vhost), [...challenge, ...plain]),
    ...server(vhost, tlsListens(vhost), [...http2(vhost), ...renderTls(tls), ...content(vhost, headers, upgrade)]),
  ]
}

function server(vhost: VhostContent, listens: readonly string[][], lines: readonly Line[]): Line[] {
  const names = vhost.serverNames ?? []
  return block(
    ['server'],
    [
      ...listens.flatMap((words) => directive('listen', ...words)),
      ...directive('server_name', ...(names.length > 0 ? names : ['_'])),
      ...(vhost.accessLog === undefined
        ? []
        : directive('access_log', vhost.accessLog === false ? 'off' : vhost.accessLog)),
      ...setting('error_log', vhost.errorLog),
      ...lines,
    ],
  )
}

function content(vhost: VhostContent, headers: Headers, upgrade: string): Line[] {
  const { timeouts = {} } = vhost
  return [
    ...setting('client_max_body_size', vhost.maxBodySize),
    ...setting('client_header_timeout', timeouts.clientHeader),
    ...setting('client_body_timeout', timeouts.clientBody),
    ...setting('send_timeout', timeouts.send),
    ...setting('keepalive_timeout', timeouts.keepalive),
    ...renderHeaders(headers),
    ...(vhost.redirects ?? []).flatMap(({ from, to, code = 301 }) =>
      block(['location', '=', from], directive('return', code, to)),
    ),
    ...(vhost.locations ?? []).flatMap((location) => renderLocation(location, headers, upgrade)),
    ...ownText(vhost.raw),
  ]
}

function acme(root: string): Line[] {
  return block(
    ['location', '^~', '/.well-known/acme-challenge/'],
    [...directive('root', root), ...directive('default_type', 'text/plain'), ...directive('try_files', '$uri', '=404')],
  )
}

function http2(vhost: VhostContent): Line[] {
  return vhost.http2 === 'directive' ? directive('http2', 'on') : []
}

function renderTls({ certificate, key, protocols = ['TLSv1.2', 'TLSv1.3'], ciphers, clientCertificate }: Tls): Line[] {
  return [
    ...directive('ssl_certificate', certificate),
    ...directive('ssl_certificate_key', key),
    ...directive('ssl_protocols', ...protocols),
    ...setting('ssl_ciphers', ciphers),
    ...(clientCertificate === undefined
      ? []
      : [...directive('ssl_client_certificate', clientCertificate), ...directive('ssl_verify_client', 'on')]),
  ]
}

function hstsHeader(hsts: Hsts | boolean): Headers {
  if (hsts === false) return {}
  const { maxAge = 63_072_000, includeSubDomains = false, preload = false } = hsts === true ? {} : hsts
  const words = [
    `max-age=${maxAge}`,
    ...(includeSubDomains ? ['includeSubDomains'] : []),
    ...(preload ? ['preload'] : []),
  ]
  return { 'Strict-Transport-Security': words.join('; ') }
}

function plainListens(vhost: VhostContent): string[][] {
  return (vhost.listen ?? [80]).flatMap(addresses).map((address) => [address, ...defaultWord(vhost)])
}

function tlsListens(vhost: VhostContent): string[][] {
  const h2 = vhost.http2 === 'listen' ? ['http2'] : []
  return (vhost.listenTls ?? [443]).flatMap(addresses).map((address) => [address, 'ssl', ...h2, ...defaultWord(vhost)])
}

function defaultWord({ defaultServer }: VhostContent): string[] {
  return defaultServer === true ? ['default_server'] : []
}

function addresses(listen: number | string): string[] {
  return typeof listen === 'number' ? [String(listen), `[::]:${listen}`] : [listen]
}

/** `name@address` for each name and address it answers on; nginx only warns when two vhosts share one. */
export function servesOf(vhost: VhostContent): string[] {
  const plain = (vhost.listen ?? [80]).flatMap(addresses)
  const tls = vhost.tls || vhost.refuse ? (vhost.listenTls ?? [443]).flatMap(addresses) : []
  const names = vhost.serverNames ?? []
  const all = [
    ...names.map((name) => (name.startsWith('~') ? name : name.toLowerCase())),
    ...(vhost.defaultServer ? ['(default)'] : []),
  ]
  return all.flatMap((name) => [...plain, ...tls].map((address) => `${name}@${address}`)).sort()
}
