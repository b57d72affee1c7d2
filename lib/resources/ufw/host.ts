/**
 * The state of ufw on the host: its files, and what the kernel enforces. One reading for rules and defaults.
 * `ufw status` and `ufw show` write a lock file, so the files are read instead.
 */
import type { Output } from '../../kit/resourceType.ts'
import { lines } from '../../kit/shell.ts'
import { type Family, type Match, matchOf, nameOf } from './match.ts'

export type UfwHost = {
  /** False when /etc/default/ufw is missing. */
  installed: boolean
  /** Variables of /etc/default/ufw and /etc/ufw/ufw.conf. */
  settings: ReadonlyMap<string, string>
  rules: { [family in Family]: Tuple[] }
  /** Logging by LOGLEVEL: lines for iptables, in normal form, sorted. */
  logging: { [family in Family]: string[] }
  /** Lines of iptables-save: policies, jumps from the main chains, all user rules and all logging rules. */
  kernel: { [family in Family]: string[] }
}

/** One rule of one family. */
export type Tuple = {
  name: string
  match: Match
  action: string
  /** `no`, `new` or `all` connections. */
  log: string
  comment: string
  /** Its lines for iptables, in normal form. */
  lines: string[]
}

const SAVED = `grep -E '^(:(INPUT|OUTPUT|FORWARD) |-A (INPUT|OUTPUT|FORWARD|ufw6?-((user|(before|after)-logging)-(input|output|forward)|logging-(deny|allow))) )'`

export const UFW_PATHS = ['/etc/default/ufw', '/etc/ufw']

/** Takes a fixed number of processes; packet counters are cut off. */
export const READ_UFW = `for k_file in /etc/default/ufw /etc/ufw/ufw.conf /etc/ufw/user.rules /etc/ufw/user6.rules; do
  [ ! -f "$k_file" ] || cat -- "$k_file"
  printf '\\0'
done
for k_save in iptables-save ip6tables-save; do
  if command -v "$k_save" >/dev/null; then "$k_save" -t filter 2>/dev/null | ${SAVED} | sed 's/ \\[[0-9:]*\\]$//' || :; fi
  printf '\\0'
done`

/** @throws {Error} When a part is missing or a rule cannot be parsed. */
export function parseUfw({ stdout }: Pick<Output, 'stdout'>): UfwHost {
  const [defaults, conf, rules4, rules6, kernel4, kernel6] = stdout.split('\0')
  if (kernel6 === undefined) throw new Error(`ufw: an answer of six parts was expected, got ${JSON.stringify(stdout)}`)
  return {
    installed: defaults !== '',
    settings: new Map(lines(`${defaults}\n${conf}`).flatMap(parseSetting)),
    rules: { ipv4: parseRules(rules4!), ipv6: parseRules(rules6!) },
    logging: { ipv4: loggingIn(lines(rules4!)), ipv6: loggingIn(lines(rules6!)) },
    kernel: { ipv4: lines(kernel4!), ipv6: lines(kernel6).map((line) => line.replaceAll('ufw6-', 'ufw-')) },
  }
}

/** Logging lines of ufw, from one of its files or from iptables-save. */
function loggingIn(text: readonly string[]): string[] {
  return text
    .filter((line) => /^-[AI] ufw6?-((before|after)-logging-(input|output|forward)|logging-(deny|allow)) /.test(line))
    .map((line) => normalLine(line.replaceAll('ufw6-', 'ufw-').replace(/^-I /, '-A ')))
    .toSorted()
}

function parseSetting(line: string): [string, string][] {
  const [, name, value] = /^([A-Z0-9_]+)="?([^"#]*?)"?\s*$/.exec(line) ?? []
  return name === undefined ? [] : [[name, value ?? '']]
}

function parseRules(text: string): Tuple[] {
  const tuples: Tuple[] = []
  let current: Tuple | undefined
  for (const line of lines(text)) {
    if (line.startsWith('### ')) {
      current = line.startsWith('### tuple ### ') ? parseTuple(line.slice('### tuple ### '.length)) : undefined
      if (current !== undefined) tuples.push(current)
    } else if (/^-A ufw6?-user-(input|output|forward) /.test(line)) {
      current?.lines.push(normalLine(line.replaceAll('ufw6-', 'ufw-')))
    }
  }
  return tuples
}

/**
 * `[route:]ACTION[_log] PROTO DPORT DST SPORT SRC [DAPP SAPP] WHERE [comment=HEX]`: the two are names of application
 * profiles, `-` for none, and the ports are those of the profile.
 */
function parseTuple(text: string): Tuple {
  const [head = '', ...rest] = text.split(' ')
  const hex = rest.at(-1)?.startsWith('comment=') ? rest.pop()!.slice('comment='.length) : ''
  const [, route, action = '', log] = /^(route:)?([a-z]+)(?:_(log|log-all))?$/.exec(head) ?? []
  const profiles = rest.length === 8 ? rest.splice(5, 2).filter((name) => name !== '-') : []
  const match = matchOf(route !== undefined, rest)
  const about = {
    action,
    log: log === undefined ? 'no' : log === 'log' ? 'new' : 'all',
    comment: Buffer.from(hex, 'hex').toString('utf8'),
    lines: [],
  }
  // A rule that Keelson cannot make still counts for the order and for the kernel's state, under a name that no recipe
  // can have; so does one by an application profile.
  return match === undefined
    ? { ...about, name: `(${text})`, match: UNKNOWN_MATCH }
    : { ...about, name: [nameOf(match), ...profiles.map((name) => `by profile ${name}`)].join(' '), match }
}

const UNKNOWN_MATCH: Match = {
  direction: 'in',
  route: false,
  protocol: 'unknown',
  from: '',
  fromPort: '',
  to: '',
  port: '',
  interface: '',
  outInterface: '',
}

const PROTOCOLS: { [name: string]: string } = { esp: '50', gre: '47', ah: '51', vrrp: '112', igmp: '2', ipv6: '41' }

/** `'dapp_OpenSSH'` in ufw's file, which iptables-save prints as `"\'dapp_OpenSSH\'"`: iptables-restore keeps the quotes. */
const COMMENT = / -m comment --comment (?:"(?:\\.|[^"\\])*"|\S+)/g

/**
 * Converts ufw's spelling of an iptables rule and that of iptables-save to one normal form: omits what is implied,
 * sorts flags. iptables 1.8.11 (Debian 13) prints protocol numbers where 1.8.9 prints names.
 */
export function normalLine(line: string): string {
  const plain = line
    .replaceAll(/ -m (tcp|udp)(?= )/g, '')
    .replaceAll(' --name DEFAULT', '')
    .replaceAll(COMMENT, '')
    .replaceAll(/ --mask \S+/g, '')
    .replaceAll(' --rsource', '')
    .replaceAll(/ --reject-with icmp6?-port-unreachable/g, '')
    .replaceAll(/ (-[sd]) (\S+)\/(32|128)(?= |$)/g, ' $1 $2')
    .replaceAll(/ -p ([a-z0-9]+)(?= |$)/g, (_whole, name: string) => ` -p ${PROTOCOLS[name] ?? name}`)
  return plain
    .split(/ (?=-)/)
    .toSorted()
    .join(' ')
}

/** True when the kernel has a rule's lines, or when ufw is disabled and the kernel need not have them. */
export function isLoaded(host: UfwHost, family: Family, tuple: Tuple): boolean {
  if (!isEnabled(host)) return true
  const kernel = new Set(host.kernel[family].map(normalLine))
  return tuple.lines.every((line) => kernel.has(line))
}

export function isEnabled({ settings }: UfwHost): boolean {
  return settings.get('ENABLED') === 'yes'
}

export function hasIpv6({ settings }: UfwHost): boolean {
  return settings.get('IPV6') === 'yes'
}

/** True when the kernel enforces exactly the files: policies, jumps, logging and, in order, all user rules. */
export function enforces(host: UfwHost): boolean {
  const families: Family[] = hasIpv6(host) ? ['ipv4', 'ipv6'] : ['ipv4']
  return families.every((family) => (isEnabled(host) ? runs(host, family) : rests(host.kernel[family])))
}

function runs({ kernel, rules, logging, settings }: UfwHost, family: Family): boolean {
  const user = kernel[family].filter((line) => line.startsWith('-A ufw-user-')).map(normalLine)
  const byChain = (chain: string, from: readonly string[]): string =>
    from.filter((line) => line.includes(`-A ufw-user-${chain}`)).join('\n')
  const wanted = rules[family].flatMap((tuple) => tuple.lines)
  return (
    jumpsToUfw(kernel[family]) &&
    logs(kernel[family], logging[family]) &&
    ['input', 'output', 'forward'].every((chain) => byChain(chain, user) === byChain(chain, wanted)) &&
    ['INPUT', 'OUTPUT', 'FORWARD'].every((chain) =>
      kernel[family].includes(`:${chain} ${settings.get(`DEFAULT_${chain}_POLICY`) === 'ACCEPT' ? 'ACCEPT' : 'DROP'}`),
    )
  )
}

/** ufw that is killed may omit or leave some of them. Lines that others have added to these chains are ignored. */
function logs(kernel: readonly string[], wanted: readonly string[]): boolean {
  const own = loggingIn(kernel).filter((line) => line.includes('"[UFW ') || wanted.includes(line))
  return own.join('\n') === wanted.join('\n')
}

/** A disabled ufw leaves jumps to empty chains. */
function rests(kernel: readonly string[]): boolean {
  return !kernel.includes(':INPUT DROP') && !kernel.some((line) => line.startsWith('-A ufw-user-'))
}

export function jumpsToUfw(kernel: readonly string[]): boolean {
  return kernel.includes('-A INPUT -j ufw-before-input')
}

/** Beginning of every step. With IPv6 disabled, ufw would refuse IPv6 rules and drop its existing ones. */
export const REQUIRE_UFW = `command -v ufw >/dev/null || fail 'ufw is not installed; declare the package ufw first'
await_locks 300 /run/ufw.lock
if ! grep -q '^IPV6=yes' /etc/default/ufw; then
  { grep -v '^IPV6=' /etc/default/ufw || :; echo IPV6=yes; } > "$P"/defaults
  replace_file /etc/default/ufw root root 0644 "$P"/defaults
  if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf; then ufw reload; fi
fi`
