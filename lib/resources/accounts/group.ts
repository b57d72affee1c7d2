/**
 * A group in the host's group database.
 * Read with getent(1); changed with groupadd(8), groupmod(8), gpasswd(1) and groupdel(8).
 */
import { listDrift } from '../../kit/listDrift.ts'
import { refOf } from '../../kit/ref.ts'
import { type Compared, type ResourceType, Unknown } from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { accountName, ensure } from '../../kit/schema.ts'
import { forEach, lines, sh } from '../../kit/shell.ts'

/**
 * @example
 * group({ name: 'editors', gid: 2000 })
 * @example
 * // Nobody else is in it.
 * group({ name: 'publishers', members: ['deploy'] })
 * @example
 * // A group of programs, with an id below 1000.
 * group({ name: 'metrics', system: true })
 */
export type Group = {
  /** Small letters, digits, `-` and `_`. */
  name: string
  /** Numeric group id. Left unchanged when omitted. */
  gid?: number
  /** Takes the id from the system range when the group is created. @default false */
  system?: boolean
  /** All of its supplementary members. Left unchanged when omitted; see also `groups` of a user. */
  members?: readonly string[]
  /** @default 'present' */
  ensure?: 'present' | 'absent'
}

export type GroupState = {
  gid?: number
  /** Sorted. */
  members?: string[]
  how?: GroupHow
}
/** Used only on creation: the host does not store it. */
type GroupHow = { system: true }

export const group: ResourceType<Group, GroupState> = {
  type: 'group',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: accountName,
      gid: { type: 'integer', minimum: 0, maximum: 4294967294 },
      system: { type: 'boolean' },
      members: { type: 'array', items: accountName, uniqueItems: true },
      ensure,
    },
  },
  name: (props) => props.name,
  desired: ({ gid, system, members }) => ({
    ...(gid === undefined ? {} : { gid }),
    ...(members === undefined ? {} : { members: members.toSorted() }),
    ...(system === true ? { how: { system } } : {}),
  }),
  needs: (_name, { members = [] }) => members.map((member) => refOf('user', member)),
  claims: (_name, { gid }) => (gid === undefined ? [] : [`gid:${gid}`]),
  state: form.fields<Compared<GroupState>>({
    gid: form.optional(form.whole(0, form.MAX_ID)),
    members: form.optional(form.list(form.line())),
  }),
  how: form.optional(form.fields<GroupHow>({ system: form.oneOf(true) })),
  read: {
    // getent exits with 2 when some name is unknown (getent(1)), which xargs turns into 123; that is not a failure.
    command: (entries) =>
      `{ ${forEach(
        entries.map(({ name }) => name),
        'getent group --',
      )}; } || [ $? -eq 123 ]`,
    parse: ({ stdout }) => new Map(lines(stdout).map(parseEntry)),
  },
  drift: {
    field: (change) =>
      change.field === 'members'
        ? listDrift(
            change,
            (members) => `${members} put in`,
            (members) => `${members} taken out`,
          )
        : undefined,
  },
  touches: ({ name }) => [{ group: name }],
  consequence({ kind, before, after, fields }, { operator }) {
    // Groups often decide who may log in or use sudo.
    const has = (members: string[] = []): boolean => members.includes(operator?.account ?? '')
    const was = before === null || before instanceof Unknown ? [] : before.members
    if (has(was) && (after === null || (after.members !== undefined && !has(after.members)))) return 'lockout'
    // Files keep the number of their previous group.
    return kind === 'change' && fields.some(({ field }) => field === 'gid') ? 'unknown' : 'safe'
  },
  steps: ({ name, after }) => [{ title: `set up group ${name}`, run: `${UNLOCKED}\n${setUp(name, after)}` }],
  remove: ({ name }) => [
    {
      title: `remove group ${name}`,
      run: `${UNLOCKED}
${sh`if getent group -- ${name} >/dev/null; then groupdel -- ${name}; fi`}
${sh`! getent group -- ${name} >/dev/null || fail ${`group ${name} is still there`}`}`,
    },
  ],
}

/** The tools that change accounts give up after some seconds when another process holds the lock (lckpwdf(3)). */
export const UNLOCKED = 'await_locks 300 /etc/.pwd.lock'

/** The tools that set a number do not say whose it is already. */
export function idIsFree(kind: 'user' | 'group', name: string, id: number): string {
  const [database, word] = kind === 'user' ? ['passwd', 'uid'] : ['group', 'gid']
  const why = `${word} ${id} of ${kind} ${name} is the one of ${kind}`
  return sh`taken=$(getent ${database} -- ${id} | cut -d: -f1)
case $taken in '' | ${name}) ;; *) fail ${why} "$taken"${`; give another ${word}, or remove that ${kind}`} ;; esac`
}

function setUp(name: string, { gid, members, how }: GroupState): string {
  const id = gid === undefined ? [] : ['--gid', gid]
  const program = [
    ...(gid === undefined ? [] : [idIsFree('group', name, gid)]),
    sh`if ! getent group -- ${name} >/dev/null; then`,
    sh`  groupadd ${how?.system === true ? ['--system'] : []} ${id} -- ${name}`,
    ...(gid === undefined
      ? []
      : [
          sh`elif ! getent group -- ${name} | grep -q ${`^[^:]*:[^:]*:${gid}:`}; then`,
          sh`  groupmod ${id} -- ${name}`,
        ]),
    'fi',
    ...(members === undefined ? [] : [sh`gpasswd --members ${members.join(',')} ${name}`]),
  ]
  return program.join('\n')
}

/** Parses `name:password:gid:members` (group(5)). */
function parseEntry(line: string): [name: string, state: GroupState] {
  const [name, , gid, members] = line.split(':')
  if (!name || !gid || members === undefined) {
    throw new Error(`getent group: expected name:password:gid:members, got ${JSON.stringify(line)}`)
  }
  return [name, { gid: Number(gid), members: members.split(',').filter(Boolean).toSorted() }]
}
