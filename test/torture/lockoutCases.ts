/** Changes after which nobody can come in, by what they shut: each leaves a host as it found it when it went back. */
import {
  authorizedKeys,
  command,
  directory,
  dropIn,
  edit,
  file,
  group,
  service,
  sudoers,
  symlink,
  sysctl,
  ufwDefaults,
  ufwRule,
  unit,
  user,
} from '../../lib/index.ts'

/** `ops` logs in with a key and becomes root by sudo. */
type Account = 'root' | 'ops'
export type LockOut = {
  what: string
  as: Account
  /** Shell text that makes the host ready for it, and what takes that away again. */
  before?: string
  after?: string
  declare: () => void
}

const SSH = { action: 'allow', port: 22, protocol: 'tcp' } as const
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA other'
const UFW_ON = 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null'
/** ufw that is turned off leaves empty chains in the kernel, which no start of the host brings back. */
const UFW_OFF = `ufw --force reset >/dev/null; for ip in iptables ip6tables; do $ip -P INPUT ACCEPT; $ip -F; $ip -X; done; rm -f /etc/ufw/*.rules.2*`
export const INSTALL = 'DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends'
const DROP_ALL = 'table inet away { chain input { type filter hook input priority 0; policy drop; }; }\n'
const RULES_V4 = '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n'
const OPEN_V4 = '*filter\\n:INPUT ACCEPT [0:0]\\n:FORWARD ACCEPT [0:0]\\n:OUTPUT ACCEPT [0:0]\\nCOMMIT\\n'
const NFT_OFF =
  'systemctl disable --now nftables 2>/dev/null; nft delete table inet away 2>/dev/null; cp /usr/share/nft.conf /etc/nftables.conf'

/** Loads sshd with a snippet of its settings. */
function sshd(name: string, content: string): void {
  const settings = file({ path: `/etc/ssh/sshd_config.d/00-${name}.conf`, content })
  service({ name: 'ssh.service', running: true, reloadOn: [settings] })
}

const keysElsewhere = {
  before: `install -d -m 755 /etc/keys; install -m 644 /root/.ssh/authorized_keys /etc/keys/root
printf 'AuthorizedKeysFile /etc/keys/%%u\\n' > /etc/ssh/sshd_config.d/50-keys.conf; systemctl reload ssh`,
  after: 'rm -rf /etc/keys /etc/ssh/sshd_config.d/50-keys.conf; systemctl reload ssh',
}

export const LOCK_OUTS: readonly LockOut[] = [
  // Packet filters.
  {
    what: 'ufw rule',
    as: 'root',
    before: UFW_ON,
    after: UFW_OFF,
    declare: () => void ufwRule({ ...SSH, action: 'deny' }),
  },
  {
    what: 'ufw defaults',
    as: 'root',
    after: UFW_OFF,
    declare: () => void ufwDefaults({ enabled: true, incoming: 'deny' }),
  },
  {
    what: 'nftables.conf',
    as: 'root',
    after: NFT_OFF,
    declare() {
      const rules = file({ path: '/etc/nftables.conf', content: `flush ruleset\n${DROP_ALL}`, mode: '0755' })
      service({ name: 'nftables', running: true, enabled: true, restartOn: [rules] })
    },
  },
  {
    what: 'a file that nftables.conf includes',
    as: 'root',
    before: `install -d /opt/fw; printf 'flush ruleset\\ninclude "/opt/fw/*.nft"\\n' > /etc/nftables.conf; echo > /opt/fw/own.nft; systemctl enable --now nftables 2>/dev/null`,
    after: `${NFT_OFF}; rm -rf /opt/fw`,
    declare() {
      const rules = file({ path: '/opt/fw/own.nft', content: DROP_ALL })
      service({ name: 'nftables', running: true, restartOn: [rules] })
    },
  },
  {
    what: 'a new file that nftables.conf includes, loaded by a command',
    as: 'root',
    before: `install -d /opt/fw; printf 'flush ruleset\\ninclude "/opt/fw/*.nft"\\n' > /etc/nftables.conf; systemctl enable --now nftables 2>/dev/null`,
    after: `${NFT_OFF}; rm -rf /opt/fw`,
    declare() {
      const rules = file({ path: '/opt/fw/new.nft', content: DROP_ALL })
      command({ name: 'load', check: 'nft list table inet away', apply: 'nft -f /etc/nftables.conf', after: rules })
    },
  },
  {
    what: "iptables-persistent's rules.v4",
    as: 'root',
    // ufw and this one do not go together.
    before: `${INSTALL} iptables-persistent >/dev/null 2>&1; printf '${OPEN_V4}' > /etc/iptables/rules.v4; systemctl restart netfilter-persistent`,
    after: `iptables -P INPUT ACCEPT; iptables -F; ${INSTALL} ufw iptables-persistent- >/dev/null 2>&1; apt-get -qy purge netfilter-persistent iptables-persistent >/dev/null 2>&1; rm -rf /etc/iptables; ${UFW_OFF}`,
    declare() {
      const rules = file({ path: '/etc/iptables/rules.v4', content: RULES_V4 })
      service({ name: 'netfilter-persistent', running: true, restartOn: [rules] })
    },
  },
  {
    what: 'a service of its own that loads rules',
    as: 'root',
    before: `install -d /etc/nftables.d; echo > /etc/nftables.d/own.nft; printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=nft -f /etc/nftables.d/own.nft\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/own-filter.service
systemctl daemon-reload; systemctl enable --now own-filter 2>/dev/null`,
    after: `systemctl disable --now own-filter 2>/dev/null; rm -rf /etc/systemd/system/own-filter.service /etc/nftables.d; systemctl daemon-reload; nft delete table inet away 2>/dev/null`,
    declare() {
      const rules = file({ path: '/etc/nftables.d/own.nft', content: DROP_ALL })
      service({ name: 'own-filter', running: true, restartOn: [rules] })
    },
  },
  // sshd.
  { what: 'sshd users', as: 'root', declare: () => sshd('nobody', 'AllowUsers nobody\n') },
  { what: 'sshd keys', as: 'root', declare: () => sshd('keys', 'AuthorizedKeysFile /etc/ssh/none\n') },
  { what: 'sshd command', as: 'ops', declare: () => sshd('command', 'Match User ops\n  ForceCommand /bin/false\n') },
  {
    what: 'sshd port',
    as: 'root',
    declare() {
      const settings = file({ path: '/etc/ssh/sshd_config.d/00-port.conf', content: 'Port 2222\n' })
      service({ name: 'ssh.service', running: true, restartOn: [settings] })
    },
  },
  {
    what: 'sshd options',
    as: 'root',
    declare() {
      const options = file({ path: '/etc/default/ssh', content: 'SSHD_OPTS="-p 2222"\n' })
      service({ name: 'ssh.service', running: true, restartOn: [options] })
    },
  },
  {
    what: 'sshd loaded by a command',
    as: 'root',
    declare() {
      const settings = edit({ path: '/etc/ssh/sshd_config', line: 'DenyUsers root', position: 'top' })
      command({ name: 'load', check: '[ -e /run/none-such ]', apply: 'systemctl reload ssh', after: settings })
    },
  },
  { what: 'sshd stopped', as: 'root', declare: () => void service({ name: 'ssh', running: false, enabled: false }) },
  { what: 'sshd masked', as: 'root', declare: () => void service({ name: 'ssh', masked: true }) },
  {
    what: 'a drop-in of ssh.service',
    as: 'root',
    declare() {
      const options = dropIn({
        unit: 'ssh.service',
        name: 'port',
        service: { ExecStart: ['', '/usr/sbin/sshd -D -p 2222'] },
      })
      service({ name: 'ssh.service', running: true, restartOn: [options] })
    },
  },
  { what: 'hosts.deny', as: 'root', declare: () => void file({ path: '/etc/hosts.deny', content: 'ALL: ALL\n' }) },
  { what: 'sshrc', as: 'root', declare: () => void file({ path: '/etc/ssh/sshrc', content: 'sleep 1000\n' }) },
  // Keys, and what StrictModes looks at.
  { what: 'keys of root', as: 'root', declare: () => void authorizedKeys({ user: 'root', keys: [OTHER_KEY] }) },
  { what: 'keys of ops', as: 'ops', declare: () => void authorizedKeys({ user: 'ops', keys: [OTHER_KEY] }) },
  { what: 'mode of /root', as: 'root', declare: () => void directory({ path: '/root', mode: '0777' }) },
  {
    what: 'owner of /root',
    as: 'root',
    declare: () => void directory({ path: '/root', mode: '0700', owner: 'nobody', group: 'nogroup' }),
  },
  { what: 'mode of /root/.ssh', as: 'root', declare: () => void directory({ path: '/root/.ssh', mode: '0777' }) },
  {
    what: '/root/.ssh emptied',
    as: 'root',
    declare: () => void directory({ path: '/root/.ssh', mode: '0700', only: ['config'] }),
  },
  {
    what: '/root/.ssh gone',
    as: 'root',
    declare: () => void directory({ path: '/root/.ssh', ensure: 'absent', recursive: true }),
  },
  {
    what: 'a link in place of the keys of root',
    as: 'root',
    declare: () => void symlink({ path: '/root/.ssh/authorized_keys', target: '/nowhere', force: true }),
  },
  {
    what: 'mode of a home',
    as: 'ops',
    declare: () => void directory({ path: '/home/ops', owner: 'ops', mode: '0777' }),
  },
  {
    what: 'owner of a home',
    as: 'ops',
    declare: () => void directory({ path: '/home/ops', owner: 'nobody', group: 'nogroup', mode: '0755' }),
  },
  { what: 'mode of /home', as: 'ops', declare: () => void directory({ path: '/home', mode: '0700' }) },
  {
    what: 'mode of .ssh',
    as: 'ops',
    declare: () => void directory({ path: '/home/ops/.ssh', owner: 'ops', mode: '0777' }),
  },
  {
    what: 'owner of .ssh',
    as: 'ops',
    declare: () => void directory({ path: '/home/ops/.ssh', owner: 'nobody', group: 'nogroup', mode: '0700' }),
  },
  {
    what: '.ssh emptied',
    as: 'ops',
    declare: () => void directory({ path: '/home/ops/.ssh', owner: 'ops', mode: '0700', only: [] }),
  },
  {
    what: '.ssh gone',
    as: 'ops',
    declare: () => void directory({ path: '/home/ops/.ssh', ensure: 'absent', recursive: true }),
  },
  {
    what: 'keys elsewhere',
    as: 'root',
    ...keysElsewhere,
    declare: () => void file({ path: '/etc/keys/root', content: '' }),
  },
  {
    what: 'no keys elsewhere',
    as: 'root',
    ...keysElsewhere,
    declare: () => void directory({ path: '/etc/keys', ensure: 'absent', recursive: true }),
  },
  {
    what: 'mode of keys elsewhere',
    as: 'root',
    ...keysElsewhere,
    declare: () => void directory({ path: '/etc/keys', mode: '0777' }),
  },
  // PAM and accounts.
  { what: 'nologin', as: 'ops', declare: () => void file({ path: '/etc/nologin', content: 'closed\n' }) },
  { what: 'nologin of this start', as: 'ops', declare: () => void file({ path: '/run/nologin', content: 'closed\n' }) },
  { what: 'user sessions', as: 'ops', declare: () => void service({ name: 'systemd-user-sessions', running: false }) },
  {
    what: 'PAM of sshd',
    as: 'root',
    declare: () => void edit({ path: '/etc/pam.d/sshd', line: 'account required pam_deny.so', position: 'top' }),
  },
  {
    what: 'PAM of all',
    as: 'root',
    declare: () => void file({ path: '/etc/pam.d/common-account', content: 'account requisite pam_deny.so\n' }),
  },
  {
    what: 'PAM of sudo',
    as: 'ops',
    declare: () => void edit({ path: '/etc/pam.d/sudo', line: 'account requisite pam_deny.so', position: 'top' }),
  },
  {
    what: 'limits',
    as: 'ops',
    declare: () => void file({ path: '/etc/security/limits.d/ops.conf', content: 'ops hard maxlogins 0\n' }),
  },
  {
    what: 'environment',
    as: 'root',
    declare: () => void file({ path: '/etc/environment', content: 'PATH=/nowhere\n' }),
  },
  {
    what: 'nsswitch',
    as: 'ops',
    declare: () =>
      void file({ path: '/etc/nsswitch.conf', content: 'passwd: systemd\ngroup: systemd\nshadow: systemd\n' }),
  },
  { what: 'shell of ops', as: 'ops', declare: () => void user({ name: 'ops', shell: '/usr/sbin/nologin' }) },
  {
    what: 'ops expired',
    as: 'ops',
    declare: () => void user({ name: 'ops', shell: '/bin/bash', expires: '2020-01-01' }),
  },
  {
    what: 'a group that sshd asks for',
    as: 'ops',
    before: `groupadd -f operators; usermod -aG operators ops; printf 'AllowGroups operators root\\n' > /etc/ssh/sshd_config.d/50-groups.conf; systemctl reload ssh`,
    after: 'rm -f /etc/ssh/sshd_config.d/50-groups.conf; systemctl reload ssh; groupdel operators',
    declare: () => void group({ name: 'operators', members: [] }),
  },
  {
    what: 'a message of the day that never ends',
    as: 'root',
    declare: () => void file({ path: '/etc/update-motd.d/99-hang', content: '#!/bin/sh\nsleep 1000\n', mode: '0755' }),
  },
  // Shells.
  {
    what: 'bash.bashrc',
    as: 'root',
    declare: () => void edit({ path: '/etc/bash.bashrc', line: 'exit 1', position: 'top' }),
  },
  { what: '.bashrc of root', as: 'root', declare: () => void file({ path: '/root/.bashrc', content: 'exit 1\n' }) },
  {
    what: '.bashrc of ops',
    as: 'ops',
    declare: () => void file({ path: '/home/ops/.bashrc', content: 'exit 1\n', owner: 'ops' }),
  },
  {
    what: '.ssh/rc of ops',
    as: 'ops',
    declare: () => void file({ path: '/home/ops/.ssh/rc', content: 'sleep 1000\n', owner: 'ops' }),
  },
  // sudo.
  {
    what: 'sudoers',
    as: 'ops',
    declare: () => void sudoers({ name: 'ops', user: 'ops', commands: ['/bin/true'], noPassword: true }),
  },
  { what: 'sudoers created', as: 'ops', declare: () => void sudoers({ name: 'zz', user: 'ops', commands: ['ALL'] }) },
  {
    what: 'sudoers as a file',
    as: 'ops',
    declare: () => void file({ path: '/etc/sudoers.d/zz', content: 'ops ALL=(ALL) PASSWD: ALL\n', mode: '0440' }),
  },
  {
    what: 'sudo.conf',
    as: 'ops',
    declare: () => void file({ path: '/etc/sudo.conf', content: 'Plugin sudoers_policy none-such.so\n' }),
  },
  { what: 'mode of sudo', as: 'ops', declare: () => void file({ path: '/usr/bin/sudo', mode: '0755' }) },
  { what: 'mode of /usr/bin', as: 'ops', declare: () => void directory({ path: '/usr/bin', mode: '0700' }) },
  {
    what: 'sudoers elsewhere',
    as: 'ops',
    before: `install -d -m 750 /etc/rights; printf '@includedir /etc/rights\\n' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz`,
    after: 'rm -rf /etc/rights /etc/sudoers.d/zz',
    declare: () => void file({ path: '/etc/rights/ops', content: 'ops ALL=(ALL) PASSWD: ALL\n', mode: '0440' }),
  },
  // The kernel, with what shuts.
  {
    what: 'settings of the kernel',
    as: 'root',
    declare() {
      sysctl({ key: 'net.ipv4.ip_default_ttl', value: 1 })
      sysctl({ key: 'net.ipv4.conf.host0.rp_filter', value: 1 })
      service({ name: 'ssh', running: false })
    },
  },
  {
    what: 'a network that leads nowhere',
    as: 'root',
    declare() {
      const away = file({
        path: '/etc/systemd/network/05-away.network',
        content: '[Match]\nName=host0\n[Network]\nAddress=192.0.2.9/24\n',
      })
      service({ name: 'systemd-networkd', running: true, restartOn: [away] })
    },
  },
  {
    what: 'a unit in place of ssh.service',
    as: 'root',
    declare() {
      const away = unit({
        name: 'ssh.service',
        service: { Type: 'exec', ExecStart: '/bin/sleep infinity' },
        install: { WantedBy: 'multi-user.target' },
      })
      service({ name: 'ssh.service', running: true, restartOn: [away] })
    },
  },
]
