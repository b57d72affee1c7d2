/**
 * Whether sshd would let the operator in after a plan. sshd itself computes the settings of its files for this login
 * (`sshd -T -C`, sshd(8)); this file judges what they mean for the account.
 */
import { BlockList, isIP } from 'node:net'
import type { Gate, GateView, Operator } from '../../../kit/resourceType.ts'
import { readNow } from '../../../kit/files/readNow.ts'
import { lines, quote, sh } from '../../../kit/shell.ts'
import type { Touch } from '../../../kit/touch.ts'
import { isBelow, trialText } from './trial.ts'

const ROOTS = ['/etc/ssh']
const SERVICES = ['ssh.service', 'sshd.service']

export const SSHD_GATE: Gate = {
  name: 'sshd',
  reads: (touch, { account }) =>
    isBelow(ROOTS, touch) || stopsIt(touch) || 'group' in touch || ('account' in touch && touch.account === account),
  command(view) {
    const { account, from, to, port } = view.operator
    const login = `user=${account},host=${from},addr=${from},laddr=${to},lport=${port}`
    // Where the trial files cannot be created, the other checks still count.
    const trial = trialText(ROOTS, view, sh`sshd -T -C ${login}`) ?? 'false'
    return `${trial}
printf '\\0%s\\0' "$?"
ss -Hltnp ${quote(`sport = :${port}`)} 2>/dev/null
printf '\\0'
k_pid=$(systemctl show -P MainPID ssh.service)
printf 'pid=%s ' "$k_pid"; tr '\\0' ' ' < "/proc/$k_pid/cmdline" 2>/dev/null
printf '\\0'
id -Gn -- ${quote(account)}
printf '\\0'
date +%F
printf '\\0'
k_home=$(getent passwd -- ${quote(account)} | cut -d: -f6)
[ ! -e "$k_home/.ssh/authorized_keys2" ] || ${readNow('"$k_home/.ssh/authorized_keys2"')}`
  },
  judge({ stdout }, view) {
    const [text = '', exit = '', listeners = '', daemon = '', groups = '', today = '', more = ''] = stdout.split('\0')
    const gone = goneText(view, today.trim())
    if (gone !== undefined || !isListener(daemon, listeners)) return gone
    if (view.touches.some(stopsIt)) return `nothing would listen on port ${view.operator.port}: sshd would be stopped`
    if (exit !== '0') return undefined
    const settings = new Settings(text)
    return (
      settingsText(settings, view.operator) ??
      namesText(settings, view, groups.split(/\s+/).filter(Boolean)) ??
      keysText(settings, view, more)
    )
  },
}

/** Whether the change stops Debian's sshd; sessions outlive that, new ones cannot begin. */
function stopsIt(touch: Touch): boolean {
  if ('without' in touch) return touch.without === 'openssh-server'
  return 'unit' in touch && touch.stops === true && SERVICES.includes(touch.unit)
}

const NO_SHELLS = ['/usr/sbin/nologin', '/sbin/nologin', '/bin/false', '/usr/bin/false']

/** @param today The host's own date. */
function goneText({ touches, operator: { account } }: GateView, today: string): string | undefined {
  const login = touches.flatMap((touch) => ('account' in touch ? (touch.login ?? []) : []))[0]
  if (login === undefined) return undefined
  const { gone, shell, expires } = login
  if (gone === true) return `the account ${account} would be gone`
  if (shell !== undefined && NO_SHELLS.includes(shell)) return `${account} would have no shell (${shell})`
  if (expires !== undefined && expires !== 'never' && expires < today)
    return `the account ${account} would have expired (${expires})`
  return undefined
}

/**
 * Whether the ssh service's sshd, without options, listens where the operator logged in: not a systemd socket, nor
 * another daemon with other files.
 */
function isListener(daemon: string, listeners: string): boolean {
  const [pid = '', title, program, ...options] = daemon.split(' ')
  const isPlain = title === 'sshd:' && program === '/usr/sbin/sshd' && options.slice(0, 2).join(' ') === '-D [listener]'
  const found = lines(listeners)
  return isPlain && found.length > 0 && found.every((line) => line.includes(`${pid},`))
}

/** Output of `sshd -T`: one lower-case keyword and value per line; some keywords repeat. */
class Settings {
  readonly #values = new Map<string, string[]>()

  constructor(text: string) {
    for (const line of lines(text)) {
      const [keyword = '', ...words] = line.split(' ')
      this.#values.set(keyword, [...(this.#values.get(keyword) ?? []), words.join(' ')])
    }
  }

  all(keyword: string): string[] {
    return this.#values.get(keyword) ?? []
  }

  one(keyword: string): string {
    return this.all(keyword)[0] ?? ''
  }

  words(keyword: string): string[] {
    return this.all(keyword)
      .flatMap((value) => value.split(' '))
      .filter(Boolean)
  }
}

function settingsText(settings: Settings, { account, to, port }: Operator): string | undefined {
  const addresses = settings.all('listenaddress')
  if (!addresses.some((address) => isReached(address, to, port)))
    return `sshd would no longer listen on ${to} port ${port}, but on ${addresses.join(', ')}`
  if (settings.one('pubkeyauthentication') === 'no') return 'sshd would take no keys (PubkeyAuthentication no)'
  if (account === 'root' && settings.one('permitrootlogin') === 'no')
    return 'sshd would not let root in (PermitRootLogin no)'
  const methods = settings.words('authenticationmethods')
  if (!methods.some((method) => method === 'any' || /^publickey(,publickey)*$/.test(method)))
    return `sshd would want more than a key (AuthenticationMethods ${methods.join(' ')})`
  if (settings.one('forcecommand') === 'internal-sftp')
    return `sshd would run nothing for ${account} (ForceCommand internal-sftp)`
  return undefined
}

/** @param listening `[::]:22`, `0.0.0.0:22` */
function isReached(listening: string, to: string, port: number): boolean {
  const [, address = '', number] = /^\[?([^\]]*)\]?:(\d+)$/.exec(listening) ?? []
  return Number(number) === port && ['::', '0.0.0.0', to].includes(address)
}

/** Checks AllowUsers and the like. It cannot decide patterns of host names, nor lists that contain a `!`. */
function namesText(settings: Settings, { operator, touches }: GateView, groups: readonly string[]): string | undefined {
  const { account } = operator
  const denied = settings.words('denyusers').find((pattern) => fitsUser(pattern, operator) === 'yes')
  if (denied !== undefined) return `sshd would not let ${account} in (DenyUsers ${denied})`
  const allowed = settings.words('allowusers')
  if (allowed.length > 0 && allowed.every((pattern) => fitsUser(pattern, operator) === 'no'))
    return `sshd would not let ${account} in (AllowUsers ${allowed.join(' ')})`
  // The account's groups may differ by then.
  if (touches.some((touch) => 'group' in touch || ('account' in touch && touch.login !== undefined))) return undefined
  const isIn = (pattern: string): boolean => groups.some((group) => isLike(group, pattern))
  const deniedGroup = settings.words('denygroups').find((pattern) => !pattern.includes('!') && isIn(pattern))
  if (deniedGroup !== undefined) return `sshd would not let ${account} in (DenyGroups ${deniedGroup})`
  const wanted = settings.words('allowgroups')
  if (wanted.length > 0 && !wanted.some((pattern) => pattern.includes('!') || isIn(pattern)))
    return `sshd would not let ${account} in: it is in none of its groups (AllowGroups ${wanted.join(' ')})`
  return undefined
}

function fitsUser(pattern: string, { account, from }: Operator): 'yes' | 'no' | 'maybe' {
  const at = pattern.lastIndexOf('@')
  const isNamed = isLike(account, at === -1 ? pattern : pattern.slice(0, at))
  if (at === -1 || !isNamed) return isNamed ? 'yes' : 'no'
  const [address = '', bits] = pattern.slice(at + 1).split('/')
  const version = isIP(address)
  if (version === 0) return 'maybe'
  const network = new BlockList()
  network.addSubnet(address, Number(bits ?? (version === 4 ? 32 : 128)), version === 4 ? 'ipv4' : 'ipv6')
  return network.check(from, isIP(from) === 6 ? 'ipv6' : 'ipv4') ? 'yes' : 'no'
}

/** PATTERNS of ssh_config(5): `*` and `?`. */
function isLike(text: string, pattern: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(text)
}

const KEY_FILES = ['.ssh/authorized_keys', '.ssh/authorized_keys2', '%h/.ssh/authorized_keys']

/** Checks keys only where sshd reads no other source of keys and every key of the client is known. */
function keysText(settings: Settings, { operator, touches }: GateView, more: string): string | undefined {
  const { account, keys } = operator
  const listed = touches.flatMap((touch) => ('account' in touch ? (touch.keys ?? []) : []))[0]
  const isKnown =
    settings.words('authorizedkeysfile').every((path) => KEY_FILES.includes(path)) &&
    settings.one('authorizedkeyscommand') === 'none'
  if (listed?.all !== true || keys === undefined || !isKnown) return undefined
  const words = new Set([...listed.lines, ...lines(more)].flatMap((line) => line.split(/\s+/)))
  return keys.some((key) => words.has(key)) ? undefined : `${account} would have none of the keys that you log in with`
}
