/**
 * A Debian package: installed or not, at which version, held or not. All changes of a host are one apt transaction.
 * Read with dpkg-query(1); changed with apt-get(8) and apt-mark(8).
 */
import type { Change, ResourceType, Step } from '../engine/resource.ts'
import { ensure } from '../engine/schema.ts'
import { lines, quote, sh } from '../engine/shell.ts'

export type AptPackage = {
  name: string
  /** Exactly this version, as `apt-cache policy` shows it. Whatever is there is fine when omitted. */
  version?: string
  /** Held: apt does not upgrade it. Left as it is when omitted. */
  hold?: boolean
  /** 'absent' removes it and keeps its configuration files. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type AptPackageState = {
  /** dpkg's status word; anything but `installed` is to be mended. */
  status: string
  version?: string | undefined
  hold?: boolean | undefined
}

export const aptPackage: ResourceType<AptPackage, AptPackageState> = {
  type: 'package',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: { type: 'string', pattern: '^[a-z0-9][a-z0-9.+-]+(:[a-z0-9-]+)?$' },
      version: { type: 'string', pattern: '^([0-9]+:)?[0-9][A-Za-z0-9.+~-]*$' },
      hold: { type: 'boolean' },
      ensure,
    },
  },
  name: ({ name }) => name,
  check: ({ ensure: presence, version, hold }) =>
    presence === 'absent' && (version !== undefined || hold !== undefined)
      ? ['an absent package has no version and no hold']
      : [],
  desired: ({ ensure: presence, version, hold }) =>
    presence === 'absent' ? null : { status: 'installed', version, hold },
  read: {
    // dpkg-query exits 1 when it does not know some name, and prints the others: an answer, not a failure.
    command: (wanted) =>
      sh`dpkg-query -W -f='\${Package}\t\${Architecture}\t\${Version}\t\${db:Status-Want}\t\${db:Status-Status}\n' -- ${wanted.map(({ name }) => name)} 2>/dev/null || [ $? -eq 1 ]`,
    parse({ stdout, stderr, exit }, wanted) {
      if (exit !== 0) throw new Error(`dpkg-query exited with ${exit}: ${stderr}`)
      const found = new Map(lines(stdout).flatMap(parseEntry))
      return new Map(wanted.map(({ name }) => [name, found.get(name) ?? null]))
    },
  },
  consequence: ({ kind }) => (kind === 'remove' ? 'disruptive' : 'safe'),
  steps: (change) => transaction([change]),
  remove: (change) => transaction([change]),
  batch: transaction,
  unsettles: true,
}

/** States in which dpkg has a package's files or is in the middle of something with it. */
const THERE = ['installed', 'half-installed', 'unpacked', 'half-configured', 'triggers-awaited', 'triggers-pending']

function parseEntry(line: string): [name: string, state: AptPackageState][] {
  const [name, architecture, version, want, status] = line.split('\t')
  if (name === undefined || status === undefined) throw new Error(`dpkg-query: not understood: ${JSON.stringify(line)}`)
  if (!THERE.includes(status)) return []
  const state = { status, version, hold: want === 'hold' }
  return [
    [name, state],
    [`${name}:${architecture}`, state],
  ]
}

/**
 * `apt-get update` takes a lock that DPkg::Lock::Timeout does not cover, so it is tried again while someone holds it.
 * Needrestart must not restart services behind our back, and nobody can answer a question about configuration files.
 */
const APT = `export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
apt() { apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends "$@"; }
update() {
  tries=0
  until said=$(apt-get -q update 2>&1); do
    tries=$((tries + 1))
    case $said in
      *'Could not get lock'*) [ "$tries" -lt 120 ] || fail "apt-get update: $said" ;;
      *) fail "apt-get update: $said" ;;
    esac
    sleep 5
  done
  updated=yes
}
updated=no
`

function transaction(changes: readonly Change<AptPackageState>[]): Step[] {
  const present = changes.filter((change) => change.after !== null)
  const gone = changes.filter(({ after }) => after === null).map(({ name }) => name)
  const install = present.flatMap(({ name, after }) =>
    after === null ? [] : [after.version === undefined ? name : `${name}=${after.version}`],
  )
  const words = [...install, ...gone.map((name) => `${name}-`)]
  const held = present.filter(({ after }) => after?.hold === true).map(({ name }) => name)
  const free = present
    .filter(({ after }) => after?.hold === false || after?.version !== undefined)
    .map(({ name }) => name)
  return [
    {
      title: titleOf(install, gone),
      timeoutMs: 3_600_000,
      run: `${APT}
# An earlier run, or somebody's, was cut off in the middle.
[ -z "$(dpkg --audit)" ] || dpkg --configure -a
[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -1440 -print -quit 2>/dev/null)" ] || update
${free.length === 0 ? '' : sh`apt-mark unhold ${free} >/dev/null`}
simulate() { planned=$(${sh`apt -s install ${words}`} 2>&1); }
simulate || { [ "$updated" = yes ] || update; simulate || fail "$planned"; }
# What apt would take away beyond what was asked is not in the plan, so it is not done.
extra=$(printf '%s\\n' "$planned" | sed -n 's/^Remv \\([^ ]*\\).*/\\1/p' | grep -vxF ${quote(gone.join('\n'))} || :)
[ -z "$extra" ] || fail "this would also remove" $extra "- declare them with ensure: 'absent' if that is meant"
${sh`apt --allow-change-held-packages --allow-downgrades install ${words}`}
${held.length === 0 ? '' : sh`apt-mark hold ${held} >/dev/null`}`,
    },
  ]
}

function titleOf(install: readonly string[], gone: readonly string[]): string {
  return [
    ...(install.length === 0 ? [] : [`install ${install.join(' ')}`]),
    ...(gone.length === 0 ? [] : [`remove ${gone.join(' ')}`]),
  ].join(', ')
}
