/**
 * Rights of a PostgreSQL role beyond what it was granted, and how to revoke them.
 */
import { literal, literals } from './sql.ts'

/** Attributes of CREATE ROLE and ALTER ROLE that give a role more than its grants. */
export const POWERS = ['superuser', 'createdb', 'createrole', 'replication', 'bypassRls'] as const
type Rightful = { [power in (typeof POWERS)[number]]?: boolean | undefined } & {
  memberOf?: string[] | undefined
  adminOf?: string[] | undefined
  leaves?: string[] | undefined
  hands?: string[] | undefined
}
const MEMBER = 'membership of '
const ADMIN = 'admin option of '

/** Powers, predefined roles (which give access to files, programs and all data), and memberships that it may grant. */
export function rightsBeyond(
  _name: string,
  desired: Rightful,
  { memberOf = [], adminOf = [], ...observed }: Rightful,
): string[] {
  return [
    ...POWERS.filter((power) => desired[power] === undefined && observed[power] === true),
    ...(desired.memberOf === undefined
      ? memberOf.filter((role) => role.startsWith('pg_')).map((role) => MEMBER + role)
      : []),
    ...adminOf.map((role) => ADMIN + role),
  ]
}

export function withoutRights<State extends Rightful>(_name: string, desired: State, rights: readonly string[]): State {
  const after = (start: string): string[] =>
    rights.flatMap((right) => (right.startsWith(start) ? [right.slice(start.length)] : []))
  const powers = POWERS.filter((power) => rights.includes(power))
  return {
    ...desired,
    ...Object.fromEntries(powers.map((power) => [power, false])),
    leaves: after(MEMBER),
    hands: after(ADMIN),
  }
}

export function revokeStatements(name: string, what: string, roles: readonly string[] = []): string[] {
  return roles.length === 0 ? [] : [revokeStatement(name, what, `in ${literals(roles)}`)]
}

export function revokeStatement(name: string, what: string, which: string): string {
  return `select format('revoke ${what}%s from %s granted by %s', m.roleid::regrole, m.member::regrole, m.grantor::regrole)
  from pg_auth_members m join pg_roles g on g.oid = m.roleid
  where m.member = (select oid from pg_roles where rolname = ${literal(name)})
    and g.rolname ${which} \\gexec`
}
