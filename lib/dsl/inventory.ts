/**
 * The inventory: every machine, its address, its size, and its roles.
 */
import deepmerge from 'deepmerge'
import type { Source } from '../engine/catalog/catalog.ts'
import type { JsonSchema } from '../kit/schema.ts'
import type { Planned } from './cost.ts'
import type { OwnPrices } from './prices.ts'
import { type Server, SERVER_NAMES, serverNamed, type ServerName } from './servers.ts'
import { callerSource } from './source.ts'

export type Os = 'debian-12' | 'debian-13'

/** The fields of a host, which defaults and roles may provide. */
type HostEntry<Data extends object> = {
  /** Name or IP address in the form that ssh accepts. */
  address: string
  port?: number
  user?: string
  identityFile?: string
  /** Pinned public host keys, `ssh-ed25519 AAAA…`; without them known_hosts decides. */
  hostKey?: string | readonly string[]
  /** ProxyJump, `user@host:port[,…]`. */
  jump?: string
  os: Os
  /** Hetzner server type, from which recipes derive the sizes of Postgres, workers and caches. */
  server: ServerName
  /** The provider keeps backups of its disk, for which it asks a part of the server's price. @default false */
  backups?: boolean
  /** Sizes of its volumes, in GB. */
  volumesGB?: readonly number[]
  /** Outgoing traffic a month, in TB. @default no more than the server's price includes */
  trafficTB?: number
  roles: readonly string[]
  tags?: readonly string[]
  /** Further data about this host for recipes: plain JSON. */
  data?: Data
}

type Given<Data extends object> = Partial<Omit<HostEntry<Data>, 'data'>> & { data?: Partial<Data> }

export type InventoryProps<Data extends object> = {
  /** For every host; values of a role or of the host override it. */
  defaults?: Given<Data>
  /** For every host with the role; values of the host override it. */
  roles?: { readonly [role: string]: Given<Data> }
  hosts: { readonly [name: string]: Given<Data> }
  /** What the site may grow to: names of phases, and the machines of each. Only `cost` reads them. */
  phases?: Phases
  /** Prices that are not those of the provider's list. */
  prices?: OwnPrices
}

export type Phases = { readonly [phase: string]: { readonly [machine: string]: Planned & { server: ServerName } } }

export type InventoryHost<Data extends object = object> = HostEntry<Data> & { name: string; data: Data }

export type Inventory<Data extends object = object> = {
  readonly hosts: readonly InventoryHost<Data>[]
  readonly phases: Phases
  readonly prices: OwnPrices
}

/** The argument of a role function: its host. Frozen: recipes can only read it. */
export type Host<Data extends object = object> = {
  readonly name: string
  readonly address: string
  readonly os: Os
  readonly codename: 'bookworm' | 'trixie'
  readonly server: Server
  readonly roles: readonly string[]
  /** True for a container that stands in for the machine: kernel settings outside net.* cannot be set in one. */
  readonly container: boolean
  readonly data: Data
}

const BOUGHT = {
  server: { enum: SERVER_NAMES },
  backups: { type: 'boolean' },
  volumesGB: { type: 'array', items: { type: 'number', minimum: 1 } },
  trafficTB: { type: 'number', minimum: 0 },
} as const

const DAY = { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' } as const
const PRICE = {
  type: 'object',
  additionalProperties: false,
  required: ['euro', 'asOf'],
  properties: {
    euro: { type: 'number', minimum: 0 },
    asOf: DAY,
    note: { type: 'string' },
    withIPv4: { type: 'boolean' },
  },
} as const
const OWN_PRICES = {
  type: 'object',
  additionalProperties: false,
  properties: {
    servers: { type: 'object', additionalProperties: PRICE },
    ipv4: PRICE,
    backups: {
      type: 'object',
      additionalProperties: false,
      required: ['percent', 'asOf'],
      properties: { percent: { type: 'number', minimum: 0 }, asOf: DAY },
    },
    volumeGB: PRICE,
    trafficTB: PRICE,
  },
} as const
const PHASE = {
  type: 'object',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['server'],
    properties: { ...BOUGHT, count: { type: 'integer', minimum: 1 } },
  },
} as const

const ENTRY = {
  ...BOUGHT,
  address: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9.:_-]*$', description: 'a host name or an IP address' },
  port: { type: 'integer', minimum: 1, maximum: 65535 },
  user: { type: 'string', pattern: '^[a-z_][a-z0-9_-]*$', description: 'the name of an account' },
  identityFile: { type: 'string', minLength: 1 },
  hostKey: {
    anyOf: [
      {
        type: 'string',
        pattern: '^[a-z0-9@.-]+ [A-Za-z0-9+/=]+',
        description: 'a public host key, such as "ssh-ed25519 AAAA…"',
      },
      {
        type: 'array',
        items: {
          type: 'string',
          pattern: '^[a-z0-9@.-]+ [A-Za-z0-9+/=]+',
          description: 'a public host key, such as "ssh-ed25519 AAAA…"',
        },
      },
    ],
  },
  jump: { type: 'string', minLength: 1 },
  os: { enum: ['debian-12', 'debian-13'] },
  roles: { type: 'array', items: { type: 'string' }, uniqueItems: true },
  tags: { type: 'array', items: { type: 'string' } },
  data: { type: 'object' },
} as const

const LAYER = { type: 'object', additionalProperties: false, properties: ENTRY } as const

/** Checked by `evaluate`, so that loading a site loads no schema library. */
export const INVENTORY_SCHEMA: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['hosts'],
  properties: {
    defaults: LAYER,
    roles: { type: 'object', additionalProperties: LAYER },
    hosts: {
      type: 'object',
      additionalProperties: LAYER,
      propertyNames: {
        pattern: '^[a-z0-9][a-z0-9.-]*$',
        description: 'a name of small letters, digits, "-" and ".", such as "web-1"',
      },
    },
    phases: { type: 'object', additionalProperties: PHASE },
    prices: OWN_PRICES,
  },
}

/** The fields required after merging. */
export const HOST_SCHEMA: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'address', 'os', 'server', 'roles'],
  properties: { ...ENTRY, name: { type: 'string' } },
}

/** The source of a merged inventory, for checks: the given value, and the absolute place of the call. */
export type Origin = { given: unknown; source: Source }

const origins = new WeakMap<Inventory, Origin>()

/** @throws {TypeError} For an object that `inventory` did not make. */
export function originOf(merged: Inventory): Origin {
  const origin = origins.get(merged)
  if (origin === undefined) throw new TypeError('site(…) takes what inventory(…) returns')
  return origin
}

/**
 * Merges defaults, then the host's roles in their order, then the host itself. Lists are replaced, objects merged. It
 * checks nothing: that is done when a host is evaluated.
 *
 * @example inventory({ hosts: { 'web-1': { address: '192.0.2.1', os: 'debian-13', server: 'CX22', roles: ['server'] } } })
 */
export function inventory<Data extends object = object>(given: InventoryProps<Data>): Inventory<Data> {
  const hosts = Object.entries(given.hosts).map(([name, own]) => mergeHost(name, own, given))
  const merged: Inventory<Data> = { hosts, phases: given.phases ?? {}, prices: given.prices ?? {} }
  origins.set(merged, { given, source: callerSource('/') })
  return merged
}

function mergeHost<Data extends object>(
  name: string,
  own: Given<Data>,
  { defaults = {}, roles = {} }: InventoryProps<Data>,
): InventoryHost<Data> {
  const names = own.roles ?? defaults.roles
  const ofRoles = Array.isArray(names) ? names.map((role: string) => roles[role] ?? {}) : []
  const layers: object[] = [{ data: {} }, defaults, ...ofRoles, own, { name }]
  // A list is not a plain object, so it replaces the previous one instead of being joined to it.
  const merged: object = deepmerge.all(layers, { isMergeableObject: isPlainObject })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- HOST_SCHEMA is checked before a host is used
  return merged as InventoryHost<Data>
}

function isPlainObject(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

/** The host as recipes see it, with the machine's own size when another machine stands in for the real one. */
export function hostOf<Data extends object>(
  entry: InventoryHost<Data>,
  size: { cpus?: number; memoryMiB?: number } = {},
  container = false,
): Host<Data> {
  const host = {
    name: entry.name,
    address: entry.address,
    os: entry.os,
    codename: entry.os === 'debian-12' ? ('bookworm' as const) : ('trixie' as const),
    server: { ...serverNamed(entry.server), ...size },
    roles: entry.roles,
    container,
    data: entry.data,
  }
  return deepFreeze(structuredClone(host))
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
