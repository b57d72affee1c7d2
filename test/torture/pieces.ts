/**
 * Small recipes made at random, each in a name space of its own on the host, and what the host shows of one.
 */
import {
  authorizedKeys,
  command,
  cronJob,
  directory,
  dropIn,
  edit,
  file,
  group,
  type Handle,
  service,
  sudoers,
  symlink,
  sysctl,
  unit,
  user,
} from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { sshOk } from '../support/host.ts'
import type { Random } from './random.ts'

/** Declares one thing of a name space in one of its two versions; what must come before it is handed in. */
type Piece = (space: string, version: number, after: readonly Handle[]) => Handle

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'

/** What a version of a piece is differs in fields that can be seen from outside. */
const PIECES: { readonly [name: string]: Piece } = {
  file: (space, version, after) =>
    file({ path: `/srv/${space}/file`, content: `text ${version}\n`, mode: version === 1 ? '0644' : '0600', after }),
  'file elsewhere': (space, version, after) =>
    file({ path: `/etc/${space}.conf`, content: 'line\n'.repeat(version * 50), after }),
  directory: (space, version, after) =>
    directory({ path: `/srv/${space}/folder`, mode: version === 1 ? '0755' : '0700', after }),
  symlink: (space, version, after) => symlink({ path: `/srv/${space}/link`, target: `to-${version}`, after }),
  edit: (space, version, after) =>
    edit({ path: '/etc/hosts', block: { name: space, content: `192.0.2.${version} ${space}.example\n` }, after }),
  user: (space, version, after) => user({ name: space, shell: version === 1 ? '/bin/sh' : '/bin/bash', after }),
  group: (space, _version, after) => group({ name: `${space}-g`, after }),
  'user in group': (space, version, after) =>
    user({
      name: `${space}-m`,
      groups: version === 1 ? [] : [`${space}-o`],
      after: [group({ name: `${space}-o`, after })],
    }),
  'authorized key': (space, version, after) =>
    authorizedKeys({ user: `${space}-k`, keys: [`${KEY} v${version}`], after: [user({ name: `${space}-k`, after })] }),
  sudoers: (space, version, after) =>
    sudoers({
      name: space,
      user: `${space}-s`,
      commands: [version === 1 ? '/bin/true' : '/bin/false'],
      after: [user({ name: `${space}-s`, after })],
    }),
  'cron job': (space, version, after) =>
    cronJob({ name: space, schedule: `${version} 3 * * *`, command: `echo ${version}`, after }),
  sysctl: (_space, version, after) => sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 7000 + version, after }),
  command: (space, version, after) =>
    command({
      name: space,
      check: `grep -qx ${version} /etc/${space}.done`,
      apply: `echo ${version} > /etc/${space}.done`,
      after,
    }),
  service: (space, version, after) => {
    const settings = file({ path: `/etc/${space}.settings`, content: `loaded ${version}\n`, after })
    const program = unit({
      name: `${space}.service`,
      service: {
        ExecStart: `/bin/sh -c 'cp /etc/${space}.settings /run/${space}.loaded; exec sleep infinity'`,
        ExecReload: `/bin/cp /etc/${space}.settings /run/${space}.loaded`,
      },
      install: { WantedBy: 'multi-user.target' },
    })
    return service({
      name: `${space}.service`,
      enabled: version === 1,
      running: true,
      settleMs: 100,
      reloadOn: [settings],
      after: [program],
    })
  },
  'drop-in': (space, version, after) => {
    const program = unit({
      name: `${space}-d.service`,
      service: { ExecStart: '/bin/sleep infinity' },
      after,
    })
    const nice = dropIn({ unit: `${space}-d.service`, name: 'nice', service: { Nice: version }, after: [program] })
    return service({ name: `${space}-d.service`, running: true, settleMs: 100, after: [nice] })
  },
}

/** Names of pieces, in the order in which they are declared. `chained`: each comes after the one before it. */
export type Recipe = { first: string[]; second: string[]; chained: boolean }

/** Up to three of them, and what the site says of them the next time: some change, some go, some are new, often all. */
export function randomRecipe(random: Random): Recipe {
  const names = random.some(Object.keys(PIECES), 1 + random.below(3))
  const chained = random.next() < 0.5
  if (random.next() < 0.4) return { first: [], second: names, chained }
  const split = random.below(names.length + 1)
  const [gone, rest] = random.next() < 0.3 ? [names.slice(0, split), names.slice(split)] : [[], names]
  const fresh = random.next() < 0.3 ? rest.slice(0, 1) : []
  return {
    first: names.filter((name) => !fresh.includes(name)),
    second: names.filter((name) => !gone.includes(name)),
    chained,
  }
}

/** Declares the pieces of one version. A folder and a name space are there in any case. */
export function declareRecipe(space: string, names: readonly string[], version: number, chained: boolean): void {
  let before: Handle[] = [directory({ path: `/srv/${space}` })]
  for (const name of names) {
    const handle = PIECES[name]!(space, version, before)
    if (chained) before = [handle]
  }
}

/** All that the host shows of a name space, which reads the same for each name. */
export async function observe(host: SandboxHost, space: string): Promise<string> {
  return sshOk(
    host,
    `{ find /srv/${space} /etc/${space}.* /etc/cron.d /etc/sudoers.d /etc/systemd/system /home/${space}* /run/${space}.loaded \\
         -path '*${space}*' ! -path '*/.keelson.*' -printf '%p %y %m %u:%g %l\\n' 2>/dev/null | sort
       find / -xdev -path '*/.keelson.*' -name '*${space}*' 2>/dev/null
       find /srv/${space} /etc/${space}.* /etc/cron.d/*${space}* /etc/sudoers.d/*${space}* /etc/systemd/system/${space}* /home/${space}*/.ssh /run/${space}.loaded \\
         -type f -exec grep -H '' {} + 2>/dev/null | sort
       grep ${space} /etc/hosts
       getent passwd | grep '^${space}' | cut -d: -f1,6- | sort; getent group | grep '${space}' | cut -d: -f1,4 | sort
       systemctl show -p Id,ActiveState,SubState,UnitFileState,Nice ${space}.service ${space}-d.service | cat
       sysctl -n net.ipv4.tcp_keepalive_time; systemctl --failed --no-legend | cat; ls /run/keelson | grep -vx loaded
     } | sed 's/${space}/SPACE/g'`,
  )
}
