/**
 * The site that answers were recorded for: something of nearly every type, in three versions, so that there is always
 * something to make, change, take away, adopt and forget. KEELSON_VERSION says which version is declared.
 */
import {
  absent,
  aptPackage,
  authorizedKeys,
  command,
  conf,
  cronJob,
  directory,
  dropIn,
  edit,
  file,
  forget,
  group,
  inventory,
  nginxSnippet,
  nginxVhost,
  postgresDatabase,
  postgresGrant,
  postgresHba,
  postgresRole,
  postgresSetting,
  redisSetting,
  secret,
  service,
  site,
  sudoers,
  symlink,
  sysctl,
  timer,
  ufwDefaults,
  ufwRule,
  unit,
  user,
} from '../../../lib/index.ts'

/** Hosts that answers were recorded of, by name and OS. */
export const RECORDED = ['debian-12', 'debian-13'] as const

/** What the recipes of one host name, and what only those of another do. */
export const OWN_SECRETS = ['own-file', 'own-role'] as const

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFVqk1b0yVnXnQ1pU0pWy0b8yCqTgQe0XyqM1n7rJ2aB'

const hosts = inventory({
  defaults: { server: 'CX22', hostKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfixturekey' },
  hosts: {
    'debian-12': { address: '192.0.2.12', os: 'debian-12', roles: ['all'] },
    'debian-13': { address: '192.0.2.13', os: 'debian-13', roles: ['all'] },
  },
})

export default site(
  hosts,
  {
    all() {
      const version = Number(process.env['KEELSON_VERSION'] ?? 3)
      files(version)
      accounts(version)
      system(version)
      daemons(version)
      if (version === 3) forget(file, { path: '/srv/play/forgotten' })
    },
  },
  { name: 'recorded' },
)

function files(version: number): void {
  directory({ path: '/srv/play', mode: version === 1 ? '0755' : '0751' })
  file({ path: '/srv/play/steady', content: 'steady\n' })
  file({ path: '/srv/play/text', content: `one\ntext ${version}\nthree\n` })
  file({ path: '/srv/play/secret', content: conf`${version}\nkey = ${secret('own-file')}\n` })
  file({
    path: '/srv/play/source',
    source: new URL('source.txt', import.meta.url),
    mode: version === 2 ? '0640' : '0644',
  })
  file({ path: '/srv/play/drifted', content: 'as declared\n' })
  edit({ path: '/srv/play/edited', line: `version=${version}`, replaces: 'version=', create: true })
  edit({ path: '/srv/play/edited', block: { name: 'play', content: `block ${version}\n` } })
  symlink({ path: '/srv/play/link', target: version === 1 ? 'text' : 'steady' })
  if (version < 3) {
    file({ path: '/srv/play/undeclared', content: 'goes\n' })
    file({ path: '/srv/play/forgotten', content: 'stays\n' })
    directory({ path: '/srv/undeclared' })
  }
  if (version === 3) {
    file({ path: '/srv/play/new', content: 'new\n', owner: 'play' })
    absent(file, { path: '/srv/play/gone' })
  }
}

function accounts(version: number): void {
  group({ name: 'players' })
  const play = user({
    name: 'play',
    groups: ['players'],
    shell: version === 1 ? '/bin/sh' : '/bin/bash',
    comment: `v${version}`,
  })
  authorizedKeys({ user: 'play', keys: [`${KEY} play@${version}`], after: play })
  sudoers({ name: 'play', user: 'play', commands: [`/usr/bin/systemctl restart play${version}`], after: play })
}

function system(version: number): void {
  sysctl({ key: 'net.ipv4.ip_local_port_range', value: `32768 6099${version}` })
  const worker = unit({
    name: 'play.service',
    text: `[Service]\nExecStart=/bin/sleep ${version}000\n[Install]\nWantedBy=multi-user.target\n`,
  })
  service({ name: 'play', enabled: true, running: true, restartOn: [worker], settleMs: 100 })
  dropIn({ unit: 'cron.service', name: 'play', text: `[Service]\nNice=${version}\n` })
  unit({ name: 'playing.service', text: '[Service]\nType=oneshot\nExecStart=/bin/true\n' })
  timer({ name: 'playing', onCalendar: `*-*-* 0${version}:00:00` })
  cronJob({ name: 'play', schedule: `${version} 3 * * *`, user: 'root', command: '/bin/true' })
  aptPackage({ name: 'cron' })
  command({ name: 'made', check: `grep -qx ${version} /srv/play/made`, apply: `echo ${version} > /srv/play/made` })
  if (version === 3) command({ name: 'fails', check: 'false', apply: 'echo it does not work >&2; exit 3' })
}

function daemons(version: number): void {
  ufwDefaults({ enabled: false, incoming: version === 2 ? 'deny' : 'allow' })
  ufwRule({ action: 'allow', port: 8000 + version, protocol: 'tcp' })
  nginxSnippet({ path: 'conf.d/play.conf', content: `server_tokens ${version === 2 ? 'on' : 'off'};\n` })
  nginxVhost({ name: 'play', serverNames: [`play${version}.example`], raw: 'root /srv/play;' })
  redisSetting({ name: 'maxmemory', value: `${version}00mb` })
  postgresSetting({ name: 'work_mem', value: `${version}MB` })
  const role = postgresRole({ name: 'play', login: true, password: secret('own-role'), connectionLimit: version })
  const database = postgresDatabase({ name: 'play', owner: 'play', after: role })
  postgresRole({ name: 'reader', login: true })
  postgresGrant({
    role: 'reader',
    on: { database: 'play' },
    privileges: version === 2 ? ['CONNECT', 'TEMPORARY'] : ['CONNECT'],
    after: database,
  })
  postgresHba({
    type: 'host',
    database: 'play',
    user: 'play',
    address: `10.0.${version}.0/24`,
    method: 'scram-sha-256',
  })
}
