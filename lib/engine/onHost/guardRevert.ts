/**
 * How the lock-out guard reverts: the program that its clock starts.
 *
 * It may be cut off anywhere and run again. It first restores owners and modes, from `/` down, so that only root can
 * write what lies below; then files of root; then those in homes, as their owners; then units and settings.
 */
import { GUARD_FILTERS, GUARD_FOLDER } from '../../kit/stateFolders.ts'
import { ENTER_OWNED, IS_FILTER, NFT_TABLES, RIGHTS, SETTING_FOLDERS } from './guardPlaces.ts'
import { quote } from '../../kit/shell.ts'
import { KEPT_UNITS, PROGRAMS } from '../host/waysIn.ts'

/** @param undone File to which the kept lines in `undone` are appended. @param stop Shell text for the end. */
export function revertProgram(undone: string, settings: readonly string[], stop: string): string {
  return `cd ${GUARD_FOLDER} || exit 1
# Whoever takes \`armed\` away first has won.
[ ! -e armed ] || mv armed reverting 2>/dev/null || exit 0
[ -e reverting ] || exit 0
# Killed the first time after a start of the host, this may come after ufw.
ufw_was_first() { [ ! -e ${GUARD_FILTERS}.same-boot ] && systemctl --quiet is-active ufw; }
! ufw_was_first || ufw --force disable
${RIGHTS_BACK}
${FILES_BACK}
${HOMES_BACK}
sync
systemctl daemon-reload
${UNITS_BACK}
! ufw_was_first || ! grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf || ufw --force enable
${NFT_TABLES}
[ ! -e ${GUARD_FILTERS}.nft ] || ! command -v nft > /dev/null || { nft_tables | sed 's/^/delete table /'; cat ${GUARD_FILTERS}.nft; } | nft -f -
for ip in iptables ip6tables; do
  [ ! -e "${GUARD_FILTERS}.$ip" ] || "$ip-restore" < "${GUARD_FILTERS}.$ip"
done
${settingsBack(settings)}
cat undone >> ${quote(undone)}
mv reverting reverted
${stop}
`
}

/**
 * Sets the rights of a folder from inside it. Leaves a folder alone that belonged to another account and is now a
 * different folder. A path that is not a folder is a program, in a folder that only root can write by then.
 */
const RIGHTS_BACK = `${ENTER_OWNED}
rights_back() {
  [ -e "$path" ] || [ -L "$path" ] || [ "$uid" != 0 ] ||
    (name=\${path##*/} path=\${path%/*} && enter_owned "\${path:-/}" 0 && mkdir -m 0700 -- "./$name")
  cd -P -- "$path" && [ "$(pwd -P)" = "$path" ] || return 0
  [ "$(stat -c %i .)" = "$inode" ] || [ "$uid" = 0 ] || return 0
  chown "$uid:$gid" . && chmod "$mode" .
}
cut -d ' ' -f 6- rights | tr '\\n' '\\0' | xargs -0 ${RIGHTS} 2>/dev/null > now
grep -vxFf now rights | while read -r uid gid mode inode type path; do
  case $type:$path in
    4*) (rights_back) ;;
    ${PROGRAMS.paths.map((path) => `8*:${path}`).join(' | ')}) chown "$uid:$gid" "$path" && chmod "$mode" "$path" ;;
  esac
done`

const FILES_BACK = `rm -rf new && mkdir new && tar -C new -xpf saved.tar || exit 1
while read -r path; do
  rm -rf "new$path"
  [ ! -e "was$path" ] && [ ! -L "was$path" ] || cp -aT "was$path" "new$path" || exit 1
done < carried
there() { [ -e "$1" ] || [ -L "$1" ]; }
# What was left out of PATH, as not only root's, comes over from what PATH was. Its names are root's.
left_back() {
  while IFS= read -r given; do
    case $given in "$1"/*) there "$given" || ! there "$1.keelson-old\${given#"$1"}" || mv -T "$1.keelson-old\${given#"$1"}" "$given" ;; esac
  done < given
}
while read -r path; do
  # What is in /run is another one with each start of the host.
  case $path in /run/*) [ -e ${GUARD_FILTERS}.same-boot ] || continue ;; esac
  ! grep -qxF -- "$path" given || continue
  if there "$path.keelson-old"; then
    there "$path" || mv -T "$path.keelson-old" "$path"
    left_back "$path"
    rm -rf "$path.keelson-old"
  fi
  there "new$path" || there "$path" || continue
  # What nobody changed stays, so that nobody loads it again.
  if diff -rq --no-dereference "new$path" "$path" && tar -C / -df saved.tar "\${path#/}"; then continue; fi > /dev/null 2>&1
  printf '%s\\n' "$path" >> moved
  ! there "$path" || mv -T "$path" "$path.keelson-old"
  ! there "new$path" || mv -T "new$path" "$path" || cp -aT "new$path" "$path"
  left_back "$path"
  rm -rf "$path.keelson-old"
done < roots
cat given >> moved`

const HOMES_BACK = `home_back() {
  enter_owned "$folder" "$uid" || return 0
  [ -e "$guard/home.$number" ] || : > "$guard/home.$number"
  as_owner tar -tf - < "$guard/home.$number" > "$guard/listed" 2>/dev/null || :
  while read -r name; do
    name=\${name%/}
    [ ! -e "$name" ] && [ ! -L "$name" ] || sed 's,/$,,' "$guard/listed" | grep -qxF -- "$name" || as_owner rm -rf -- "$name"
  done < "$guard/names.$number"
  [ ! -s "$guard/listed" ] || as_owner tar -df - < "$guard/home.$number" > /dev/null 2>&1 || as_owner tar -xpf - < "$guard/home.$number"
}
guard=$PWD
while read -r number uid gid folder; do (home_back); done < homes`

/** The files that a unit reads when it starts, where they are known; any other unit may read everything that changed. */
const LOADS = [...KEPT_UNITS].map(
  ([unit, paths]) =>
    `${unit}) printf '%s\\n' ${[...paths, `/etc/systemd/system/${unit}`, `/etc/systemd/system/${unit}.d`].join(' ')} ;;`,
)

/** Drop-ins for all units of a type (systemd.unit(5)). */
const TYPE_DROP_INS = ['service', 'socket'].map((type) => `/etc/systemd/system/${type}.d`)

const UNITS_BACK = `loads() {
  case $1 in
    ${LOADS.join('\n    ')}
    *) cat moved ;;
  esac
  printf '%s\\n' ${TYPE_DROP_INS.join(' ')}
  # What its own files include.
  ! is_filter "$1" || grep -vxF -f kept-by-list moved
}
${IS_FILTER}
: >> moved
# What takes all rules away when it ends is waited for. On a host that starts it comes after this service.
turn() {
  how=--no-block
  ! is_filter "$2" || [ ! -e ${GUARD_FILTERS}.same-boot ] || how=--job-mode=ignore-dependencies
  systemctl "$how" "$1" "$2"
}
while read -r unit active enabled; do
  now=$(systemctl is-active "$unit")
  case $enabled in enabled | disabled)
    [ "$(systemctl is-enabled "$unit")" = "$enabled" ] || systemctl --quiet "\${enabled%d}" "$unit" ;;
  esac
  case $active$now in
    activeactive)
      if loads "$unit" | grep -qsxFf - moved; then
        turn restart "$unit"
      elif [ "$unit" = ssh.service ]; then
        turn reload "$unit"
      fi ;;
    active*) turn restart "$unit" ;;
    *active) [ "$now" != active ] || turn stop "$unit" ;;
  esac
done < units`

/** Writes the settings twice, because some of them set others. */
function settingsBack(settings: readonly string[]): string {
  return `for round in 1 2; do
  grep -rsH '' ${[...SETTING_FOLDERS, ...settings].map(quote).join(' ')} > now
  grep -vxFf now settings | while IFS=: read -r path value; do printf '%s\\n' "$value" > "$path"; done
done 2>/dev/null`
}
