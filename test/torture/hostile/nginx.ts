/**
 * Hostile text in a vhost: values of response headers, bodies of answers, where redirects lead, and paths of locations.
 * One vhost holds all of a batch; it is converged, and what nginx then serves is asked over a few connections.
 */
import { Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { nginxVhost } from '../../../lib/index.ts'
import type { Location } from '../../../lib/resources/nginx/location.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { sshOk } from '../../support/host.ts'
import { accepted, assertKept, converge, type HostileClass } from './batch.ts'

const DOMAIN = 'hostile.example'

export const nginx: HostileClass = {
  name: 'Nginx',
  packages: ['nginx-light'],
  own: [
    '"',
    "'",
    '\\',
    '\\\\',
    '\\"',
    "\\'",
    ';',
    '{',
    '}',
    '; }',
    '};',
    '#',
    ' # ',
    ' ',
    '  ',
    '=',
    '~',
    '~*',
    '^~',
    '@x',
    '$host',
    '${host}',
    '$scheme',
    '$server_port',
    '$1',
    '$',
    '${',
    '$$',
    '%',
    '%20',
    '%0a',
    '%2e%2e',
    '?a=b',
    '&',
    '+',
    '\\n',
    '\\t',
    '\\r',
    '\r\nX-Injected: 1',
    '; return 200 x;',
    "'; include /etc/passwd; '",
    '{{',
    '*',
    '|',
    'x',
    'é',
  ],
  async bring(host, values) {
    const headers = accepted(host, values, (value) => vhost([answer(0, { headers: { 'X-Hostile': value } })])).filter(
      isPlain,
    )
    const bodies = accepted(host, values, (value) => vhost([answer(0, { return: { code: 200, to: value } })])).filter(
      isPlain,
    )
    const targets = accepted(host, values, (value) => vhost([], [redirect(0, value)])).filter(isPlain)
    const paths = accepted(host, values, (value) => vhost([path(value, 0)])).filter(isReached)
    await converge(host, () =>
      vhost(
        [
          ...headers.map((value, n) => answer(n, { path: `/header/${n}`, headers: { 'X-Hostile': value } })),
          ...bodies.map((value, n) => answer(n, { path: `/body/${n}`, return: { code: 200, to: value } })),
          ...paths.map(path),
        ],
        targets.map((value, n) => redirect(n, value)),
      ),
    )
    await reload(host)
    const served = asking(host)
    const sent = (text: string): string => Buffer.from(expanded(text)).toString('latin1')
    assertKept(
      await served(
        headers.map((_, n) => `/header/${n}`),
        ({ header }) => header,
      ),
      headers.map((one) => sent(one).replace(/^[ \t]+|[ \t]+$/g, '')),
      'headers',
    )
    assertKept(
      await served(
        bodies.map((_, n) => `/body/${n}`),
        ({ body }) => body,
      ),
      bodies.map(expanded),
      'bodies',
    )
    assertKept(
      await served(
        targets.map((_, n) => `/redirect/${n}`),
        ({ location }) => location,
      ),
      targets.map((one) => sent(`https://x/${one}`).replace(/[ \t]+$/, '')),
      'redirects',
    )
    assertKept(
      await served(paths.map(escaped), ({ body }) => body),
      paths.map((_, n) => `at ${n}`),
      'paths',
    )
    return new Set([...headers, ...bodies])
  },
}

const VARIABLES: { readonly [name: string]: string } = { host: DOMAIN, scheme: 'http', server_port: '80' }
const VARIABLE = /\$(?:([1-9])|\{(\w*)\}|(\w+))/g

/** Whether nginx knows all variables in it: which others it has only it knows, and a vhost with one of those is refused. */
function isPlain(value: string): boolean {
  return [...value.matchAll(VARIABLE)].every(
    ([, digit, braced, bare]) => digit !== undefined || (braced ?? bare ?? '') in VARIABLES,
  )
}

function expanded(value: string): string {
  return value.replaceAll(
    VARIABLE,
    (_, digit: string | undefined, braced: string | undefined, bare: string | undefined) =>
      digit === undefined ? VARIABLES[braced ?? bare ?? '']! : '',
  )
}

/** Whether a request leads to a location of exactly this path: nginx resolves `..` and `//`. */
function isReached(value: string): boolean {
  return !/\/\/|\/\.{1,2}(?:\/|$)|^\.{1,2}(?:\/|$)|^\//.test(value)
}

function vhost(locations: readonly Location[], redirects: readonly { from: string; to: string }[] = []): unknown {
  return nginxVhost({ name: 'hostile', serverNames: [DOMAIN], locations: [...locations], redirects: [...redirects] })
}

function answer(n: number, more: Partial<Location>): Location {
  return { path: `/${n}`, match: 'exact', return: { code: 204 }, ...more }
}

const redirect = (n: number, value: string) => ({ from: `/redirect/${n}`, to: `https://x/${value}` })
const path = (value: string, n: number): Location =>
  answer(n, { path: `/path/${value}`, return: { code: 200, to: `at ${n}` } })
const escaped = (value: string): string =>
  `/path/${[...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`

/** Until all old workers are gone. */
async function reload(host: SandboxHost): Promise<void> {
  await sshOk(
    host,
    `old=$(pgrep -P "$(cat /run/nginx.pid)" | tr '\\n' ' '); systemctl reload nginx
for one in $old; do while [ -d "/proc/$one" ]; do sleep 0.02; done; done`,
  )
}

type Answer = { body: string; header: string; location: string }

/** Asks for each path and takes one thing of each answer, in order. */
function asking({
  address,
}: SandboxHost): (paths: readonly string[], take: (answer: Answer) => string) => Promise<string[]> {
  return async (paths, take) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    const answers = await Promise.all(paths.map((one) => ask(agent, address, one)))
    agent.destroy()
    return answers.map(take)
  }
}

function ask(agent: Agent, address: string, path_: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: address, path: path_, headers: { host: DOMAIN } })
    sent.once('error', reject)
    sent.once('response', (response) => {
      buffer(response).then((bytes) => {
        assert.is(response.headers['x-injected'], undefined)
        const { 'x-hostile': header, location = '' } = response.headers
        resolve({ body: bytes.toString(), header: String(header ?? ''), location })
      }, reject)
    })
    sent.end()
  })
}
