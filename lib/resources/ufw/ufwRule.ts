/**
 * A rule of ufw. Its name is what it matches, so that changing allow to deny is a change of one rule.
 *
 * ufw applies the first rule that matches: of declared rules that overlap and have different actions, the one declared
 * first comes first on the host, and before a rule of another hand that would decide about all its packets. The order
 * of all others has no effect and stays unchanged. Rules of application profiles are not made. Read from ufw's files and
 * iptables-save(8); changed with ufw(8), each address family separately.
 */
import * as form from '../../kit/form.ts'
import { refOf } from '../../kit/ref.ts'
import {
  type Change,
  type Compared,
  type Context,
  type ResourceType,
  type Step,
  Unknown,
  type Desired,
} from '../../kit/resourceType.ts'
import { ensure } from '../../kit/schema.ts'
import { sh } from '../../kit/shell.ts'
import { UFW_GATE } from './gate.ts'
import { isLoaded, parseUfw, READ_UFW, UFW_PATHS, type Tuple, type UfwHost } from './host.ts'
import {
  canonicalAddress,
  canonicalPorts,
  familiesOf,
  isIncoming,
  laterConflicts,
  portsHave,
  type Family,
  MATCH,
  type Match,
  nameOf,
  portMistakes,
  type Rule,
  ruleIn,
  tupleOf,
  precededBy,
} from './match.ts'
import { FUNCTIONS, RELOAD } from './ruleProgram.ts'
import { ruleVerify } from './ruleVerify.ts'

/**
 * @example
 * ufwRule({ action: 'allow', from: '10.0.0.0/8', port: 22, protocol: 'tcp', comment: 'ssh', log: 'new' })
 * @example
 * // No mail leaves this host.
 * ufwRule({ action: 'deny', direction: 'out', port: 25, protocol: 'tcp' })
 * @example
 * ufwRule({
 *   action: 'allow',
 *   route: true,
 *   interface: 'wg0',
 *   outInterface: 'eth0',
 *   fromPort: '1024:65535',
 *   port: [80, 443],
 *   protocol: 'tcp',
 * })
 */
export type UfwRule = {
  /** What happens to a packet; `limit` denies an address that connects 6 times within 30 s. */
  action: 'allow' | 'deny' | 'reject' | 'limit'
  /** Packets to this host, or from it. @default 'in' */
  direction?: 'in' | 'out'
  /** Forwarded traffic: `interface` is then the incoming one. @default false */
  route?: boolean
  /** Network interface: `'eth0'`. @default any */
  interface?: string
  /** Of a routed rule: the outgoing interface. @default any */
  outInterface?: string
  /** Address or network, IPv4 or IPv6. @default anywhere, in both families */
  from?: string
  /** Port of the sender, in the forms of `port`. @default any */
  fromPort?: number | string | readonly (number | string)[]
  /** Address or network of the receiver: `'192.0.2.0/24'`. @default anywhere */
  to?: string
  /** `22`, `'6000:6100'`, `[80, 443]`. @default any */
  port?: number | string | readonly (number | string)[]
  /** Protocol. @default any; several ports need tcp or udp */
  protocol?: 'tcp' | 'udp' | 'esp' | 'ah' | 'gre'
  /** Without `'`, which ufw refuses. */
  comment?: string
  /** Log new or all connections that it matches. @default 'no' */
  log?: 'no' | 'new' | 'all'
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type UfwRuleState = {
  action: string
  log: string
  comment: string
  /** `both`, `ipv4` or `ipv6`; one of several is drift. */
  families: string
  /** `as declared`, or the later rule that precedes it. */
  order: string
  /** Whether the kernel has it, while ufw is enabled. */
  loaded: boolean
  how: Match
}

const ports = {
  anyOf: [
    { type: 'integer', minimum: 1, maximum: 65535 },
    {
      type: 'string',
      pattern: '^[0-9]{1,5}(:[0-9]{1,5})?$',
      description: 'a port such as 443 or a range such as "6000:6100"; tcp or udp is said by `protocol`',
    },
    {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: {
        anyOf: [
          { type: 'integer', minimum: 1, maximum: 65535 },
          {
            type: 'string',
            pattern: '^[0-9]{1,5}(:[0-9]{1,5})?$',
            description: 'a port such as 443 or a range such as "6000:6100"; tcp or udp is said by `protocol`',
          },
        ],
      },
    },
  ],
} as const
// Without `!`, which separates the two sides of a routed tuple; at most 15 bytes (IFNAMSIZ).
const networkInterface = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$',
  description: 'the name of a network interface, such as "eth0"',
} as const
const network = {
  type: 'string',
  pattern: '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$',
  description: 'an IP address or a network, such as "10.0.0.0/8"',
} as const

const KEY = [
  'direction',
  'route',
  'interface',
  'outInterface',
  'from',
  'fromPort',
  'to',
  'port',
  'protocol',
] as const satisfies readonly (keyof UfwRule)[]
type Matching = Pick<UfwRule, (typeof KEY)[number]>

export const ufwRule: ResourceType<UfwRule, UfwRuleState, keyof Matching> = {
  type: 'ufw-rule',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['action'],
    properties: {
      action: { enum: ['allow', 'deny', 'reject', 'limit'] },
      direction: { enum: ['in', 'out'] },
      route: { type: 'boolean' },
      interface: networkInterface,
      outInterface: networkInterface,
      from: network,
      fromPort: ports,
      to: network,
      port: ports,
      protocol: { enum: ['tcp', 'udp', 'esp', 'ah', 'gre'] },
      comment: { type: 'string', maxLength: 200, pattern: "^[^'\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$" },
      log: { enum: ['no', 'new', 'all'] },
      ensure,
    },
  },
  key: KEY,
  name: (props) => nameOf(matchFrom(props)),
  check: checkProps,
  desired: ({ action, log = 'no', comment = '', ...props }) => ({
    action,
    log,
    comment,
    families: familiesText(familiesOf(matchFrom(props))),
    order: IN_ORDER,
    loaded: true,
    how: matchFrom(props),
  }),
  absent: { check: checkProps },
  sharedPaths: UFW_PATHS,
  needs: () => [refOf('package', 'ufw')],
  state: form.fields<Compared<UfwRuleState>>({
    action: form.line(),
    log: form.line(),
    comment: form.text(),
    families: form.inner(form.line()),
    order: form.inner(form.line()),
    loaded: form.inner(form.flag),
  }),
  how: MATCH,
  read: {
    command: () => READ_UFW,
    parse: (output, entries) => parseWanted(parseUfw(output), entries),
  },
  opens: ({ name, before, after }) =>
    isOpen(after) === isOpen(before) || name.startsWith('out ')
      ? []
      : [`${isOpen(after) ? 'opens' : 'closes'} ${name}`],
  verify: ruleVerify,
  consequence: consequenceOf,
  touches: ({ name, after, fields }) => [
    { packetRule: { name, after: ruleIn(after) ?? null, moves: fields.some(({ field }) => field === 'order') } },
  ],
  gates: [UFW_GATE],
  steps: (change, context) => stepsFor([change], context),
  remove: (change, context) => stepsFor([change], context),
  batch: stepsFor,
  undo({ before }) {
    if (before === null) return undefined
    const isTorn = [before.action, before.log, before.comment].some((each) => each.includes(' and '))
    if (isTorn) return { cannot: 'its two address families differed' }
    return { state: { ...before, order: IN_ORDER, loaded: true } }
  },
}

const IN_ORDER = 'as declared'

function matchFrom(props: Matching): Match {
  return {
    direction: props.direction ?? 'in',
    route: props.route ?? false,
    protocol: props.protocol ?? '',
    from: props.from === undefined ? '' : (canonicalAddress(props.from) ?? props.from),
    fromPort: canonicalPorts(props.fromPort),
    to: props.to === undefined ? '' : (canonicalAddress(props.to) ?? props.to),
    port: canonicalPorts(props.port),
    interface: props.interface ?? '',
    outInterface: props.outInterface ?? '',
  }
}

function checkProps({ route, outInterface, direction, from, to, port, fromPort, protocol }: UfwRule): string[] {
  const addresses = [from, to].flatMap((text) => (text === undefined ? [] : [text]))
  const kinds = new Set(addresses.map((text) => text.includes(':')))
  const hasPort = port !== undefined || fromPort !== undefined
  return [
    ...addresses
      .filter((text) => canonicalAddress(text) === undefined)
      .map((text) => `${text} is not an address or network; leave it out for anywhere`),
    ...(kinds.size > 1 ? ['from and to are of different address families'] : []),
    ...portMistakes(canonicalPorts(port), protocol),
    ...portMistakes(canonicalPorts(fromPort), protocol),
    ...(hasPort && protocol !== undefined && !['tcp', 'udp'].includes(protocol) ? [`${protocol} has no ports`] : []),
    ...(outInterface !== undefined && route !== true ? ['outInterface is for routed rules; say direction: out'] : []),
    ...(route === true && direction !== undefined ? ['a routed rule has no direction, it has interfaces'] : []),
  ]
}

function familiesText(families: readonly Family[]): string {
  return families.length === 2 ? 'both' : (families[0] ?? '')
}

function parseWanted(host: UfwHost, entries: readonly Desired<UfwRuleState>[]): Map<string, UfwRuleState | null> {
  const declared = entries.flatMap(({ desired }) => ruleIn(desired) ?? [])
  return new Map(
    entries.map(({ name }) => {
      const tuples = (['ipv4', 'ipv6'] as const).flatMap((family) =>
        host.rules[family].filter((tuple) => tuple.name === name).map((tuple) => ({ family, tuple })),
      )
      const first = tuples[0]?.tuple
      if (first === undefined) return [name, null]
      const { action, log, comment } = oneOf(tuples.map(({ tuple }) => tuple))
      const families = tuples.map(({ family }) => family)
      return [
        name,
        {
          action,
          log,
          comment,
          families: familiesText(families),
          order: orderOf(host, first.match, declared),
          loaded: tuples.every(({ family, tuple }) => isLoaded(host, family, tuple)),
          how: first.match,
        },
      ]
    }),
  )
}

/** The values of both families' rules, joined when they differ. */
function oneOf(tuples: readonly Tuple[]): Pick<Tuple, 'action' | 'log' | 'comment'> {
  const joined = (field: 'action' | 'log' | 'comment'): string =>
    [...new Set(tuples.map((tuple) => tuple[field]))].join(' and ')
  return { action: joined('action'), log: joined('log'), comment: joined('comment') }
}

function orderOf(host: UfwHost, match: Match, declared: readonly Rule[]): string {
  const name = nameOf(match)
  const mustFollow = precededBy(name, declared)
  for (const family of ['ipv4', 'ipv6'] as const) {
    const rules = host.rules[family]
    const own = rules.findIndex((rule) => rule.name === name)
    const before = rules.slice(0, Math.max(own, 0)).find(mustFollow)
    if (before !== undefined) return `after ${before.name}`
  }
  return IN_ORDER
}

function isOpen(state: UfwRuleState | Unknown | null): boolean {
  return state !== null && !(state instanceof Unknown) && (state.action === 'allow' || state.action === 'limit')
}

/** Opening is safe; closing what may carry the operator's own session is not. */
function consequenceOf(
  { kind, before, after, fields }: Change<UfwRuleState>,
  { operator }: Context,
): ReturnType<NonNullable<(typeof ufwRule)['consequence']>> {
  // Reloading all rules, into a kernel that lost some, affects more than this rule: the way in may be lost as well.
  if (fields.some(({ field }) => field === 'loaded') && kind === 'change') return 'lockout'
  const rule = ruleIn(after ?? before)
  if (rule !== undefined && !carries(rule, operator?.port)) return 'safe'
  const opens = after?.action === 'allow'
  if (kind === 'create') return opens ? 'safe' : 'lockout'
  const opened = before !== null && 'action' in before && before.action.includes('allow')
  const touched = fields.some(({ field }) => field === 'action' || field === 'order' || field === 'families')
  if (kind === 'change') return touched && !(opens && opened) ? 'lockout' : 'safe'
  return opened ? 'lockout' : 'safe'
}

/** From the last declared to the first, so that each finds the rules that it must precede in place. */
function stepsFor(changes: readonly Change<UfwRuleState>[], context: Context): Step[] {
  const declared = declaredIn(context)
  const position = (name: string): number => declared.findIndex((one) => nameOf(one) === name)
  const inOrder = changes.toSorted((a, b) => position(b.name) - position(a.name))
  const reload = changes.some(({ fields }) => fields.some(({ field }) => field === 'loaded'))
  const program = [
    FUNCTIONS,
    declaredText(declared),
    ...inOrder.map((change) => changeText(change, declared)),
    ...(reload ? [RELOAD] : []),
  ]
  const only = changes.length === 1 ? changes[0] : undefined
  return [
    {
      title: only === undefined ? `set ${changes.length} ufw rules` : `set ufw rule ${only.name}`,
      run: program.join('\n'),
    },
  ]
}

/** Whether it can match new connections to sshd; when sshd's port is unknown, any rule may. */
function carries(match: Match, sshPort: number | undefined): boolean {
  return isIncoming(match) && (sshPort === undefined || portsHave(match.port, sshPort))
}

function declaredIn({ declared = [] }: Context): Rule[] {
  return declared.flatMap(({ desired }) => ruleIn(desired) ?? [])
}

function changeText(change: Change<UfwRuleState>, declared: readonly Rule[]): string {
  if (change.kind === 'remove') {
    const rule = ruleIn(change.before)
    if (rule === undefined) return ':'
    return familiesOf(rule)
      .map((family) => deleteText(rule, family))
      .join('\n')
  }
  const { name, after, fields } = change
  const later = laterConflicts(name, declared)
  const moves = change.kind === 'change' && fields.some(({ field }) => field === 'order')
  const match = after.how
  return familiesOf(match)
    .map((family) => {
      const tuples = later.filter((one) => familiesOf(one).includes(family)).map((one) => tupleOf(one, family))
      const put = sh`put ${family} ${tupleOf(match, family)} ${tuples.join('\n')} ${wordsOf(after, family)}`
      return moves ? `${deleteText(match, family)}\n${put}` : put
    })
    .join('\n')
}

/** The tuples of all declared rules, by which a step knows those of other hands. */
function declaredText(declared: readonly Rule[]): string {
  const tuples = (family: Family): string =>
    declared
      .filter((one) => familiesOf(one).includes(family))
      .map((one) => tupleOf(one, family))
      .join('\n')
  return sh`declared_ipv4=${tuples('ipv4')} declared_ipv6=${tuples('ipv6')}`
}

function deleteText(match: Match, family: Family): string {
  return sh`take ${family} ${tupleOf(match, family)}`
}

/** ufw(8)'s full syntax after the action: the addresses determine the family. */
function wordsOf(state: UfwRuleState, family: Family): string[] {
  const anywhere = family === 'ipv4' ? '0.0.0.0/0' : '::/0'
  const { direction, route, protocol, from, fromPort, to, port, interface: through, outInterface } = state.how
  const { log, comment } = state
  const way = route
    ? [...(through ? ['in', 'on', through] : []), ...(outInterface ? ['out', 'on', outInterface] : [])]
    : [direction, ...(through ? ['on', through] : [])]
  return [
    state.action,
    ...way,
    ...(log === 'no' ? [] : [log === 'new' ? 'log' : 'log-all']),
    ...(protocol ? ['proto', protocol] : []),
    'from',
    from || anywhere,
    ...(fromPort ? ['port', fromPort] : []),
    'to',
    to || anywhere,
    ...(port ? ['port', port] : []),
    ...(comment ? ['comment', comment] : []),
  ]
}
