/**
 * A user in the host's password database. Its home is created, never removed: to remove one, declare the directory
 * absent. Read with getent(1); changed with useradd(8), usermod(8), chpasswd(8) and userdel(8).
 */
import type { Login } from '../../kit/touch.ts'
import { createHash } from 'node:crypto'
import { byField } from '../../kit/byField.ts'
import { listDrift } from '../../kit/listDrift.ts'
import { rightsBeyond, withoutRights } from './rights.ts'
import { refOf } from '../../kit/ref.ts'
import {
  type Compared,
  type FieldChange,
  type ResourceType,
  type Desired,
  Unknown,
  type Was,
  type UndoTarget,
} from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { absolutePath, accountName, ensure, secretToken } from '../../kit/schema.ts'
import { forEach, lines, quote } from '../../kit/shell.ts'
import type { Comparing, Secret } from '../../kit/value.ts'
import { UNLOCKED } from './group.ts'
import { type Initial, removeText, setUp, UNFINISHED, type UserHow, type UserState } from './userProgram.ts'

/**
 * @example
 * // The account of a program.
 * user({ name: 'app', system: true, home: '/srv/app', shell: '/usr/sbin/nologin' })
 * @example
 * user({
 *   name: 'ada',
 *   uid: 2001,
 *   group: 'users',
 *   groups: ['editors'],
 *   exclusiveGroups: true,
 *   home: '/home/ada',
 *   createHome: true,
 *   shell: '/bin/bash',
 *   comment: 'Ada Lovelace',
 *   passwordHash: secret('ada-password'),
 *   locked: false,
 *   expires: '2035-12-31',
 * })
 */
export type User = {
  /** Login name: small letters, digits, `-` and `_`. */
  name: string
  /** Numeric user id. Left unchanged when omitted. */
  uid?: number
  /** Primary group. @default on creation, a group of the user's own name */
  group?: string
  /** Supplementary groups; other groups of the user are kept unless `exclusiveGroups`. */
  groups?: readonly string[]
  /** Removes the user from every supplementary group that is not listed. @default false */
  exclusiveGroups?: boolean
  /** Home directory. @default on creation, /home/NAME; for a system user /nonexistent */
  home?: string
  /** Login shell. @default on creation, '/bin/bash'; for a system user '/usr/sbin/nologin' */
  shell?: string
  /** The "full name" field, without `:` and `,`. */
  comment?: string
  /** Takes the id from the system range when the user is created. @default false */
  system?: boolean
  /**
   * Creates a missing home from /etc/skel, with mode 0700. @default true on creation and for a given `home`; for a
   * system user false
   */
  createHome?: boolean
  /** A crypt(5) hash as `mkpasswd -m yescrypt` prints it; never a clear password. @default no password can log in */
  passwordHash?: Secret
  /** Whether the password is locked; logging in with a key still works. Left unchanged when omitted. */
  locked?: boolean
  /** Last day on which the account may be used, `'2027-12-31'`, or `'never'`. */
  expires?: string
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export const user: ResourceType<User, UserState> = {
  type: 'user',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[a-z_][a-z0-9_-]{0,30}$',
        description: 'a name of up to 31 small letters, digits, "-" and "_", such as "deploy"',
      },
      uid: { type: 'integer', minimum: 0, maximum: 4294967294 },
      group: accountName,
      groups: { type: 'array', items: accountName, uniqueItems: true },
      exclusiveGroups: { type: 'boolean' },
      // The password database cannot hold a colon.
      home: { ...absolutePath, pattern: `(?!.*:)${absolutePath.pattern}` },
      shell: { ...absolutePath, pattern: `(?!.*:)${absolutePath.pattern}` },
      comment: {
        type: 'string',
        maxLength: 200,
        pattern: '^[^:,\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
        description: 'one line without ":" and ","',
      },
      system: { type: 'boolean' },
      createHome: { type: 'boolean' },
      passwordHash: secretToken,
      locked: { type: 'boolean' },
      expires: {
        type: 'string',
        pattern: '^(never|[12][0-9]{3}-[01][0-9]-[0-3][0-9])$',
        description: 'a day, such as "2027-12-31", or "never"',
      },
      ensure,
    },
  },
  name: (props) => props.name,
  check: checkProps,
  desired: desiredUser,
  needs: (name, { group = name, groups = [], home, shell }) => [
    refOf('group', group),
    ...groups.map((one) => refOf('group', one)),
    ...(home === undefined ? [] : [refOf('directory', home.slice(0, home.lastIndexOf('/')) || '/')]),
    ...(shell === undefined ? [] : [refOf('file', shell)]),
  ],
  brings: (name, { homeThere, home = `/home/${name}`, how }) =>
    (homeThere ?? how?.initial?.homeThere) === true ? [refOf('directory', home)] : [],
  claims: (_name, { uid }) => (uid === undefined ? [] : [`uid:${uid}`]),
  state: form.fields<Compared<UserState>>({
    uid: form.optional(form.whole(0, form.MAX_ID)),
    group: form.optional(form.line()),
    groups: form.optional(form.list(form.line())),
    home: form.optional(form.line()),
    homeThere: form.optional(form.inner(form.flag)),
    shell: form.optional(form.line()),
    comment: form.optional(form.line()),
    expires: form.optional(form.line()),
    password: form.optional(form.either(form.secretForm, form.line())),
    locked: form.optional(form.flag),
    leaves: form.optional(form.list(form.line())),
  }),
  how: form.optional(
    form.fields<UserHow>({
      exclusiveGroups: form.optional(form.oneOf(true)),
      system: form.optional(form.oneOf(true)),
      initial: form.optional(
        form.fields<Initial>({ shell: form.optional(form.line()), homeThere: form.optional(form.oneOf(true)) }),
      ),
    }),
  ),
  hashFields: ['password'],
  read: { command: readUsers, parse: ({ stdout }) => parseUsers(stdout) },
  diff: diffUser,
  touches: ({ name, after }) => [{ account: name, login: loginAfter(after) }],
  drift: { field: driftOf },
  besides: ({ before, after }) =>
    after === null && before !== null && !(before instanceof Unknown) && before.homeThere === true
      ? [`its home ${before.home ?? ''} stays`]
      : [],
  rights: { beyond: rightsBeyond, without: withoutRights },
  consequence: ({ kind, fields }) => {
    if (kind === 'create') return 'safe'
    if (kind === 'remove') return 'lockout'
    const shutsOut = ['shell', 'home', 'locked', 'expires', 'password', 'group', 'groups', 'uid']
    return fields.some(({ field }) => shutsOut.includes(field)) ? 'lockout' : 'safe'
  },
  steps: (change, { reveal }) => [setUp(change.name, change.after, reveal)],
  remove: ({ name }) => [{ title: `remove user ${name}`, run: `${UNLOCKED}\n${removeText(name)}` }],
  undo: undoUser,
  holdsData: 'its home and files would be left without an owner; declare it absent to remove it',
}

function checkProps({ locked, passwordHash, expires, system, createHome, home }: User): string[] {
  return [
    ...(locked === false && passwordHash === undefined
      ? ['an unlocked password needs a passwordHash; leave locked out to keep it as it is']
      : []),
    ...(expires === undefined || expires === 'never' || isDay(expires) ? [] : [`there is no day ${expires}`]),
    ...(system === true && createHome === true && home === undefined
      ? ['a system user whose home is to be made needs home']
      : []),
  ]
}

function isDay(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day)
}

function loginAfter(after: UserState | null): Login {
  if (after === null) return { gone: true }
  const { shell, expires } = after
  return { ...(shell === undefined ? {} : { shell }), ...(expires === undefined ? {} : { expires }) }
}

function desiredUser(props: User): UserState {
  const { uid, group, groups, exclusiveGroups, home, shell, comment, system, passwordHash, locked, expires } = props
  const { createHome = home !== undefined && system !== true } = props
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(group === undefined ? {} : { group }),
    ...(groups === undefined ? {} : { groups: groups.toSorted() }),
    ...(exclusiveGroups === true ? { groups: (groups ?? []).toSorted() } : {}),
    ...(home === undefined ? {} : { home }),
    ...(createHome ? { homeThere: true } : {}),
    ...(shell === undefined ? {} : { shell }),
    ...(comment === undefined ? {} : { comment }),
    ...(passwordHash === undefined ? {} : { password: passwordHash.toJSON() }),
    ...(locked === undefined ? (passwordHash === undefined ? {} : { locked: false }) : { locked }),
    ...(expires === undefined ? {} : { expires }),
    how: howOf(props),
  }
}

function howOf({ exclusiveGroups, system, shell, createHome = system !== true }: User): UserHow {
  const initial: Initial = {
    ...(shell === undefined ? { shell: system === true ? '/usr/sbin/nologin' : '/bin/bash' } : {}),
    ...(createHome ? { homeThere: true } : {}),
  }
  return {
    ...(exclusiveGroups === true ? { exclusiveGroups } : {}),
    ...(system === true ? { system } : {}),
    ...(Object.keys(initial).length === 0 ? {} : { initial }),
  }
}

/**
 * Takes a handful of processes for any number of users, and prints nothing about others. Prints a password's hash only
 * if one is declared; otherwise leaves it empty, except for the `!` or `*` that locks it.
 */
function readUsers(entries: readonly Desired<UserState>[]): string {
  const names = entries.map(({ name }) => name)
  const hashed = entries.filter(({ desired }) => desired?.password !== undefined).map(({ name }) => name)
  // getent exits with 2 when some name is unknown (getent(1)), which xargs turns into 123; that is not a failure.
  return `k_users=$({ ${forEach(names, 'getent passwd --')}; } || [ $? -eq 123 ])
printf '%s\\n' "$k_users" | while IFS=: read -r k_name k_x k_uid k_gid k_comment k_home k_shell; do
  if [ -n "$k_name" ]; then
    k_there=no; [ ! -d "$k_home" ] || k_there=yes
    printf 'user:%s:%s:%s:%s:%s:%s:%s\\n' "$k_name" "$k_uid" "$k_gid" "$k_comment" "$k_home" "$k_shell" "$k_there"
  fi
done
{ printf '%s\\n:\\n' "$k_users"; getent group; } | awk -F: ${quote(GROUPS_OF)}
{ printf '%s\\n' ${hashed.join(' ')}; echo :; ${forEach(names, 'getent shadow --')}; } | awk -F: ${quote(SHADOW_OF)}`
}

/** Reads names whose hash is needed, a line `:`, then entries of shadow(5). */
const SHADOW_OF = `$0 == ":" { entries = 1; next }
!entries { hashed[$1]; next }
{ print "shadow:" $1 ":" ($1 in hashed ? $2 : $2 ~ /^[!*]/ ? "!" : "") ":" $8 }`

/**
 * Reads entries of the users, a line `:`, then all groups; prints `primary:GID:GROUP` and `member:USER:GROUP` of those
 * users.
 */
const GROUPS_OF = `$0 == ":" { groups = 1; next }
!groups { users[$1]; gids[$4]; next }
{
  if ($3 in gids) print "primary:" $3 ":" $1
  count = split($4, members, ",")
  for (i = 1; i <= count; i++) if (members[i] in users) print "member:" members[i] ":" $1
}`

/** @throws {Error} On a line that it cannot parse, without the password fields. */
function parseUsers(stdout: string): Map<string, UserState> {
  const rows = lines(stdout).map((line) => line.split(':'))
  const kind = (word: string): string[][] => rows.filter(([first]) => first === word)
  const primary = new Map(kind('primary').map(([, gid = '', group = '']) => [gid, group]))
  const shadows = new Map(kind('shadow').map(([, name = '', hash = '', expires = '']) => [name, { hash, expires }]))
  return new Map(
    kind('user').map((row) => {
      const [, name, uid, gid, comment, home, shell, there] = row
      if (!name || there === undefined)
        throw new Error(`getent passwd: unexpected line ${JSON.stringify(row.join(':'))}`)
      const shadow = shadows.get(name)
      return [
        name,
        {
          uid: Number(uid),
          group: primary.get(gid!) ?? gid!,
          groups: kind('member')
            .filter(([, member]) => member === name)
            .map(([, , group = '']) => group)
            .toSorted(),
          home: home!,
          homeThere: there === 'yes',
          shell: shell!,
          comment: comment!,
          ...(shadow === undefined ? {} : passwordState(shadow)),
        },
      ]
    }),
  )
}

function passwordState({ hash, expires }: { hash: string; expires: string }): Partial<UserState> {
  return {
    password: digest(hash.replace(/^!+/, '')),
    locked: /^[!*]/.test(hash),
    expires: expires === '' ? 'never' : new Date(Number(expires) * 86_400_000).toISOString().slice(0, 10),
  }
}

function digest(hash: string): string {
  return createHash('sha256').update(hash).digest('hex')
}

function diffUser(desired: UserState, observed: UserState, { sameText }: Comparing): FieldChange[] {
  const { groups, leaves = [], password, how, ...declared } = desired
  const plain = { ...initialOf(desired, observed), ...declared }
  const have = (observed.groups ?? []).filter((group) => !leaves.includes(group))
  const joined = groups === undefined && leaves.length === 0 ? undefined : [...new Set([...have, ...(groups ?? [])])]
  const wanted = how?.exclusiveGroups ? groups : joined?.toSorted()
  const fields = byField({ ...plain, ...(wanted === undefined ? {} : { groups: wanted }) }, observed)
  const samePassword =
    password === undefined ||
    typeof password === 'string' ||
    (typeof observed.password === 'string' && sameText(password, observed.password))
  return samePassword ? fields : [...fields, { field: 'password', form: 'secret' }]
}

/** Of an account that exists, nothing, unless it was cut off while it was created. */
function initialOf({ how }: UserState, { uid, expires }: UserState): Partial<UserState> {
  if (uid === undefined) return how?.initial ?? {}
  return expires === UNFINISHED.day ? { ...how?.initial, expires: 'never' } : {}
}

function driftOf(change: FieldChange): string | undefined {
  switch (change.field) {
    case 'groups':
      return listDrift(
        change,
        (groups) => `put into ${groups}`,
        (groups) => `taken out of ${groups}`,
      )
    case 'locked':
      return change.after === true ? 'unlocked' : 'locked'
    case 'homeThere':
      return 'its home removed'
    default:
      return undefined
  }
}

/** Restores only what was changed. A home is never removed. */
function undoUser({ before, after, fields }: Was<UserState>): UndoTarget<UserState> {
  if (before === null) return { state: null, stays: 'its home, and files of its own elsewhere' }
  const { password: _, homeThere: _there, ...known } = before
  if (after === null) return { state: { ...known, how: { exclusiveGroups: true } } }
  const changed = new Set<string>(fields.map(({ field }) => field))
  const state: UserState = Object.fromEntries(Object.entries(known).filter(([field]) => changed.has(field)))
  return {
    state: changed.has('groups') ? { ...state, how: { exclusiveGroups: true } } : state,
    ...(changed.has('homeThere') ? { stays: 'its home, which was made for it' } : {}),
  }
}
