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
 */
export const PRELUDE = `
fail() { printf '%s\\n' "$*" >&2; exit 1; }
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
  cat -- "$rf_source" > "$rf_tmp"
  if [ $# -gt 0 ]; then "$@" "$rf_tmp" || fail "$rf_dest: the candidate was refused; the old file is still in place"; fi
  sync -- "$rf_tmp"
  mv -fT -- "$rf_tmp" "$rf_dest"
  trap - EXIT
  sync -- "$rf_dir"
}
`
