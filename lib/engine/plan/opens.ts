/**
 * What a change opens to others or closes, in words: as its type says, and by the lines that it adds to the
 * configuration of daemons known to grant access. Pure.
 */
import type { Ref } from '../../kit/ref.ts'
import type { AnyType, Change, FieldChange, Json } from '../../kit/resourceType.ts'

type Opening = [line: RegExp, words: (found: RegExpExecArray) => string]

/** sshd_config(5) */
const SSHD: readonly Opening[] = [
  [/^\s*PermitRootLogin\s+yes\b/im, () => 'lets root log in with a password'],
  [/^\s*PermitRootLogin\s+(prohibit-password|without-password)\b/im, () => 'lets root log in with a key'],
  [/^\s*PasswordAuthentication\s+yes\b/im, () => 'lets accounts log in with a password'],
  [/^\s*KbdInteractiveAuthentication\s+yes\b/im, () => 'lets accounts log in by questions, mostly for a password'],
  [/^\s*PermitEmptyPasswords\s+yes\b/im, () => 'lets accounts without a password log in'],
  [/^\s*HostbasedAuthentication\s+yes\b/im, () => 'lets other hosts vouch for accounts'],
  [/^\s*PermitUserEnvironment\s+(?!no\b)\S+/im, () => 'lets users set the environment of their logins'],
]
/** sudoers(5) */
const SUDO: readonly Opening[] = [
  [/^\s*([^#\s]\S*)\s.*\bNOPASSWD\s*:/m, ([, who]) => `lets ${who} use sudo without a password`],
  [/^\s*([^#\s]\S*)\s+\S+\s*=\s*(\(.*\))?\s*ALL\s*$/m, ([, who]) => `lets ${who} run everything as root`],
  [/^\s*Defaults\S*\s+.*!authenticate\b/m, () => 'lets sudo be used without a password'],
]
/** pg_hba.conf: auth-trust */
const HBA: readonly Opening[] = [
  [/^\s*(local|host\w*)\s.*\strust\b/m, () => 'lets clients into PostgreSQL without a password'],
]
/** redis.conf */
const REDIS: readonly Opening[] = [
  [/^\s*protected-mode\s+no\b/m, () => 'lets other machines use Redis without a password'],
]

const TEXTS: readonly [path: RegExp, openings: readonly Opening[]][] = [
  [/\/etc\/ssh\/|sshd_config/, SSHD],
  [/sudoers/, SUDO],
  [/pg_hba/, HBA],
  [/redis/, REDIS],
]

type Opener = { type: AnyType; shown: { ref: Ref }; change?: Change<Json> }

export function openedBy({ type, shown, change }: Opener, fields: readonly FieldChange[]): string[] {
  const own = change === undefined ? [] : (type.opens?.(change) ?? [])
  const openings = TEXTS.flatMap(([path, known]) => (path.test(shown.ref) ? known : []))
  const added = fields.map(addedLines).join('\n')
  const found = openings.flatMap(([line, words]) => {
    const match = line.exec(added)
    return match === null ? [] : [words(match)]
  })
  return [...new Set([...own, ...found])]
}

function addedLines({ before, after }: FieldChange): string {
  if (typeof after !== 'string') return ''
  const had = new Set(typeof before === 'string' ? before.split('\n') : [])
  return after
    .split('\n')
    .filter((line) => !had.has(line))
    .join('\n')
}
