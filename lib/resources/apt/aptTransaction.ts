/**
 * The apt transaction that applies changes of packages: what it is given, and its program.
 */
import type { Change, FieldChange, Step } from '../../kit/resourceType.ts'
import { quote, sh } from '../../kit/shell.ts'

export type AptPackageState = {
  /** dpkg's status word, or `purged` when dpkg does not know the package and purging is declared. */
  status: string
  version?: string | undefined
  hold?: boolean | undefined
  /** What apt-mark(8) says of it: `auto` when it came only because another needs it, and goes with that. */
  mark?: 'auto' | 'manual' | undefined
  /**
   * On the first package that is to be present: other packages that dpkg has not finished, which keep apt from
   * installing anything.
   */
  interrupted?: string
  how?: PackageHow
}
export type PackageHow = { recommends?: boolean | undefined }

/** All packages that dpkg knows, and a test of awk(1) whether dpkg has finished the one of a line. */
export const LIST =
  "dpkg-query -W -f='${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Want}\\t${db:Status-Status}\\t${db:Status-Eflag}\\n'"
export const WHOLE = '$5 ~ /^(installed|config-files|not-installed)$/ && $6 == "ok"'
/** What dpkg has noted but not yet written to its list. */
export const JOURNAL = '[ -z "$(ls /var/lib/dpkg/updates)" ] || echo journal'

/** What a transaction does, by package name. */
export type Wishes = {
  /** Arguments for apt: `nginx`, `nginx=1.22.1-9`. */
  install: string[]
  /** The same for packages installed with their recommended packages. */
  generous: string[]
  gone: string[]
  purge: string[]
  hold: string[]
  unhold: string[]
  manual: string[]
  auto: string[]
  /** Packages whose hold, if any, is restored after the transaction. */
  leave: string[]
  /** Whether unfinished work of dpkg is a reason for the transaction. */
  mends: boolean
}

/** Packages that are present already are not passed to apt, which would upgrade them. */
export function wishesOf(changes: readonly Change<AptPackageState>[]): Wishes {
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
    manual: changes.flatMap(({ name, fields }) => (fields.some(marks('manual')) ? [name] : [])),
    auto: changes.flatMap(({ name, fields }) => (fields.some(marks('auto')) ? [name] : [])),
    leave: toInstall.filter(({ after }) => after?.hold === undefined).map(({ name }) => name),
    mends: changes.some((change) => differs(change, ['interrupted'])),
  }
}

function marks(mark: 'auto' | 'manual'): (change: FieldChange) => boolean {
  return ({ field, after }) => field === 'mark' && after === mark
}

function aptWord({ name, after }: Change<AptPackageState>): string {
  return after?.version === undefined ? name : `${name}=${after.version}`
}

/**
 * `progress` tells how far apt is, from the lines of its APT::Status-Fd (README.progress-reporting of apt): the package,
 * what is done with it, and per cent; while it fetches, the bytes that have come.
 *
 *     pmstatus:nginx:57.1429:Unpacking nginx (amd64)
 *     dlstatus:3:3.0381:Retrieving file 3 of 18 (9s remaining)
 */
export const PROGRESS = `fetched() {
  sum=0
  for size in $(find /var/cache/apt/archives -name '*.deb' -cnewer "$P/fetching" -printf '%s ' 2>/dev/null); do sum=$((sum + size)); done
  echo "$((sum / 1000000)).$((sum / 100000 % 10)) MB"
}
progress() {
  : > "$P/fetching"
  last=
  while IFS= read -r line; do
    case $line in pmstatus:*:* | dlstatus:*:*:*) ;; *) continue ;; esac
    read -r now rest < /proc/uptime
    [ "\${now%%.*}" != "$last" ] || continue
    last=\${now%%.*}
    words=\${line#*status:*:}
    # The name of a package may have its architecture after a colon.
    while case \${words%%:*} in *[!0-9.]*) : ;; *) false ;; esac && [ "$words" != "\${words#*:}" ]; do words=\${words#*:}; done
    percent=\${words%%:*} words=\${words#*:}
    case $line in dlstatus:*) words="fetching \${words#Retrieving }, $(fetched)" ;; esac
    tell does "\${percent%%.*} %  $words"
  done
}
`

/**
 * `unlocked` waits until no other process uses apt or dpkg; `patiently COMMAND…` waits again for one that started in
 * between, where DPkg::Lock::Timeout has no effect: `apt-get update` and dpkg itself. Needrestart must not restart
 * services by itself, and nobody can answer a question about configuration files. A simulation precedes each
 * transaction: if apt would remove or change more than requested, which is not in the plan, the transaction is not run.
 */
const APT = `export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
${PROGRESS}apt() {
  rm -f "$P/code"
  {
    { apt-get -q -y -o APT::Status-Fd=3 -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" 3>&1 >&4 4>&-; echo "$?" > "$P/code"; } |
      { progress || :; cat > /dev/null; }
  } 4>&1
  return "$(cat "$P/code")"
}
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

export function transaction(changes: readonly Change<AptPackageState>[]): Step[] {
  const wishes = wishesOf(changes)
  return [
    { title: titleOf(wishes), ...commandOf(wishes), timeoutMs: 3_600_000, run: `${APT}${transactionText(wishes)}` },
  ]
}

function transactionText({ install, generous, gone, purge, hold, unhold, manual, auto, leave, mends }: Wishes): string {
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
    ...Object.entries({ unhold, hold, manual, auto }).flatMap(([verb, marked]) =>
      marked.length === 0 ? [] : [`${sh`patiently apt-mark ${verb} ${marked}`} || fail "apt-mark: $said"`],
    ),
    ...(mends ? ['left=$(interrupted); [ -z "$left" ] || fail dpkg could not be brought to the end of: $left'] : []),
  ].join('\n')
}

/** Package lists older than a day list files that the mirrors no longer have. */
const FRESH = `[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name ${quote('*_Packages*')} -mmin -1440 -print -quit 2>/dev/null)" ] || update`

function commandOf({ install, generous, gone }: Wishes): Pick<Step, 'command'> {
  const words = [...install, ...generous, ...gone.map((name) => `${name}-`)]
  return words.length === 0 ? {} : { command: `apt-get install ${words.join(' ')}` }
}

function titleOf({ install, generous, gone, purge, hold, unhold, manual, auto, mends }: Wishes): string {
  const removed = gone.filter((name) => !purge.includes(name))
  const marked = { 'mark manual': manual, 'mark auto': auto }
  const parts = Object.entries({ install: [...install, ...generous], remove: removed, purge, hold, unhold, ...marked })
  const words = parts.flatMap(([verb, names]) => (names.length === 0 ? [] : [`${verb} ${names.join(' ')}`]))
  return [...(mends ? ['finish what dpkg was interrupted in'] : []), ...words].join(', ')
}
