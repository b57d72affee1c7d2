/**
 * What the lock-out guard keeps before a guarded stage, as shell text: it is the host that is read here, and nothing is
 * written but below the guard's own folder.
 *
 * All of it is bounded. What is too large is named, and then nothing is guarded and nothing changed: where that is in a
 * home, it is the one of the operator or of root.
 */
import { GUARD_BEFORE, GUARD_FILTERS } from '../../kit/stateFolders.ts'
import { ENTER, NFT_TABLES, RIGHTS, SETTING_FOLDERS } from './guardPlaces.ts'
import { quote } from '../../kit/shell.ts'
import { HOME_FILES, KEPT_FILES, KEPT_UNITS, PROGRAMS } from '../host/waysIn.ts'
import { fixedPart, foldersAbove, joined } from '../host/ways.ts'

/** Bytes that are kept of all files of root, of one file of another account, and of one of its folders. */
const MOST_BYTES = 32 * 2 ** 20
const HOME_FILE_KIB = 1024
const HOME_FOLDER_BYTES = 8 * 2 ** 20
/** Files that are kept of ~/.ssh, besides those that sshd reads. */
const HOME_FILES_MOST = 200

/** A file that an earlier stage wrote, and a change of this one makes use of. */
export type Carried = { stage: number; path: string }

/** What is kept besides what waysIn.ts lists. */
export type Keep = {
  carried: readonly Carried[]
  /** What the changes write, and what the host's configuration names: patterns of glob(7). */
  touched: readonly string[]
  named: readonly string[]
  /** The account that logs in, and others whose login the changes are about. */
  operator: string
  accounts: readonly string[]
  rootHome: string
  units: readonly string[]
  /** Below /proc/sys. */
  settings: readonly string[]
}

/** Shell text that succeeds when all is kept. */
export function keepText(keep: Keep): string {
  const carry = keep.carried.map((one) => `carry ${one.stage} ${quote(one.path.slice(1))}`)
  const parts = [
    filesText(keep),
    'mkdir "$guard/was" && : > "$guard/carried"',
    ...carry,
    rightsText(keep),
    homesText(keep),
    unitsText(keep),
    kernelText(keep),
  ]
  return `${FUNCTIONS}\n${parts.join(' &&\n')}`
}

/** Reads of a home what counts, as its owner. */
const FOLDER_FUNCTION = `folder() {
  number=$((number + 1))
  (keep_folder "$@")
}
keep_folder() {
  account=$1 uid=$2 gid=$3 folder=$4 kind=$5
  shift 5
  names=$guard/names.$number
  printf './%s\\n' "$@" > "$names"
  if ! enter "$folder" "$uid"; then [ -e "$folder" ] || [ -L "$folder" ] || keep_line; return 0; fi
  for name; do
    shift
    [ ! -e "./$name" ] && [ ! -L "./$name" ] || set -- "$@" "./$name"
  done
  [ $# -gt 0 ] || [ "$kind" = all ] || { keep_line; return; }
  large=$([ $# -eq 0 ] || as_owner find "$@" -maxdepth 0 -type f -size +${HOME_FILE_KIB}k -printf ' %f')
  if [ -n "$large" ]; then
    [ "$account" = "$operator" ] || return 0
    echo "the lock-out guard keeps at most ${HOME_FILE_KIB} KiB of a file in a home; in $folder larger:$large" >&2
    return 1
  fi
  if [ "$kind" = all ]; then
    { list "$@"; as_owner find . -mindepth 1 -maxdepth 1 '(' -type f -o -type l ')' -size -${HOME_FILE_KIB + 1}k -print0 | grep -zvxFf "$names" | head -zn ${HOME_FILES_MOST}; } | pack
    [ "$(stat -c %s "$guard/home.$number")" -gt ${HOME_FOLDER_BYTES} ] || { keep_line; return; }
  fi
  list "$@" | pack && keep_line
}
list() { [ $# -eq 0 ] || printf '%s\\0' "$@"; }
pack() { as_owner tar --no-recursion --ignore-failed-read --null -T - -cf - 2> /dev/null | head -c ${HOME_FOLDER_BYTES + 1} > "$guard/home.$number"; }
keep_line() { printf '%s %s %s %s\\n' "$number" "$uid" "$gid" "$folder" >> "$guard/homes"; }`

/**
 * - `carry STAGE PATH`: the file as that stage found it, in place of what it is now. (GNU tar's --delete takes others too.)
 * - `is_roots PATH`: whether nobody but root can redirect it.
 * - `keep_files`: what changes while it is read is read again; where others may write, they could go on with that for ever.
 * - `too_large`: fails, and names the largest, when it is told of more bytes (`SIZE PATH` a line) than are kept.
 */
const FUNCTIONS = `carry() {
  [ -e "${GUARD_BEFORE}/$1.tar" ] || return 1
  printf '/%s\\n' "$2" >> "$guard/carried"
  ! tar -tf "${GUARD_BEFORE}/$1.tar" -- "$2" > /dev/null 2>&1 || tar -C "$guard/was" -xpf "${GUARD_BEFORE}/$1.tar" -- "$2"
}
is_roots() {
  at=$(realpath -m -- "\${1%/*}/")
  while :; do
    case $(stat -c '%u %a' -- "$at" 2>/dev/null) in
      *[2367]? | *[2367]) return 1 ;;
      '' | '0 '*) ;;
      *) return 1 ;;
    esac
    [ "$at" != / ] || return 0
    at=\${at%/*} at=\${at:-/}
  done
}
too_large() {
  sum=0 most=0
  while read -r size path; do
    sum=$((sum + size))
    [ "$size" -le "$most" ] || most=$size largest=$path
  done
  [ "$sum" -gt ${MOST_BYTES} ] || return 1
  echo "the lock-out guard keeps at most ${MOST_BYTES / 2 ** 20} MiB; /$largest alone holds $((most / 1048576)) MiB" >&2
}
only_others() {
  while IFS= read -r line; do
    case $line in *': Exiting with failure status'*) continue ;; esac
    line=\${line#*: }
    if is_roots "/\${line%%: *}/."; then return 1; fi
  done
}
keep_files() {
  for try in 1 2 3; do
    said=$(tar -C / --null -T "$guard/list" -cpf "$guard/saved.tar" 2>&1) && return
    [ -z "$said" ] || ! printf '%s\\n' "$said" | only_others || return 0
  done
  printf '%s\\n' "$said" >&2
  return 1
}
${ENTER}
${FOLDER_FUNCTION}`

/** Roots of what is kept whole. A folder that is only touched is not: a change may be about the rights of `/etc`. */
function filesText({ touched, named, rootHome, carried }: Keep): string {
  const root = HOME_FILES.flatMap(({ folder, names }) =>
    folder === '.ssh' ? [joined(rootHome, folder)] : names.map((name) => joined(rootHome, folder, name)),
  )
  const fixed = [...KEPT_FILES, ...root]
  const isFixed = (path: string): boolean => fixed.some((kept) => path === kept || path.startsWith(`${kept}/`))
  const found = [...touched, ...carried.map(({ path }) => path)].filter((path) => !isFixed(path)).map(quote)
  const more = [...found, ...named.filter((pattern) => !isFixed(pattern)).map(globWord)]
  return `printf '%s\\n' ${fixed.map(quote).join(' ')} > "$guard/kept-by-list" &&
  for path in ${more.join(' ')}; do
    if { [ ! -d "$path" ] || [ -L "$path" ]; } && is_roots "$path"; then printf '%s\\n' "$path"; fi
  done | sort -u | cat "$guard/kept-by-list" - > "$guard/roots" &&
  { while read -r path; do if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\\0' "\${path#/}"; fi; done; } < "$guard/roots" > "$guard/list" &&
  ! (cd / && du -sb --files0-from="$guard/list") 2> /dev/null | too_large &&
  keep_files`
}

/** A pattern as a shell word: all but its own characters is quoted. */
function globWord(pattern: string): string {
  return pattern
    .split(/([*?])/)
    .map((part, index) => (index % 2 === 1 ? part : part === '' ? '' : quote(part)))
    .join('')
}

/** Owners and modes of folders on the way, from `/` down, and of programs. */
function rightsText({ touched, named, rootHome }: Keep): string {
  const above = foldersAbove([
    ...KEPT_FILES,
    ...PROGRAMS.paths,
    ...touched,
    ...named.map((one) => joined(fixedPart(one), 'x')),
    joined(rootHome, '.ssh', 'x'),
  ])
  const paths = [...new Set([...above, ...PROGRAMS.paths, ...touched])].toSorted()
  return `{ ${RIGHTS} ${paths.map(quote).join(' ')} 2> /dev/null > "$guard/rights" || :; }`
}

/**
 * Of each home what counts, read as its owner: `folder NUMBER ACCOUNT UID GID FOLDER KIND NAME…`, where KIND `all` takes what
 * else is there as well, as far as there is room. An account whose home is root's alone has it among root's files.
 */
function homesText({ operator, accounts, touched, named }: Keep): string {
  const others = [...new Set([operator, ...accounts])].filter((name) => name !== 'root')
  if (others.length === 0) return ': > "$guard/homes"'
  const folders = HOME_FILES.map(({ folder, names }) => {
    const inside = folder === '' ? ['.ssh', ...names] : names
    return `folder "$account" "$uid" "$gid" "$real${folder === '' ? '' : `/${folder}`}" ${folder === '.ssh' ? 'all' : 'only'} ${inside.join(' ')}`
  })
  return `operator=${quote(operator)} number=0 && : > "$guard/homes" &&
for account in ${others.map(quote).join(' ')}; do
  IFS=: read -r name x uid gid about home shell <<END
$(getent passwd -- "$account")
END
  real=$(cd -P -- "\${home:-/nonexistent}" 2> /dev/null && pwd -P) && [ "$real" != / ] || continue
  above= at=$real
  while [ "$at" != / ]; do above="$at
$above" at=\${at%/*} at=\${at:-/}; done
  printf '%s' "$above" | tr '\\n' '\\0' | xargs -0 ${RIGHTS} >> "$guard/rights"
  ${RIGHTS} "$real/.ssh" >> "$guard/rights" 2> /dev/null || :
  ${folders.join(' &&\n  ')} || exit 1
  for path in ${[...touched.map(quote), ...named.map(globWord)].join(' ')}; do
    case $path in "$home"/*) path=$real\${path#"$home"} ;; *) continue ;; esac
    folder "$account" "$uid" "$gid" "\${path%/*}" only "\${path##*/}" || exit 1
  done
done`
}

/** `UNIT ACTIVE ENABLED` a line. */
function unitsText({ units }: Keep): string {
  const names = [...new Set([...KEPT_UNITS.keys(), ...units])].map(quote).join(' ')
  return `{ systemctl show -p Id -p ActiveState -p UnitFileState -- ${names} && echo; } | while IFS= read -r line; do
    case $line in
      Id=*) unit=\${line#Id=} ;;
      ActiveState=*) active=\${line#*=} ;;
      UnitFileState=*) enabled=\${line#*=} ;;
      '') [ -z "$unit" ] || printf '%s %s %s\\n' "$unit" "$active" "$enabled"; unit= ;;
    esac
  done > "$guard/units" && [ -s "$guard/units" ]`
}

function kernelText({ settings }: Keep): string {
  return `{ grep -rsH '' ${[...SETTING_FOLDERS, ...settings].map(quote).join(' ')} > "$guard/settings" || :; } &&
  rm -f ${GUARD_FILTERS}.* && : > ${GUARD_FILTERS}.same-boot &&
  (for ip in iptables ip6tables; do
    ! command -v "$ip-save" > /dev/null || {
      "$ip-save" -t filter && "$ip-save" | sed '/^[*]filter$/,/^COMMIT$/d'
    } > "${GUARD_FILTERS}.$ip" || exit 1
  done) &&
  (${NFT_TABLES}
  nft_tables | while read -r table; do nft -s list table $table || exit 1; done > ${GUARD_FILTERS}.nft)`
}
