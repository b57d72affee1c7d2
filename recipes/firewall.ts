/**
 * UFW: closed but for what is named, for IPv4 and IPv6. What must never be reachable is denied by name as well, so that
 * a later, wider allow does not open it by accident.
 */
import { aptPackage, type Handle, ufwDefaults, ufwRule } from '#keelson'

export type Firewall = {
  /** TCP ports that anyone may reach. The port of ssh belongs here. */
  allow: readonly number[]
  /** TCP ports that nobody outside may reach. */
  deny?: readonly number[]
}

/** ufw, on, that lets in what is allowed and nothing else: `firewall({ allow: [22, 443] })`. */
export function firewall({ allow, deny = [] }: Firewall): { defaults: Handle } {
  const ufw = aptPackage({ name: 'ufw' })
  // Denies stand first: the first rule that matches wins.
  for (const port of deny) ufwRule({ action: 'deny', port, protocol: 'tcp', after: ufw })
  for (const port of allow) ufwRule({ action: 'allow', port, protocol: 'tcp', after: ufw })
  return {
    defaults: ufwDefaults({
      incoming: 'deny',
      outgoing: 'allow',
      routed: 'deny',
      logging: 'low',
      enabled: true,
      after: ufw,
    }),
  }
}
