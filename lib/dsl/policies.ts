/**
 * Policies that are ready to use.
 */
import type { Ref } from '../kit/ref.ts'
import { type Finding, type Policy, policy, type PolicyChange, type PolicyPlan } from './policy.ts'

/** `443/tcp`, `6000:6100/udp`, `53` for all protocols, `any`. */
const PORTS = /^(any|[\d,:]+)(?:\/(\w+))?(?: |$)/
/** Networks with fewer bits are more or less everybody. */
const LEAST_BITS = { ipv4: 8, ipv6: 16 }

/**
 * Denies plans that open a port to everybody, unless it is listed: `limitPublicPorts([80, 443, '51820/udp'])`. It sees
 * rules of ufw and its defaults, and no other packet filter. A rule for one network is not public.
 *
 * @param ports A number is one of TCP.
 */
export function limitPublicPorts(ports: readonly (number | string)[]): Policy {
  const listed = new Set(ports.map((port) => (typeof port === 'number' ? `${port}/tcp` : port)))
  return policy('public ports', ({ changes }) =>
    changes.flatMap((change): Finding[] => {
      const opened = openedPorts(change).filter((port) => !isListed(port, listed))
      return opened.length === 0 ? [] : [{ deny: `opens ${opened.join(', ')} to everybody`, changes: [change] }]
    }),
  )
}

function isListed(port: string, listed: ReadonlySet<string>): boolean {
  return listed.has(port) || listed.has(port.replace(/\/.*$/, ''))
}

function openedPorts({ ref, opens = [], fields }: PolicyChange): string[] {
  if (ref.startsWith('ufw-rule:'))
    return opens
      .filter((words) => words.startsWith('opens '))
      .flatMap((words) => publicPorts(words.slice('opens '.length)))
  if (!ref.startsWith('ufw-defaults:')) return []
  const isOpened = fields.some(
    ({ field, after }) => (field === 'incoming' && after === 'allow') || (field === 'enabled' && after === false),
  )
  return isOpened ? ['every port'] : []
}

/** @param rule The name of a ufw rule. */
function publicPorts(rule: string): string[] {
  const [, from = ''] = / from (\S+)/.exec(rule) ?? []
  const bits = Number(from.split('/')[1] ?? Infinity)
  if (from !== '' && from !== 'any' && bits >= (from.includes(':') ? LEAST_BITS.ipv6 : LEAST_BITS.ipv4)) return []
  const [, ports = 'any', protocol] = PORTS.exec(rule.replace(/^route /, '')) ?? []
  return ports.split(',').map((port) => (protocol === undefined ? port : `${port}/${protocol}`))
}

/** Denies plans that destroy data: databases, contents of folders, packages with their data: `keepData()`. */
export function keepData(): Policy {
  return policy('data stays', ({ changes }) => {
    const lost = changes.filter(({ consequence }) => consequence === 'destructive')
    return lost.length === 0 ? [] : [{ deny: 'destroys data', changes: lost }]
  })
}

/**
 * Denies plans after which somebody else than its owner can read a file with a secret, unless it is a group that is
 * named: `keepSecretsPrivate({ groups: ['www-data'] })`.
 */
export function keepSecretsPrivate({ groups = [] }: { groups?: readonly string[] } = {}): Policy {
  return policy('secrets stay private', ({ changes }) =>
    changes.flatMap((change): Finding[] => {
      const readers = (change.opens ?? []).filter((words) => {
        const found = /^lets (?:group (\S+)|user \S+|everybody) read a secret$/.exec(words)
        return found !== null && !groups.includes(found[1] ?? '')
      })
      return readers.length === 0 ? [] : [{ deny: readers.join(', '), changes: [change] }]
    }),
  )
}

/** Denies plans that restart more than so many services of a host at once: `limitRestarts(2)`. */
export function limitRestarts(most: number): Policy {
  return policy('restarts', (plan) => {
    const restarted = restartsIn(plan)
    if (restarted.size <= most) return []
    const changes = plan.changes.filter(({ ref }) => [...restarted.values()].flat().includes(ref))
    return [
      {
        deny: `restarts ${restarted.size} services, and ${most} are allowed: ${[...restarted.keys()].join(', ')}`,
        changes,
      },
    ]
  })
}

/** Units that are restarted, and changes that say so of no unit, with the refs of what asks for it. */
function restartsIn({ changes }: PolicyPlan): Map<string, Ref[]> {
  const restarted = new Map<string, Ref[]>()
  for (const { ref, label, consequence, fields } of changes) {
    const own = fields.flatMap(({ followUp }) => (followUp === undefined ? [] : [followUp]))
    const units = own
      .filter(({ action }) => action === 'restart')
      .map(({ unit }) => unit ?? ref.slice(ref.indexOf(':') + 1))
    const names = units.length === 0 && own.length === 0 && consequence === 'restart' ? [label] : units
    for (const name of names) restarted.set(name, [...(restarted.get(name) ?? []), ref])
  }
  return restarted
}
