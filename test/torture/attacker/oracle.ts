/**
 * What the host shows of itself before and after an attack, by its own tools: nothing outside the attackers' folders and
 * the declared paths may differ, and no attacker may read, write and become more than before.
 */
import { quote } from '../../../lib/kit/shell.ts'
import { SECRET, type Scene } from './scene.ts'

/** Texts that only root may read; they stand in what the attacker is after. */
export const CANARY = 'CANARY-0815-of-root'
/** In it each attacker has a folder of its own, on the same file system as those that it attacks. */
export const WORK = '/srv/evil'
/** Root's own notes. */
export const NOTES = '/run/attack'
/** All attackers wait until it is there. */
export const GO = '/run/attack-begins'
/** What every catalog declares beside the scenes: it must come, whatever is attacked. */
export const REST = ['/etc/rest-before', '/srv/other/rest-after'] as const

const LOOKED_AT = '/etc /root /home /usr/local /opt /var/spool /srv/other'

const accountsOf = (scenes: readonly Scene[]): string[] => [...new Set(scenes.map(({ account }) => account))]
const foldersOf = (scenes: readonly Scene[]): string[] => scenes.flatMap(({ folders }) => folders)

/** Shell text that prints what of the host is to stay as it is, one entry a line. */
function listing(scenes: readonly Scene[]): string {
  const made = scenes.flatMap((scene) => scene.made ?? [])
  const pruned = (paths: readonly string[]): string => paths.map((path) => `-path ${quote(path)} -prune -o`).join(' ')
  const left = pruned([...foldersOf(scenes), ...made, ...REST])
  const rewritten = scenes.flatMap((scene) => scene.rewritten ?? [])
  const changing = rewritten.map((path) => `! -path ${quote(path)}`).join(' ')
  const outside = `find ${LOOKED_AT} -xdev ${left}`
  return `{
${outside} -type d -printf '%p %y %m %U:%G\\n' -o -printf '%p %y %m %U:%G %n %l\\n'
${outside} -type f ${changing} -print0 | xargs -0 sha256sum
find /usr -xdev ${pruned(['/usr/local', ...made])} -type d -printf '%p %m %U:%G\\n' -o -printf '%p %m %U:%G %n %s %C@\\n'
find / /var /srv /dev -xdev -maxdepth 1 ${pruned(foldersOf(scenes).filter((path) => path.startsWith('/srv/')))} \\
  ! -path '/dev/pts' -printf '%p %y %m %U:%G\\n'
find / -xdev -type f -perm /6000 -printf 'set-id %p %m %U:%G\\n'
find / -xdev -user root -name '.keelson*' -printf 'left behind: %p %y %m\\n'
${accountsOf(scenes)
  .map((account) => `cd / && ${as(account)} sh -c ${quote(reach(left))} 2>/dev/null | sed 's/^/${account} /'`)
  .join('\n')}
} | grep -v ' /etc/ld.so.cache' | LC_ALL=C sort`
}

const as = (account: string): string => `setpriv --reuid=${account} --regid=${account} --init-groups`

/** As an account: what it may write, and what it may read of what is root's. */
function reach(left: string): string {
  return `find /etc /root /home /usr/local /opt /var /run /srv/other -xdev ${left} -path '/run/systemd/*' -prune -o -writable ! -type l -printf 'may write %p of %u\\n'
find /etc /root /home /opt /var/spool /var/lib/keelson /run/keelson /srv/other -xdev ${left} -type f -readable -printf 'may read %p\\n'
sudo -n id; su -c id < /dev/null`
}

export function rememberText(scenes: readonly Scene[]): string {
  return `mkdir -p -m 0700 ${NOTES}\n${listing(scenes)} > ${NOTES}/before`
}

/**
 * Prints what differs, `>` being as it is now, and what attackers have come to know. That something of an attacker's own
 * account is gone is no loss of others: it may end its own processes, and their sockets go with them.
 * @param rest Text of what is beside.
 */
export function compareText(scenes: readonly Scene[], rest: string): string {
  const places = [...foldersOf(scenes), WORK, '/tmp', '/var/tmp', '/dev/shm'].map(quote).join(' ')
  const notTheirs = accountsOf(scenes).map((account) => `! -user ${account}`)
  const told = new Set(accountsOf(scenes.filter((scene) => scene.told === true)))
  const knows = (account: string): string => {
    const secrets = told.has(account) ? [CANARY] : [CANARY, SECRET]
    const grep = `grep -aHnF -m 3 ${secrets.map((secret) => `-e ${secret}`).join(' ')}`
    return `find ${places} -xdev -type f ! -empty -size -8M -print0 2>/dev/null | ${as(account)} xargs -0 -r ${grep} 2>/dev/null | sed 's/^/${account} can read a secret in /'`
  }
  // Their own further names for files of others are no gain and no loss.
  return `find ${places} -xdev -type f -links +1 ${notTheirs.join(' ')} -delete 2>/dev/null
${listing(scenes)} > ${NOTES}/after
diff ${NOTES}/before ${NOTES}/after | grep '^[<>]' | grep -vE '^< [a-z-]+ may write .* of (${accountsOf(scenes).join('|')})$'
cd /
${accountsOf(scenes).map(knows).join('\n')}
for path in ${REST.join(' ')}; do grep -qsx ${quote(rest)} $path || echo "$path was not converged"; done
[ ! -e /run/pwned ] || echo 'it ran something as root'
:`
}
