/**
 * What every server should have: an operator who can get in, sshd without passwords, security updates, bans for
 * guessers, bounded logs, sane kernel settings.
 */
import {
  aptPackage,
  authorizedKeys,
  conf,
  directory,
  file,
  type Handle,
  type Host,
  service,
  sudoers,
  sysctl,
  user,
} from '#keelson'

export type Baseline = {
  operator: {
    name: string
    /** Public keys, as in a .pub file. With none the account is there, and nobody can log in to it. */
    keys: readonly string[]
  }
  /** Bounds of the journal. */
  journal?: { maxUse: string; keepFree: string; retention: string }
  /** Addresses fail2ban never bans, besides this machine's own. */
  trusted?: readonly string[]
}

/**
 * What every server has: an operator who logs in by key, ssh that takes no passwords, updates, a bounded journal,
 * fail2ban.
 *
 * @example baseline(host, { operator: { name: 'ops', keys: ['ssh-ed25519 AAAA…'] } })
 */
export function baseline(host: Host, { operator, journal, trusted = [] }: Baseline): { ssh: Handle; operator: Handle } {
  for (const name of ['ca-certificates', 'curl', 'logrotate', 'sudo']) aptPackage({ name })
  unattendedUpgrades()
  keepJournal(journal ?? { maxUse: '1G', keepFree: '2G', retention: '1month' })
  kernel(host)
  const ssh = hardenSsh()
  banGuessers(trusted)
  return { ssh, operator: operatorAccount(operator) }
}

function operatorAccount({ name, keys }: Baseline['operator']): Handle {
  const account = user({ name, comment: 'operator', shell: '/bin/bash', groups: ['adm', 'systemd-journal'] })
  if (keys.length > 0) authorizedKeys({ user: name, keys })
  sudoers({ name: 'operator', user: name, commands: ['ALL'], noPassword: true })
  return account
}

/**
 * The include is the first line of sshd_config and the first value wins, so 00- beats what a cloud image ships.
 * Root may log in with a key, because that is how the first converge comes in; say 'no' once the operator's login works.
 */
function hardenSsh(): Handle {
  const hardening = file({
    path: '/etc/ssh/sshd_config.d/00-keelson.conf',
    content: conf`
      PermitRootLogin prohibit-password
      PasswordAuthentication no
      KbdInteractiveAuthentication no
      X11Forwarding no
      AllowAgentForwarding no
      MaxAuthTries 6
      LoginGraceTime 30
      ClientAliveInterval 300
      LogLevel VERBOSE
      RequiredRSASize 3072
    `,
    validate: 'mkdir -p /run/sshd && sshd -t -f %',
  })
  return service({ name: 'ssh', enabled: true, running: true, reloadOn: [hardening], listens: [22] })
}

/** Origins are Debian's own, security included; databases are upgraded in a window of the operator's choosing. */
function unattendedUpgrades(): void {
  const upgrades = aptPackage({ name: 'unattended-upgrades' })
  file({
    path: '/etc/apt/apt.conf.d/52-keelson',
    content: conf`
      APT::Periodic::Update-Package-Lists "1";
      APT::Periodic::Unattended-Upgrade "1";
      APT::Periodic::AutocleanInterval "7";
      Unattended-Upgrade::Package-Blacklist { "postgresql-"; };
      Unattended-Upgrade::Automatic-Reboot "false";
    `,
    after: upgrades,
  })
}

/** Debian 12's stock jail looks for a log file that is not there and keeps the service from starting; the journal is. */
function banGuessers(trusted: readonly string[]): void {
  const fail2ban = aptPackage({ name: 'fail2ban' })
  const backend = aptPackage({ name: 'python3-systemd' })
  const jail = file({
    path: '/etc/fail2ban/jail.d/keelson.local',
    content: conf`
      [DEFAULT]
      ignoreip = ${['127.0.0.1/8', '::1', ...trusted].join(' ')}
      banaction = iptables-multiport

      [sshd]
      enabled = true
      backend = systemd
    `,
    after: [fail2ban, backend],
  })
  service({
    name: 'fail2ban',
    enabled: true,
    running: true,
    restartOn: [jail],
    after: aptPackage({ name: 'iptables' }),
  })
}

/** Sorts after a vendor drop-in of Debian 13, which forwards to a syslog that is not there. */
function keepJournal({ maxUse, keepFree, retention }: NonNullable<Baseline['journal']>): void {
  const folder = directory({ path: '/etc/systemd/journald.conf.d' })
  const bounds = file({
    path: '/etc/systemd/journald.conf.d/zz-keelson.conf',
    content: conf`
      [Journal]
      SystemMaxUse=${maxUse}
      SystemKeepFree=${keepFree}
      MaxRetentionSec=${retention}
      ForwardToSyslog=no
    `,
    after: folder,
  })
  service({ name: 'systemd-journald', running: true, restartOn: [bounds] })
}

function kernel({ container }: Host): void {
  const settings = {
    'net.ipv4.conf.all.rp_filter': 1,
    'net.ipv4.tcp_syncookies': 1,
    'net.ipv4.conf.all.accept_redirects': 0,
    'net.ipv6.conf.all.accept_redirects': 0,
    'kernel.kptr_restrict': 2,
    'kernel.dmesg_restrict': 1,
    'fs.protected_fifos': 1,
    'fs.protected_regular': 2,
    'fs.suid_dumpable': 0,
    'vm.swappiness': 10,
  }
  for (const [key, value] of Object.entries(settings)) {
    sysctl({ key, value, now: !container || key.startsWith('net.') })
  }
}
