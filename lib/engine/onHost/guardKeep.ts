/**
 * Shell text by which the lock-out guard keeps what it may have to put back, before a guarded stage. It reads the host
 * and writes only below the guard's own folder.
 *
 * All of it is bounded. If a file of root or in the operator's home is too large, the guard names it, and nothing is
 * guarded or changed. In folders that others than root may write, a file that is too large is skipped, and stays as it
 * is.
 */
import { GUARD_BEFORE, GUARD_FILTERS } from '../../kit/stateFolders.ts'
import { ENTER_OWNED, NFT_TABLES, RIGHTS, SETTING_FOLDERS } from './guardPlaces.ts'
import { quote } from '../../kit/shell.ts'
import { HOME_FILES, KEPT_FILES, KEPT_UNITS, PROGRAMS } from '../host/waysIn.ts'
import { fixedPart, foldersAbove, joined } from '../host/ways.ts'

/** Maximum bytes kept of all files of root, of one file of another account, and of one of its folders. */
const MOST_BYTES = 32 * 2 ** 20
const HOME_FILE_KIB = 1024
const HOME_FOLDER_BYTES = 8 * 2 ** 20
/** Maximum number of files kept of ~/.ssh, not counting those that sshd reads. */
const HOME_FILES_MOST = 200

/** Tests of find(1): a folder that others than root may write, or a file that others can make larger. */
const GIVEN = String.raw`'(' ! -user root -o -perm /022 ')' '(' -type d -o -type f -size +${HOME_FILE_KIB}k ')'`

/** A file that an earlier stage wrote, and that a change of this stage uses. */
export type Carried = { stage: number; path: string }

/** What is kept in addition to what waysIn.ts lists. */
export type Keep = {
  carried: readonly Carried[]
  /** Paths that the changes write, and those that the host's configuration names: patterns of glob(7). */
  touched: readonly string[]
  named: readonly string[]
  /** The account that logs in, and others whose login the changes concern. */
  operator: string
  accounts: readonly string[]
  rootHome: string
  units: readonly string[]
  /** Below /proc/sys. */
  settings: readonly string[]
}

/** Shell text that succeeds when everything is kept. */
export function keepText(keep: Keep): string {
  const carry = keep.carried.map((one) => `carry ${one.stage} ${quote(one.path.slice(1))}`)
  const parts = [
    filesText(keep),
    'mkdir "$guard/was" && : > "$guard/carried"',
    ...carry,
    rightsText(keep),
    `operator=${quote(keep.operator)} number=0 && : > "$guard/homes"`,
    homesText(keep),
    givenText(keep),
    unitsText(keep),
    kernelText(keep),
  ]
  return `${FUNCTIONS}\n${parts.join(' &&\n')}`
}

/**
 * Reads the relevant names of a folder: in a home as its owner, in a folder given to another account as root, from
 * inside (GID `root`).
 */
const FOLDER_FUNCTION = `folder() {
  number=$((number + 1))
  (keep_folder "$@")
}
keep_folder() {
  account=$1 uid=$2 gid=$3 folder=$4 kind=$5
  shift 5
  names=$guard/names.$number
  printf './%s\\n' "$@" > "$names"
  if ! enter_owned "$folder" "$uid"; then [ -e "$folder" ] || [ -L "$folder" ] || keep_line; return 0; fi
  for name; do
    shift
    [ ! -e "./$name" ] && [ ! -L "./$name" ] || set -- "$@" "./$name"
  done
  [ $# -gt 0 ] || [ "$kind" = all ] || { keep_line; return; }
  large=$([ $# -eq 0 ] || [ "$gid" = root ] || as_owner find "$@" -maxdepth 0 -type f -size +${HOME_FILE_KIB}k -printf ' %f')
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
list() { [ $# -eq 0 ] || as_owner find "$@" -maxdepth 0 ! -size +${HOME_FILE_KIB}k -print0; }
pack() { as_owner tar --no-recursion --ignore-failed-read --null -T - -cf - 2> /dev/null | head -c ${HOME_FOLDER_BYTES + 1} > "$guard/home.$number"; }
keep_line() { printf '%s %s %s %s\\n' "$number" "$uid" "$gid" "$folder" >> "$guard/homes"; }`

/**
 * - `carry STAGE PATH`: keeps the file as that stage found it, instead of its present content. (GNU tar's --delete also
 *   deletes others.)
 * - `is_roots PATH`: whether nobody but root can redirect it.
 * - `keep_files`: keeps files, and reads again those that change while they are read. Other accounts cannot change
 *   them: folders given to them are not included.
 * - `too_large`: whether the sizes (`BYTES ROOT` per line) exceed the limit; names the largest.
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
  awk -v most=${MOST_BYTES} '
    { size = $1; sub(/^[^ ]* /, ""); sum += size; of[$0] += size; if (of[$0] > of[largest]) largest = $0 }
    END {
      if (sum <= most) exit 1
      printf "the lock-out guard keeps at most %d MiB; /%s alone holds %d MiB\\n", most / 1048576, largest, of[largest] / 1048576
    }' "$guard/sizes" >&2
}
existing() { while read -r path; do if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\\0' "\${path#/}"; fi; done; }
list_files() {
  existing < "$guard/kept-by-list" > "$guard/fixed" && existing < "$guard/more" > "$guard/list" && cd / &&
    xargs -0r stat -c '%s %n' -- < "$guard/list" > "$guard/sizes" &&
    find -files0-from "$guard/fixed" ${GIVEN} -fprintf "$guard/given" '/%p\\n' -prune -o -printf '%s %H\\n' -fprint0 "$guard/whole" >> "$guard/sizes" &&
    cat "$guard/whole" >> "$guard/list"
}
keep_files() {
  for try in 1 2 3; do
    said=$(list_files 2>&1) || continue
    if too_large; then return 1; fi
    said=$(tar -C / --no-recursion --null -T "$guard/list" -cpf "$guard/saved.tar" 2>&1) && return
  done
  printf '%s\\n' "$said" >&2
  return 1
}
${ENTER_OWNED}
${FOLDER_FUNCTION}`

/** Roots of what is kept whole. A folder that is only touched is not one: a change may concern the rights of `/etc`. */
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
  done | sort -u > "$guard/more" && cat "$guard/kept-by-list" "$guard/more" > "$guard/roots" &&
  keep_files`
}

/** A pattern as a shell word: everything except its glob characters is quoted. */
function globWord(pattern: string): string {
  return pattern
    .split(/([*?])/)
    .map((part, index) => (index % 2 === 1 ? part : part === '' ? '' : quote(part)))
    .join('')
}

/** Keeps owners and modes of the folders above, from `/` down, and of programs. */
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
 * Keeps the relevant files of each home, read as its owner: `folder NUMBER ACCOUNT UID GID FOLDER KIND NAME…`. With
 * KIND `all`, other files there are kept too, up to the limit. If only root may write a home, its files are kept with
 * root's.
 */
function homesText({ operator, accounts, touched, named }: Keep): string {
  const others = [...new Set([operator, ...accounts])].filter((name) => name !== 'root')
  if (others.length === 0) return ':'
  const folders = HOME_FILES.map(({ folder, names }) => {
    const inside = folder === '' ? ['.ssh', ...names] : names
    return `folder "$account" "$uid" "$gid" "$real${folder === '' ? '' : `/${folder}`}" ${folder === '.ssh' ? 'all' : 'only'} ${inside.join(' ')}`
  })
  return `for account in ${others.map(quote).join(' ')}; do
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

/** Keeps, of folders given to other accounts, small files and what the changes write. Other files stay where they are. */
function givenText({ touched }: Keep): string {
  return `while IFS= read -r given; do
  ${RIGHTS} "$given" >> "$guard/rights" && set -- && uid=$(stat -c %u -- "$given") || continue
  for path in ${touched.map(quote).join(' ')}; do
    case $path in
      "$given") folder '' 0 root "\${path%/*}" only "\${path##*/}" ;;
      "$given"/*/*) folder '' "$uid" root "\${path%/*}" only "\${path##*/}" ;;
      "$given"/*) set -- "$@" "\${path##*/}" ;;
    esac
  done
  [ ! -d "$given" ] || folder '' "$uid" root "$given" all "$@"
done < "$guard/given"`
}

/** Prints `UNIT ACTIVE ENABLED` per line. */
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
