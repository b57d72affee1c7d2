/**
 * An nginx site: its file in sites-available and the link to it in sites-enabled. Read with find(1) and cat(1);
 * nginx(8) tests the complete new tree before anything is replaced. The `service` that watches /etc/nginx makes nginx
 * load it.
 */
import { refOf, under } from '../../kit/ref.ts'
import type { Change, Compared, Context, ResourceType, Desired } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { isPrivate } from '../../kit/files/paths.ts'
import {
  desiredNginxFile,
  NGINX,
  observedNginxFile,
  replaceNginxFiles,
  undoNginxFile,
  NGINX_FILE,
  type NginxFileState,
  type NginxWork,
} from './tree.ts'
import { word } from './syntax.ts'
import { hostName, vhostProperties } from './vhostSchema.ts'
import { vhostVerify, type VhostWeb, WEB_FORM, webOf } from './vhostVerify.ts'
import { renderVhost, servesOf, type VhostContent } from './vhostText.ts'
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'

/**
 * @example
 * // An application behind TLS, on two ports.
 * const certificate = command({
 *   name: 'certificate of app.example',
 *   check: 'test -s /etc/ssl/app.pem',
 *   apply: `openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=app.example \\
 *     -days 365 -keyout /etc/ssl/private/app.key -out /etc/ssl/app.pem`,
 * })
 * nginxVhost({
 *   name: 'app',
 *   serverNames: ['app.example', 'www.app.example'],
 *   listen: [80],
 *   listenTls: [443],
 *   tls: { certificate: '/etc/ssl/app.pem', key: '/etc/ssl/private/app.key', protocols: ['TLSv1.3'] },
 *   hsts: { maxAge: 86_400 },
 *   upstreams: [
 *     { name: 'app', servers: ['127.0.0.1:3000', '127.0.0.1:3001 backup'], keepalive: 32, balance: 'least_conn' },
 *   ],
 *   rateLimits: [{ name: 'login', rate: '30r/m' }],
 *   locations: [
 *     { path: '/', proxy: { to: 'http://app', readTimeout: '120s', headers: { 'X-Site': 'app' } } },
 *     { path: '/live', match: 'exact', proxy: { to: 'http://app', websocket: true } },
 *     { path: '/login', proxy: { to: 'http://app' }, rateLimit: { zone: 'login', burst: 20, nodelay: true } },
 *     { path: '/upload', proxy: { to: 'http://app', sendTimeout: '60s' }, maxBodySize: '100m' },
 *     { path: '/admin', proxy: { to: 'http://app' }, allow: ['10.0.0.0/8'] },
 *   ],
 *   redirects: [{ from: '/shop', to: '/', code: 301 }],
 *   timeouts: { clientHeader: '10s', clientBody: '30s', send: '30s', keepalive: '75s' },
 *   maxBodySize: '25m',
 *   headers: { 'X-Content-Type-Options': 'nosniff' },
 *   after: certificate,
 * })
 * @example
 * // Files, with what else nginx can say.
 * nginxVhost({
 *   name: 'files',
 *   serverNames: ['files.example'],
 *   rawBefore: 'map $http_dnt $tracked { default yes; 1 no; }',
 *   locations: [
 *     { path: '/', root: '/var/www/html', index: 'index.html', tryFiles: ['$uri', '$uri/', '=404'] },
 *     { path: '/static/', alias: '/var/www/static/', expires: '1y', accessLog: false },
 *     { path: '/health', match: 'exact', return: { code: 204 } },
 *     { path: '/old', return: { code: 301, to: '/' } },
 *   ],
 *   accessLog: '/var/log/nginx/files.log',
 *   errorLog: '/var/log/nginx/files.error.log',
 *   acmeChallenge: '/var/www/acme',
 *   raw: 'autoindex on;',
 * })
 */
export type NginxVhost = VhostContent & {
  /** Name of its file. One called `default` replaces the site that Debian's package ships. */
  name: string
  /** Linked in sites-enabled. @default true */
  enabled?: boolean
  /** Names that verify tries where a server name is a regular expression: `['acme.shop.example']`. */
  sampleNames?: readonly string[]
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type NginxVhostState = NginxFileState & {
  /** Target of the link in sites-enabled; null for none. */
  link: string | null
  how?: VhostHow
}
type VhostHow = {
  /** `name@address` for each name it answers to. */
  serves?: string[] | undefined
  /** Certificate and key files. */
  reads?: string[] | undefined
  web?: VhostWeb | undefined
}

export const nginxVhost: ResourceType<NginxVhost, NginxVhostState> = {
  type: 'nginx-vhost',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      ...vhostProperties,
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$',
        description: 'a file name of letters, digits, ".", "-" and "_", such as "shop"',
      },
      enabled: { type: 'boolean' },
      sampleNames: { type: 'array', items: hostName },
      ensure,
    },
  },
  name: (props) => props.name,
  check: checkVhost,
  desired: (props) => ({
    ...desiredNginxFile(renderVhost(props.name, props)),
    link: props.enabled === false ? null : linkTarget(props.name),
    how: {
      serves: props.enabled === false ? [] : servesOf(props),
      reads: props.tls ? [props.tls.certificate, props.tls.key] : [],
      web: webOf(props),
    },
  }),
  needs: (_name, { how }) => [
    refOf('package', 'nginx'),
    // nginx checks a tree as a whole.
    refOf('file', '/etc/nginx/nginx.conf'),
    refOf('nginx-snippet', '*'),
    ...(how?.reads ?? []).flatMap((path) => [refOf('file', path), under(path.slice(0, path.lastIndexOf('/')))]),
  ],
  claims: (name, { how }) => [
    `path:${available(name)}`,
    `path:${linkPath(name)}`,
    ...(how?.serves ?? []).map((one) => `server_name:${one}`),
  ],
  state: form.fields<Compared<NginxVhostState>>({
    ...NGINX_FILE,
    link: form.inner(form.either(form.line(), form.oneOf(null))),
  }),
  how: form.optional(
    form.fields<VhostHow>({
      serves: form.optional(form.list(form.line())),
      reads: form.optional(form.list(form.line())),
      web: form.optional(WEB_FORM),
    }),
  ),
  read: {
    command: (entries) => readSmallFiles(entries.flatMap(({ name }) => [available(name), linkPath(name)])),
    parse(output, entries) {
      const files = parseSmallFiles(output)
      return new Map(entries.map((one) => [one.name, stateOf(one, files)]))
    },
  },
  isPrivate: ({ mode }) => isPrivate(mode),
  verify: vhostVerify,
  steps: (change, context) => [step([change], context)],
  remove: (change, context) => [step([change], context)],
  batch: (changes, context) => [step(changes, context)],
  undo: (was) =>
    was.before?.link === '(not a link)'
      ? { cannot: 'something other than a link stood in sites-enabled' }
      : undoNginxFile(was),
  readsAlone: true,
}

const available = (name: string): string => `${NGINX}/sites-available/${name}`
const linkPath = (name: string): string => `${NGINX}/sites-enabled/${name}`
const linkTarget = (name: string): string => `../sites-available/${name}`

function checkVhost(vhost: NginxVhost): string[] {
  const { serverNames, defaultServer, refuse, tls, redirectToHttps, locations = [], rateLimits = [] } = vhost
  const mistakes: string[] = []
  if (!serverNames && defaultServer !== true) mistakes.push('give serverNames, or make it the defaultServer')
  if (refuse === true && (tls || locations.length > 0))
    mistakes.push('a vhost that refuses has neither tls nor locations')
  if (redirectToHttps === true && !tls) mistakes.push('redirectToHttps needs tls')
  for (const { path, match = 'prefix' } of locations) {
    const fits = match === 'named' ? /^@[A-Za-z0-9_-]+$/ : match.startsWith('regex') ? /./ : /^\//
    if (!fits.test(path)) mistakes.push(`location ${JSON.stringify(path)} is no path for match ${match}`)
    if (match !== 'regex' && match !== 'regex-any-case' && path.includes('$'))
      mistakes.push(`location ${JSON.stringify(path)} holds a $, which nginx would read as a variable`)
  }
  for (const { rateLimit } of locations)
    if (rateLimit && rateLimits.length > 0 && !rateLimits.some(({ name }) => name === rateLimit.zone))
      mistakes.push(`rateLimit zone ${rateLimit.zone} is not among the vhost's rateLimits`)
  return [...mistakes, ...pathMistakes(vhost), ...valueMistakes(vhost)]
}

/** nginx 1.22 stores the length of a path in one byte: a longer one matches nothing (seen on Debian 12; not with 1.26). */
const PATH_BYTES = 255

/** nginx removes doubled slashes, `.` and `..` from a request's path before it compares. */
function pathMistakes({ locations = [], redirects = [] }: NginxVhost): string[] {
  const plain = locations.flatMap(({ path, match = 'prefix' }) => (/regex|named/.test(match) ? [] : [path]))
  return [...plain, ...redirects.map(({ from }) => from)].flatMap((path) => {
    if (Buffer.byteLength(path) > PATH_BYTES)
      return [`path ${JSON.stringify(path)} is longer than ${PATH_BYTES} bytes, which is all that nginx 1.22 compares`]
    return /\/\/|\/\.{1,2}(\/|$)/.test(path)
      ? [`no request has the path ${JSON.stringify(path)}: nginx takes //, /./ and /../ out of it`]
      : []
  })
}

/** The longest word that nginx reads is 4096 bytes, quotes included (NGX_CONF_BUFFER in ngx_conf_file.c). */
const WORD_BYTES = 4000

/** In these values `$name` is a variable, and nginx rejects a `$` without a variable and has no way to quote it. */
function valueMistakes({ headers = {}, locations = [], redirects = [] }: NginxVhost): string[] {
  const values = [
    ...Object.entries(headers),
    ...locations.flatMap((location) => [
      ...Object.entries({ ...location.headers, ...location.proxy?.headers }),
      ...(location.return?.to === undefined ? [] : [[`return of ${location.path}`, location.return.to] as const]),
    ]),
    ...redirects.map(({ from, to }) => [`redirect of ${from}`, to] as const),
    ...locations.map(({ path }) => ['location', path] as const),
  ]
  return values.flatMap(([where, value]) => {
    if (Buffer.byteLength(word(value)) > WORD_BYTES) return [`${where}: longer than nginx reads`]
    const isWrong = where !== 'location' && /\$(?!\w|\{\w+\})/.test(value)
    return isWrong ? [`${where}: ${JSON.stringify(value)} holds a $ without a name, which nginx cannot take`] : []
  })
}

type Files = ReturnType<typeof parseSmallFiles>

/** Null when neither file nor link exists; a link without its file is a site that stops nginx from loading. */
function stateOf({ name, desired }: Desired<NginxVhostState>, files: Files): NginxVhostState | null {
  const file = files.get(available(name))
  const link = files.get(linkPath(name))
  if (!file && !link) return null
  const state = file ? observedNginxFile(file, desired) : { content: '', mode: '', owner: '' }
  return { ...state, link: link === undefined ? null : link.kind === 'link' ? link.target : '(not a link)' }
}

function step(changes: readonly Change<NginxVhostState>[], context: Context): ReturnType<typeof replaceNginxFiles> {
  return replaceNginxFiles(changes.map(workOf), context)
}

function workOf({ name, after }: Change<NginxVhostState>): NginxWork {
  const path = available(name)
  if (after === null) return { path, content: null, mode: '', link: { path: linkPath(name), target: null } }
  return { path, content: after.content, mode: after.mode, link: { path: linkPath(name), target: after.link } }
}
