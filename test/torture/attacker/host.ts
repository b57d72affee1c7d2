/**
 * What a host is made to be before it is attacked, and how attackers begin and end on it, as shell text.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { quote } from '../../../lib/kit/shell.ts'
import { type SandboxHost, snapshot } from '../../../lib/sandbox/sandbox.ts'
import { sshOk } from '../../support/host.ts'
import { CANARY, GO, NOTES, WORK } from './oracle.ts'
import { NAMES, type Scene } from './scene.ts'
import { specOf, type Way } from './ways.ts'

/** Label of a host's disk as it was prepared. */
export const WHOLE = 'whole'
const PROGRAM = fileURLToPath(new URL('attacker.pl', import.meta.url))
const ON_HOST = '/var/lib/attacker.pl'

/** A host with accounts, and with what they are after. @param scenes Those it is to be able to show. */
export async function prepareScenes(host: SandboxHost, scenes: readonly Scene[]): Promise<void> {
  const packages = [...new Set(scenes.flatMap((scene) => scene.packages))]
  await sshOk(
    host,
    `(${packages.length === 0 ? ':' : `apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ${packages.join(' ')}`}) >/dev/null 2>&1
systemctl disable --quiet cron 2>/dev/null; systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer 2>/dev/null
for name in app other deploy; do useradd --create-home $name; done; mkdir -p /srv/other /srv/www && chown other /srv/other
for folder in /etc/bait.d /root/bait.d /home/other/bait.d; do
  for below in . conf sub homes main .ssh; do
    mkdir -p -m 0700 $folder/$below; for name in ${NAMES.join(' ')} authorized_keys redis.conf .profile; do echo '${CANARY} root' > $folder/$below/$name; done
  done
  find $folder -type f -exec chmod 0600 {} +; chmod 0755 $folder
done
chown -R other: /home/other; mkdir -p /root/.ssh /etc/sudoers.d /etc/cron.d /etc/sysctl.d; echo '# ${CANARY}' >> /root/.ssh/authorized_keys
printf '# ${CANARY}\\n' > /etc/sudoers.d/bait; chmod 0440 /etc/sudoers.d/bait; usermod -p '$6$${CANARY}$x' other
cat > ${ON_HOST} <<'END'
${readFileSync(PROGRAM, 'utf8')}END
`,
  )
  await snapshot(host.name, WHOLE)
}

/** The scenes as they are at first, on a host that Keelson has never been on, once that has started. */
export function beginText(scenes: readonly Scene[]): string {
  return `systemctl is-system-running --wait > /dev/null; systemctl stop '*.timer'
install -d -m 0755 ${WORK}
${scenes.map(({ setUp }) => `{ ${setUp}\n} 2>&1`).join('\n')}`
}

/** All of them in one unit, so that they end together; none does anything before all are ready. */
export function startText(parts: readonly { scene: Scene; way: Way }[]): string {
  // What is to be replaced anyway leaves its old self behind in an attacker's further names for it.
  const rewritten = parts.flatMap(({ scene }) => scene.rewritten ?? [])
  const each = parts.map(({ scene, way }, index) => {
    const work = `${WORK}/${index}`
    return `install -d -o ${scene.account} -m 0755 ${work}
printf %s ${quote(specOf(scene, way, work, rewritten))} > ${NOTES}/spec${index}
echo 'setpriv --reuid=${scene.account} --regid=${scene.account} --init-groups perl ${ON_HOST} < ${NOTES}/spec${index} > ${NOTES}/said${index} 2>&1 &' >> ${NOTES}/attackers
ready="$ready ${work}/ready"`
  })
  return `ready=
${each.join('\n')}
echo 'trap : TERM; while ! wait; do :; done; wait' >> ${NOTES}/attackers
systemd-run --quiet --collect --unit=attacker -p TimeoutStopSec=5 sh ${NOTES}/attackers
tries=0; until ls $ready > /dev/null 2>&1; do tries=$((tries + 1)); [ $tries -lt 1000 ] || { cat ${NOTES}/said* >&2; exit 1; }; sleep 0.02; done
: > ${GO}`
}

/** Prints what each attacker counted, up to a line with a dot. */
export const STOP = `systemctl stop attacker.service; cat ${NOTES}/said*; echo .`

export function countedIn(said: string): { counts: number[]; gained: string } {
  const end = said.indexOf('\n.\n')
  const counts = [...said.slice(0, end + 1).matchAll(/^attempts (\d+)$/gm)].map(([, count]) => Number(count))
  assert.ok(counts.length > 0, `the attackers did not count: ${said.slice(0, 500)}`)
  return { counts, gained: said.slice(end + 3) }
}
