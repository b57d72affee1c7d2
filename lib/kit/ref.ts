/**
 * Refs, made from the names of resource types: a misspelt type does not compile.
 */

/**
 * Types that refs may name from anywhere, including a family that may not import theirs: those of lib/index.ts. A type
 * defined elsewhere is passed as the type object.
 */
export const KNOWN_TYPES = [
  'authorized-keys',
  'certificate',
  'command',
  'cron-job',
  'directory',
  'drop-in',
  'edit',
  'file',
  'group',
  'hostname',
  'kernel-module',
  'known-hosts',
  'locale',
  'logrotate',
  'mount',
  'nginx-snippet',
  'nginx-vhost',
  'package',
  'postgres-database',
  'postgres-extension',
  'postgres-grant',
  'postgres-hba',
  'postgres-role',
  'postgres-setting',
  'redis-setting',
  'service',
  'ssh-key',
  'sudoers',
  'swap-file',
  'symlink',
  'sysctl',
  'timer',
  'timezone',
  'tmpfiles',
  'ufw-defaults',
  'ufw-rule',
  'unit',
  'user',
] as const
export type KnownType = (typeof KNOWN_TYPES)[number]

/** A resource type as a value. */
export type TypeItself = { readonly type: string; readonly schema: object; readonly read: object }

/** The name of a known type, or a type itself. */
export type NamedType = KnownType | TypeItself

declare const made: unique symbol
/** A ref that was made from a type object. */
export type OwnRef = string & { readonly [made]: true }

/** `type:name`, such as `file:/etc/motd`, as it appears in catalogs, ledgers and reports. */
export type Ref = string

/**
 * A ref with a known type. `ufw-rule:*` is every declared resource of a type, `under:/etc` every one that writes a path
 * there or below.
 */
export type TypedRef = `${KnownType | 'under'}:${string}` | OwnRef

/**
 * The ref of a resource by its type and natural key.
 *
 * @example refOf('file', '/etc/motd')
 * @example refOf(hostsEntryType, '10.0.0.5') // of a type that lib/index.ts does not export
 */
export function refOf<const Type extends KnownType>(type: Type, name: string): `${Type}:${string}`
export function refOf(type: TypeItself, name: string): OwnRef
export function refOf(type: NamedType, name: string): Ref {
  return `${typeName(type)}:${name}`
}

/** Every declared resource that writes this path, or one below it: `needs: () => [under('/etc/app')]`. */
export function under(path: string): `under:${string}` {
  return `under:${path}`
}

/** The name of a type: `file`. */
export function typeName(type: NamedType): string {
  return typeof type === 'string' ? type : type.type
}

/** `ufw rule 22/tcp`: a ref as people see it. `ufw defaults` has no other name. */
export function labelOf(ref: Ref): string {
  const colon = ref.indexOf(':')
  const [type, name] = [ref.slice(0, colon).replaceAll('-', ' '), ref.slice(colon + 1)]
  return type.endsWith(` ${name}`) ? type : `${type} ${name}`
}
