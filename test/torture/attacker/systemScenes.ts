/**
 * Scenes in folders that belong to the account of a service, or were given away by mistake.
 */
import {
  aptPackage,
  certificate,
  cronJob,
  dropIn,
  file,
  group,
  hostname,
  kernelModule,
  knownHosts,
  locale,
  logrotate,
  mount,
  nginxSnippet,
  nginxVhost,
  postgresDatabase,
  postgresExtension,
  postgresGrant,
  postgresHba,
  postgresRole,
  postgresSetting,
  redisSetting,
  secret,
  service,
  sudoers,
  swapFile,
  symlink,
  sysctl,
  timer,
  timezone,
  tmpfiles,
  ufwDefaults,
  ufwRule,
  unit,
} from '../../../lib/index.ts'
import { ALL, NAMES, ownFolders, presence, type Scene, text } from './scene.ts'

/** The folder of Debian's package belongs to the service's account. */
const redis: Scene = {
  name: 'redis',
  types: ['redis-setting', 'file'],
  account: 'redis',
  folders: ['/etc/redis'],
  names: ['redis.conf', 'environment'],
  packages: ['redis-server'],
  setUp: 'systemctl start redis-server',
  // The server writes there what it holds, whenever it is stopped.
  made: ['/var/lib/redis'],
  phases: ALL,
  evil: 'maxmemory-clients 0',
  told: true,
  declare(version) {
    redisSetting({ name: 'maxmemory', value: `${version + 60}mb`, ...presence(version) })
    redisSetting({ name: 'requirepass', value: secret('canary'), ...presence(version) })
    file({ path: '/etc/redis/environment', content: text(version), ...presence(version) })
  },
}

const postgres: Scene = {
  name: 'postgres',
  types: [
    'postgres-hba',
    'postgres-setting',
    'postgres-role',
    'postgres-database',
    'postgres-extension',
    'postgres-grant',
  ],
  account: 'postgres',
  folders: ['/etc/postgresql', '/var/lib/postgresql'],
  names: ['pg_hba.conf', 'environment', 'main', 'postgresql.auto.conf', '.psqlrc', '.pgpass'],
  packages: ['postgresql'],
  // The unit of all clusters does not wait for them.
  setUp: 'for cluster in /etc/postgresql/*; do systemctl start postgresql@${cluster##*/}-main; done',
  phases: ALL,
  declare(version) {
    const line = { type: 'host', database: 'all', user: 'app', address: '10.0.0.0/8' } as const
    postgresHba({ ...line, method: version === 1 ? 'md5' : 'reject', ...presence(version) })
    postgresSetting({ name: 'work_mem', value: `${version + 4}MB`, ...presence(version) })
    const role = postgresRole({ name: 'app', login: true, comment: `version ${version}` })
    const database = postgresDatabase({ name: 'crm', comment: `version ${version}`, after: role })
    postgresExtension({ database: 'crm', name: 'plpgsql', after: database, ...presence(version) })
    postgresGrant({
      role: 'app',
      on: { database: 'crm' },
      ...(version === 0 ? presence(version) : { privileges: version === 1 ? ['CONNECT'] : ['CREATE'] }),
      after: database,
    })
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
  setUp: given(['/etc/cron.d', '/etc/sysctl.d']),
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
  setUp: given(['/etc/sudoers.d']),
  phases: ['create', 'change', 'undo'],
  evil: 'app ALL=(ALL:ALL) NOPASSWD: ALL',
  declare(version) {
    for (const name of ['attacked', 'environment']) {
      sudoers({ name, user: 'other', commands: [version === 1 ? '/bin/true' : '/bin/false'], ...presence(version) })
    }
  },
}

const UNITS = '/etc/systemd/system'
const APP = '/srv/units'
const units: Scene = {
  name: 'units',
  // systemd itself would wait for a pipe among its drop-ins, for ever, and with it the host.
  spares: ['fifo'],
  types: ['unit', 'drop-in', 'timer', 'service'],
  account: 'app',
  folders: [`${UNITS}/attacked.service.d`, APP],
  names: ['nice.conf', 'environment', ...NAMES],
  packages: [],
  setUp: `${ownFolders(APP)}
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
  setUp: `chown www-data: ${NGINX}/sites-available ${NGINX}/sites-enabled ${NGINX}/snippets`,
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

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'

/** What programs of the system do, where all may write. */
const open: Scene = {
  name: 'open to all',
  types: [
    'package',
    'group',
    'hostname',
    'kernel-module',
    'known-hosts',
    'locale',
    'logrotate',
    'mount',
    'swap-file',
    'timezone',
    'tmpfiles',
    'ufw-rule',
    'ufw-defaults',
  ],
  account: 'app',
  folders: ['/tmp', '/var/tmp', '/dev/shm'],
  names: ['environment', 'ufw'],
  packages: ['ufw', 'logrotate'],
  setUp: ':',
  phases: ['create', 'change', 'gone', 'absent'],
  rewritten: [
    '/etc/group',
    '/etc/group-',
    '/etc/gshadow',
    '/etc/gshadow-',
    '/etc/default/ufw',
    '/etc/hostname',
    '/etc/hosts',
    '/etc/fstab',
    '/etc/localtime',
    '/etc/timezone',
    '/etc/default/locale',
    '/etc/locale.conf',
  ],
  made: [
    '/etc/modprobe.d',
    '/etc/modules-load.d/keelson-attacked.conf',
    '/etc/tmpfiles.d/attacked.conf',
    '/etc/logrotate.d/attacked',
    '/etc/ssh/ssh_known_hosts',
    '/run/attacked',
    '/srv/attacked',
    '/srv/attacked.swap',
    '/etc/ufw',
    '/usr/bin/hello',
    '/usr/share/doc/hello',
    '/usr/share/info/hello*',
    '/usr/share/man/man1/hello*',
    '/usr/share/locale/*/hello.mo',
    '/usr/share/locale/*',
  ],
  declare(version) {
    aptPackage({ name: 'hello', ...presence(version) })
    group({ name: 'attacked4', gid: 4000 + version, ...presence(version) })
    hostname({ name: `attacked-${version}` })
    timezone({ name: `Etc/GMT-${version}` })
    locale({ name: 'C.UTF-8', variables: [version === 1 ? 'LC_TIME' : 'LC_PAPER'] })
    kernelModule({ name: 'attacked', options: { version }, now: false, ...presence(version) })
    tmpfiles({
      name: 'attacked',
      entries: [{ type: 'd', path: '/run/attacked', mode: `075${version}` }],
      ...presence(version),
    })
    logrotate({ name: 'attacked', paths: ['/var/log/attacked.log'], rotate: version, ...presence(version) })
    swapFile({ path: '/srv/attacked.swap', sizeMiB: version + 1, now: false, ...presence(version) })
    knownHosts({ host: 'attacked.example', port: 2200 + version, keys: [KEY] })
    mount({
      path: '/srv/attacked',
      source: 'tmpfs',
      fsType: 'tmpfs',
      options: [`size=${version + 1}m`],
      ...presence(version),
    })
    ufwDefaults({ enabled: false, logging: version === 1 ? 'off' : 'medium' })
    ufwRule({ action: 'allow', port: 8000 + version, protocol: 'tcp' })
  },
}

/** A program that writes below its folders by path, as certbot does, and needs no authority for it. */
const certbot: Scene = {
  name: 'certbot',
  types: ['certificate'],
  account: 'app',
  folders: ['/etc/letsencrypt', '/etc/letsencrypt/live', '/etc/letsencrypt/live/attacked'],
  names: ['keelson-refused-attacked', 'fullchain.pem', 'environment'],
  packages: [],
  setUp: `${given(['/etc/letsencrypt', '/etc/letsencrypt/live', '/etc/letsencrypt/live/attacked'])}
cat > /usr/local/bin/certbot <<'END'
#!/bin/sh
mkdir -p /etc/letsencrypt/live/attacked && echo "$@" > /etc/letsencrypt/live/attacked/fullchain.pem
END
chmod 755 /usr/local/bin/certbot`,
  phases: ['create', 'change'],
  declare(version) {
    certificate({ name: 'attacked', names: [`v${version}.example`], challenge: { webroot: '/var' } })
  },
}

export const SYSTEM_SCENES: readonly Scene[] = [redis, postgres, jobs, rights, units, nginx, open, certbot]
