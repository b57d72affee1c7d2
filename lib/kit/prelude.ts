/**
 * Shell functions that every step can call. They run under `set -eu` in a POSIX sh as root.
 */
import { HANDS } from './hands.ts'
import { raw, type ShellText } from './shell.ts'

/**
 * The payload file NAME of the step, as a shell word for `sh`.
 *
 * @example sh`replace_file /etc/app.key root root 0600 ${payload('key')}`
 * @throws {TypeError} When NAME is not a plain file name.
 */
export function payload(name: string): ShellText {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw new TypeError(`payload name ${JSON.stringify(name)} is not a plain file name`)
  return raw(`"$P"/${name}`)
}

/**
 * - `fail MESSAGE…` ends the step with the message as its last output.
 * - `tell waits|does TEXT…` tells the client what the step waits for, or how far it is. At most about once a second: a
 *   client takes a limited number of these.
 * - `await_locks SECONDS PATH…` waits until no process holds an fcntl(2) lock on any of these files, and meanwhile
 *   tells the client which process holds one. After SECONDS it fails and names the holder. It does not change the files.
 * - `in_time COMMAND…` runs a program that checks configuration, for at most one minute, and reports a timeout (exit
 *   status 124 or 137): the configuration may include a pipe that somebody has put there, and that never ends.
 *
 * The functions below take paths, also in folders that another account may write; see hands.ts. Each fails, naming the
 * folder and its owner, where another account could redirect it.
 * - `replace_file PATH OWNER GROUP MODE SOURCE [CHECK…]` puts SOURCE's bytes at PATH: it makes a candidate with owner
 *   and mode, runs `CHECK… CANDIDATE` when given, syncs the candidate, renames it to PATH, and syncs the folder. At no
 *   instant is PATH missing, half written or wider than MODE. A link at PATH is replaced, never followed. The candidate
 *   is removed when anything fails; the next call removes one left by a power cut.
 * - `replace_with_acl …` does the same for an existing file that has an ACL, which the new one gets too: MODE limits
 *   what the ACL allows (acl(5), "CORRESPONDENCE BETWEEN ACL ENTRIES AND FILE PERMISSION BITS").
 * - `replace_text PATH COPY SOURCE [CHECK…]` does the same for the file that was read into COPY, and preserves owner,
 *   group, mode, ACL and extended attributes.
 * - `read_file PATH COPY [BYTES]` copies a file's bytes, readable by root only; exit status `$NOTHING` when nothing is
 *   there. A pipe, a link, a longer file (8 MiB), and a file with several names in a folder of another account are
 *   errors.
 * - `change_file PATH HOW OWNER…` calls the function HOW with a path of the existing file, which must belong to one of
 *   these owners.
 * - `make_link PATH TARGET force|''` · `remove_link PATH` · `remove_file PATH` · `make_home PATH USER GROUP`
 * - `make_directory PATH HOW OWNER…` calls HOW for the directory it made, or for an existing one that belongs to one of
 *   these owners. `make_folder PATH` makes a missing one, owned by root, with mode 0755. Both make the folders above it.
 * - `remove_directory PATH` · `remove_tree PATH` · `remove_entries PATH OWNER ./NAME…`
 * - `put_back ROOT…` restores everything that these have changed at or below the roots since the run began, and prints
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
      [ "$al_told" = "$al_holder $al_path" ] || tell waits "for $al_holder, which has $al_path locked"
      al_told="$al_holder $al_path" al_left=$((al_left - 1))
      sleep 1
    done
  done
}
tell() {
  tell_task=\${P%/*}
  printf 'tells %s %s\\n' "\${tell_task##*/}" "$(printf %.300s "$*" | base64 -w0)" >> "\${P%/*/*/*}/events" || echo '~' >> "\${P%/*/*/*}/events" || :
}
`
