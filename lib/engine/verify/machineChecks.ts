/**
 * What is looked at on every host, whatever is declared: shell text that writes nothing, and pure parsers. Names and
 * numbers come from the host and are bounded here.
 */
import type { Finding } from '../../kit/verify.ts'
import type { Output } from '../../kit/resourceType.ts'
import { lines } from '../../kit/shell.ts'
import { isDeclaredPort, listeners } from './listeners.ts'

/** What a check must know besides the host's answer. */
export type Known = {
  /** Ports on which something declared listens or lets others in, and that of this connection. */
  ports: ReadonlySet<number>
  /** Units that declared resources speak for. */
  units: ReadonlySet<string>
  /** A throw-away host: it shares the kernel and its clock with this machine. */
  standIn: boolean
}

export type MachineCheck = {
  check: string
  /** For the table in docs/verify.md. */
  means: string
  text: string
  parse: (output: Output, known: Known) => Finding[]
}

const FULL_PERCENT = 85
const LEAST_MEMORY_PERCENT = 8
const MOST_SWAP_PERCENT = 80
const OLDEST_LISTS_S = 4 * 86_400
/** Maximum findings of one check; more would say no more. */
const MOST = 50

const DISK: MachineCheck = {
  check: 'disk',
  means: `every file system has less than ${FULL_PERCENT} % of its space and of its inodes in use`,
  text: `df -P -B1 -x devtmpfs -x squashfs -x iso9660 -x efivarfs 2>/dev/null
printf '\\0'
df -P -i -x devtmpfs -x squashfs -x iso9660 -x efivarfs 2>/dev/null
:`,
  parse({ stdout }) {
    const [space = '', inodes = ''] = stdout.split('\0')
    const found = [...fillings(space, 'space'), ...fillings(inodes, 'inodes')]
    if (found.length === 0) throw new Error('df names no file system')
    return found
  },
}

/** File systems of the kernel, and those that live as long as a login or a service. */
const PASSING = /^\/(dev|proc|sys|run)(\/|$)/

function fillings(text: string, what: 'space' | 'inodes'): Finding[] {
  const seen = new Set<string>()
  return lines(text).flatMap((line): Finding[] => {
    const [, device = '', total, used, free, mount = ''] =
      /^(.+?) +(\d+) +(\d+) +(\d+) +(?:\d+%|-) +(\/.*)$/.exec(line) ?? []
    // One file system may be mounted at several places.
    const same = `${device} ${total} ${used}`
    if (Number(total) === 0 || mount === '' || PASSING.test(mount) || seen.has(same)) return []
    seen.add(same)
    const percent = Math.ceil((Number(used) / (Number(used) + Number(free))) * 100)
    const measure = { name: what === 'space' ? 'disk_used_percent' : 'inodes_used_percent', value: percent }
    const about = { check: 'disk', about: `${short(mount)}${what === 'space' ? '' : ', inodes'}`, measure }
    if (percent < FULL_PERCENT) return [{ ...about, state: 'ok', said: `${percent} % in use` }]
    const next =
      what === 'space'
        ? `free some, or grow the volume; du -xh ${short(mount)} | sort -h | tail shows what takes it`
        : `remove small files; du -x --inodes ${short(mount)} | sort -n | tail shows where they are`
    return [{ ...about, state: 'wrong', said: `${percent} % in use`, next }]
  })
}

const MEMORY: MachineCheck = {
  check: 'memory',
  means: `at least ${LEAST_MEMORY_PERCENT} % of the memory is available, and less than ${MOST_SWAP_PERCENT} % of the swap in use`,
  text: "sed -n 's/^\\(MemTotal\\|MemAvailable\\|SwapTotal\\|SwapFree\\): *\\([0-9]*\\) kB$/\\1 \\2/p' /proc/meminfo",
  parse({ stdout }) {
    const kilobytes = new Map(lines(stdout).map((line) => pair(line)))
    const of = (name: string): number => kilobytes.get(name) ?? 0
    if (of('MemTotal') === 0) throw new Error('no MemTotal in /proc/meminfo')
    const available = Math.floor((of('MemAvailable') / of('MemTotal')) * 100)
    const memory: Finding = {
      check: 'memory',
      about: 'memory',
      measure: { name: 'memory_available_percent', value: available },
      said: `${available} % available`,
      ...(available >= LEAST_MEMORY_PERCENT
        ? { state: 'ok' }
        : { state: 'wrong', next: 'see what takes it (systemd-cgtop -m), or take a larger server' }),
    }
    if (of('SwapTotal') === 0) return [memory]
    const used = Math.ceil((1 - of('SwapFree') / of('SwapTotal')) * 100)
    const isFull = used >= MOST_SWAP_PERCENT
    const measure = { name: 'swap_used_percent', value: used }
    const about = { check: 'memory', about: 'swap', said: `${used} % in use`, measure }
    return [
      memory,
      isFull
        ? { ...about, state: 'wrong', next: 'see what takes the memory (systemd-cgtop -m), or take a larger server' }
        : { ...about, state: 'ok' },
    ]
  },
}

function pair(line: string): [name: string, value: number] {
  const [name = '', value] = line.split(' ')
  return [name, Number(value)]
}

const UNITS: MachineCheck = {
  check: 'failed units',
  means: 'no unit has failed or starts again and again, timers and what they start included',
  text: `k_units=$(systemctl list-units --all --state=failed,auto-restart --plain --no-legend --no-pager --full) || exit
printf '%s\\n' "$k_units" | head -n 200`,
  parse({ stdout, stderr, exit }, { units }) {
    if (exit !== 0) throw new Error(`systemctl list-units: ${stderr}`)
    const found = lines(stdout)
      .map((line) => line.trim().split(/\s+/))
      .filter(([unit = '']) => unit !== '' && !units.has(unit))
    if (found.length === 0)
      return [{ check: 'failed units', about: 'all others', state: 'ok', said: 'none has failed' }]
    return found.slice(0, MOST).map(([unit = '', , , sub = '']) => ({
      check: 'failed units',
      about: short(unit),
      state: 'wrong',
      said: sub === 'auto-restart' ? 'it starts again and again' : 'it has failed',
      next: `look at journalctl -u ${short(unit)}; systemctl reset-failed ${short(unit)} when that is settled`,
    }))
  },
}

const REBOOT: MachineCheck = {
  check: 'reboot',
  means: 'no update waits for a reboot (a warning)',
  text: `[ ! -e /run/reboot-required ] || echo required
sort -u /run/reboot-required.pkgs 2>/dev/null | head -n 20 | tr '\\n' ' '
printf '\\0%s\\0' "$(uname -r)"
ls /boot/vmlinuz-* 2>/dev/null | sed 's,^/boot/vmlinuz-,,' | sort -V | tail -n 1`,
  parse({ stdout }, { standIn }) {
    const [required = '', running = '', newest = ''] = stdout.split('\0').map((part) => part.trim())
    const about = { check: 'reboot', about: 'reboot' }
    const isOld = !standIn && newest !== '' && newest !== running
    if (required === '' && !isOld) return [{ ...about, state: 'ok', said: 'none is due' }]
    const why = required.replace(/^required\s*/, '').trim() || (isOld ? `kernel ${newest}, ${running} runs` : '')
    return [
      {
        ...about,
        state: 'warning',
        said: `a reboot is due${why === '' ? '' : ` for ${short(why)}`}`,
        next: 'reboot at a quiet hour',
      },
    ]
  },
}

const UPDATES: MachineCheck = {
  check: 'updates',
  means: 'no security update is pending (a warning), by package lists that are not old',
  text: `k_upgrade=$(timeout 8 apt-get -s -q -o Debug::NoLocking=1 -o Dir::Log::Planner= -o Dir::Log::Solver= -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= dist-upgrade 2>/dev/null)
k_exit=$?
printf '%s\\n' "$k_upgrade" | sed -n 's/^Inst \\([^ ]*\\) .*Debian-Security:.*/\\1/p' | head -n 500
printf '\\0'
date +%s
find /var/lib/apt/lists -maxdepth 1 -name '*Release' -printf '%T@\\n' 2>/dev/null | sort -n | tail -n 1
printf '\\0%s' "$k_exit"`,
  parse({ stdout }) {
    const [pending = '', times = '', exit = ''] = stdout.split('\0')
    const [now, listed] = lines(times).map(Number)
    const about = { check: 'updates', about: 'security updates' }
    if (listed === undefined || now === undefined)
      return [{ ...about, state: 'unchecked', said: 'apt has no package lists here' }]
    // Of a simulation that was cut off, nothing is known.
    if (exit !== '0')
      return [{ ...about, state: 'unchecked', said: `apt could not tell within 8 s (exit ${short(exit)})` }]
    const age = now - listed
    if (age > OLDEST_LISTS_S)
      return [
        {
          ...about,
          state: 'warning',
          said: `the package lists are ${Math.round(age / 86_400)} days old`,
          next: 'look at apt-daily.timer, and run apt-get update',
        },
      ]
    const names = lines(pending)
    const measure = { name: 'security_updates_pending', value: names.length }
    if (names.length === 0) return [{ ...about, state: 'ok', said: 'none is pending', measure }]
    const some = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} others` : ''}`
    return [
      {
        ...about,
        measure,
        state: 'warning',
        said: `${names.length} pending: ${short(some)}`,
        next: 'unattended-upgrades installs them within a day; apt-get upgrade does now',
      },
    ]
  },
}

const SYNCHRONIZED: MachineCheck = {
  check: 'clock',
  means: 'the clock of the host is within 5 s of that of this machine, and something keeps it in time',
  text: 'timedatectl show -p NTPSynchronized --value 2>/dev/null || :',
  parse({ stdout }, { standIn }) {
    const about = { check: 'clock', about: 'synchronisation' }
    if (standIn) return [{ ...about, state: 'unchecked', said: 'a throw-away host has the clock of this machine' }]
    return stdout.trim() === 'yes'
      ? [{ ...about, state: 'ok', said: 'synchronised' }]
      : [
          {
            ...about,
            state: 'wrong',
            said: 'nothing keeps the clock in time',
            next: 'install chrony or systemd-timesyncd',
          },
        ]
  },
}

const LISTENERS: MachineCheck = {
  check: 'listeners',
  means: 'nothing listens for others on a port that no resource declares',
  text: `k_open=$(ss -Htulnp) || exit
printf '%s\\n' "$k_open" | head -n 1000`,
  parse({ stdout, stderr, exit }, { ports }) {
    if (exit !== 0) throw new Error(`ss: ${stderr}`)
    const strangers = listeners(stdout).filter((one) => !isDeclaredPort(one, ports))
    if (strangers.length === 0)
      return [{ check: 'listeners', about: 'all ports', state: 'ok', said: 'only what is declared' }]
    return strangers.slice(0, MOST).map(({ protocol, address, port, program }) => ({
      check: 'listeners',
      about: `${port}/${protocol}`,
      state: 'wrong',
      said: `${short(program)} listens on ${short(address)}:${port}, which nobody declared`,
      next: 'stop it or bind it to 127.0.0.1; or declare it: listens of a service, or a rule of ufw',
    }))
  },
}

export const MACHINE_CHECKS: readonly MachineCheck[] = [DISK, MEMORY, UNITS, REBOOT, UPDATES, SYNCHRONIZED, LISTENERS]

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}
