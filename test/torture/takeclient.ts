/**
 * TakeClient's whole site, cut off at a random moment and converged again: the host ends as one that nothing disturbed,
 * and what the first run did is not done again.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { readEndState } from '../../bench/endState.ts'
import type { ServerName } from '../../lib/dsl/servers.ts'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import type { Ref } from '../../lib/kit/ref.ts'
import { parseRuns, READ_RUNS, type StoredRun } from '../../lib/engine/host/storedRun.ts'
import { openProxy } from '../../lib/sandbox/proxy.ts'
import { boot, changedFiles, powerCut, restore, type SandboxHost, snapshot } from '../../lib/sandbox/sandbox.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { ssh, sshArguments, sshOk } from '../support/host.ts'
import { planSite, siteRun } from '../support/site.ts'
import { EDITS } from '../support/takeclient.ts'
import { assertSame, assertWell, comesTo, DOES } from './outcome.ts'
import { Random } from './random.ts'

/** What a host is like when the run begins that is cut off, by how it gets there from the start before it. */
const STARTS = {
  bare: { server: 'CCX13', from: () => 'apt-get -q update >/dev/null' },
  'with packages': {
    server: 'CCX13',
    from: (packages) =>
      `DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ${packages.join(' ')} >/dev/null`,
  },
  // The start before this one has been converged.
  'bent and resized': { server: 'CCX23', from: () => EDITS.map(({ run }) => `(${run}) >/dev/null`).join('\n') },
} as const satisfies { [start: string]: { server: ServerName; from: (packages: readonly string[]) => string } }

type Start = keyof typeof STARTS

/** A first converge takes longest, and most of it is waiting for dpkg. */
const STARTS_PICKED = ['bare', 'with packages', 'with packages', 'bent and resized', 'bent and resized'] as const

/** What a run comes to from a start when nothing disturbs it. */
type Undisturbed = { state: string; intended: ReadonlySet<Ref>; tookMs: number; events: number }
const undisturbed = new Map<string, Undisturbed>()
const keyOf = ({ name }: SandboxHost, start: Start): string => `${name} ${start}`

/** All of them, each made from the one before it. */
const ALL_STARTS: readonly Start[] = ['bare', 'with packages', 'bent and resized']

/** Makes starts, the first of them bare, keeps each as a snapshot of that name, and sees what it comes to. */
export async function prepareTakeclient(host: SandboxHost, starts: readonly Start[] = ALL_STARTS): Promise<void> {
  await sshOk(host, "systemctl stop '*.timer'")
  const { plan, catalog } = await planSite(host, 'CCX13')
  assert.ok(plan.changes.length > 50)
  const packages = catalog.resources.filter(({ type }) => type === 'package').map(({ name }) => name)
  for (const start of starts) {
    if (start === 'with packages') await restore(host.name, labelOf('bare'))
    const { server, from } = STARTS[start]
    await sshOk(host, `systemctl stop '*.timer'\n${from(packages)}`)
    await snapshot(host.name, labelOf(start))
    const intended = new Set((await planSite(host, server)).plan.changes.map(({ ref }) => ref))
    const watch = new Moment()
    assertWell(await convergeHost({ ...(await siteRun(host, server)), ...CONFIRMED, progress: () => watch.see() }))
    const { tookMs, events } = watch
    undisturbed.set(keyOf(host, start), { state: await stateOf(host), intended, tookMs, events })
  }
}

const labelOf = (start: Start): string => start.replaceAll(' ', '-')
const CONFIRMED = { confirm: () => Promise.resolve(true) }

/** A point in a run: so many events after its begin, and so much time after that. */
class Moment {
  readonly #began = performance.now()
  readonly #at: { event: number; ms: number } | undefined
  readonly #reach: () => void
  /** Settled when it has come. */
  readonly reached: Promise<void>
  events = 0

  constructor(at?: { event: number; ms: number }) {
    this.#at = at
    let reach = (): void => {}
    this.reached = new Promise((resolve) => (reach = resolve))
    this.#reach = reach
  }

  get tookMs(): number {
    return performance.now() - this.#began
  }

  see(): void {
    this.events += 1
    if (this.events === this.#at?.event) setTimeout(this.#reach, this.#at.ms)
  }
}

/** Any time, or shortly after any event: most events are crowded into little of the time. */
function momentIn(random: Random, { tookMs, events }: Undisturbed): Moment {
  return new Moment(
    random.next() < 0.5
      ? { event: 1, ms: random.below(Math.ceil(tookMs)) }
      : { event: 1 + random.below(events), ms: random.below(100) },
  )
}

const WAYS_PICKED = ['client killed', 'connection reset', 'black hole', 'worker killed', 'power cut'] as const

/** Without a report where the client is another process, whose own end says whether it went well. */
type Ended = { report?: HostReport | Error; cut: boolean }

/** Ways to cut a run off when its moment has come. */
const WAYS = {
  'client killed': async (host: SandboxHost, server: ServerName, moment: Moment): Promise<Ended> => {
    const program = fileURLToPath(new URL('client.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(host), server], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface(child.stdout).on('line', () => moment.see())
    const ended = once(child, 'close')
    await Promise.race([moment.reached, ended])
    child.kill('SIGKILL')
    const [code, signal]: unknown[] = await ended
    assert.ok(signal === 'SIGKILL' || code === 0, `the client ended with exit ${String(code)}`)
    return { cut: signal === 'SIGKILL' }
  },
  'connection reset': (host, server, moment) => overLine(host, server, moment, 'reset'),
  'black hole': (host, server, moment) => overLine(host, server, moment, 'blackhole'),
  'worker killed': (host, server, moment) =>
    meanwhile(host, server, moment, async () => {
      const kill = await ssh(
        host,
        "systemctl kill --signal=KILL $(systemctl list-units --plain --no-legend 'keelson-[0-9]*.service' | cut -d' ' -f1)",
      )
      return kill.exit === 0
    }),
  'power cut': (host, server, moment) =>
    meanwhile(host, server, moment, async () => {
      await powerCut(host.name)
      await boot(host.name)
      return true
    }),
} as const satisfies {
  [way in (typeof WAYS_PICKED)[number]]: (host: SandboxHost, server: ServerName, moment: Moment) => Promise<Ended>
}

async function meanwhile(
  host: SandboxHost,
  server: ServerName,
  moment: Moment,
  cut: () => Promise<boolean>,
  connect?: () => ReturnType<typeof connectSsh>,
): Promise<Ended> {
  let ended = false
  const run = await siteRun(host, server)
  const report = comesTo(
    convergeHost({ ...run, ...CONFIRMED, ...(connect === undefined ? {} : { connect }), progress: () => moment.see() }),
  ).finally(() => (ended = true))
  await Promise.race([moment.reached, report])
  const wasCut = !ended && (await cut())
  return { report: await report, cut: wasCut }
}

async function overLine(
  host: SandboxHost,
  server: ServerName,
  moment: Moment,
  how: 'reset' | 'blackhole',
): Promise<Ended> {
  const proxy = await openProxy(host)
  const { user, identityFile, hostKey } = host
  const { address, port } = proxy
  try {
    return await meanwhile(
      host,
      server,
      moment,
      () => {
        proxy.cut(how)
        return Promise.resolve(true)
      },
      () => connectSsh({ address, port, user, identityFile, hostKey }, {}),
    )
  } finally {
    await proxy.close()
  }
}

export function cutTakeclient(host: SandboxHost, seed: number): Promise<number> {
  const random = new Random(seed)
  return cutFrom(host, random.pick(STARTS_PICKED), random.pick(WAYS_PICKED), random)
}

/** One cut. Counts for none when the run was faster than its moment. */
export async function cutFrom(
  host: SandboxHost,
  start: Start,
  way: (typeof WAYS_PICKED)[number],
  random: Random,
): Promise<number> {
  const expected = undisturbed.get(keyOf(host, start))
  if (expected === undefined) throw new Error(`${host.name} was not prepared`)
  const { server } = STARTS[start]
  await restore(host.name, labelOf(start))
  await sshOk(host, "systemctl stop '*.timer'")
  const earlier = new Set((await runsOf(host)).map(({ run }) => run))
  const moment = momentIn(random, expected)
  const first = await WAYS[way](host, server, moment)
  const about = `${start}, ${way}, after ${moment.events} events`
  const survives = way === 'connection reset' || way === 'black hole'
  if (first.report !== undefined && (survives || !first.cut)) assertWell(first.report)

  const second = await convergeHost({ ...(await siteRun(host, server)), ...CONFIRMED, wait: true })
  assertWell(second)
  const did = second.changes.filter(({ kind, outcome }) => DOES.has(kind) && outcome === 'changed')
  const done = appliedIn((await runsOf(host)).filter(({ run }) => run !== second.run && !earlier.has(run)))
  for (const { ref, kind } of did) {
    // For one rule, ufw takes all of them out of the kernel: killed then, it leaves it to others to load them again.
    const isLost = way === 'worker killed' && ref.startsWith('ufw-')
    // A service may be looked at while it restarts, which goes on without the worker.
    const isIntended = expected.intended.has(ref) || ref.startsWith('service:')
    assert.ok(isIntended || isLost, `${about}: ${kind} ${ref} was never to be done`)
    assert.not.ok(done.has(ref) && kind !== 'follow-up' && !isLost, `${about}: ${kind} ${ref} was done twice`)
  }
  if (survives) assert.equal(second.changes, [], `${about}: the client that came back left something`)
  assert.equal((await planSite(host, server)).plan.changes, [], `${about}: the next plan`)
  assertSame(await stateOf(host), expected.state, about)
  return first.cut ? 1 : 0
}

const runsOf = async (host: SandboxHost): Promise<StoredRun[]> => parseRuns(await sshOk(host, READ_RUNS))

/** What these runs did. */
function appliedIn(runs: readonly StoredRun[]): ReadonlySet<Ref> {
  const applied = runs.flatMap(({ changes }) =>
    changes.filter(({ outcome }) => outcome === 'applied' || outcome === 'changed'),
  )
  return new Set(applied.map(({ ref }) => ref))
}

/** What depends on when things happened, or on chance. */
const BY_CHANCE = [
  '/etc/ssl/certs/ssl-cert-snakeoil.pem',
  '/etc/ssl/private/ssl-cert-snakeoil.key',
  '/etc/ssl/takeclient',
  // Numbers go to whose package is configured first; who there is is looked at otherwise.
  '/etc/passwd',
  '/etc/group',
  '/etc/gshadow',
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow-',
  '/etc/passwd-',
  '/etc/group-',
  '/var/backups',
  '/var/cache',
  '/var/lib/apt',
  '/var/lib/dpkg',
  '/var/lib/fail2ban',
  '/var/lib/keelson',
  '/var/lib/postgresql',
  '/var/lib/private',
  '/var/lib/redis',
  '/var/lib/systemd',
  // Its lines stand in the order in which packages were configured.
  '/var/lib/ucf',
  '/var/log',
]

/** What running programs have loaded, which no file tells. */
const LOADED = `
systemctl list-units --all --plain --no-legend --failed | sed 's/^/failed: /'
systemctl list-units --all --plain --no-legend 'keelson-*' | sed 's/^/left: /'
find /run/keelson -mindepth 1 -maxdepth 1 ! -name lock ! -name loaded | sed 's/^/left: /'
find / -xdev -name '.keelson*' 2>/dev/null | sed 's/^/left: /'
for unit in ssh fail2ban systemd-journald postgresql@17-main redis-server web api nginx cron; do
  systemctl show -p Id,NeedDaemonReload $unit | tr '\\n' ' '; echo
done
for unit in web api; do
  tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID $unit)/environ | grep -E '^(PORT|NODE_PATH|REDIS_URL|PYTHON|DATABASE)' | sort | sha256sum | sed "s/^/environment of $unit: /"
  grep -E '^Max (open files|processes)' /proc/$(systemctl show -P MainPID $unit)/limits
done
cd / && runuser -u postgres -- psql -XAtqc "select 'waits for a restart: ' || name from pg_settings where pending_restart"
(iptables-save -t filter; ip6tables-save -t filter) | sed 's/\\[[0-9:]*\\]//' | grep -v '^#' | sort | sed 's/^/filter: /'
dpkg --audit
cut -d: -f1,5- /etc/passwd | sort
cut -d: -f1,4 /etc/group | sort
sort /etc/gshadow
`

/** All that can be seen of a host, from inside and outside, and every file that is not of chance. */
async function stateOf(host: SandboxHost): Promise<string> {
  const [lines, loaded, files, offered, users, groups] = await Promise.all([
    readEndState(host),
    sshOk(host, LOADED),
    changedFiles(host.name, { ignore: BY_CHANCE }),
    authenticationsOf(host),
    namesIn(host, 'passwd'),
    namesIn(host, 'group'),
  ])
  const disk = [...files].map(([path, entry]) => {
    if (entry === 'deleted') return `${path} deleted`
    const { uid, gid } = entry
    return `${path} ${JSON.stringify({ ...entry, uid: users.get(uid) ?? uid, gid: groups.get(gid) ?? gid })}`
  })
  return [...lines, ...loaded.split('\n'), `sshd offers ${offered}`, ...disk].join('\n')
}

/** Names by number, of getent(1). */
async function namesIn(host: SandboxHost, database: 'passwd' | 'group'): Promise<ReadonlyMap<number, string>> {
  const entries = (await sshOk(host, `getent ${database}`)).trim().split('\n')
  return new Map(
    entries.map((entry) => {
      const [name = '', , number] = entry.split(':')
      return [Number(number), name]
    }),
  )
}

/** What the running sshd lets a stranger try: `publickey`. */
async function authenticationsOf(host: SandboxHost): Promise<string> {
  const child = spawn('ssh', ['-o', 'PubkeyAuthentication=no', ...sshArguments(host), 'true'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await once(child, 'close')
  return said.match(/Permission denied \(([a-z,-]+)\)/)?.[1] ?? said
}
