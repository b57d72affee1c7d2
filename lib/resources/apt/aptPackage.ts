/**
 * A Debian package: whether it is installed, at which version, and whether it is held. All changes of a host are one
 * apt transaction. Read with dpkg-query(1); changed with apt-get(8) and apt-mark(8).
 */
import { byField } from '../../kit/byField.ts'
import {
  type Change,
  type Compared,
  type Output,
  NOTHING_LEFT,
  type ResourceType,
  type Step,
  Unknown,
  type Desired,
  type Was,
  type UndoTarget,
} from '../../kit/resourceType.ts'
import * as form from '../../kit/form.ts'
import { ensure } from '../../kit/schema.ts'
import { lines, quote, sh } from '../../kit/shell.ts'

export type AptPackage = {
  /** The name of a real package, not a virtual one; `name:arch` for another architecture. */
  name: string
  /** Exactly this version, as `apt-cache policy` shows it. Any version is accepted when omitted. */
  version?: string
  /** Held packages are not upgraded by apt. Left unchanged when omitted. */
  hold?: boolean
  /** Whether installing it also installs its recommended packages; no effect later. @default false */
  recommends?: boolean
  /** 'absent' removes it and keeps its configuration files. @default 'present' */
  ensure?: 'present' | 'absent'
  /** With 'absent': removes its configuration too, and what its removal scripts consider its data. @default false */
  purge?: boolean
}

export type AptPackageState = {
  /** dpkg's status word, or `purged` when dpkg does not know the package and purging is declared. */
  status: string
  version?: string | undefined
  hold?: boolean | undefined
  /**
   * On the first package that is to be present: other packages that dpkg has not finished, which keep apt from
   * installing anything.
   */
  interrupted?: string
  how?: PackageHow
}
type PackageHow = { recommends?: boolean | undefined }

export const aptPackage: ResourceType<AptPackage, AptPackageState, 'name', 'purge'> = {
  type: 'package',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: { type: 'string', pattern: '^[a-z0-9][a-z0-9.+-]+(:[a-z0-9-]+)?$' },
      version: { type: 'string', pattern: '^([0-9]+:)?[0-9][A-Za-z0-9.+~-]*$' },
      hold: { type: 'boolean' },
      recommends: { type: 'boolean' },
      ensure,
      purge: { type: 'boolean' },
    },
  },
  absentProps: ['purge'],
  name: ({ name }) => name,
  check: ({ purge }) => (purge === true ? ["purge goes with ensure: 'absent'"] : []),
  desired: ({ version, hold, recommends }) => ({ status: 'installed', version, hold, how: { recommends } }),
  absent: {
    check: ({ version, hold, recommends }) =>
      (version ?? hold ?? recommends) === undefined
        ? []
        : ['an absent package has no version, no hold and no recommends'],
    desired: ({ purge }) => (purge === true ? { status: 'purged' } : null),
  },
  state: form.fields<Compared<AptPackageState>>({
    status: form.line(),
    version: form.optional(form.line()),
    hold: form.optional(form.flag),
    interrupted: form.optional(form.text()),
  }),
  how: form.optional(form.fields<PackageHow>({ recommends: form.optional(form.flag) })),
  read: {
    // One list covers the declared packages and those that dpkg has not finished.
    command: (
      entries,
    ) => `{ ${LIST} || echo "failed $?"; } | ${sh`awk -F '\t' -v names=${` ${entries.map(({ name }) => name).join(' ')} `} `}'${WANTED} || !(${WHOLE})'
${JOURNAL}`,
    parse: parseList,
  },
  diff: (desired, observed) =>
    byField({ ...desired, ...(observed.interrupted === undefined ? {} : { interrupted: 'nothing' }) }, observed),
  drift: {
    field: ({ field, before, after }) => {
      if (field === 'hold') return after === true ? 'its hold released' : 'held'
      return field === 'version' ? `${String(before)} installed` : undefined
    },
  },
  touches: ({ name, after }) => (after === null || after.status === 'purged' ? [{ without: name }] : []),
  consequence({ kind, after, fields }) {
    if (after?.status === 'purged') return 'destructive'
    // Whether any process of it runs is not read.
    if (kind === 'remove') return 'unknown'
    // Maintainer scripts restart the services of a new version.
    return kind === 'change' && fields.some(({ field }) => field === 'version' || field === 'interrupted')
      ? 'restart'
      : 'safe'
  },
  steps: (change) => transaction([change]),
  remove: (change) => transaction([change]),
  batch: transaction,
  holdsData: (observed) => (!(observed instanceof Unknown) && observed.status === 'purged' ? NOTHING_LEFT : undefined),
  undo: undoPackage,
  altersOthers: true,
}

/** States in which dpkg has a package's files or has not finished it. */
const THERE = ['installed', 'half-installed', 'unpacked', 'half-configured', 'triggers-awaited', 'triggers-pending']

/**
 * All packages that dpkg knows, and awk(1) tests of a line: whether the package is declared, and whether dpkg has
 * finished it.
 */
const LIST =
  "dpkg-query -W -f='${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Want}\\t${db:Status-Status}\\t${db:Status-Eflag}\\n'"
const WANTED = 'index(names, " " $1 " ") || index(names, " " $1 ":" $2 " ")'
const WHOLE = '$5 ~ /^(installed|config-files|not-installed)$/ && $6 == "ok"'
/** What dpkg has noted but not yet written to its list. */
const JOURNAL = '[ -z "$(ls /var/lib/dpkg/updates)" ] || echo journal'

function parseList(
  { stdout, stderr, exit }: Output,
  declared: readonly Desired<AptPackageState>[],
): Map<string, AptPackageState | null> {
  const failed = exit === 0 ? /^failed (\d+)$/m.exec(stdout)?.[1] : exit
  if (failed !== undefined) throw new Error(`dpkg-query exited with ${failed}: ${stderr}`)
  const isJournal = (line: string): boolean => line === 'journal'
  const entries = lines(stdout)
    .filter((line) => !isJournal(line))
    .map(parseEntry)
  const found = new Map(entries.flatMap(({ names, state }) => names.map((name) => [name, state] as const)))
  const states = new Map(declared.map(({ name, desired }) => [name, stateOf(found.get(name), desired)]))
  const present = declared.filter(({ desired }) => desired?.status === 'installed').map(({ name }) => name)
  const interrupted = [
    ...entries
      .filter(({ names, isWhole }) => !isWhole && !names.some((name) => present.includes(name)))
      .map(({ names: [name = ''], state: { status } }) => `${name} ${status}`),
    ...(lines(stdout).some(isJournal) ? ['its journal'] : []),
  ].join(', ')
  const first = present.find((name) => states.get(name) !== null)
  if (interrupted !== '' && first !== undefined) states.set(first, { ...states.get(first)!, interrupted })
  return states
}

type Entry = { names: string[]; state: AptPackageState; isWhole: boolean }

function parseEntry(line: string): Entry {
  const [name, architecture, version, want, status, flag] = line.split('\t')
  if (name === undefined || status === undefined || flag === undefined)
    throw new Error(`dpkg-query: not understood: ${JSON.stringify(line)}`)
  const isWhole = flag === 'ok' && ['installed', 'config-files', 'not-installed'].includes(status)
  return { names: [name, `${name}:${architecture}`], state: { status, version, hold: want === 'hold' }, isWhole }
}

function stateOf(found: AptPackageState | undefined, desired: AptPackageState | null): AptPackageState | null {
  if (found?.status === 'not-installed') return stateOf(undefined, desired)
  if (desired?.status === 'purged') return found ?? { status: 'purged' }
  return found !== undefined && THERE.includes(found.status) ? found : null
}

/** The archive has one version of a package, rarely the previous one. */
function undoPackage({ before, after, fields }: Was<AptPackageState>): UndoTarget<AptPackageState> {
  if (before === null) return { state: null, stays: 'its configuration files, and packages that came with it' }
  const { status, version, hold } = before
  if (after?.status === 'purged') return { cannot: 'its configuration was purged with it' }
  if (after !== null && fields.some(({ field }) => field === 'version'))
    return { cannot: `version ${version ?? ''} was installed, which the archive may no longer have` }
  if (after !== null && status !== 'installed') return { cannot: `it was ${status}` }
  return { state: { status: 'installed', hold } }
}

/** What a transaction does, by package name. */
type Wishes = {
  /** Arguments for apt: `nginx`, `nginx=1.22.1-9`. */
  install: string[]
  /** The same for packages installed with their recommended packages. */
  generous: string[]
  gone: string[]
  purge: string[]
  hold: string[]
  unhold: string[]
  /** Packages whose hold, if any, is restored after the transaction. */
  leave: string[]
  /** Whether unfinished work of dpkg is a reason for the transaction. */
  mends: boolean
}

/** Packages that are present already are not passed to apt, which would upgrade them. */
function wishesOf(changes: readonly Change<AptPackageState>[]): Wishes {
  const differs = ({ fields }: Change<AptPackageState>, names: readonly string[]): boolean =>
    fields.some(({ field }) => names.includes(field))
  const isPresent = ({ after }: Change<AptPackageState>): boolean => after !== null && after.status !== 'purged'
  const toInstall = changes.filter((change) => isPresent(change) && differs(change, ['status', 'version']))
  const holding = (hold: boolean): string[] =>
    changes.flatMap(({ name, after }) => (after?.hold === hold ? [name] : []))
  return {
    install: toInstall.filter(({ after }) => after?.how?.recommends !== true).map(aptWord),
    generous: toInstall.filter(({ after }) => after?.how?.recommends === true).map(aptWord),
    gone: changes.filter((change) => !isPresent(change)).map(({ name }) => name),
    purge: changes.flatMap(({ name, after }) => (after?.status === 'purged' ? [name] : [])),
    hold: holding(true),
    unhold: holding(false),
    leave: toInstall.filter(({ after }) => after?.hold === undefined).map(({ name }) => name),
    mends: changes.some((change) => differs(change, ['interrupted'])),
  }
}

function aptWord({ name, after }: Change<AptPackageState>): string {
  return after?.version === undefined ? name : `${name}=${after.version}`
}

/**
 * `unlocked` waits until no other process uses apt or dpkg; `patiently COMMAND…` waits again for one that started in
 * between, where DPkg::Lock::Timeout has no effect: `apt-get update` and dpkg itself. Needrestart must not restart
 * services by itself, and nobody can answer a question about configuration files. A simulation precedes each
 * transaction: if apt would remove or change more than requested, which is not in the plan, the transaction is not run.
 */
const APT = `export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
apt() { apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"; }
unlocked() { await_locks 600 /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; }
patiently() {
  tries=0
  until unlocked; said=$("$@" 2>&1); do
    tries=$((tries + 1))
    case $said in
      *'Could not get lock'* | *'locked by another process'*) [ "$tries" -lt 120 ] || return 1 ;;
      *) return 1 ;;
    esac
    sleep 1
  done
}
updated=no
update() { patiently apt-get -q update || fail "apt-get update: $said"; updated=yes; }
# Apt takes a name it does not know for a regular expression, and would install all that match.
unknown() {
  known=$(apt-cache policy "$@" 2>/dev/null | sed -n -e '/^[^ ].*:$/{s/:$//;h;}' -e '/^  Candidate: (none)$/d' -e '/^  Candidate: /{g;p;}')
  printf '%s\\n' "$@" | grep -vxF "$known" || :
}
know() {
  [ -n "$(unknown "$@")" ] || return 0
  [ "$updated" = yes ] || update
  missing=$(unknown "$@")
  [ -z "$missing" ] || fail "$(apt -s install $missing 2>&1 | grep '^[EN]: ' || :)
no package to install for:" $missing "- correct the name, add its source, or for a virtual package name one that provides it"
}
# Fails for what is essential, with apt's words.
plan() { planned=$(apt -s --fix-broken --allow-change-held-packages --allow-downgrades "$@" 2>&1); }
named() { printf '%s\\n' "$planned" | sed -n "s/^\\($1\\) \\([^ ]*\\).*/\\2/p" | sort -u; }
# Old lists, or a package unpacked without what it needs: apt mends that only when nothing else is asked of it.
heal() {
  [ "$updated" = yes ] || update
  apt-get -q check >/dev/null 2>&1 || { plan install && perform install; }
}
# What dpkg is in the middle of: NAME STATUS of packages, or the journal without which apt refuses to work.
interrupted() {
  ${LIST} | awk -F '\\t' '!(${WHOLE}) { print $1, $5 }'
  ${JOURNAL}
}
# An earlier run, or somebody's, was cut off. Apt by itself takes away what is half installed, or leaves it so.
mend() {
  [ -n "$(interrupted)" ] || return 0
  patiently dpkg --configure -a || :
  half=$(interrupted | sed -n 's/ half-installed$//p')
  [ -z "$half" ] || { plan --reinstall install $half || { heal && plan --reinstall install $half; } && perform --reinstall install $half; }
  [ -z "$(interrupted)" ] || { plan install && perform install; }
}
transact() {
  plan "$@" || { heal && plan "$@"; } || fail "$planned"
  perform "$@"
}
perform() {
  extra=$(named 'Remv\\|Purg' | grep -vxF "$gone" || :)
  [ -z "$extra" ] || fail "this would also remove" $extra "- declare them with ensure: 'absent' if that is meant"
  extra=$(apt-mark showhold | grep -vxF "$asked" | grep -xF "$(named 'Inst\\|Remv\\|Purg')" || :)
  [ -z "$extra" ] || fail "this would also change" $extra ", which is held - declare it, or release it with apt-mark unhold"
  unlocked
  apt --fix-broken --allow-change-held-packages --allow-downgrades "$@"
}
`

function transaction(changes: readonly Change<AptPackageState>[]): Step[] {
  const wishes = wishesOf(changes)
  return [{ title: titleOf(wishes), timeoutMs: 3_600_000, run: `${APT}${transactionText(wishes)}` }]
}

function transactionText({ install, generous, gone, purge, hold, unhold, leave, mends }: Wishes): string {
  const words = [...install, ...gone.map((name) => `${name}-`)]
  const names = [...install, ...generous].map((word) => word.replace(/=.*/, ''))
  // apt prints a package of the native architecture without `:arch`, so only plain names can be compared.
  const plain = names.filter((name) => !name.includes(':'))
  return [
    sh`gone=${gone.join('\n')} asked=${[...names, ...gone].join('\n')}`,
    ...(leave.length === 0 ? [] : [sh`held=$(apt-mark showhold ${leave})`]),
    '# What cannot be mended, apt speaks of.',
    '( mend ) || :',
    ...(names.length === 0 ? [] : [FRESH]),
    ...(plain.length === 0 ? [] : [sh`know ${plain}`]),
    ...(generous.length === 0 ? [] : [sh`transact --install-recommends install ${generous}`]),
    ...(words.length === 0 ? [] : [sh`transact --no-install-recommends install ${words}`]),
    ...(purge.length === 0 ? [] : [sh`transact purge ${purge}`]),
    // apt releases the hold of packages that it is told to install by name.
    ...(leave.length === 0 ? [] : ['[ -z "$held" ] || patiently apt-mark hold $held || fail "apt-mark: $said"']),
    ...(unhold.length === 0 ? [] : [`${sh`patiently apt-mark unhold ${unhold}`} || fail "apt-mark: $said"`]),
    ...(hold.length === 0 ? [] : [`${sh`patiently apt-mark hold ${hold}`} || fail "apt-mark: $said"`]),
    ...(mends ? ['left=$(interrupted); [ -z "$left" ] || fail dpkg could not be brought to the end of: $left'] : []),
  ].join('\n')
}

/** Package lists older than a day list files that the mirrors no longer have. */
const FRESH = `[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name ${quote('*_Packages*')} -mmin -1440 -print -quit 2>/dev/null)" ] || update`

function titleOf({ install, generous, gone, purge, hold, unhold, mends }: Wishes): string {
  const removed = gone.filter((name) => !purge.includes(name))
  const parts = Object.entries({ install: [...install, ...generous], remove: removed, purge, hold, unhold })
  const words = parts.flatMap(([verb, names]) => (names.length === 0 ? [] : [`${verb} ${names.join(' ')}`]))
  return [...(mends ? ['finish what dpkg was interrupted in'] : []), ...words].join(', ')
}
