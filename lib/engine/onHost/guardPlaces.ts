/**
 * Where the lock-out guard keeps what it needs on the host, and shell text that its programs share.
 *
 * Everything is below /var/lib/keelson/guard: what was kept, `revert`, and `armed` until one of both, the client or the
 * clock, takes that file away; `proved` is there when that was the client. What the kernel filters is kept in /run, which
 * a start of the host empties: after one, the files are put back before ufw and sshd read them.
 */
import { FILTER_UNITS } from '../host/waysIn.ts'

export const UNIT = 'keelson-guard'

/** `is_filter UNIT`: whether it takes all rules away when it ends. */
export const IS_FILTER = `is_filter() { case $1 in ${FILTER_UNITS.join(' | ')}) ;; *) return 1 ;; esac; }`

/** `nft_tables` prints family and name of the tables that iptables does not show: its own are kept by iptables-save. */
export const NFT_TABLES = `nft_tables() {
  command -v nft > /dev/null || return 0
  own='^$'
  ! command -v iptables-save > /dev/null || own='^ip6* (filter|nat|mangle|raw|security)$'
  nft list tables | sed 's/^table //' | grep -vE "$own" || :
}`

/**
 * `enter_owned FOLDER UID` goes into a folder of a home and looks at it from inside, where nobody can redirect it any more;
 * `as_owner COMMAND…` then acts as who owns it: root only where nobody else can write in it. So a link that a user puts in
 * its home leads root nowhere. sshd, too, reads a user's keys as that user (sshd_config(5), AuthorizedKeysFile). Where `gid`
 * is `root`, the folder is one of the system's that was given away: only names in it are used, and no links followed.
 *
 * It is not the `enter` of the kit, which follows links of root, makes folders and fails with a sentence: a guard knows the
 * folder by its real path, so that where `cd` has led is all there is to look at, and what it cannot enter it leaves alone.
 * Its programs also run when a host starts, with nothing of a run around them.
 */
export const ENTER_OWNED = `enter_owned() {
  cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || return 1
  set -- "$2" $(stat -c '%u %a' .)
  owner=$2
  case $owner in
    "$1") ;;
    0) case $3 in *[2367]? | *[2367]) return 1 ;; esac ;;
    *) return 1 ;;
  esac
}
as_owner() {
  if [ "$owner" = 0 ] || [ "$gid" = root ]; then timeout 20 "$@"; else timeout 20 setpriv --reuid "$owner" --regid "$gid" --clear-groups -- "$@"; fi
}`

/** Of a folder or file: owner, group, mode, inode, type. Numbers of devices are others with the next start. */
export const RIGHTS = "stat -c '%u %g %a %i %f %n' --"

/** Where sysctl(8) keys of a network are; those that changes name come besides. */
export const SETTING_FOLDERS = ['/proc/sys/net/ipv4', '/proc/sys/net/ipv6']
