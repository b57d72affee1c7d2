/**
 * Schema of a vhost's content. It checks the form of every string: nginx cannot quote a literal `$`, so paths and names
 * with one are refused.
 */
import { oneLine, port, textValue } from '../../kit/schema.ts'

type Matching = { type: 'string'; pattern: string; description: string; maxLength: number }

const match = (pattern: string, description: string): Matching => ({
  type: 'string',
  pattern,
  description,
  maxLength: 2000,
})

/** One line; `$name` stands for an nginx variable. */
const value = oneLine
const empty = { ...oneLine, minLength: 0, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$' } as const
const filePath = match(
  '^(/(?!\\.{1,2}(/|$))[^/$\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,255})+/?$',
  'an absolute path, such as "/srv/shop"',
)
const time = match('^([0-9]+(ms|[smhdwMy])?)+$', 'a time of nginx, such as "60s"')
const size = match('^[0-9]+[kKmMgG]?$', 'a size of nginx, such as "25m"')
const zone = match('^[A-Za-z_][A-Za-z0-9_]*$', 'a name of letters, digits and "_"')
const headerName = '^[A-Za-z0-9!#%&*+.^_|~-]+$'
const flag = { type: 'boolean' } as const
const strict = { type: 'object', additionalProperties: false } as const

const label = '[a-z0-9A-Z_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?'
const serverName = match(
  `^(~[^\\u0000-\\u001f\\u007f]+|(\\*\\.)?(${label}\\.)*${label})$`,
  'a host name, such as "shop.example", "*.shop.example", or a regular expression after "~"',
)
/** One name, without wildcards. */
export const hostName = match(`^(${label}\\.)*${label}$`, 'a host name, such as "shop.example"')
const address = match(
  '^([0-9.]+|\\*|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5}$|^unix:/[A-Za-z0-9._/-]+$',
  'an address with a port, such as "127.0.0.1:8080"',
)
const listens = { type: 'array', minItems: 1, items: { anyOf: [port, address] } } as const
const headers = { type: 'object', propertyNames: { pattern: headerName }, additionalProperties: empty } as const

const upstream = {
  ...strict,
  required: ['name', 'servers'],
  properties: {
    name: match('^[A-Za-z0-9][A-Za-z0-9._-]*$', 'a name of letters, digits, ".", "-" and "_"'),
    servers: {
      type: 'array',
      minItems: 1,
      items: match(
        '^[A-Za-z0-9.:\\[\\]/_-]+( [a-z_]+(=[A-Za-z0-9]+)?)*$',
        'an address with a port, such as "127.0.0.1:3000"',
      ),
    },
    keepalive: { type: 'integer', minimum: 1, maximum: 10_000 },
    keepaliveTimeout: time,
    balance: { enum: ['least_conn', 'ip_hash'] },
  },
} as const

const proxy = {
  ...strict,
  required: ['to'],
  properties: {
    to: match(
      '^https?://(unix:/[A-Za-z0-9._/-]+(:/.*)?|[A-Za-z0-9._\\[\\]:-]+(/[^\\s;{}"\'\\\\]*)?)$',
      'an address, such as "http://127.0.0.1:3000"',
    ),
    websocket: flag,
    connectTimeout: time,
    readTimeout: time,
    sendTimeout: time,
    buffering: flag,
    requestBuffering: flag,
    headers,
  },
} as const

const location = {
  ...strict,
  required: ['path'],
  properties: {
    path: oneLine,
    match: { enum: ['prefix', 'prefix-first', 'exact', 'regex', 'regex-any-case', 'named'] },
    proxy,
    root: filePath,
    alias: filePath,
    index: match('^[A-Za-z0-9._/-]+$', 'a file name, such as "index.html"'),
    tryFiles: { type: 'array', minItems: 2, items: value },
    return: {
      ...strict,
      required: ['code'],
      properties: { code: { type: 'integer', minimum: 200, maximum: 599 }, to: value },
    },
    headers,
    rateLimit: {
      ...strict,
      required: ['zone'],
      properties: { zone, burst: { type: 'integer', minimum: 1, maximum: 1_000_000 }, nodelay: flag },
    },
    maxBodySize: size,
    expires: match('^(off|epoch|max|@?-?[0-9]+[smhdwMy]?)$', 'a time, such as "1y", or "off"'),
    internal: flag,
    allow: {
      type: 'array',
      minItems: 1,
      items: match('^[0-9a-fA-F.:/]+$|^unix:$', 'an IP address or a network, such as "10.0.0.0/8"'),
    },
    accessLog: { enum: [false] },
    raw: textValue,
  },
} as const

/** Schema of `VhostContent`'s keys. */
export const vhostProperties = {
  serverNames: { type: 'array', minItems: 1, uniqueItems: true, items: serverName },
  listen: listens,
  listenTls: listens,
  tls: {
    ...strict,
    required: ['certificate', 'key'],
    properties: {
      certificate: filePath,
      key: filePath,
      protocols: { type: 'array', minItems: 1, items: { enum: ['TLSv1.2', 'TLSv1.3'] } },
      ciphers: match('^[A-Za-z0-9:!@+_=-]+$', 'a list of ciphers, such as "ECDHE+AESGCM"'),
      clientCertificate: filePath,
    },
  },
  redirectToHttps: flag,
  http2: { enum: ['listen', 'directive', false] },
  defaultServer: flag,
  refuse: flag,
  upstreams: { type: 'array', items: upstream },
  locations: { type: 'array', items: location },
  headers,
  hsts: {
    anyOf: [
      flag,
      {
        ...strict,
        properties: { maxAge: { type: 'integer', minimum: 0 }, includeSubDomains: flag, preload: flag },
      },
    ],
  },
  redirects: {
    type: 'array',
    items: {
      ...strict,
      required: ['from', 'to'],
      properties: {
        from: match('^/[^$\\u0000-\\u001f\\u007f]*$', 'a path that begins with "/"'),
        to: value,
        code: { enum: [301, 302, 307, 308] },
      },
    },
  },
  rateLimits: {
    type: 'array',
    items: {
      ...strict,
      required: ['name', 'rate'],
      properties: {
        name: zone,
        rate: match('^[0-9]+r/[sm]$', 'a rate, such as "5r/s" or "30r/m"'),
        key: match('^[A-Za-z0-9_$]+$', 'a variable of nginx, such as "$binary_remote_addr"'),
        size,
      },
    },
  },
  maxBodySize: size,
  timeouts: { ...strict, properties: { clientHeader: time, clientBody: time, send: time, keepalive: time } },
  accessLog: { anyOf: [{ enum: [false] }, filePath] },
  errorLog: filePath,
  acmeChallenge: filePath,
  raw: textValue,
  rawBefore: textValue,
} as const
