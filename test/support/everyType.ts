/**
 * A resource of every type, all on one host, and by what commands another hand moves each away from what is declared.
 */
import {
  aptPackage,
  authorizedKeys,
  certificate,
  command,
  conf,
  cronJob,
  directory,
  dropIn,
  edit,
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
  sshKey,
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
  user,
} from '../../lib/index.ts'
import type { Ref } from '../../lib/kit/ref.ts'

/** What the hosts need before any of it is declared, besides a lab that believes that any name is theirs. */
export const PREPARE = `systemctl stop '*.timer'; apt-get -q update >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends postgresql redis-server nginx-light certbot ufw sudo cron logrotate >/dev/null
cd /root && apt-get -q download hello >/dev/null && install -d /srv/moved`

export const SECRETS = { 'moved-file': 'hunter2', 'moved-role': 'letmein' }

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'

const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'

export function declareEveryType(): void {
  aptPackage({ name: 'hello' })
  group({ name: 'moved-g', gid: 4000 })
  const moved = user({ name: 'moved', shell: '/bin/bash' })
  authorizedKeys({ user: 'moved', keys: [KEY], after: moved })
  sudoers({ name: 'moved', user: 'moved', commands: ['/bin/true'], after: moved })
  certificate({ name: 'moved', names: ['moved.example'], challenge: { webroot: '/var/www/html' } })
  command({ name: 'mark', check: 'grep -qx 0 /srv/moved/mark', apply: 'echo 0 > /srv/moved/mark' })
  cronJob({ name: 'moved', schedule: '1 3 * * *', command: 'echo 0' })
  directory({ path: '/srv/moved/folder', mode: '0755' })
  edit({ path: '/srv/moved/conf', line: 'a = 0', replaces: 'a =', create: true })
  file({ path: '/srv/moved/file', content: 'text 0\n' })
  file({ path: '/srv/moved/hidden', content: conf`key=${secret('moved-file')}` })
  symlink({ path: '/srv/moved/link', target: 'to-0' })
  sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 7000 })
  hostname({ name: 'moved-0' })
  timezone({ name: 'Europe/Paris' })
  locale({ name: 'C.UTF-8', variables: ['LC_TIME'] })
  kernelModule({ name: 'moved', now: false })
  tmpfiles({ name: 'moved', entries: [{ type: 'd', path: '/run/moved' }] })
  logrotate({ name: 'moved', paths: ['/var/log/moved.log'] })
  swapFile({ path: '/srv/moved/swap', sizeMiB: 1, now: false })
  knownHosts({ host: 'moved.example', keys: [KEY] })
  sshKey({ path: '/srv/moved/key' })
  mount({ path: '/srv/mounted', source: 'tmpfs', fsType: 'tmpfs', options: ['size=1m'] })
  nginxSnippet({ path: 'conf.d/moved.conf', content: 'keepalive_timeout 10s;\n' })
  nginxVhost({ name: 'moved', serverNames: ['a.example'], locations: [{ path: '/', return: { code: 204 } }] })
  redisSetting({ name: 'maxmemory', value: '100mb' })
  const program = unit({
    name: 'moved.service',
    service: { ExecStart: '/bin/sleep infinity' },
    install: { WantedBy: 'multi-user.target' },
  })
  const nice = dropIn({ unit: 'moved.service', name: 'nice', service: { Nice: 0 }, after: program })
  service({ name: 'moved.service', enabled: true, running: true, settleMs: 100, after: [program, nice] })
  timer({ name: 'moved', onCalendar: 'daily', after: program })
  ufwDefaults({ enabled: false, logging: 'low' })
  ufwRule({ port: 8443, protocol: 'tcp', action: 'allow' })
  const role = postgresRole({ name: 'moved', login: true, password: secret('moved-role') })
  const reader = postgresRole({ name: 'reader' })
  const database = postgresDatabase({ name: 'moved', owner: 'moved', after: [role, reader] })
  postgresExtension({ name: 'citext', database: 'moved', after: database })
  postgresGrant({ role: 'reader', on: { database: 'moved' }, privileges: ['CONNECT'], after: database })
  postgresHba({ type: 'host', database: 'moved', user: 'moved', address: '10.0.0.0/8', method: 'scram-sha-256' })
  postgresSetting({ name: 'work_mem', value: '10MB' })
}

const sql = (text: string, database = 'postgres'): string =>
  `cd / && runuser -u postgres -- psql -qd ${database} -c "${text}"`
/** Replaces a text in a file, whatever it has there in the place of the last character. */
const swap = (path: string, before: string, after: string): string => `sed -i 's|${before}.|${before}${after}|' ${path}`
/** Made up, and of the form that PostgreSQL stores as it is. In double quotes of the shell. */
const verifier = (state: number): string => {
  const key = Buffer.alloc(32, state).toString('base64')
  return `SCRAM-SHA-256\\$4096:${Buffer.alloc(16, state).toString('base64')}\\$${key}:${key}`
}
const remark = (path: string, state: number): string =>
  `sed -i '/^# moved/d' ${path}; echo '# moved ${state}' >> ${path}`
const LOCALE = '$(readlink -f /etc/default/locale)'
const KNOWN = '/etc/ssh/ssh_known_hosts'
const MODULE = '/etc/modules-load.d/keelson-moved.conf'
const HBA = '/etc/postgresql/*/main/pg_hba.conf'
const reload = 'systemctl daemon-reload'

/** By which commands a resource is put into one of two states, neither of which is the declared one. */
type Move = { ref: Ref; to: (state: 1 | 2) => string }

const either = (first: string, second: string) => (state: 1 | 2) => (state === 1 ? first : second)

export const MOVES: readonly Move[] = [
  // It can only be there or not.
  { ref: 'package:hello', to: either('dpkg -r hello >/dev/null', 'dpkg -i /root/hello_*.deb >/dev/null') },
  { ref: 'group:moved-g', to: (state) => `groupmod -g 400${state} moved-g` },
  { ref: 'user:moved', to: either('usermod -s /bin/sh moved', 'usermod -s /bin/dash moved') },
  {
    ref: 'authorized-keys:moved',
    to: either(': > /home/moved/.ssh/authorized_keys', `echo '${KEY}' > /home/moved/.ssh/authorized_keys`),
  },
  { ref: 'sudoers:moved', to: (state) => remark('/etc/sudoers.d/moved', state) },
  {
    ref: 'certificate:moved',
    to: (state) => `sed -i 's|^server = .*|server = https://ca.example/${state}|' /etc/letsencrypt/renewal/moved.conf`,
  },
  { ref: 'command:mark', to: either('echo 1 > /srv/moved/mark', 'echo 0 > /srv/moved/mark') },
  { ref: 'cron-job:moved', to: (state) => swap('/etc/cron.d/keelson-moved', 'echo ', String(state)) },
  { ref: 'directory:/srv/moved/folder', to: (state) => `chmod 70${state} /srv/moved/folder` },
  { ref: 'edit:/srv/moved/conf a =', to: (state) => swap('/srv/moved/conf', 'a = ', String(state)) },
  { ref: 'file:/srv/moved/file', to: (state) => swap('/srv/moved/file', 'text ', String(state)) },
  { ref: 'file:/srv/moved/hidden', to: (state) => swap('/srv/moved/hidden', 'key=', String(state)) },
  { ref: 'symlink:/srv/moved/link', to: (state) => `ln -sfn to-${state} /srv/moved/link` },
  { ref: 'sysctl:net.ipv4.tcp_keepalive_time', to: (state) => `sysctl -qw net.ipv4.tcp_keepalive_time=700${state}` },
  { ref: 'timezone:zone', to: (state) => `ln -sfn /usr/share/zoneinfo/Etc/GMT-${state} /etc/localtime` },
  { ref: 'locale:C.UTF-8', to: (state) => `sed -i '/^LC_TIME=/d' ${LOCALE} ; echo LC_TIME=xx_${state} >> ${LOCALE}` },
  // Only what is in order is told apart from what is not.
  { ref: 'kernel-module:moved', to: either(`rm -f ${MODULE}`, `echo other > ${MODULE}`) },
  { ref: 'tmpfiles:moved', to: (state) => remark('/etc/tmpfiles.d/moved.conf', state) },
  { ref: 'logrotate:moved', to: (state) => remark('/etc/logrotate.d/moved', state) },
  { ref: 'swap-file:/srv/moved/swap', to: (state) => `chmod 064${state} /srv/moved/swap` },
  {
    ref: 'known-hosts:moved.example',
    to: either(
      `sed -i /moved/d ${KNOWN}`,
      `sed -i s/^moved.example/other,moved.example/ ${KNOWN}; echo '[moved.example],moved.example ${OTHER_KEY}' >> ${KNOWN}`,
    ),
  },
  { ref: 'ssh-key:/srv/moved/key', to: (state) => `chmod 064${state} /srv/moved/key` },
  { ref: 'mount:/srv/mounted', to: (state) => `sed -i 's/size=.m/size=${state + 1}m/' /etc/fstab` },
  { ref: 'hostname:name', to: (state) => `hostname moved-${state}` },
  {
    ref: 'nginx-snippet:conf.d/moved.conf',
    to: (state) => swap('/etc/nginx/conf.d/moved.conf', 'keepalive_timeout ', String(state + 1)),
  },
  { ref: 'nginx-vhost:moved', to: (state) => remark('/etc/nginx/sites-available/moved', state) },
  { ref: 'redis-setting:maxmemory', to: (state) => swap('/etc/redis/redis.conf', 'maxmemory ', String(state + 1)) },
  {
    ref: 'unit:moved.service',
    to: (state) =>
      `sed -i 's|^ExecStart=.*|ExecStart=/bin/sleep ${state}d|' /etc/systemd/system/moved.service; ${reload}`,
  },
  {
    ref: 'drop-in:moved.service/nice',
    to: (state) => `${swap('/etc/systemd/system/moved.service.d/nice.conf', 'Nice=', String(state))}; ${reload}`,
  },
  { ref: 'service:moved.service', to: either('systemctl stop moved', 'systemctl start moved') },
  {
    ref: 'timer:moved',
    to: (state) => `sed -i 's|^OnCalendar=.*|OnCalendar=*-*-0${state}|' /etc/systemd/system/moved.timer; ${reload}`,
  },
  { ref: 'ufw-defaults:defaults', to: either('ufw logging medium >/dev/null', 'ufw logging high >/dev/null') },
  { ref: 'ufw-rule:8443/tcp', to: either('ufw delete allow 8443/tcp >/dev/null', 'ufw allow 8443/tcp >/dev/null') },
  { ref: 'postgres-role:moved', to: (state) => sql(`alter role moved password '${verifier(state)}'`) },
  {
    ref: 'postgres-database:moved',
    to: either(sql('alter database moved owner to postgres'), sql('alter database moved owner to reader')),
  },
  {
    ref: 'postgres-extension:moved/citext',
    to: either(sql('drop extension if exists citext', 'moved'), sql('create extension citext', 'moved')),
  },
  {
    ref: 'postgres-grant:reader',
    to: either(sql('revoke connect on database moved from reader'), sql('grant connect on database moved to reader')),
  },
  {
    ref: 'postgres-hba:host',
    to: either(`cp -p ${HBA} /root/hba && sed -i '/10\\.0\\.0\\.0/d' ${HBA}`, `cp /root/hba ${HBA}`),
  },
  {
    ref: 'postgres-setting:work_mem',
    to: (state) =>
      `${sql(`alter system set work_mem = '1${state}MB'`)} && ${sql('select pg_reload_conf()')} >/dev/null`,
  },
]
