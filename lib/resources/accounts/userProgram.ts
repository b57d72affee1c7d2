/**
 * The programs that set up and remove a user.
 */
import { payload } from '../../kit/prelude.ts'
import type { Step } from '../../kit/resourceType.ts'
import { quote, raw, sh } from '../../kit/shell.ts'
import type { Reveal, SecretToken } from '../../kit/value.ts'
import { hashMistake } from './crypt.ts'
import { idIsFree, UNLOCKED } from './group.ts'

export type UserState = {
  uid?: number
  group?: string
  /** Sorted. */
  groups?: string[]
  home?: string
  /** Whether the home is a directory. */
  homeThere?: boolean
  shell?: string
  comment?: string
  /** Desired: the secret's name. Observed: SHA-256 of the hash, so that no state holds the hash itself. */
  password?: SecretToken | string
  locked?: boolean
  /** Day or `never`. */
  expires?: string
  /** Groups that it must not be in; never declared, but found. */
  leaves?: string[]
  how?: UserHow
}
/** `system` and `initial` are used only on creation. */
export type UserHow = { exclusiveGroups?: true; system?: true; initial?: Initial }
/** What a new account gets of the fields that are left out; an account that is there keeps its own. */
export type Initial = { shell?: string; homeThere?: true }

/**
 * Last day of an account that is being created, removed as the last step: an account that a cut has left half-made is
 * recognized, completed, and of no use until then. Nobody would choose it: 0 and 1 are what chage(1) and usermod(8) name
 * to disable an account.
 */
export const UNFINISHED = { days: '10', day: '1970-01-11' }

export function setUp(name: string, state: UserState, reveal: Reveal): Step {
  const { password, locked, expires } = state
  const title = `set up user ${name}`
  const hash = password === undefined || typeof password === 'string' ? undefined : reveal(password)
  const mistake = hash === undefined ? undefined : hashMistake(hash)
  if (mistake !== undefined) return { title, run: sh`fail ${`the passwordHash of ${name} ${mistake}`}` }
  const program = [
    ...(state.uid === undefined ? [] : [idIsFree('user', name, state.uid)]),
    createText(name, state),
    sh`if [ "$(getent shadow -- ${name} | cut -d: -f8)" = ${UNFINISHED.days} ]; then unfinished=yes; else unfinished=; fi`,
    ...modify(name, state),
    ...(state.leaves ?? []).map(
      (group) =>
        sh`case " $(id -nG -- ${name}) " in *${` ${group} `}*) gpasswd --delete ${name} ${group} >/dev/null ;; esac`,
    ),
    ...makeHome(name, state),
    ...(hash === undefined ? [] : [sh`chpasswd --encrypted < ${payload('password')}`]),
    ...(locked === true ? [sh`usermod --lock -- ${name}`] : []),
    ...(locked === false
      ? [sh`case $(getent shadow -- ${name}) in ${name}:!*) usermod --unlock -- ${name} ;; esac`]
      : []),
    expires === undefined
      ? sh`[ -z "$unfinished" ] || usermod --expiredate '' -- ${name}`
      : sh`usermod --expiredate ${expires === 'never' ? '' : expires} -- ${name}`,
  ]
  return {
    title,
    run: `${UNLOCKED}\n${program.join('\n')}`,
    ...(hash === undefined ? {} : { payload: { password: `${name}:${hash}\n` } }),
  }
}

/** What applies only on creation; usermod sets the rest, whether the user is new or not. */
function createText(name: string, { uid, group, home, how: { system, initial = {} } = {} }: UserState): string {
  const { shell } = initial
  const flags = [
    ...(group === undefined ? [] : ['--gid', group]),
    ...(system === true ? ['--system'] : []),
    ...(uid === undefined ? [] : ['--uid', String(uid)]),
    ...(shell === undefined ? [] : ['--shell', shell]),
    '--expiredate',
    UNFINISHED.day,
    '--home-dir',
    home ?? (system === true ? '/nonexistent' : `/home/${name}`),
  ]
  return sh`if ! getent passwd -- ${name} >/dev/null; then
  ${raw(group === undefined ? sh`if getent group -- ${name} >/dev/null; then set -- --gid ${name}; else set -- --user-group; fi` : 'set --')}
  useradd --no-create-home ${flags} "$@" -- ${name}
fi`
}

function modify(name: string, state: UserState): string[] {
  const { uid, group, groups, home, shell, comment, how } = state
  const flags = [
    ...(group === undefined ? [] : ['--gid', group]),
    ...(groups === undefined ? [] : [...(how?.exclusiveGroups ? [] : ['--append']), '--groups', groups.join(',')]),
    ...(home === undefined ? [] : ['--home', home]),
    ...(shell === undefined ? [] : ['--shell', shell]),
    ...(comment === undefined ? [] : ['--comment', comment]),
  ]
  // usermod refuses to set these two for a user with running processes, even to their present values.
  const number = uid === undefined ? [] : [sh`[ "$(id -u -- ${name})" = ${uid} ] || usermod --uid ${uid} -- ${name}`]
  return [...number, ...(flags.length === 0 ? [] : [sh`usermod ${flags} -- ${name}`])]
}

/** From /etc/skel, which useradd copies only for new users. */
function makeHome(name: string, { homeThere, how }: UserState): string[] {
  if (homeThere !== true && how?.initial?.homeThere !== true) return []
  const wanted = homeThere === true ? '' : '[ -z "$unfinished" ] || '
  return [
    `entry=$(getent passwd -- ${quote(name)} | cut -d: -f4,6)
${wanted}[ -d "\${entry#*:}" ] || make_home "\${entry#*:}" ${quote(name)} "\${entry%%:*}"`,
  ]
}

export function removeText(name: string): string {
  return `if getent passwd -- ${quote(name)} >/dev/null; then
  id=$(id -u -- ${quote(name)})
  running=$(find /proc -maxdepth 1 -name '[0-9]*' -uid "$id" -printf '%f ' 2>/dev/null || :)
  if [ -n "$running" ]; then
    set -- $running
    all=$# names=
    while [ $# -gt 0 ] && [ $((all - $#)) -lt 10 ]; do
      names="$names $1 ($(cat "/proc/$1/comm" 2>/dev/null || :))"
      shift
    done
    [ $# -eq 0 ] || names="$names and $# more"
    fail ${quote(`user ${name} has running processes, stop them first:`)}"$names"
  fi
  userdel -- ${quote(name)}
fi
! getent passwd -- ${quote(name)} >/dev/null || fail ${quote(`user ${name} is still there`)}`
}
