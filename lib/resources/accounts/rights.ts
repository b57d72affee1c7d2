/**
 * What an account may do through its groups.
 */
import type { NamedType } from '../../kit/ref.ts'
import type { Json, Desired } from '../../kit/resourceType.ts'

type Grouped = {
  group?: string | undefined
  groups?: string[] | undefined
  /** Groups that it must not be in. */
  leaves?: string[] | undefined
}

/** Groups of Debian whose members have more rights than other accounts, mostly root's by a detour. */
const PRIVILEGED: ReadonlySet<string> = new Set([
  // Files of gid 0.
  'root',
  // `%sudo ALL=(ALL:ALL) ALL` in Debian's /etc/sudoers; `admin` in that of Ubuntu, `wheel` for pam_wheel(8) and polkit.
  'sudo',
  'admin',
  'wheel',
  // Root by a container or a virtual machine: docs.docker.com/engine/security, documentation.ubuntu.com/lxd (access),
  // linuxcontainers.org/incus (security), libvirt.org/auth.html.
  'docker',
  'lxd',
  'incus-admin',
  'libvirt',
  // Raw block devices, and memory: wiki.debian.org/SystemGroups.
  'disk',
  'kmem',
  // Hashes of all passwords: shadow(5). Private keys: README.Debian of ssl-cert.
  'shadow',
  'ssl-cert',
  // All logs: wiki.debian.org/SystemGroups, journalctl(1).
  'adm',
  'systemd-journal',
  // Writes below /usr/local, which comes first in root's PATH: Debian policy 9.1.2.
  'staff',
])

/** Privileged groups that are declared neither for the account nor with it as a member. */
export function rightsBeyond(
  name: string,
  { group, groups = [] }: Grouped,
  observed: Grouped,
  declared: (type: NamedType) => readonly Desired<Json>[],
): string[] {
  const elsewhere = declared('group').filter(({ desired }) => isMember(name, desired))
  const known = new Set([...groups, ...elsewhere.map((one) => one.name)])
  const own = group === undefined && observed.group !== undefined && observed.group !== name ? [observed.group] : []
  return [
    ...own.filter((one) => PRIVILEGED.has(one)).map((one) => `primary group ${one}`),
    ...(observed.groups ?? []).filter((one) => PRIVILEGED.has(one) && !known.has(one)).map((one) => `group ${one}`),
  ]
}

function isMember(name: string, group: Json): boolean {
  const members: unknown = typeof group === 'object' && group !== null ? Reflect.get(group, 'members') : undefined
  return Array.isArray(members) && members.includes(name)
}

export function withoutRights<State extends Grouped>(name: string, desired: State, rights: readonly string[]): State {
  const leaves = rights.flatMap((right) => (right.startsWith('group ') ? [right.slice('group '.length)] : []))
  const isPrimary = rights.some((right) => right.startsWith('primary group '))
  // The group that was created with it.
  return { ...desired, leaves, ...(isPrimary ? { group: name } : {}) }
}
