/**
 * What a login uses on its way to root, as the programs involved document it: a table, each row with its source. The
 * lock-out guard keeps all of it, and a change that touches any of it is guarded (touches.ts).
 *
 * Excluded is what only a boot reads (fstab(5), tmpfiles.d(5), modprobe.d(5)): no login before the boot can tell
 * whether it lets anybody in. So are hosts(5) and resolv.conf(5): Debian's sshd resolves no names (UseDNS is off).
 */

type Row = { by: string; source: string }

/** Folders in which changes are made to unit files (systemd.unit(5)). */
const UNIT_FOLDERS = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map((folder) => `${folder}/systemd/system`)
const OWN_UNITS = UNIT_FOLDERS[0]!
export const SYSCTL_FOLDER = '/etc/sysctl.d'

/** Units that must run, or must not, for somebody to log in, each with the files that it reads only when it starts. */
export const UNITS: readonly (Row & { units: { readonly [unit: string]: readonly string[] } })[] = [
  {
    by: 'who listens',
    source: 'sshd(8); ssh.service and ssh.socket',
    units: { 'ssh.service': ['/etc/default/ssh'], 'ssh.socket': [] },
  },
  {
    by: 'pam_nologin, pam_systemd',
    source: 'systemd-user-sessions.service(8), which makes /run/nologin when it stops; pam_systemd(8)',
    units: { 'systemd-user-sessions.service': [], 'systemd-logind.service': [] },
  },
  {
    by: 'the network',
    source: 'ifup(8); systemd-networkd.service(8); NetworkManager(8)',
    units: {
      'networking.service': ['/etc/network'],
      // systemd generates files from a netplan configuration whenever it reads its own.
      'systemd-networkd.service': ['/etc/systemd/network', '/etc/netplan'],
      'NetworkManager.service': ['/etc/NetworkManager'],
      'systemd-sysctl.service': [],
    },
  },
  {
    by: 'packet filters',
    source: 'nft(8); netfilter-persistent(8); ufw(8); firewalld(1); shorewall(8); ferm(1)',
    units: {
      'nftables.service': ['/etc/nftables.conf', '/etc/nftables', '/etc/nftables.d'],
      'netfilter-persistent.service': ['/etc/iptables', '/etc/default/netfilter-persistent'],
      'ufw.service': [],
      'firewalld.service': ['/etc/firewalld'],
      'shorewall.service': ['/etc/shorewall'],
      'ferm.service': ['/etc/ferm'],
    },
  },
]

/** Units that remove all rules when they stop: the guard waits for their restart before it puts rules back. */
export const FILTER_UNITS = Object.keys(UNITS.find(({ by }) => by === 'packet filters')!.units)

/** The files that each unit reads when it starts. */
export const KEPT_UNITS: ReadonlyMap<string, readonly string[]> = new Map(
  UNITS.flatMap(({ units }) => Object.entries(units)),
)

/** Files and folders; a folder includes everything in it. They are kept whole, and put back whole. */
export const FILES: readonly (Row & { paths: readonly string[] })[] = [
  {
    by: 'sshd',
    source: 'sshd(8), FILES; EnvironmentFile of ssh.service; hosts_access(5)',
    paths: ['/etc/ssh', '/etc/default/ssh', '/etc/hosts.allow', '/etc/hosts.deny'],
  },
  { by: 'sshd, pam_nologin', source: 'sshd(8), FILES; pam_nologin(8)', paths: ['/etc/nologin', '/run/nologin'] },
  {
    by: 'PAM',
    source: 'pam.d(5); pam_env(8); pam_limits(8); pam_access(8); pam_motd(8), which runs programs',
    paths: ['/etc/pam.conf', '/etc/pam.d', '/etc/security', '/etc/environment', '/etc/update-motd.d'],
  },
  {
    by: 'the account databases',
    source: 'passwd(5); shadow(5); group(5); gshadow(5); nsswitch.conf(5); login.defs(5); shells(5); sssd.conf(5)',
    paths: [
      ...['passwd', 'shadow', 'group', 'gshadow', 'nsswitch.conf'].map((name) => `/etc/${name}`),
      ...['login.defs', 'shells', 'nslcd.conf', 'sssd'].map((name) => `/etc/${name}`),
    ],
  },
  {
    by: 'login shells',
    source: 'bash(1), INVOCATION: one that sshd starts reads bashrc; zshall(1); tcsh(1); ksh(1); fish(1); ld.so(8)',
    paths: [
      ...['profile', 'profile.d', 'bash.bashrc', 'zsh', 'csh.cshrc', 'csh.login'].map((name) => `/etc/${name}`),
      ...['csh', 'ksh.kshrc', 'fish', 'ld.so.preload'].map((name) => `/etc/${name}`),
    ],
  },
  {
    by: 'sudo',
    source: 'sudo.conf(5); sudoers(5); sudoers.ldap(5)',
    paths: ['/etc/sudo.conf', '/etc/sudoers', '/etc/sudoers.d', '/etc/sudo-ldap.conf'],
  },
  {
    by: 'packet filters',
    source: 'nft(8); netfilter-persistent(8); ufw(8), FILES; firewalld(1); shorewall(8); ferm(1)',
    paths: [
      ...['nftables.conf', 'nftables', 'nftables.d', 'iptables', 'default/netfilter-persistent'].map(
        (name) => `/etc/${name}`,
      ),
      ...['ufw', 'default/ufw', 'firewalld', 'shorewall', 'shorewall6', 'ferm'].map((name) => `/etc/${name}`),
    ],
  },
  {
    by: 'the network',
    source: 'interfaces(5); netplan(5); systemd.network(5); networkd.conf(5); NetworkManager.conf(5); dhclient.conf(5)',
    paths: [
      '/etc/network',
      '/etc/netplan',
      '/etc/systemd/network',
      '/etc/systemd/networkd.conf',
      '/etc/systemd/networkd.conf.d',
      '/etc/NetworkManager',
      '/etc/dhcp',
      '/etc/dhcpcd.conf',
    ],
  },
  { by: 'the kernel', source: 'sysctl.d(5)', paths: [SYSCTL_FOLDER, '/etc/sysctl.conf'] },
  {
    by: 'units',
    source: 'systemd.unit(5), UNIT FILE LOAD PATH, and drop-ins of a whole type',
    paths: [
      ...['service.d', 'socket.d'].map((name) => `${OWN_UNITS}/${name}`),
      ...[...KEPT_UNITS.keys()].flatMap((unit) => [`${OWN_UNITS}/${unit}`, `${OWN_UNITS}/${unit}.d`]),
    ],
  },
]

export const KEPT_FILES = FILES.flatMap(({ paths }) => paths)

/** Packages without which nobody can log in or become root, or without which the packet filter differs. */
export const PACKAGES: readonly string[] = ['openssh-server', 'sudo', 'ufw']

/** Programs that a login runs: only their owner and mode are kept, a package has their bytes. */
export const PROGRAMS: Row & { paths: readonly string[] } = {
  by: 'a login',
  source: 'sshd(8); sudo(8), which has to be set-user-ID root; what the transport calls',
  paths: ['/run/sshd', '/usr/bin/bash', '/usr/bin/dash', '/usr/bin/env', '/usr/bin/sudo', '/usr/sbin/sshd'],
}

/**
 * Names in a home, each folder after the one it is in. The owner and mode of the home and of the folders above it count
 * as well (StrictModes, sshd_config(5)). Only the homes of root and of the account that logs in matter to the login
 * that must succeed after a change.
 */
export const HOME_FILES: readonly (Row & { folder: string; names: readonly string[] })[] = [
  {
    by: 'login shells, pam_env',
    source: 'bash(1), INVOCATION; zshall(1); tcsh(1); ksh(1); pam_env(8)',
    folder: '',
    // oxfmt-ignore
    names: [
      '.bash_login', '.bash_profile', '.bashrc', '.profile', '.zlogin', '.zprofile', '.zshenv', '.zshrc',
      '.cshrc', '.login', '.tcshrc', '.kshrc', '.pam_environment',
    ],
  },
  {
    by: 'sshd',
    source: 'sshd(8), FILES',
    folder: '.ssh',
    names: ['authorized_keys', 'authorized_keys2', 'environment', 'rc'],
  },
  { by: 'fish', source: 'fish(1)', folder: '.config/fish', names: ['config.fish'] },
]

/** Keys of sysctl(8) by which a way in loses its packets, or cannot start a process. */
const SETTINGS: readonly (Row & { keys: RegExp })[] = [
  {
    by: 'routing and neighbours',
    source: "the kernel's ip-sysctl",
    keys: /^net\.ipv[46]\.(conf\..*\.(?!log_martians$)[a-z0-9_]+|neigh\..*)$/,
  },
  {
    by: 'IP and TCP',
    source: "the kernel's ip-sysctl",
    keys: /^net\.ipv4\.(ip_(forward|default_ttl|no_pmtu_disc|early_demux)|route\..*|ipfrag_.*|tcp_(mem|rmem|wmem|l3mdev_accept|abort_on_overflow|max_syn_backlog|syncookies|synack_retries|retries[12]|base_mss|min_snd_mss|mtu_probing|ecn))$/,
  },
  {
    by: 'IPv6 and queues',
    source: "the kernel's ip-sysctl and net",
    keys: /^net\.(ipv6\.(bindv6only|route\..*)|core\.(somaxconn|netdev_max_backlog|rmem_.*|wmem_.*))$/,
  },
  {
    by: 'packet filters',
    source: "the kernel's nf_conntrack-sysctl",
    keys: /^net\.(netfilter\.nf_conntrack_.*|nf_conntrack_max|bridge\..*)$/,
  },
  {
    by: 'processes and files',
    source: "the kernel's sysctl kernel, fs, vm and user",
    keys: /^(kernel\.(pid_max|threads-max)|fs\.(file-max|nr_open)|vm\.(overcommit_.*|min_free_kbytes|nr_hugepages)|user\.max_.*)$/,
  },
]

/** Whether the guard puts back the value of a sysctl(8) key. */
export function isKeptSetting(key: string): boolean {
  return SETTINGS.some(({ keys }) => keys.test(key))
}

/** Whether the guard puts a unit back into its previous state. */
export function isKeptUnit(name: string): boolean {
  return name === 'sshd.service' || /^sshd?@/.test(name) || KEPT_UNITS.has(name)
}

/** The unit whose file, drop-in or enablement link a path is. */
export function unitAt(path: string): string | undefined {
  const folder = UNIT_FOLDERS.find((one) => path.startsWith(`${one}/`))
  const [, unit] =
    /^(?:[^/]+\.(?:wants|requires)\/)?([^/]+?)(?:\.d(?:\/.*)?)?$/.exec(path.slice((folder ?? '').length + 1)) ?? []
  return folder === undefined ? undefined : unit
}
