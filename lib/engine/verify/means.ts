/**
 * What each kind of check means, for the table in docs/verify.md, which a test compares with this.
 */
import type { AnyType } from '../../kit/resourceType.ts'
import { MACHINE_CHECKS } from './machineChecks.ts'

/** Checks of what resources promise to those outside, and of the way to the host. */
const OUTSIDE: { readonly [check: string]: string } = {
  dns: 'every declared name leads to the host, and nowhere else, in A and AAAA records',
  redirect: 'plain HTTP sends clients of the name to HTTPS',
  http: 'a name without TLS is answered, not with an error of the server',
  https: 'the name is answered over HTTPS, not with an error of the server',
  tls: 'the certificate that is served is the one on disk, holds for the name, and has a chain that clients trust',
  certificate: 'a certificate on disk has 14 days left, or a quarter of its life if that is shorter',
  'unknown names': 'a name that nobody declared gets no answer and no certificate',
  'closed port': 'a port that ufw denies to everybody cannot be connected to',
  host: 'the host lets us in, so that it can be looked at',
}

/** Kinds of checks and what they mean: from outside, of every machine, then of the types of resources. */
export function meanings(types: Iterable<Pick<AnyType, 'verify'>>): ReadonlyMap<string, string> {
  const machine = MACHINE_CHECKS.map(({ check, means }): [string, string] => [check, means])
  const ofTypes = [...types].flatMap(({ verify }) => Object.entries(verify?.means ?? {}))
  return new Map([...Object.entries(OUTSIDE), ...machine, ...ofTypes])
}
