/**
 * Which accounts can change a path: another account than root can replace what is in its folders, at any instant, by
 * something that never ends. Each account's paths are read separately, so that it can delay only its own.
 */
import { quote } from '../shell.ts'
import { ancestors } from './paths.ts'

/** Seconds for the paths of one account, and for those of all accounts but root together. */
const SECONDS = { each: 15, all: 60 }

/**
 * Shell text that runs a command with the paths as its last arguments: once for the paths that only root can change,
 * and once for each other account, with a time limit.
 *
 * @param which Tests of find(1) that a path must pass.
 */
export function eachAccount(paths: readonly string[], which: string, command: string): string {
  if (paths.length === 0) return ':'
  const folders = [...new Set(['/', ...paths.flatMap(ancestors)])].map(quote).join(' ')
  // A link counts as another account's, whoever made it.
  const others = String.raw`find -files0-from - -maxdepth 0 \( ! -user root -o -perm /022 -o -type l \) -printf '%U\t%p\n' 2>/dev/null`
  const chosen = `find -files0-from - -maxdepth 0 ${which} -print0 2>/dev/null`
  // When only root can change these paths, as on most hosts, they are not split by account.
  return `k_paths() { printf "$1" ${paths.map(quote).join(' ')}; }
k_others=$({ printf '%s\\0' ${folders}; k_paths '%s\\0'; } | ${others})
if [ -z "$k_others" ]; then
  k_paths '%s\\0' | ${chosen} | xargs -0 -r ${command}
else
  k_whose=$({ printf '%s\\n\\n' "$k_others"; k_paths '%s\\n'; } | awk -F '\\t' ${quote(OWNER_OF)})
  k_only() { printf '%s\\n' "$k_whose" | awk -F '\\t' -v of="$1" '$1 == of { print $2 }' | tr '\\n' '\\0' | ${chosen}; }
  k_only root | xargs -0 -r ${command}
  read -r k_now k_idle </proc/uptime
  k_end=$((\${k_now%.*} + ${SECONDS.all}))
  for k_of in $(printf '%s\\n' "$k_whose" | awk -F '\\t' '$1 != "root" && !seen[$1]++ { print $1 }'); do
    read -r k_now k_idle </proc/uptime
    k_left=$((k_end - \${k_now%.*}))
    [ "$k_left" -lt ${SECONDS.each} ] || k_left=${SECONDS.each}
    [ "$k_left" -gt 0 ] || break
    k_only "$k_of" | xargs -0 -r sh -c ${quote(ONCE_LATE)} "$k_left" ${command} || :
  done
fi
:`
}

/** Number of 1 MiB blocks that the digest covers of a file that other accounts can change. */
const COMPARED = 256

/**
 * Shell text that prints each path that is a file, and its SHA-256. A file that others can change is opened without
 * blocking and read up to a limit, so that a hundred of them take no longer than their bytes; root's are read to the
 * end.
 */
export function eachAlone(paths: readonly string[]): string {
  const each = paths.map((path) => `k_one ${[path, '/', ...ancestors(path)].map(quote).join(' ')}`)
  return `k_one() {
  k_file=$1 k_others=
  [ -f "$1" ] && [ ! -L "$1" ] || return 0
  for k_at; do [ -O "$k_at" ] && [ ! -k "$k_at" ] || k_others=yes; done
  printf '%s\\0' "$k_file"
  if [ -z "$k_others" ]; then sha256sum < "$k_file"
  else dd if="$k_file" iflag=nonblock,nofollow bs=1M count=${COMPARED} status=none 2>/dev/null | sha256sum; fi
}
${each.join('\n')}`
}

/** A command that reaches its time limit ends all of them: xargs(1) runs nothing more after an exit of 255. */
const ONCE_LATE = 'timeout --foreground "$0" "$@" || [ $? -ne 124 ] || exit 255'

/**
 * Reads folders that others can change, as \`UID<TAB>PATH\`, an empty line, then paths. Prints \`UID<TAB>PATH\`, with
 * \`root\` for root's.
 */
const OWNER_OF = `$0 == "" { listed = 1; next }
!listed { owners[$2] = $1; next }
{
  of = "/" in owners ? owners["/"] : "root"
  for (at = 2; of == "root" && (more = index(substr($0, at), "/")) > 0; at += more) {
    folder = substr($0, 1, at + more - 2)
    if (folder in owners) of = owners[folder]
  }
  if (of == "root" && $0 in owners) of = owners[$0]
  print of "\\t" $0
}`

/** Why a file that exists is unknown. */
export function movingText(path: string): string {
  return `${path} could not be read in time, or is changed by somebody while it is read`
}
