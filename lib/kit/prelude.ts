/**
 * Shell functions every step can call. They run under `set -eu` in a POSIX sh as root.
 */
import { HANDS } from './hands.ts'
import { raw, type ShellText } from './shell.ts'

/**
 * The payload file NAME of the step, as a shell word for `sh`.
 *
 * @example sh`replace_file /etc/app.key root root 0600 ${payload('key')}`
 * @throws {TypeError} When it is no plain file name.
 */
export function payload(name: string): ShellText {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw new TypeError(`payload name ${JSON.stringify(name)} is not a plain file name`)
  return raw(`"$P"/${name}`)
}

/**
 * - `fail MESSAGE…` ends the step with the message as its last words.
 * - `await_locks SECONDS PATH…` waits until nobody has an fcntl(2) lock on any of these files, and tells the client who has
 *   one meanwhile. After so many seconds it fails and names the holder. The files themselves are left alone.
 * - `in_time COMMAND…` runs a program that judges configuration, for a minute at most, and says so when that is over (exit
 *   status 124 or 137): what it reads besides may be a pipe that somebody has put there, and never end.
 *
 * What follows takes paths and goes wherever another account may write, too; see hands.ts. All of it fails, naming the
 * folder and its owner, where another account could lead it elsewhere.
 * - `replace_file PATH OWNER GROUP MODE SOURCE [CHECK…]` puts SOURCE's bytes at PATH: a candidate is made with owner and
 *   mode, judged by `CHECK… CANDIDATE` when given, synced, renamed to PATH, and the folder is synced. At no instant is PATH
 *   missing, half written or wider than MODE. A link at PATH is replaced, never followed. The candidate is removed when
 *   anything fails; one left by a power cut is removed by the next call.
 * - `replace_with_acl …` does the same for a file that is there and has an ACL, which the new one gets too: MODE sets what
 *   it allows at most (acl(5), "CORRESPONDENCE BETWEEN ACL ENTRIES AND FILE PERMISSION BITS").
 * - `replace_text PATH COPY SOURCE [CHECK…]` does the same for the file that was read into COPY, and leaves owner, group,
 *   mode, ACL and extended attributes as they are.
 * - `read_file PATH COPY [BYTES]` copies a file's bytes, for root alone; exit status `$NOTHING` when nothing is there. A pipe, a link, a file
 *   that is longer (8 MiB), and one with other names in a folder of another account are errors.
 * - `change_file PATH HOW OWNER…` calls the function HOW with a path of the file that is there, of one of these owners.
 * - `make_link PATH TARGET force|''` · `remove_link PATH` · `remove_file PATH` · `make_home PATH USER GROUP`
 * - `make_directory PATH HOW OWNER…` calls HOW for what it made, or for what is there and belongs to one of these owners.
 *   `make_folder PATH` makes it when it is missing, of root and mode 0755. Both make those above it.
 * - `remove_directory PATH` · `remove_tree PATH` · `remove_entries PATH OWNER ./NAME…`
 * - `put_back ROOT…` puts back all that these have changed at or below the roots since the run began, and prints
 *   `STAGE/TASK PATH` of each.
 */
export const PRELUDE = `
fail() { printf '%s\\n' "$*" >&2; exit 1; }
${HANDS}
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
`
