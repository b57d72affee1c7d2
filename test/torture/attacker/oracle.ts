/**
 * What the host shows of itself before and after an attack, by its own tools: nothing outside the attacker's folders and
 * the declared paths may differ, and the attacker may read, write and become no more than before.
 */
import { quote } from '../../../lib/kit/shell.ts'
import { SECRET, type Scene } from './scene.ts'

/** Texts that only root may read; they stand in what the attacker is after. */
export const CANARY = 'CANARY-0815-of-root'
/** In the attacker's reach, on the same file system as its folders. */
export const WORK = '/srv/evil'
/** Root's own notes. */
export const NOTES = '/run/attack'
/** What every catalog declares beside the scene: it must come, whatever is attacked. */
export const REST = ['/etc/rest-before', '/srv/other/rest-after'] as const

const LOOKED_AT = '/etc /root /home /usr/local /opt /var/spool /srv/other'

/** Shell text that prints what of the host is to stay as it is, one entry a line. */
function listing({ account, folders, rewritten = [], made = [] }: Scene): string {
  const left = [...folders, ...made, ...REST].map((path) => `-path ${quote(path)} -prune -o`).join(' ')
  const changing = rewritten.map((path) => `! -path ${quote(path)}`).join(' ')
  const outside = `find ${LOOKED_AT} -xdev ${left}`
  return `{
${outside} -type d -printf '%p %y %m %U:%G\\n' -o -printf '%p %y %m %U:%G %n %l\\n'
${outside} -type f ${changing} -print0 | xargs -0 sha256sum
find /usr -xdev ! -path '/usr/local*' -printf '%p %m %U:%G %n %s %C@\\n'
find / /var /srv /tmp /var/tmp /run /dev -xdev -maxdepth 1 ! -path '/srv/app' ! -path '${WORK}' ! -path '/tmp/*' ! -path '/run/*' ! -path '/dev/pts' -printf '%p %y %m %U:%G\\n'
find / -xdev -type f -perm /6000 -printf 'set-id %p %m %U:%G\\n'
find / -xdev -user root -name '.keelson*' -printf 'left behind: %p %y %m\\n'
cd / && setpriv --reuid=${account} --regid=${account} --init-groups sh -c ${quote(reach(left))} 2>/dev/null
} | grep -v ' /etc/ld.so.cache' | LC_ALL=C sort`
}

/** As the account: what it may write, and what it may read of what is root's. */
function reach(left: string): string {
  return `find /etc /root /home /usr/local /opt /var /run /srv/other -xdev ${left} -path '/run/systemd/*' -prune -o -writable ! -type l -printf 'may write %p\\n'
find /etc /root /home /opt /var/spool /var/lib/keelson /run/keelson /srv/other -xdev ${left} -type f -readable -printf 'may read %p\\n'
sudo -n id; su -c id < /dev/null`
}

export function rememberText(scene: Scene): string {
  return `mkdir -p -m 0700 ${NOTES}\n${listing(scene)} > ${NOTES}/before`
}

/** Prints what differs, `>` being as it is now, and what the attacker has come to know. */
export function compareText(scene: Scene, version: number): string {
  const { account, folders } = scene
  const places = [...folders, WORK, '/tmp', '/var/tmp', '/dev/shm'].map(quote).join(' ')
  // Its own further names for files of others are no gain and no loss.
  return `find ${places} -xdev -type f -links +1 ! -user ${account} -delete 2>/dev/null
${listing(scene)} > ${NOTES}/after
diff ${NOTES}/before ${NOTES}/after | grep '^[<>]'
cd / && find ${places} -xdev -type f -size -8M -print0 2>/dev/null |
  setpriv --reuid=${account} --regid=${account} --init-groups xargs -0 grep -alF -e ${CANARY} -e ${SECRET} 2>/dev/null | sed 's/^/it can read a secret in /'
for path in ${REST.join(' ')}; do grep -qsx 'rest ${version}' $path || echo "$path was not converged"; done
[ ! -e /run/pwned ] || echo 'it ran something as root'
:`
}
