/**
 * What a ufw rule matches, in one spelling for recipes and for the `### tuple ###` lines that ufw keeps in
 * /etc/ufw/user.rules (seen with ufw 0.36.2, Debian 12 and 13).
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import * as form from '../../kit/form.ts'
import type { PacketMatch } from '../../kit/touch.ts'

export type Family = 'ipv4' | 'ipv6'

/** Everything except its action, log and comment. */
export type Match = PacketMatch

export const MATCH = form.fields<Match>({
  direction: form.oneOf('in', 'out'),
  route: form.flag,
  protocol: form.line(),
  from: form.line(),
  fromPort: form.line(),
  to: form.line(),
  port: form.line(),
  interface: form.line(),
  outInterface: form.line(),
})

export type Rule = Match & { action: string }

/** The rule in a state of ufw-rule. The engine passes to the types of ufw their own states. */
export function ruleIn(state: unknown): Rule | undefined {
  return isRuleState(state) ? { ...state.how, action: state.action } : undefined
}

function isRuleState(state: unknown): state is { action: string; how: Match } {
  return form.isObject(state) && 'action' in state && 'how' in state
}

/** `22/tcp from 10.0.0.0/8 on eth0`: the rule's name. */
export function nameOf(match: Match): string {
  const parts = [
    match.route ? 'route' : '',
    match.direction === 'out' && !match.route ? 'out' : '',
    `${match.port || 'any'}${match.protocol && `/${match.protocol}`}`,
    match.to && `to ${match.to}`,
    match.from && `from ${match.from}`,
    match.fromPort && `${match.from ? '' : 'from any '}port ${match.fromPort}`,
    match.interface && `on ${match.interface}`,
    match.outInterface && `out on ${match.outInterface}`,
  ]
  return parts.filter(Boolean).join(' ')
}

/** Address families whose packets it can match. */
export function familiesOf({ from, to }: Match): Family[] {
  const address = from || to
  if (address === '') return ['ipv4', 'ipv6']
  return [address.includes(':') ? 'ipv6' : 'ipv4']
}

/** An address or network as ufw stores it; undefined for invalid text. Host bits are cut off, a single host has no `/32`. */
export function canonicalAddress(text: string): string | undefined {
  const [address = '', bits, more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more !== undefined || address.includes('%')) return undefined
  const full = version === 4 ? 32 : 128
  if (bits !== undefined && !(/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= full)) return undefined
  const length = bits === undefined ? full : Number(bits)
  const kind = version === 4 ? ipaddr.IPv4 : ipaddr.IPv6
  const network = kind.networkAddressFromCIDR(`${address}/${length}`).toString()
  if (length === 0) return undefined
  return length === full ? network : `${network}/${length}`
}

/** `80,443` or `6000:6100`, parts in ascending order as ufw stores them. */
export function canonicalPorts(ports: number | string | readonly (number | string)[] | undefined): string {
  if (ports === undefined) return ''
  const parts = typeof ports === 'object' ? ports.map(String) : String(ports).split(',')
  return parts.toSorted((a, b) => range(a)[0] - range(b)[0]).join(',')
}

/** What is wrong with a port list, one sentence each. */
export function portMistakes(ports: string, protocol: string | undefined): string[] {
  if (ports === '') return []
  const ranges = ports.split(',').map(range)
  return [
    ...ranges.flatMap(([low, high]) =>
      low >= 1 && high <= 65535 && low <= high ? [] : [`${low}:${high} is not a range of ports`],
    ),
    ...(ranges.some(([low], index) => index > 0 && low <= ranges[index - 1]![1]) ? [`ports ${ports} overlap`] : []),
    ...(/[,:]/.test(ports) && protocol !== 'tcp' && protocol !== 'udp'
      ? ['several ports need protocol tcp or udp']
      : []),
    ...(ports.split(/[,:]/).length > 15 ? ['ufw takes 15 ports in one rule, a range counts twice'] : []),
  ]
}

function range(part: string): [low: number, high: number] {
  const [low = 0, high = low] = part.split(':').map(Number)
  return [low, high]
}

/** Whether a canonical list of ports contains one; an empty list contains all. */
export function portsHave(ports: string, port: number): boolean {
  return (
    ports === '' ||
    ports
      .split(',')
      .map(range)
      .some(([low, high]) => low <= port && port <= high)
  )
}

/** True when some packet could match both. */
export function overlap(a: Match, b: Match): boolean {
  const same = (x: string, y: string): boolean => x === '' || y === '' || x === y
  return (
    a.route === b.route &&
    (a.route || a.direction === b.direction) &&
    familiesOf(a).some((family) => familiesOf(b).includes(family)) &&
    same(a.protocol, b.protocol) &&
    same(a.interface, b.interface) &&
    same(a.outInterface, b.outInterface) &&
    portsMeet(a.port, b.port) &&
    portsMeet(a.fromPort, b.fromPort) &&
    networksMeet(a.from, b.from) &&
    networksMeet(a.to, b.to)
  )
}

/** Declared rules that must come after this one: declared later, matching some of the same packets, with another action. */
export function laterConflicts(name: string, declared: readonly Rule[]): Rule[] {
  const at = declared.findIndex((one) => nameOf(one) === name)
  const self = declared[at]
  if (self === undefined) return []
  return declared.slice(at + 1).filter((one) => one.action !== self.action && overlap(one, self))
}

/** A rule that stands on a host: its name, what it matches, and its action. */
export type Standing = { name: string; match: Match; action: string }

/**
 * Whether a rule on the host must come after a declared one: it is declared later and conflicts with it, or nobody
 * declared it and, standing first, it would decide about every packet of the declared one.
 */
export function precededBy(name: string, declared: readonly Rule[]): (other: Standing) => boolean {
  const self = declared.find((one) => nameOf(one) === name)
  const later = new Set(laterConflicts(name, declared).map(nameOf))
  const known = new Set(declared.map(nameOf))
  return (other) =>
    later.has(other.name) ||
    (self !== undefined && !known.has(other.name) && other.action !== self.action && covers(other.match, self))
}

/** Whether every packet of `b` matches `a`, as far as their spelling tells; `place_of` in ruleProgram.ts does the same. */
function covers(a: Match, b: Match): boolean {
  const holds = (x: string, y: string): boolean => x === '' || x === y
  const lists = (x: string, y: string): boolean => x === '' || y.split(',').every((part) => x.split(',').includes(part))
  return (
    a.route === b.route &&
    (a.route || a.direction === b.direction) &&
    holds(a.protocol, b.protocol) &&
    holds(a.interface, b.interface) &&
    holds(a.outInterface, b.outInterface) &&
    holds(a.from, b.from) &&
    holds(a.to, b.to) &&
    lists(a.port, b.port) &&
    lists(a.fromPort, b.fromPort)
  )
}

/** Whether it can match new TCP connections to this host. */
export function isIncoming({ direction, route, protocol }: Match): boolean {
  return direction === 'in' && !route && ['', 'tcp'].includes(protocol)
}

/** Whether an address is in a network, or is that address. */
export function isWithin(address: string, network: string): boolean {
  return networksMeet(address, network)
}

function portsMeet(a: string, b: string): boolean {
  if (a === '' || b === '') return true
  const others = b.split(',').map(range)
  return a
    .split(',')
    .map(range)
    .some(([low, high]) => others.some((other) => low <= other[1] && other[0] <= high))
}

function networksMeet(a: string, b: string): boolean {
  if (a === '' || b === '') return true
  const [one, oneBits] = parsed(a)
  const [other, otherBits] = parsed(b)
  const bits = Math.min(oneBits, otherBits)
  if (one instanceof ipaddr.IPv4) return other instanceof ipaddr.IPv4 && one.match(other, bits)
  return other instanceof ipaddr.IPv6 && one.match(other, bits)
}

function parsed(network: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (network.includes('/')) return ipaddr.parseCIDR(network)
  const address = ipaddr.parse(network)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

/** A match in one family as a tuple line spells it, without action: `tcp 22 0.0.0.0/0 any 10.0.0.0/8 in_eth0`. */
export function tupleOf(match: Match, family: Family): string {
  const anywhere = family === 'ipv4' ? '0.0.0.0/0' : '::/0'
  const where = match.route
    ? [match.interface && `in_${match.interface}`, match.outInterface && `out_${match.outInterface}`]
        .filter(Boolean)
        .join('!') || 'in'
    : match.direction + (match.interface && `_${match.interface}`)
  const { protocol, port, to, fromPort, from } = match
  const fields = [protocol || 'any', port || 'any', to || anywhere, fromPort || 'any', from || anywhere, where]
  return `${match.route ? 'route:' : ''}${fields.join(' ')}`
}

/** A tuple's match; undefined for one that cannot be parsed. */
export function matchOf(route: boolean, fields: readonly string[]): Match | undefined {
  const [protocol, port, to, fromPort, from, where, ...more] = fields
  if (protocol === undefined || !port || !to || !fromPort || !from || !where || more.length > 0) return undefined
  const any = (text: string): string => (['any', '0.0.0.0/0', '::/0'].includes(text) ? '' : text)
  const sides = where.split('!')
  const incoming = sides.find((side) => side.startsWith('in'))
  const outgoing = sides.find((side) => side.startsWith('out'))
  const name = (side: string | undefined): string => side?.slice(side.indexOf('_') + 1 || side.length) ?? ''
  return {
    direction: !route && outgoing !== undefined ? 'out' : 'in',
    route,
    protocol: any(protocol),
    from: any(from),
    fromPort: any(fromPort),
    to: any(to),
    port: any(port),
    interface: route ? name(incoming) : name(incoming ?? outgoing),
    outInterface: route ? name(outgoing) : '',
  }
}
