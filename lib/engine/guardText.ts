/**
 * What the lock-out guard (guard.ts) does on the host: keeps what may be lost, starts the clock, and goes back or is
 * stopped. Shell text only; session.ts sends it.
 *
 * Everything is below /var/lib/keelson/guard: `saved.tar`, `revert`, and `armed` until one of both, the client or the
 * clock, takes that file away; `proved` is there when that was the client. What the kernel filters is kept in /run, which
 * a start of the host empties: after one, the files are put back before ufw and sshd read them.
 *
 * A file that nothing has loaded yet when its stage is proved goes back with the change that loads it, in whatever stage
 * of the run that is.
 */
import { quote } from './shell.ts'

const FOLDER = '/var/lib/keelson/guard'
/** What earlier stages of the run had kept, by their number. */
const BEFORE = '/var/lib/keelson/guard-before'
/** There while the clock runs. */
export const ARMED = `${FOLDER}/armed`
const UNIT = 'keelson-guard'
/** What the kernel filtered when the clock was started, by program; it is only there until the host starts anew. */
const FILTERS = '/run/keelson/guard'
/** Exit status of `disarmText` when the clock was faster. */
const TOO_LATE = 75

/** Units that have to run, or not, for somebody to come in, each with what it only reads when it starts, by commas. */
export const UNITS: { readonly [unit: string]: string } = {
  'networking.service': '/etc/network',
  'nftables.service': '/etc/nftables.conf',
  'ssh.service': '-',
  'ssh.socket': '-',
  // systemd makes files of a plan that netplan has, whenever it reads its own.
  'systemd-networkd.service': '/etc/systemd/network,/etc/netplan',
  'ufw.service': '-',
}

/** Settings of the kernel, of each network interface, by which packets of a way in may be dropped. */
export const SETTINGS = ['accept_ra', 'arp_filter', 'arp_ignore', 'disable_ipv6', 'forwarding', 'rp_filter']

/** What a way in depends on. Folders are put back as a whole: what was added goes. */
export const KEPT = [
  '/etc/default/ssh',
  '/etc/default/ufw',
  '/etc/group',
  '/etc/gshadow',
  '/etc/hosts.allow',
  '/etc/hosts.deny',
  '/etc/iptables',
  '/etc/netplan',
  '/etc/network',
  '/etc/nftables.conf',
  '/etc/nsswitch.conf',
  '/etc/pam.d',
  '/etc/passwd',
  '/etc/security',
  '/etc/shadow',
  '/etc/ssh',
  '/etc/sudoers',
  '/etc/sudoers.d',
  '/etc/systemd/network',
  '/etc/sysctl.d',
  ...Object.keys(UNITS).flatMap((unit) => [`/etc/systemd/system/${unit}`, `/etc/systemd/system/${unit}.d`]),
  '/etc/ufw',
]

/** A file that an earlier stage wrote, and a change of this one makes use of. */
export type Carried = { stage: number; path: string }

export type Arming = {
  stage: number
  carried: readonly Carried[]
  /** What the guard appends to a file when it goes back. */
  undone: { file: string; lines: string }
  /** Until the host goes back. */
  seconds: number
}

/** Keeps what would be lost and starts the clock; a non-zero exit means that nothing is guarded. */
export function armText({ stage, carried, undone, seconds }: Arming): string {
  const carry = carried.map((one) => ` &&\n  carry ${one.stage} ${quote(one.path.slice(1))}`).join('')
  return `guard=${FOLDER}
# carry STAGE PATH: the file as that stage found it, in place of what it is now.
carry() {
  [ -e "${BEFORE}/$1.tar" ] || return 1
  ! tar -tf "$guard/saved.tar" -- "$2" > /dev/null 2>&1 || tar --delete -f "$guard/saved.tar" -- "$2" || return 1
  ! tar -tf "${BEFORE}/$1.tar" -- "$2" > /dev/null 2>&1 || {
    rm -rf "$guard/was" && mkdir "$guard/was" && tar -C "$guard/was" -xpf "${BEFORE}/$1.tar" -- "$2" &&
      tar -C "$guard/was" -rpf "$guard/saved.tar" -- "$2"
  }
}
mkdir -p -m 0700 ${BEFORE} &&
  { [ ! -e "$guard/proved" ] || mv "$guard/saved.tar" "${BEFORE}/$(cat "$guard/stage").tar"; } &&
  rm -rf "$guard" && mkdir -p -m 0700 "$guard" && echo ${stage} > "$guard/stage" &&
  getent passwd | cut -d: -f6 | sort -u | sed 's,$,/.ssh,' > "$guard/homes" &&
  for path in ${KEPT.join(' ')} $(cat "$guard/homes"); do [ ! -e "$path" ] || printf '%s\\0' "\${path#/}"; done > "$guard/list" &&
  tar -C / --null -T "$guard/list" -cpf "$guard/saved.tar"${carry} &&
  (while read -r unit files; do
    printf '%s %s %s %s\\n' "$unit" "$files" "$(systemctl is-active "$unit")" "$(systemctl is-enabled "$unit" 2>/dev/null)"
  done) <<END > "$guard/units" &&
${Object.entries(UNITS)
  .map((entry) => entry.join(' '))
  .join('\n')}
END
  { grep -sH '' ${settingPaths()} > "$guard/settings" || :; } &&
  rm -f ${FILTERS}.* && : > ${FILTERS}.same-boot &&
  (for ip in iptables ip6tables; do
    ! command -v "$ip-save" > /dev/null || {
      "$ip-save" -t filter && "$ip-save" | sed '/^[*]filter$/,/^COMMIT$/d'
    } > "${FILTERS}.$ip" || exit 1
  done) &&
  (${NFT_TABLES}
  nft_tables | while read -r table; do nft -s list table $table || exit 1; done > ${FILTERS}.nft) &&
  printf '%s' ${quote(undone.lines)} > "$guard/undone" &&
  printf '%s' ${quote(revertProgram(undone.file))} > "$guard/revert" &&
  printf '%s' ${quote(SERVICE)} > /etc/systemd/system/${UNIT}.service &&
  printf '%s' ${quote(timerUnit(seconds))} > /etc/systemd/system/${UNIT}.timer &&
  : > "$guard/armed" && sync -f "$guard" &&
  systemctl daemon-reload && systemctl --quiet enable ${UNIT}.service && systemctl start ${UNIT}.timer`
}

/** `nft_tables` prints family and name of the tables that iptables does not show: its own are kept by iptables-save. */
const NFT_TABLES = `nft_tables() {
  command -v nft > /dev/null || return 0
  own='^$'
  ! command -v iptables-save > /dev/null || own='^ip6* (filter|nat|mangle|raw|security)$'
  nft list tables | sed 's/^table //' | grep -vE "$own" || :
}`

function settingPaths(): string {
  const paths = SETTINGS.flatMap((name) => [`/proc/sys/net/ipv4/conf/*/${name}`, `/proc/sys/net/ipv6/conf/*/${name}`])
  return ['/proc/sys/net/ipv4/ip_forward', ...paths].join(' ')
}

const SERVICE = `[Unit]
Description=Take back a change that nobody could come in after
ConditionPathExists=|${FOLDER}/armed
ConditionPathExists=|${FOLDER}/reverting
DefaultDependencies=no
RequiresMountsFor=/etc /usr ${FOLDER}
After=local-fs.target
Before=systemd-sysctl.service nftables.service network-pre.target ufw.service ssh.service ssh.socket shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
ExecStart=/bin/sh ${FOLDER}/revert
Restart=on-failure
RestartSec=1
[Install]
WantedBy=multi-user.target
`

function timerUnit(seconds: number): string {
  return `[Unit]
Description=The time a client has for coming in again
[Timer]
OnActiveSec=${seconds}
AccuracySec=1
`
}

/** Puts back what was kept. May be cut off anywhere and run again; whoever takes `armed` away first has won. */
function revertProgram(undone: string): string {
  return `cd ${FOLDER} || exit 1
[ ! -e armed ] || mv armed reverting 2>/dev/null || exit 0
[ -e reverting ] || exit 0
# Killed the first time after a start of the host, this may come after ufw.
ufw_was_first() { [ ! -e ${FILTERS}.same-boot ] && systemctl --quiet is-active ufw; }
! ufw_was_first || ufw --force disable
rm -rf new && mkdir new && tar -C new -xpf saved.tar || exit 1
for path in ${KEPT.join(' ')} $(cat homes); do
  rm -rf "$path.keelson-old"
  [ -e "new$path" ] || [ -e "$path" ] || continue
  # What nobody changed stays, so that nobody loads it again.
  if diff -rq "new$path" "$path" && tar -C / -df saved.tar "\${path#/}"; then continue; fi > /dev/null 2>&1
  printf '%s\\n' "$path" >> moved
  [ ! -e "$path" ] || mv "$path" "$path.keelson-old"
  [ ! -e "new$path" ] || mv "new$path" "$path" || cp -a "new$path" "$path"
  rm -rf "$path.keelson-old"
done
sync
systemctl daemon-reload
# What takes all rules away when it ends is waited for. On a host that starts it comes after this service.
turn() {
  how=--no-block
  case $2 in nftables.service | ufw.service) [ ! -e ${FILTERS}.same-boot ] || how=--job-mode=ignore-dependencies ;; esac
  systemctl "$how" "$1" "$2"
}
while read -r unit files active enabled; do
  now=$(systemctl is-active "$unit")
  case $enabled in enabled | disabled)
    [ "$(systemctl is-enabled "$unit")" = "$enabled" ] || systemctl --quiet "\${enabled%d}" "$unit" ;;
  esac
  case $active$now in
    activeactive)
      if echo "$files,/etc/systemd/system/$unit,/etc/systemd/system/$unit.d" | tr , '\\n' | grep -qsxFf - moved; then
        turn restart "$unit"
      elif [ "$unit" = ssh.service ]; then
        turn reload "$unit"
      fi ;;
    active*) turn restart "$unit" ;;
    *active) [ "$now" != active ] || turn stop "$unit" ;;
  esac
done < units
! ufw_was_first || ! grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf || ufw --force enable
${NFT_TABLES}
[ ! -e ${FILTERS}.nft ] || ! command -v nft > /dev/null || { nft_tables | sed 's/^/delete table /'; cat ${FILTERS}.nft; } | nft -f -
for ip in iptables ip6tables; do
  [ ! -e "${FILTERS}.$ip" ] || "$ip-restore" < "${FILTERS}.$ip"
done
while IFS=: read -r path value; do
  [ "$(cat "$path")" = "$value" ] || printf '%s\\n' "$value" > "$path"
done < settings
cat undone >> ${quote(undone)}
mv reverting reverted
${STOP}
`
}

/** Takes the clock away, whether it has run or not. */
const STOP = `systemctl stop ${UNIT}.timer
systemctl --quiet disable ${UNIT}.service
rm -f ${FILTERS}.*
rm -f /etc/systemd/system/${UNIT}.service /etc/systemd/system/${UNIT}.timer
systemctl daemon-reload
systemctl reset-failed '${UNIT}.*' 2>/dev/null || :`

/** Stops the clock, if it is still running. */
export function disarmText(): string {
  // One whose answer was lost comes again.
  return `mv ${FOLDER}/armed ${FOLDER}/proved 2>/dev/null || [ -e ${FOLDER}/proved ] || exit ${TOO_LATE}
${STOP}
`
}

/** For the end of a run: nobody needs any more what its proved stages had kept. */
export const FORGET_PROVED = `rm -rf ${BEFORE}; [ ! -e ${FOLDER}/proved ] || rm -rf ${FOLDER}`

/**
 * For a worker before it does anything: a client that died left a clock, and this one has come in since. What is being
 * put back is waited for.
 */
export const SETTLE = `[ ! -e ${FOLDER}/armed ] || (
${disarmText()})
[ ! -e ${FOLDER}/reverting ] || systemctl start ${UNIT}.service
${FORGET_PROVED}`

/** Whether the host has gone back, and the guard is done: exit 0 when it is so. */
export const HAS_REVERTED = `[ -e ${FOLDER}/reverted ] && [ "$(systemctl show -P ActiveState ${UNIT}.service)" != activating ]`
