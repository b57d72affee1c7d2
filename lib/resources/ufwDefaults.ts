/**
 * ufw as a whole: default policies, logging, and whether it is on. One per host. Turned on after all declared rules.
 * Read from ufw's files and iptables-save(8); changed with ufw(8).
 */
import type { ResourceType } from '../engine/resource.ts'
import { payload } from '../engine/prelude.ts'
import { sh } from '../engine/shell.ts'
import { enforces, hasIpv6, isEnabled, parseUfw, READ_UFW, type UfwHost } from './ufw/host.ts'

type Policy = 'allow' | 'deny' | 'reject'
type Logging = 'off' | 'low' | 'medium' | 'high' | 'full'

export type UfwDefaults = {
  /** For what no rule matches. @default 'deny' */
  incoming?: Policy
  /** @default 'allow' */
  outgoing?: Policy
  /** Forwarded traffic. @default 'deny' */
  routed?: Policy
  /** Whether ufw looks at IPv6 at all; without it IPv6 is not filtered. @default true */
  ipv6?: boolean
  /** @default 'low' */
  logging?: Logging
  /** @default true */
  enabled?: boolean
}

export type UfwDefaultsState = {
  incoming: string
  outgoing: string
  routed: string
  ipv6: boolean
  logging: string
  enabled: boolean
  /** Whether the kernel enforces what the files say. */
  loaded: boolean
}

const policy = { enum: ['allow', 'deny', 'reject'] } as const

export const ufwDefaults: ResourceType<UfwDefaults, UfwDefaultsState> = {
  type: 'ufw-defaults',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: [],
    properties: {
      incoming: policy,
      outgoing: policy,
      routed: policy,
      ipv6: { type: 'boolean' },
      logging: { enum: ['off', 'low', 'medium', 'high', 'full'] },
      enabled: { type: 'boolean' },
    },
  },
  name: () => 'defaults',
  desired: ({
    incoming = 'deny',
    outgoing = 'allow',
    routed = 'deny',
    ipv6 = true,
    logging = 'low',
    enabled = true,
  }) => ({
    incoming,
    outgoing,
    routed,
    ipv6,
    logging,
    enabled,
    loaded: true,
  }),
  // Without its rules, ufw turned on shuts the operator out.
  needs: () => ['package:ufw', 'ufw-rule:*'],
  read: {
    command: () => READ_UFW,
    parse: (output) => new Map([['defaults', stateOf(parseUfw(output))]]),
  },
  consequence: ({ fields }) => (fields.every(({ field }) => field === 'logging') ? 'safe' : 'lockout'),
  steps: ({ after, fields }) => [
    {
      title: after.enabled ? 'set the defaults of ufw and turn it on' : 'set the defaults of ufw',
      run: setUp(
        after,
        fields.some(({ field }) => field === 'ipv6' || field === 'loaded'),
      ),
      payload: { ipv6: `s/^IPV6=.*/IPV6=${after.ipv6 ? 'yes' : 'no'}/\n` },
    },
  ],
  remove: () => [],
  holdsData: 'a firewall is not turned off by being left out; declare it with enabled: false',
}

const POLICIES: { [target: string]: string } = { ACCEPT: 'allow', DROP: 'deny', REJECT: 'reject' }

function stateOf(host: UfwHost): UfwDefaultsState | null {
  if (!host.installed) return null
  const policyOf = (chain: string): string => {
    const target = host.settings.get(`DEFAULT_${chain}_POLICY`) ?? ''
    return POLICIES[target] ?? target
  }
  return {
    incoming: policyOf('INPUT'),
    outgoing: policyOf('OUTPUT'),
    routed: policyOf('FORWARD'),
    ipv6: hasIpv6(host),
    logging: host.settings.get('LOGLEVEL') ?? '',
    enabled: isEnabled(host),
    loaded: enforces(host),
  }
}

function setUp({ incoming, outgoing, routed, logging, enabled }: UfwDefaultsState, reload: boolean): string {
  return `command -v ufw >/dev/null || fail 'ufw is not installed; declare the package ufw first'
sed -f ${payload('ipv6').text} /etc/default/ufw > "$P"/default
cmp -s "$P"/default /etc/default/ufw || replace_file /etc/default/ufw root root 0644 "$P"/default
${sh`ufw default ${incoming} incoming
ufw default ${outgoing} outgoing
ufw default ${routed} routed
ufw logging ${logging}`}
${enabled ? 'ufw --force enable' : 'ufw --force disable'}
${enabled && reload ? 'ufw reload' : ''}`
}
