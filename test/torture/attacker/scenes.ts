/**
 * Where resources lie in folders of an account that is not root, one scene for each way of lying there. Some are layouts of
 * every day, some are mistakes of an administrator: in neither may root do another account's bidding.
 */
import {
  authorizedKeys,
  command,
  conf,
  cronJob,
  directory,
  dropIn,
  edit,
  file,
  nginxSnippet,
  nginxVhost,
  postgresHba,
  postgresSetting,
  redisSetting,
  secret,
  service,
  sudoers,
  symlink,
  sysctl,
  timer,
  unit,
  user,
} from '../../../lib/index.ts'

/** `gone`: no longer declared. `absent`: declared to be so. `breaks`: a service does not come up with what it was given. */
export type Phase = 'create' | 'change' | 'gone' | 'absent' | 'undo' | 'breaks'
/** 0: all of it absent. 1 and 2: as it is at first and then. 3: what breaks. */
export type Version = 0 | 1 | 2 | 3

export type Scene = {
  name: string
  /** Types whose steps are attacked here. */
  types: readonly string[]
  /** The attacker. */
  account: string
  /** What it may write in. */
  folders: readonly string[]
  /** Base names that it knows. */
  names: readonly string[]
  packages: readonly string[]
  /** Shell text that makes all of it anew, whatever an earlier case has left; the folders are gone before, if they are its own. */
  setUp: string
  /** @param few At most five: removing more than that would have to be said with their number. */
  declare: (version: Version, few: boolean) => void
  phases: readonly Phase[]
  /** Outside the folders: files whose content the declarations change, but not their rights. */
  rewritten?: readonly string[]
  /** Outside the folders: what the declarations make, with all below. */
  made?: readonly string[]
  /** What would make the attacker root if it came to lie there as a file of root's. */
  evil?: string
  /** The folders are the system's, and stay when a scene is made anew. */
  keeps?: true
}

const ALL: readonly Phase[] = ['create', 'change', 'gone', 'absent', 'undo']
/** Names that the folders in which the attacker has an interest know as well. */
export const NAMES = ['environment', 'passwd', 'shadow', 'sudoers', 'hosts', 'a', 'b'] as const
/** To give it more to see. */
const MORE = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']
/** Stands in files of the catalog that only root may read. */
export const SECRET = 'SECRET-CANARY-4711'
const APP = '/srv/app'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'

const presence = (version: Version): { ensure?: 'absent' } => (version === 0 ? { ensure: 'absent' } : {})
const text = (version: Version, about = ''): string => `${about} version ${version}\n`.repeat(3)

/** An application's own folder, one in it, and its home. */
const OWN_FOLDERS = `install -d -o app -g app ${APP} ${APP}/conf ${APP}/conf/sub
install -d -o app -g app -m 0700 /home/app`
const APP_SCENE = { account: 'app', folders: [APP], names: NAMES, packages: [], setUp: OWN_FOLDERS } as const

const files: Scene = {
  ...APP_SCENE,
  name: 'files',
  types: ['file'],
  phases: ALL,
  declare(version, few) {
    const rights = version === 1 ? { owner: 'root', mode: '0600' } : { owner: 'app', mode: '0640' }
    file({ path: `${APP}/conf/environment`, content: text(version), ...presence(version) })
    file({ path: `${APP}/conf/passwd`, content: text(version), owner: 'app', mode: '0640', ...presence(version) })
    file({ path: `${APP}/conf/shadow`, content: 'the same\n', ...rights, ...presence(version) })
    file({ path: `${APP}/conf/sudoers`, content: conf`${secret('canary')} ${text(version)}`, ...presence(version) })
    file({ path: `${APP}/conf/hosts`, content: text(version), validate: 'grep -q version %', ...presence(version) })
    if (few) return
    file({ path: `${APP}/conf/sub/a`, content: text(version, 'x'.repeat(20_000)), ...presence(version) })
    file({ path: `${APP}/b`, content: text(version), group: 'app', ...presence(version) })
    file({
      path: `${APP}/conf/a`,
      content: conf`${secret('canary')} ${text(version)}`,
      mode: '0640',
      ...presence(version),
    })
    for (const name of MORE) file({ path: `${APP}/conf/${name}`, content: text(version), ...presence(version) })
  },
}

const directories: Scene = {
  ...APP_SCENE,
  name: 'directories',
  types: ['directory'],
  phases: ['create', 'change', 'absent', 'undo'],
  setUp: `${OWN_FOLDERS}
for name in passwd shadow; do install -d -o app ${APP}/conf/$name ${APP}/conf/$name/sub; install -o app /dev/null ${APP}/conf/$name/b; done`,
  declare(version, few) {
    const going = version === 0 ? { ensure: 'absent' as const, recursive: true } : {}
    const owner = version === 1 ? 'root' : 'app'
    directory({ path: `${APP}/conf/environment`, mode: version === 1 ? '0755' : '0700', owner: 'app', ...going })
    directory({ path: `${APP}/conf/hosts`, mode: '0750', owner, ...going })
    for (const name of few ? [] : MORE)
      directory({ path: `${APP}/conf/sub/${name}`, mode: `075${version}`, owner: 'app', ...going })
    directory({ path: `${APP}/conf/sub/deep/er`, owner, ...going })
    if (!few) directory({ path: `${APP}/b`, mode: '2775', owner: 'app', ...going })
    if (version === 0) {
      for (const name of ['passwd', 'shadow']) directory({ path: `${APP}/conf/${name}`, ...going })
      return
    }
    directory({ path: `${APP}/conf/passwd`, owner: 'app', only: version === 1 ? ['sub', 'b'] : ['b'] })
    directory({ path: `${APP}/conf/shadow`, owner: 'app', only: ['a'] })
  },
}

const links: Scene = {
  ...APP_SCENE,
  name: 'links',
  types: ['symlink'],
  phases: ALL,
  setUp: `${OWN_FOLDERS}\ninstall -o app /dev/null ${APP}/conf/hosts`,
  declare(version, few) {
    for (const name of ['environment', 'passwd', 'sub/shadow', ...(few ? [] : MORE)])
      symlink({ path: `${APP}/conf/${name}`, target: `to-${version}`, ...presence(version) })
    symlink({ path: `${APP}/conf/hosts`, target: `to-${version}`, force: true, ...presence(version) })
    symlink({ path: `${APP}/a`, target: `conf-${version}`, ...presence(version) })
  },
}

const edits: Scene = {
  ...APP_SCENE,
  name: 'edits',
  types: ['edit'],
  folders: [APP, '/home/app'],
  names: ['.profile', ...NAMES],
  phases: ALL,
  setUp: `${OWN_FOLDERS}
printf 'umask 022\\nPATH=/bin\\n' | install -o app -m 0644 /dev/stdin /home/app/.profile
for name in passwd shadow; do printf 'a = 0\\nb = 0\\n' | install -o app -m 0640 /dev/stdin ${APP}/conf/$name; done`,
  declare(version, few) {
    const going = presence(version)
    edit({ path: '/home/app/.profile', line: `PATH=/bin:/${version}`, replaces: 'PATH=', ...going })
    edit({ path: '/home/app/.profile', block: { name: 'ours', content: text(version) }, ...going })
    edit({ path: `${APP}/conf/passwd`, line: `a = ${version}`, replaces: 'a =', validate: 'test -s %', ...going })
    edit({ path: `${APP}/conf/shadow`, block: { name: 'x', content: text(version) }, position: 'top', ...going })
    for (const name of few ? [] : MORE)
      edit({ path: `${APP}/conf/${name}`, line: `v = ${version}`, create: true, ...going })
    edit({ path: `${APP}/conf/environment`, line: `made = ${version}`, replaces: 'made', create: true, ...going })
  },
}

const keys: Scene = {
  ...APP_SCENE,
  name: 'authorized keys',
  types: ['authorized-keys'],
  folders: ['/home/app'],
  names: ['authorized_keys', '.ssh'],
  phases: ALL,
  setUp: `${OWN_FOLDERS}\ninstall -d -o app -m 0700 /home/app/.ssh`,
  evil: KEY,
  declare(version) {
    authorizedKeys({ user: 'app', keys: [`${KEY} v${version}`], ...presence(version) })
  },
}

/** The folder of Debian's package belongs to the service's account. */
const redis: Scene = {
  name: 'redis',
  types: ['redis-setting', 'file'],
  account: 'redis',
  folders: ['/etc/redis'],
  names: ['redis.conf', 'environment'],
  packages: ['redis-server'],
  keeps: true,
  setUp: `rm -rf /etc/redis; cp -a /var/lib/attack/redis /etc/redis; systemctl reset-failed redis-server; systemctl restart redis-server`,
  phases: ALL,
  evil: 'maxmemory-clients 0',
  declare(version) {
    redisSetting({ name: 'maxmemory', value: `${version + 60}mb`, ...presence(version) })
    redisSetting({ name: 'requirepass', value: secret('canary'), ...presence(version) })
    file({ path: '/etc/redis/environment', content: text(version), ...presence(version) })
  },
}

const postgres: Scene = {
  name: 'postgres',
  types: ['postgres-hba', 'postgres-setting'],
  account: 'postgres',
  folders: ['/etc/postgresql'],
  names: ['pg_hba.conf', 'environment', 'main', 'postgresql.auto.conf'],
  packages: ['postgresql'],
  keeps: true,
  setUp: `rm -rf /etc/postgresql; cp -a /var/lib/attack/postgresql /etc/postgresql
rm -f /var/lib/postgresql/*/main/postgresql.auto.conf.* /var/lib/postgresql/*/main/.keelson*
for auto in /var/lib/postgresql/*/main; do rm -rf $auto/postgresql.auto.conf; install -o postgres -g postgres -m 0600 /dev/null $auto/postgresql.auto.conf; done
systemctl reset-failed 'postgresql@*'; systemctl restart 'postgresql@*' || systemctl restart postgresql`,
  phases: ALL,
  declare(version) {
    const line = { type: 'host', database: 'all', user: 'app', address: '10.0.0.0/8' } as const
    postgresHba({ ...line, method: version === 1 ? 'md5' : 'reject', ...presence(version) })
    postgresSetting({ name: 'work_mem', value: `${version + 4}MB`, ...presence(version) })
  },
}

/** Folders of the system that somebody gave away. */
const given = (folders: readonly string[]): string =>
  folders.map((folder) => `install -d -o app -g app ${folder}`).join('\n')

const jobs: Scene = {
  name: 'folders given away',
  types: ['cron-job', 'sysctl', 'file'],
  account: 'app',
  folders: ['/etc/cron.d', '/etc/sysctl.d'],
  names: ['keelson-attacked', '60-keelson-net.ipv4.tcp_keepalive_time.conf', 'environment'],
  packages: ['cron'],
  keeps: true,
  setUp: `rm -rf /etc/cron.d /etc/sysctl.d
for name in cron.d sysctl.d; do cp -a /var/lib/attack/$name /etc/$name; done
${given(['/etc/cron.d', '/etc/sysctl.d'])}`,
  phases: ALL,
  evil: '* * * * * root touch /run/pwned',
  declare(version) {
    cronJob({
      name: 'attacked',
      schedule: `${version} 3 * * *`,
      command: 'true',
      ...presence(version),
    })
    sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 7000 + version, ...presence(version) })
    file({ path: '/etc/cron.d/environment', content: text(version), ...presence(version) })
  },
}

/** What shuts others out is guarded besides, and what the guard keeps it must read first. */
const rights: Scene = {
  name: 'sudoers given away',
  types: ['sudoers'],
  account: 'app',
  folders: ['/etc/sudoers.d'],
  names: ['attacked', 'environment'],
  packages: ['sudo'],
  keeps: true,
  setUp: `rm -rf /etc/sudoers.d; cp -a /var/lib/attack/sudoers.d /etc/sudoers.d\n${given(['/etc/sudoers.d'])}`,
  phases: ['create', 'change', 'undo'],
  evil: 'app ALL=(ALL:ALL) NOPASSWD: ALL',
  declare(version) {
    for (const name of ['attacked', 'environment']) {
      sudoers({ name, user: 'other', commands: [version === 1 ? '/bin/true' : '/bin/false'], ...presence(version) })
    }
  },
}

const UNITS = '/etc/systemd/system'
const units: Scene = {
  name: 'units',
  types: ['unit', 'drop-in', 'timer', 'service'],
  account: 'app',
  folders: [`${UNITS}/attacked.service.d`, APP],
  names: ['nice.conf', 'environment', ...NAMES],
  packages: [],
  keeps: true,
  setUp: `systemctl stop attacked.service attacked.timer 2>/dev/null
rm -rf ${UNITS}/attacked.* ${UNITS}/*.wants/attacked.* ${APP}; systemctl daemon-reload; systemctl reset-failed
${OWN_FOLDERS}
${given([`${UNITS}/attacked.service.d`])}`,
  made: [`${UNITS}/attacked.service`, `${UNITS}/attacked.timer`, `${UNITS}/timers.target.wants/attacked.timer`],
  phases: ['create', 'change', 'gone', 'undo', 'breaks'],
  declare(version) {
    const start = version === 3 ? 'exit 1' : 'true'
    const own = [
      file({ path: `${APP}/conf/environment`, content: `A=${version}\n`, owner: 'app' }),
      file({ path: `${APP}/conf/passwd`, content: `${start}\n`, owner: 'app', mode: '0755' }),
      symlink({ path: `${APP}/conf/hosts`, target: `to-${version}` }),
    ]
    const program = unit({
      name: 'attacked.service',
      service: {
        User: 'app',
        WorkingDirectory: APP,
        EnvironmentFile: `-${APP}/conf/environment`,
        ExecStart: { argv: ['/bin/sh', '-c', `. ${APP}/conf/passwd; exec sleep 1000000`] },
        ExecReload: '/bin/true',
      },
      after: own,
    })
    const nice = dropIn({ unit: 'attacked.service', name: 'nice', service: { Nice: version }, after: program })
    service({
      name: 'attacked.service',
      running: true,
      settleMs: 200,
      timeoutMs: 3000,
      restartOn: [...own, `${APP}/conf`],
      after: nice,
    })
    timer({ name: 'attacked', onCalendar: `*-*-* 0${version}:00:00`, after: program })
  },
}

const NGINX = '/etc/nginx'
const nginx: Scene = {
  name: 'nginx',
  types: ['nginx-vhost', 'nginx-snippet'],
  account: 'www-data',
  folders: [`${NGINX}/sites-available`, `${NGINX}/sites-enabled`, `${NGINX}/snippets`],
  names: ['attacked', 'attacked.conf', 'environment'],
  packages: ['nginx-light'],
  keeps: true,
  setUp: `rm -rf ${NGINX}; cp -a /var/lib/attack/nginx ${NGINX}
chown www-data: ${NGINX}/sites-available ${NGINX}/sites-enabled ${NGINX}/snippets`,
  phases: ALL,
  declare(version) {
    nginxSnippet({ path: 'snippets/attacked.conf', content: `# ${version}\n`, ...presence(version) })
    nginxVhost({
      name: 'attacked',
      serverNames: [`v${version}.example`],
      raw: 'root /srv/www;',
      ...presence(version),
    })
  },
}

const home: Scene = {
  ...APP_SCENE,
  name: 'a home in a folder of another',
  types: ['user', 'authorized-keys'],
  names: ['attacked', 'attacked2', '.ssh', 'authorized_keys', 'homes'],
  setUp: `${OWN_FOLDERS}\nfor name in attacked attacked2 attacked3; do userdel $name 2>/dev/null; groupdel $name 2>/dev/null; done; install -d -o app ${APP}/homes`,
  phases: ['create'],
  rewritten: ['passwd', 'shadow', 'group', 'gshadow', 'subuid', 'subgid'].flatMap((name) => [
    `/etc/${name}`,
    `/etc/${name}-`,
  ]),
  declare(version) {
    for (const name of ['attacked', 'attacked2', 'attacked3']) {
      const account = user({ name, home: `${APP}/homes/${name}` })
      authorizedKeys({ user: name, keys: [`${KEY} v${version}`], after: account })
    }
  },
}

const commands: Scene = {
  ...APP_SCENE,
  name: 'commands',
  types: ['command'],
  phases: ['create', 'change', 'gone', 'undo'],
  declare(version) {
    for (const name of ['environment', 'passwd']) {
      command({
        name,
        user: 'app',
        directory: `${APP}/conf`,
        check: `grep -qx ${version} ${APP}/conf/${name}`,
        // Whatever it was given open beside its own three is not for it.
        apply: `for fd in /proc/self/fd/*; do case \${fd##*/} in 0|1|2) ;; *) echo x 2>/dev/null >"$fd" && cat "$fd" >> ${APP}/b; esac; done; echo ${version} > ${name}`,
        undo: `rm -f ${name}`,
      })
    }
  },
}

export const SCENES: readonly Scene[] = [
  files,
  directories,
  links,
  edits,
  keys,
  redis,
  postgres,
  jobs,
  rights,
  units,
  nginx,
  home,
  commands,
]

/** Types whose steps name no path below a folder that an account may own, and what they do instead. */
export const ELSEWHERE: { readonly [type: string]: string } = {
  group: 'groupadd and its kin, in /etc',
  package: 'apt-get and dpkg, in folders of root',
  'postgres-database': 'SQL',
  'postgres-extension': 'SQL',
  'postgres-grant': 'SQL',
  'postgres-role': 'SQL',
  'ufw-defaults': 'ufw(8), in /etc/ufw',
  'ufw-rule': 'ufw(8), in /etc/ufw',
}
