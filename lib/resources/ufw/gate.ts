/**
 * Whether ufw would let the operator in after a plan: its rules in their order, then its policy. A verdict is certain
 * only where no rule made outside ufw can override it, such as a line in /etc/ufw/before.rules or one of iptables(8)
 * before ufw's.
 */
import { isIP } from 'node:net'
import type { Gate, GateView, Operator } from '../../kit/resourceType.ts'
import { lines } from '../../kit/shell.ts'
import type { PacketPolicy, PacketRule, Touch } from '../../kit/touch.ts'
import { isEnabled, jumpsToUfw, parseUfw, READ_UFW, type UfwHost } from './host.ts'
import { familiesOf, type Family, isIncoming, isWithin, nameOf, portsHave, precededBy, type Standing } from './match.ts'

export const UFW_GATE: Gate = {
  name: 'ufw',
  reads: (touch) => 'packetRule' in touch || 'packetPolicy' in touch,
  command: () => `${READ_UFW}
grep -hs -e '-j ACCEPT' /etc/ufw/before.rules /etc/ufw/before6.rules /etc/ufw/after.rules /etc/ufw/after6.rules
for k_save in iptables-save ip6tables-save; do
  if command -v "$k_save" >/dev/null; then "$k_save" -t filter 2>/dev/null | grep -e '-j ACCEPT' | grep -v '^-A ufw6\\?-' || :; fi
done
for k_own in /etc/ufw/before.init /etc/ufw/after.init; do [ ! -x "$k_own" ] || printf -- '-j ACCEPT by %s\\n' "$k_own"; done`,
  judge(output, view) {
    const host = parseUfw(output)
    const [, , , , , , accepted = ''] = output.stdout.split('\0')
    if (isFromHere(view.operator) || lines(accepted).some(mayLetIn)) return undefined
    const defaults = defaultsAfter(host, view.touches)
    if (!defaults.enabled) return undefined
    const byPolicy: Ruling =
      defaults.incoming === 'allow'
        ? 'open'
        : { by: `no rule allows it, and incoming is ${defaults.incoming} by default` }
    const families: Family[] = isIP(view.operator.from) === 6 ? ['ipv6', 'ipv4'] : ['ipv4', 'ipv6']
    const [own = byPolicy, other = byPolicy] = families.map((family) =>
      rulingOf(rulesAfter(host, family, view), family, view.operator),
    )
    if (own === 'open' || other === 'open') return undefined
    const { from, port } = view.operator
    return `ufw would let nothing from ${from} reach port ${port}: ${own.by}`
  },
}

/** Connections from the host itself, as through a tunnel, always pass ufw. */
function isFromHere({ from, to }: Operator): boolean {
  return from === to || from === '::1' || from.startsWith('127.')
}

/** Whether a rule made outside ufw may accept a new TCP connection; those that ufw ships do not. */
function mayLetIn(line: string): boolean {
  const harmless =
    / -i lo | -p (icmp|icmpv6|ipv6-icmp|1|58|udp|17) |--(ct)?state (RELATED,ESTABLISHED|ESTABLISHED,RELATED) /
  return !harmless.test(line) && !/^\s*(#|-A \S*(output|forward|OUTPUT|FORWARD|track)\S* )/.test(line)
}

/** Not enabled when the kernel has lost ufw's chains and the plan does not restore them. */
function defaultsAfter(host: UfwHost, touches: readonly Touch[]): PacketPolicy {
  const change = touches.find((touch) => 'packetPolicy' in touch)
  if (change !== undefined) return change.packetPolicy
  const policy = host.settings.get('DEFAULT_INPUT_POLICY')
  return {
    incoming: policy === 'ACCEPT' ? 'allow' : 'deny',
    enabled: isEnabled(host) && jumpsToUfw(host.kernel.ipv4),
  }
}

/** The rules as the steps of ufw-rule leave them: a new rule goes before those it must precede, otherwise to the end. */
function rulesAfter(host: UfwHost, family: Family, { touches, declared }: GateView): Standing[] {
  const inOrder = rulesIn(declared).flatMap(({ after }) => after ?? [])
  const position = (name: string): number => inOrder.findIndex((one) => nameOf(one) === name)
  const rules: Standing[] = host.rules[family].map(({ name, match, action }) => ({ name, match, action }))
  for (const { name, after, moves } of rulesIn(touches).toSorted((a, b) => position(b.name) - position(a.name))) {
    const at = rules.findIndex((rule) => rule.name === name)
    if (after !== null && !familiesOf(after).includes(family)) continue
    const stays = at !== -1 && after !== null && !moves
    if (at !== -1) rules.splice(at, 1)
    if (after === null) continue
    const before = rules.findIndex(precededBy(name, inOrder))
    rules.splice(stays ? at : before === -1 ? rules.length : before, 0, { name, match: after, action: after.action })
  }
  return rules
}

function rulesIn(touches: readonly Touch[]): PacketRule[] {
  return touches.flatMap((touch) => ('packetRule' in touch ? [touch.packetRule] : []))
}

type Ruling = { by: string } | 'open'

/**
 * The ruling of the rules: the first that blocks the operator, or open when one before it may accept; undefined when
 * the policy decides. The operator's address in the other family is unknown: there only rules for all addresses count.
 */
function rulingOf(rules: readonly Standing[], family: Family, { from, to, port }: Operator): Ruling | undefined {
  const isOwn = (isIP(from) === 6) === (family === 'ipv6')
  for (const { name, match, action } of rules) {
    const isKnown = match.protocol !== 'unknown'
    if (isKnown && !(isIncoming(match) && portsHave(match.port, port))) continue
    if (isOwn && !(holds(from, match.from) && holds(to, match.to))) continue
    if (action !== 'deny' && action !== 'reject') return 'open'
    const isForAll = isKnown && match.interface === '' && match.fromPort === ''
    if (isForAll && (isOwn || (match.from === '' && match.to === ''))) return { by: `the rule ${name} says ${action}` }
  }
  return undefined
}

function holds(address: string, network: string): boolean {
  return network === '' || isWithin(address, network)
}
