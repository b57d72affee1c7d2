/**
 * Shell functions every step can call. They run under `set -eu` in a POSIX sh as root.
 */
import { raw, type ShellText } from './shell.ts'

/** The payload file NAME of the step, as a shell word for `sh`…``. */
export function payload(name: string): ShellText {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw new TypeError(`payload name ${JSON.stringify(name)} is not a plain file name`)
  return raw(`"$P"/${name}`)
}

/**
 * - `fail MESSAGE…` ends the step with the message as its last words.
 * - `replace_file DEST OWNER GROUP MODE SOURCE [CHECK…]` puts SOURCE's bytes at DEST: a temp file beside DEST gets
 *   owner and mode before any content, is checked by `CHECK… TEMP` when given, synced, renamed over DEST, and the
 *   directory is synced. At no instant is DEST missing, half written or wider than MODE. A symlink at DEST is
 *   replaced, never followed. The temp name starts with `.keelson.` and is removed when anything fails; one left by
 *   a power cut is removed by the next call for the same DEST.
 * - `remove_file PATH` takes a file or link away.
 * - `keep PATH` is for what changes a file in another way, and comes before that: what stands there when this run first
 *   touches it can be put back until the run ends. The two above do so by themselves.
 * - `await_locks SECONDS PATH…` waits until nobody has an fcntl(2) lock on any of these files, and tells the client who has
 *   one meanwhile. After so many seconds it fails and names the holder. The files themselves are left alone.
 * - `put_back ROOT…` puts back all that was kept at or below these paths, and prints `STAGE/TASK PATH` of each.
 */
export const PRELUDE = `
fail() { printf '%s\\n' "$*" >&2; exit 1; }
# In the run's folder: log (STAGE/TASK PATH), was/ with what stood there, none/ where nothing did.
kept=\${P%/*/*/*}/kept
keep() {
  [ -d "$kept" ] || return 0
  if [ -d "$1" ] && [ ! -L "$1" ]; then return 0; fi
  k_task=\${P#"\${kept%kept}"}
  printf '%s %s\\n' "\${k_task%/*}" "$1" >> "$kept/log"
  [ ! -e "$kept/was$1" ] && [ ! -L "$kept/was$1" ] && [ ! -e "$kept/none$1/.none" ] || return 0
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p -- "$kept/was\${1%/*}"
    cp -a -- "$1" "$kept/was$1"
  else
    mkdir -p -- "$kept/none$1"
    : > "$kept/none$1/.none"
  fi
}
remove_file() { keep "$1"; rm -f -- "$1"; }
put_back() {
  [ -f "$kept/log" ] || return 0
  sort -u -- "$kept/log" > "$P/kept"
  while read -r pb_task pb_path; do
    for pb_root; do
      case $pb_path in "$pb_root" | "$pb_root"/*) ;; *) continue ;; esac
      if [ -e "$kept/was$pb_path" ] || [ -L "$kept/was$pb_path" ]; then
        pb_tmp=\${pb_path%/*}/.keelson.\${pb_path##*/}
        rm -f -- "$pb_tmp"
        cp -a -- "$kept/was$pb_path" "$pb_tmp" && mv -fT -- "$pb_tmp" "$pb_path"
      else
        rm -f -- "$pb_path"
      fi || { echo "$pb_path could not be put back" >&2; return 1; }
      printf '%s %s\\n' "$pb_task" "$pb_path"
      sync -- "\${pb_path%/*}"
      break
    done
  done < "$P/kept"
}
# lock_holder PATH: process and number of who has a lock on it; nothing when nobody has. As /proc/locks knows a file by its
# inode only, the holder has to have it open under that name.
lock_holder() {
  lh_inode=$(stat -c %i -- "$1" 2>/dev/null) || return 0
  while read -r lh_number lh_kind lh_how lh_what lh_pid lh_where lh_rest; do
    [ "$lh_kind" = POSIX ] && [ "\${lh_where##*:}" = "$lh_inode" ] || continue
    [ -n "$(find "/proc/$lh_pid/fd" -lname "$1" 2>/dev/null)" ] || continue
    printf '%s (process %s)' "$(cat "/proc/$lh_pid/comm" 2>/dev/null || echo somebody)" "$lh_pid"
    return 0
  done < /proc/locks
}
await_locks() {
  al_left=$1 al_seconds=$1 al_told=
  shift
  for al_path; do
    while al_holder=$(lock_holder "$al_path") && [ -n "$al_holder" ]; do
      [ "$al_left" -gt 0 ] || fail "$al_holder has had $al_path locked for more than $al_seconds s; see what it does, and end it if it hangs - the lock file itself is to stay"
      [ "$al_told" = "$al_holder $al_path" ] || say_waits "for $al_holder, which has $al_path locked"
      al_told="$al_holder $al_path" al_left=$((al_left - 1))
      sleep 1
    done
  done
}
say_waits() {
  sw_task=\${P%/*}
  printf 'waits %s %s\\n' "\${sw_task##*/}" "$(printf %s "$*" | base64 -w0)" >> "\${P%/*/*/*}/events" || echo '~' >> "\${P%/*/*/*}/events" || :
}
replace_file() {
  rf_dest=$1 rf_owner=$2 rf_group=$3 rf_mode=$4 rf_source=$5
  shift 5
  rf_dir=\${rf_dest%/*}; rf_dir=\${rf_dir:-/}
  rf_tmp=$rf_dir/.keelson.\${rf_dest##*/}
  [ ! -d "$rf_dest" ] || [ -L "$rf_dest" ] || fail "$rf_dest is a directory; remove it, or declare another path"
  rm -f -- "$rf_tmp"
  trap 'rm -f -- "$rf_tmp"' EXIT
  (umask 077; set -C; : > "$rf_tmp") || fail "cannot write in $rf_dir"
  chown -- "$rf_owner:$rf_group" "$rf_tmp"
  chmod -- "$rf_mode" "$rf_tmp"
  cat -- "$rf_source" > "$rf_tmp" || fail "cannot write $rf_dest; it is left as it was"
  if [ $# -gt 0 ]; then "$@" "$rf_tmp" || fail "$rf_dest: the candidate was refused; the old file is still in place"; fi
  keep "$rf_dest"
  sync -- "$rf_tmp"
  mv -fT -- "$rf_tmp" "$rf_dest"
  trap - EXIT
  sync -- "$rf_dir"
}
`
