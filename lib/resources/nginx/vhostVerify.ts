/**
 * What a vhost promises: its names lead to this host, HTTP redirects, HTTPS answers with its certificate, and behind it
 * stands its own upstream, as the access log tells; unknown names are refused.
 */
import * as form from '../../kit/form.ts'
import type { Output } from '../../kit/resourceType.ts'
import { lines, sh } from '../../kit/shell.ts'
import { type Declared, type Finding, markedPath, type Probe, type Verify } from '../../kit/verify.ts'
import type { VhostContent } from './vhostText.ts'

/** What clients meet, as far as it follows from the declaration. */
export type VhostWeb = {
  /** Names to try: exact ones, and samples of others. */
  names: string[]
  /** Names that cannot be tried. */
  untried: string[]
  /** Ports of plain HTTP, and of HTTPS. */
  plain: number[]
  tls: number[]
  redirects: boolean
  refuses: boolean
  certificate?: string | undefined
  /** Addresses behind `/`; none when nginx answers by itself. */
  upstreams: string[]
  /** Access log; absent when there is none. */
  log?: string | undefined
}

export const WEB_FORM = form.fields<VhostWeb>({
  names: form.list(form.line()),
  untried: form.list(form.line()),
  plain: form.list(form.whole(1, 65535)),
  tls: form.list(form.whole(1, 65535)),
  redirects: form.flag,
  refuses: form.flag,
  certificate: form.optional(form.line()),
  upstreams: form.list(form.line()),
  log: form.optional(form.line()),
})

const LOG = '/var/log/nginx/access.log'
/** Label that is tried of `*.example.com`. */
const SAMPLE = 'keelson-verify'
/** Lines of the log's end that are looked through: the requests looked for are seconds old. */
const LOG_LINES = 20_000

export function webOf(vhost: VhostContent & { sampleNames?: readonly string[] }): VhostWeb {
  const { serverNames = [], sampleNames = [], tls, refuse = false } = vhost
  const patterns = serverNames.filter((name) => name.startsWith('~'))
  const exact = serverNames.filter((name) => !name.startsWith('~'))
  return {
    names: [...exact.map((name) => name.toLowerCase().replace(/^\*/, SAMPLE)), ...sampleNames],
    untried: sampleNames.length > 0 ? [] : patterns,
    plain: portsOf(vhost.listen ?? [80]),
    tls: tls !== undefined || refuse ? portsOf(vhost.listenTls ?? [443]) : [],
    redirects: tls !== undefined && vhost.redirectToHttps !== false,
    refuses: refuse && vhost.defaultServer === true,
    certificate: tls?.certificate,
    upstreams: upstreamsOf(vhost),
    log: vhost.accessLog === false ? undefined : (vhost.accessLog ?? LOG),
  }
}

/** Of an address, its port; a UNIX socket has none. */
function portsOf(listens: readonly (number | string)[]): number[] {
  const ports = listens.flatMap((one) => Number(/(\d{1,5})$/.exec(String(one))?.[1] ?? Number.NaN))
  return [...new Set(ports.filter((port) => Number.isInteger(port)))]
}

/** Addresses of what `/` is passed on to. */
function upstreamsOf({ locations = [], upstreams = [] }: VhostContent): string[] {
  const root = locations.find(({ path, match = 'prefix' }) => path === '/' && match.startsWith('prefix'))
  const [, target = ''] = /^https?:\/\/([^/]+)/.exec(root?.proxy?.to ?? '') ?? []
  const named = upstreams.find(({ name }) => name === target)
  const servers = named?.servers.map((one) => one.split(' ', 1).join('')) ?? [target]
  return servers.filter((one) => /:\d+$/.test(one))
}

/** What is needed of a vhost. */
type Vhost = { link: string | null; how?: { web?: VhostWeb | undefined } }
type Vhosts = readonly Declared<Vhost>[]
const webIn = ({ how, link }: Vhost): VhostWeb | undefined => (link === null ? undefined : how?.web)

export const vhostVerify: Verify<Vhost> = {
  means: { upstream: 'behind every name stands the upstream of its vhost, as the access log of nginx tells' },
  outside: (_name, state) => {
    const web = webIn(state)
    return web === undefined ? [] : probesOf(web)
  },
  ports: (_name, state) => {
    const web = webIn(state)
    return web === undefined ? [] : [...web.plain, ...web.tls]
  },
  late: { command: readLogs, parse: parseLogs },
}

function probesOf({ names, untried, plain, tls, redirects, refuses, certificate }: VhostWeb): Probe[] {
  const because = 'a name for a regular expression is not known; give sampleNames'
  return [
    ...names.flatMap((name): Probe[] => [
      { probe: 'name', name },
      ...plain.map((port): Probe => ({ probe: redirects ? 'redirect' : 'http', name, port })),
      ...(certificate === undefined ? [] : tls.map((port): Probe => ({ probe: 'https', name, port, certificate }))),
    ]),
    ...untried.map((about): Probe => ({ probe: 'none', check: 'https', about, because })),
    ...(refuses
      ? [
          ...plain.map((port): Probe => ({ probe: 'unknown', port, tls: false })),
          ...tls.map((port): Probe => ({ probe: 'unknown', port, tls: true })),
        ]
      : []),
  ]
}

/** Vhosts whose requests over TLS can be found in a log. */
function logged(entries: Vhosts): { web: VhostWeb; log: string }[] {
  return entries.flatMap(({ state }) => {
    const web = webIn(state)
    if (web?.log === undefined || web.upstreams.length === 0 || web.certificate === undefined) return []
    return [{ web, log: web.log }]
  })
}

function readLogs(entries: Vhosts, mark: string): string {
  const logs = [...new Set(logged(entries).map(({ log }) => log))]
  return logs
    .map((log) => sh`tail -n ${LOG_LINES} -- ${log} 2>/dev/null | grep -aF -- ${markedPath(mark)} | head -c 262144`)
    .concat(':')
    .join('\n')
}

type Logged = { host: string; upstream: string }
const LOGGED = form.fields<Logged>({ host: form.line(300), upstream: form.line(1000) })

function parseLogs({ stdout }: Output, entries: Vhosts): Finding[] {
  const requests = lines(stdout).flatMap((line) => requestIn(line) ?? [])
  return logged(entries).flatMap(({ web, log }) => web.names.map((name) => judge(name, web, log, requests)))
}

function requestIn(line: string): Logged | undefined {
  try {
    const request = form.parseJson(line, 100)
    return form.fits(LOGGED, request) ? request : undefined
  } catch {
    return undefined
  }
}

function judge(name: string, { upstreams }: VhostWeb, log: string, requests: readonly Logged[]): Finding {
  const about = { check: 'upstream', about: name }
  const seen = requests.filter(({ host }) => host === name)
  if (seen.length === 0)
    return { ...about, state: 'unchecked', said: `${log} tells of no request with its host and upstream` }
  // After a failure nginx tries the next one, and names all of them.
  const others = seen.filter(({ upstream }) => !upstream.split(/, | : /).some((one) => upstreams.includes(one)))
  if (others.length === 0) return { ...about, state: 'ok', said: upstreams.join(', ') }
  return {
    ...about,
    state: 'wrong',
    said: `${others[0]!.upstream || 'nothing'} answers in place of ${upstreams.join(', ')}`,
    next: 'converge, and look whether another vhost answers to the name',
  }
}
