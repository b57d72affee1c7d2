/**
 * The global state of ufw: default policies, logging, and whether it is enabled. One per host. Enabled after all
 * declared rules. Read from ufw's files and iptables-save(8); changed with ufw(8).
 */
import { refOf } from '../../kit/ref.ts'
import type { ResourceType } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { sh } from '../../kit/shell.ts'
import { UFW_GATE } from './gate.ts'
import { UFW_PATHS, enforces, hasIpv6, isEnabled, parseUfw, READ_UFW, REQUIRE_UFW, type UfwHost } from './host.ts'

type Policy = 'allow' | 'deny' | 'reject'
type Logging = 'off' | 'low' | 'medium' | 'high' | 'full'

export type UfwDefaults = {
  /** For packets that no rule matches. @default 'deny' */
  incoming?: Policy
  /** For packets that leave this host, where no rule matches. @default 'allow' */
  outgoing?: Policy
  /** Forwarded traffic. @default 'deny' */
  routed?: Policy
  /** How much is logged. @default 'low' */
  logging?: Logging
  /** Whether the rules are in force, now and after a boot. @default true */
  enabled?: boolean
}

export type UfwDefaultsState = {
  incoming: string
  outgoing: string
  routed: string
  /** Always desired: otherwise ufw leaves IPv6 open, and drops its IPv6 rules. */
  ipv6: boolean
  logging: string
  enabled: boolean
  /** Whether the kernel enforces the files. */
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
      logging: { enum: ['off', 'low', 'medium', 'high', 'full'] },
      enabled: { type: 'boolean' },
    },
  },
  name: () => 'defaults',
  desired: ({ incoming = 'deny', outgoing = 'allow', routed = 'deny', logging = 'low', enabled = true }) => ({
    incoming,
    outgoing,
    routed,
    ipv6: true,
    logging,
    enabled,
    loaded: true,
  }),
  // Without its rules, enabling ufw locks the operator out.
  sharedPaths: UFW_PATHS,
  needs: () => [refOf('package', 'ufw'), refOf('ufw-rule', '*')],
  state: form.fields<UfwDefaultsState>({
    incoming: form.line(),
    outgoing: form.line(),
    routed: form.line(),
    ipv6: form.flag,
    logging: form.line(),
    enabled: form.flag,
    loaded: form.inner(form.flag),
  }),
  read: {
    command: () => READ_UFW,
    parse: (output) => new Map([['defaults', stateOf(parseUfw(output))]]),
  },
  drift: {
    field: ({ field, after }) =>
      field === 'enabled' || field === 'loaded' ? (after === true ? 'turned off' : 'turned on') : undefined,
  },
  consequence: ({ fields }) => (fields.every(({ field }) => field === 'logging') ? 'safe' : 'lockout'),
  touches: ({ after }) => (after === null ? [] : [{ packetPolicy: after }]),
  gates: [UFW_GATE],
  steps: ({ after, fields }) => [
    {
      title: after.enabled ? 'set the defaults of ufw and turn it on' : 'set the defaults of ufw',
      run: setUp(
        after,
        fields.some(({ field }) => field === 'ipv6' || field === 'loaded'),
      ),
    },
  ],
  remove: () => [],
  undo: ({ before }) => (before === null ? undefined : { state: { ...before, ipv6: true, loaded: true } }),
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

/**
 * Stops ufw and removes its chains from the kernel; other chains stay. When ufw is disabled and enabled, or reloaded,
 * it omits the jumps to chains that still exist; if somebody else flushed INPUT, that locks everyone out (seen on
 * Debian 13, ufw 0.36.2).
 */
const AFRESH = `ufw --force disable
for ip in iptables ip6tables; do
  "$ip"-save -t filter | { grep -vE '(^:|^-A .*-[jg] |^-A )ufw6?-' || :; } | "$ip"-restore
done`

/** @param afresh Whether the kernel differs from the files. */
function setUp({ incoming, outgoing, routed, logging, enabled }: UfwDefaultsState, afresh: boolean): string {
  return `${REQUIRE_UFW}
${afresh ? AFRESH : ''}
${sh`ufw default ${incoming} incoming
ufw default ${outgoing} outgoing
ufw default ${routed} routed
ufw logging ${logging}`}
${enabled ? 'ufw --force enable' : 'ufw --force disable'}`
}
