/**
 * The front door: every name that a recipe imports.
 */
import { absent, forget, resource } from './dsl/declare.ts'
import { aptPackage as aptPackageType } from './resources/apt/aptPackage.ts'
import { authorizedKeys as authorizedKeysType } from './resources/accounts/authorizedKeys.ts'
import { certificate as certificateType } from './resources/certbot/certificate.ts'
import { command as commandType } from './resources/commands/command.ts'
import { cronJob as cronJobType } from './resources/cron/cronJob.ts'
import { directory as directoryType } from './resources/files/directory.ts'
import { dropIn as dropInType } from './resources/systemd/dropIn.ts'
import { edit as editType } from './resources/files/edit.ts'
import { file as fileType } from './resources/files/file.ts'
import { group as groupType } from './resources/accounts/group.ts'
import { hostname as hostnameType } from './resources/system/hostname.ts'
import { kernelModule as kernelModuleType } from './resources/kernel/kernelModule.ts'
import { knownHosts as knownHostsType } from './resources/ssh/knownHosts.ts'
import { locale as localeType } from './resources/system/locale.ts'
import { logrotate as logrotateType } from './resources/system/logrotate.ts'
import { mount as mountType } from './resources/mounts/mount.ts'
import { nginxSnippet as nginxSnippetType } from './resources/nginx/nginxSnippet.ts'
import { nginxVhost as nginxVhostType } from './resources/nginx/nginxVhost.ts'
import { postgresDatabase as postgresDatabaseType } from './resources/postgres/database.ts'
import { postgresExtension as postgresExtensionType } from './resources/postgres/extension.ts'
import { postgresGrant as postgresGrantType } from './resources/postgres/grant.ts'
import { postgresHba as postgresHbaType } from './resources/postgres/hba.ts'
import { postgresRole as postgresRoleType } from './resources/postgres/role.ts'
import { postgresSetting as postgresSettingType } from './resources/postgres/setting.ts'
import { redisSetting as redisSettingType } from './resources/redis/redisSetting.ts'
import { service as serviceType } from './resources/systemd/service.ts'
import { sshKey as sshKeyType } from './resources/ssh/sshKey.ts'
import { sudoers as sudoersType } from './resources/accounts/sudoers.ts'
import { swapFile as swapFileType } from './resources/mounts/swapFile.ts'
import { symlink as symlinkType } from './resources/files/symlink.ts'
import { sysctl as sysctlType } from './resources/kernel/sysctl.ts'
import { timer as timerType } from './resources/systemd/timer.ts'
import { timezone as timezoneType } from './resources/system/timezone.ts'
import { tmpfiles as tmpfilesType } from './resources/system/tmpfiles.ts'
import { ufwDefaults as ufwDefaultsType } from './resources/ufw/ufwDefaults.ts'
import { ufwRule as ufwRuleType } from './resources/ufw/ufwRule.ts'
import { unit as unitType } from './resources/systemd/unit.ts'
import { user as userType } from './resources/accounts/user.ts'

export { site } from './cli/site.ts'
export { conf } from './dsl/conf.ts'
export { env, ini, json, toml, yaml } from './dsl/formats.ts'
export { inventory } from './dsl/inventory.ts'
export { keepData, keepSecretsPrivate, limitPublicPorts, limitRestarts } from './dsl/policies.ts'
export { policy } from './dsl/policy.ts'
export { secret } from './kit/secret.ts'
export { absent, forget, resource }

export type { Common, Handle } from './dsl/declare.ts'
export type { Host } from './dsl/inventory.ts'
export type { Finding, Policy, PolicyPlan } from './dsl/policy.ts'
export type { OpenHost } from './engine/apply/openHost.ts'
export type { HostReport, Plan, PlanReport } from './engine/report.ts'
export type { ResourceType } from './kit/resourceType.ts'
export type { TextValue } from './kit/value.ts'

/** A Debian package: whether it is installed, at which version, and whether it is held: `aptPackage({ name: 'nginx' })`. */
export const aptPackage = resource(aptPackageType)
/** The keys that may log in as a user: `authorizedKeys({ user: 'deploy', keys: ['ssh-ed25519 AAAA…'] })`. */
export const authorizedKeys = resource(authorizedKeysType)
/**
 * A certificate of Let's Encrypt or another ACME authority, which certbot asks for and renews:
 * `certificate({ name: 'blog', names: ['blog.example'], challenge: { webroot: '/var/www/html' } })`.
 */
export const certificate = resource(certificateType)
/**
 * Shell text that reaches a state, and shell text that checks for it, or what it runs after, for what no other type covers:
 * `command({ name: 'swap off', check: 'test -z "$(swapon --show)"', apply: 'swapoff --all' })`,
 * `command({ name: 'linker cache', onChange: ['/etc/ld.so.conf.d'], apply: 'ldconfig' })`.
 */
export const command = resource(commandType)
/**
 * A job in a file of its own below /etc/cron.d (crontab(5)):
 * `cronJob({ name: 'sessions', user: 'app', schedule: '30 3 * * *', command: '/srv/app/bin/sessions' })`.
 */
export const cronJob = resource(cronJobType)
/** A directory: owner, group, mode, and optionally no entries but the listed ones: `directory({ path: '/srv/app', owner: 'app' })`. */
export const directory = resource(directoryType)
/**
 * Settings added to a systemd unit that a package ships: /etc/systemd/system/UNIT.d/NAME.conf (systemd.unit(5)):
 * `dropIn({ unit: 'nginx.service', name: 'limits', service: { LimitNOFILE: 65536 } })`.
 */
export const dropIn = resource(dropInType)
/**
 * A line, or a marked block, in a file that something else owns:
 * `edit({ path: '/etc/memcached.conf', line: '-m 128', replaces: '-m ' })`.
 */
export const edit = resource(editType)
/** A file with its whole content, owner, group and mode: `file({ path: '/etc/motd', content: 'Hello\n' })`. */
export const file = resource(fileType)
/** A group in the host's group database: `group({ name: 'deploy' })`. */
export const group = resource(groupType)
/** The host's own name, with its line in /etc/hosts: `hostname({ name: 'web-1', domain: 'example.com' })`. */
export const hostname = resource(hostnameType)
/** A kernel module with its options, loaded now and at each boot: `kernelModule({ name: 'br_netfilter', now: false })`. */
export const kernelModule = resource(kernelModuleType)
/**
 * The keys by which the whole host knows another one, in /etc/ssh/ssh_known_hosts:
 * `knownHosts({ host: 'git.example.com', keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'] })`.
 */
export const knownHosts = resource(knownHostsType)
/**
 * A locale that programs can use, and the variables that name it for the whole host:
 * `locale({ name: 'de_DE.UTF-8', variables: ['LANG'] })`.
 */
export const locale = resource(localeType)
/**
 * Which logs are rotated, when, and how many are kept, a file in /etc/logrotate.d:
 * `logrotate({ name: 'app', paths: ['/var/log/app/*.log'], frequency: 'daily', rotate: 14 })`.
 */
export const logrotate = resource(logrotateType)
/**
 * A file system at its place, in /etc/fstab and mounted:
 * `mount({ path: '/srv/scratch', source: 'tmpfs', fsType: 'tmpfs' })`.
 */
export const mount = resource(mountType)
/**
 * A file of nginx's configuration other than a site: nginx.conf, a file in conf.d, a snippet that sites include:
 * `nginxSnippet({ path: 'conf.d/uploads.conf', content: 'client_max_body_size 25m;\n' })`.
 */
export const nginxSnippet = resource(nginxSnippetType)
/**
 * An nginx site, its file in sites-available and the link to it in sites-enabled:
 * `nginxVhost({ name: 'shop', serverNames: ['shop.example'], locations: [{ path: '/', root: '/srv/shop' }] })`.
 */
export const nginxVhost = resource(nginxVhostType)
/** A PostgreSQL database: `postgresDatabase({ name: 'shop', owner: 'shop' })`. */
export const postgresDatabase = resource(postgresDatabaseType)
/** An extension in one PostgreSQL database: `postgresExtension({ name: 'citext', database: 'shop' })`. */
export const postgresExtension = resource(postgresExtensionType)
/**
 * The privileges of one PostgreSQL role on one object, exactly the listed ones:
 * `postgresGrant({ role: 'report', on: { database: 'shop' }, privileges: ['CONNECT'] })`.
 */
export const postgresGrant = resource(postgresGrantType)
/**
 * A line of pg_hba.conf: who may log in from where, and how. The first line that matches a login decides:
 * `postgresHba({ type: 'host', database: 'shop', user: 'shop', address: '10.0.0.0/8', method: 'scram-sha-256' })`.
 */
export const postgresHba = resource(postgresHbaType)
/**
 * A PostgreSQL role, with its password and memberships:
 * `postgresRole({ name: 'shop', login: true, password: secret('shop-database') })`.
 */
export const postgresRole = resource(postgresRoleType)
/** A setting of the PostgreSQL cluster, written by ALTER SYSTEM: `postgresSetting({ name: 'work_mem', value: '16MB' })`. */
export const postgresSetting = resource(postgresSettingType)
/**
 * A directive of Redis, in /etc/redis/redis.conf and in the running server:
 * `redisSetting({ name: 'maxmemory', value: '256mb' })`.
 */
export const redisSetting = resource(redisSettingType)
/**
 * The state of a systemd unit: enabled, running, and with its current files loaded:
 * `service({ name: 'nginx', enabled: true, running: true })`.
 */
export const service = resource(serviceType)
/** A key pair of SSH that the host makes for itself: `sshKey({ path: '/root/.ssh/id_ed25519' })`. */
export const sshKey = resource(sshKeyType)
/**
 * A file in /etc/sudoers.d: who may run what as whom (sudoers(5)):
 * `sudoers({ name: 'deploy', user: 'deploy', commands: ['/usr/bin/systemctl restart app'], noPassword: true })`.
 */
export const sudoers = resource(sudoersType)
/** A file that the kernel swaps to, made, in /etc/fstab and in use: `swapFile({ path: '/swapfile', sizeMiB: 64, now: false })`. */
export const swapFile = resource(swapFileType)
/**
 * A symbolic link. It is replaced by rename, so that it has a target at every instant:
 * `symlink({ path: '/srv/app/current', target: 'releases/12' })`.
 */
export const symlink = resource(symlinkType)
/**
 * A kernel setting: its running value, and a file in /etc/sysctl.d that sets it at boot:
 * `sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 300 })`.
 */
export const sysctl = resource(sysctlType)
/**
 * A systemd timer: its file in /etc/systemd/system, enabled and started. The unit that it starts is a `unit`:
 * `timer({ name: 'report', onCalendar: 'daily', persistent: true })`.
 */
export const timer = resource(timerType)
/** The host's time zone: `timezone({ name: 'Europe/Berlin' })`. */
export const timezone = resource(timezoneType)
/**
 * What systemd makes at each boot and cleans up, a file in /etc/tmpfiles.d:
 * `tmpfiles({ name: 'app', entries: [{ type: 'd', path: '/run/app', mode: '0750' }] })`.
 */
export const tmpfiles = resource(tmpfilesType)
/**
 * The global state of ufw: default policies, logging, and whether it is enabled. One per host:
 * `ufwDefaults({ incoming: 'deny', outgoing: 'allow', enabled: true })`.
 */
export const ufwDefaults = resource(ufwDefaultsType)
/** A rule of ufw. Of rules that overlap, the one declared first decides: `ufwRule({ action: 'allow', port: 443, protocol: 'tcp' })`. */
export const ufwRule = resource(ufwRuleType)
/**
 * A systemd unit file in /etc/systemd/system. A `service` declares whether the unit is enabled and running:
 * `unit({ name: 'app.service', service: { ExecStart: '/srv/app/bin/serve', User: 'app' } })`.
 */
export const unit = resource(unitType)
/** A user in the host's password database: `user({ name: 'deploy' })`. Its home is created, never removed. */
export const user = resource(userType)
