/**
 * What is done to hosts, case by case: each throws when a host shows something else than it should. What decides is what
 * the host's own tools show, never what the engine says of itself.
 */
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/converge.ts'
import { Locked, Stale } from '../../lib/engine/errors.ts'
import type { Ref } from '../../lib/engine/resource.ts'
import { parseRuns, READ_RUNS } from '../../lib/engine/runs.ts'
import { file, service, sudoers, ufwDefaults, ufwRule } from '../../lib/index.ts'
import { boot, changedFiles, powerCut, type SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { connectSsh } from '../../lib/transport/ssh.ts'
import { convergeOn, planOn, runOn } from '../support/converge.ts'
import { sshOk } from '../support/host.ts'
import { waysIn } from '../support/takenBack.ts'
import { LOCAL_ATTACKER } from './attacker/index.ts'
import { endEveryWay, prepareCanaries } from './canaries.ts'
import { HOSTILE } from './hostile/index.ts'
import { Killer } from './kill.ts'
import { assertSame, assertWell, comesTo, DOES } from './outcome.ts'
import { declareRecipe, observe, type Recipe, randomRecipe } from './pieces.ts'
import { Random } from './random.ts'
import { cutTakeclient, prepareTakeclient } from './takeclient.ts'
import { keepsItsWord } from './word.ts'

/** @param seed Decides everything about the case. */
export type Case = (host: SandboxHost, seed: number) => Promise<number>
export type Kind = {
  name: string
  /** How many cases the project wants to have seen. */
  goal: number
  /** Makes a host ready, once. */
  prepare?: (host: SandboxHost) => Promise<unknown>
  /** Resolves to how many cases it was. */
  run: Case
  /** Each case puts back the disk it begins with: what one leaves behind is nothing to the next. */
  restores?: true
}

const ALL = { only: (): boolean => true }

let spaces = 0
/** A name that nothing on any host has yet. */
function newSpace(): string {
  spaces += 1
  return `t${process.pid.toString(36)}x${spaces.toString(36)}`
}

/** From here on Keelson has never been on the host. */
const forget = (host: SandboxHost): Promise<string> => sshOk(host, 'rm -rf /var/lib/keelson')

/** Brings a name space to the first version of a recipe; to nothing, where that is empty. */
async function begin(host: SandboxHost, space: string, { first, chained }: Recipe): Promise<void> {
  await forget(host)
  if (first.length > 0) assertWell(await convergeOn(host, () => declareRecipe(space, first, 1, chained)))
}

/** What a recipe comes to when nothing disturbs it, and what is done for its second version, by refs of any space. */
async function undisturbed(host: SandboxHost, recipe: Recipe): Promise<{ seen: string; intended: ReadonlySet<Ref> }> {
  const space = newSpace()
  await begin(host, space, recipe)
  const report = await convergeOn(host, () => declareRecipe(space, recipe.second, 2, recipe.chained))
  assertWell(report)
  const intended = new Set(report.changes.map(({ ref }) => anySpace(ref, space)))
  return { seen: await observe(host, space), intended }
}

const anySpace = (ref: Ref, space: string): Ref => ref.replaceAll(space, 'SPACE')

/** A recipe is converged, changed (or new), and killed after each of its steps in turn: its worker, or the host. */
const killedAfterEachStep: Case = async (host, seed) => {
  const random = new Random(seed)
  const recipe = randomRecipe(random)
  const what = random.next() < 0.25 ? 'power' : 'worker'
  const expected = await undisturbed(host, recipe)
  for (let at = 0; ; at += 1) {
    const space = newSpace()
    await begin(host, space, recipe)
    const second = (): void => declareRecipe(space, recipe.second, 2, recipe.chained)
    const killer = new Killer(at, what)
    const run = runOn(host, second)
    const ended = await comesTo(
      convergeHost({
        ...run,
        connect: async () => killer.over(await run.connect()),
        confirm: () => Promise.resolve(true),
      }),
    )
    if (!killer.hasKilled) {
      assertWell(ended)
      return at
    }
    assert.ok(
      ended instanceof Error || ended.error !== undefined,
      `step ${at}: nobody noticed that the ${what} was killed`,
    )
    const told = parseRuns(await sshOk(host, READ_RUNS))[0]
    const applied = new Set((told?.changes ?? []).filter(({ outcome }) => outcome === 'applied').map(({ ref }) => ref))
    const left = (await planOn(host, second)).changes.filter(({ kind }) => DOES.has(kind)).map(({ ref }) => ref)
    for (const ref of left) {
      assert.ok(
        expected.intended.has(anySpace(ref, space)),
        `step ${at}, ${what}: ${ref} is left, and was never to be done`,
      )
      // A service that nothing starts with the host is to be started anew.
      const isDown = what === 'power' && ref.startsWith('service:')
      assert.not.ok(applied.has(ref) && !isDown, `step ${at}: ${ref} is left, and was done`)
    }
    assertWell(await convergeOn(host, second))
    assert.equal((await planOn(host, second)).changes, [], `step ${at}: the next plan`)
    assertSame(await observe(host, space), expected.seen, `step ${at}, ${what}`)
  }
}

/** A plan of something else than what is there. */
const planWritesNothing: Case = async (host, seed) => {
  const random = new Random(seed)
  const recipe = randomRecipe(random)
  const space = newSpace()
  await forget(host)
  if (random.next() < 0.7) assertWell(await convergeOn(host, () => declareRecipe(space, recipe.first, 1, false)))
  // A login leaves its time behind, whoever logs in.
  const ignore = [
    '/var/log/wtmp',
    '/var/log/lastlog',
    '/var/log/btmp',
    '/var/lib/lastlog',
    '/var/lib/wtmpdb',
    '/var/log',
  ]
  const before = await changedFiles(host.name, { ignore })
  const running = () =>
    sshOk(host, "ls -lR --time-style=+ /run/keelson 2>&1; systemctl list-units --all 'keelson*' --no-legend")
  const ran = await running()
  await planOn(host, () => declareRecipe(space, recipe.second, 2, recipe.chained))
  assert.equal(await changedFiles(host.name, { ignore }), before)
  assert.is(await running(), ran)
  return 1
}

/** Two clients that want different things at about the same time. */
const twoClients: Case = async (host, seed) => {
  const random = new Random(seed)
  const { second: names, chained } = randomRecipe(random)
  const wants = [1, 2] as const
  const results = new Map<number, string>()
  for (const version of wants) {
    const space = newSpace()
    await forget(host)
    assertWell(await convergeOn(host, () => declareRecipe(space, names, version, chained)))
    results.set(version, await observe(host, space))
  }
  const space = newSpace()
  await forget(host)
  const late = random.below(1500)
  const pause = new Promise((resolve) => setTimeout(resolve, late))
  const [one, two] = await Promise.all(
    wants.map(async (version) => {
      if (version === 2) await pause
      return comesTo(convergeOn(host, () => declareRecipe(space, names, version, chained)))
    }),
  )
  const did: number[] = []
  for (const [version, ended] of [
    [1, one],
    [2, two],
  ] as const) {
    if (ended instanceof Locked || ended instanceof Stale) continue
    assertWell(ended!)
    did.push(version)
  }
  assert.ok(did.length > 0, 'neither came through')
  const seen = await observe(host, space)
  const whole = did.filter((version) => results.get(version) === seen)
  assert.ok(whole.length > 0, `after ${late} ms it is what neither wants:\n${seen}`)
  const winner = whole[0]!
  assert.equal((await planOn(host, () => declareRecipe(space, names, winner, chained))).changes, [])
  return 1
}

const SSH = { action: 'allow', port: 22, protocol: 'tcp' } as const

/** Changes after which nobody can come in, by what they shut. */
const LOCK_OUTS: { readonly [what: string]: () => void } = {
  'ufw rule': () => void ufwRule({ ...SSH, action: 'deny' }),
  'ufw defaults': () => void ufwDefaults({ enabled: true, incoming: 'deny' }),
  'sshd users': () => {
    const settings = file({ path: '/etc/ssh/sshd_config.d/00-nobody.conf', content: 'AllowUsers nobody\n' })
    service({ name: 'ssh.service', running: true, reloadOn: [settings] })
  },
  'sshd port': () => {
    const settings = file({ path: '/etc/ssh/sshd_config.d/00-port.conf', content: 'Port 2222\n' })
    service({ name: 'ssh.service', running: true, restartOn: [settings] })
  },
  sudoers: () => void sudoers({ name: 'ops', user: 'ops', commands: ['/bin/true'], noPassword: true }),
}

/** Someone is locked out, and nothing, a reboot or a killed guard comes between. */
const lockedOut: Case = async (host, seed) => {
  const random = new Random(seed)
  const what = random.pick(Object.keys(LOCK_OUTS))
  const how = random.pick(['plain', 'first run', 'reboot', 'guard killed'] as const)
  const about = `${what}, ${how}`
  await sshOk(
    host,
    `ufw --force reset >/dev/null; ${FILTERS_NOTHING}; rm -f /etc/ufw/*.rules.2* /etc/ssh/sshd_config.d/00-*; printf 'ops ALL=(ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/ops
     ${what === 'ufw rule' ? 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null' : ''}`,
  )
  await forget(host)
  if (how !== 'first run')
    assertWell(await convergeOn(host, () => void file({ path: '/srv/known', content: 'x' }), ALL))
  const before = await waysIn(host)
  const { address, port, identityFile, hostKey } = host
  const login = { address, port, user: what === 'sudoers' ? 'ops' : 'root', identityFile, hostKey }
  let logins = 0
  const connect = async () => {
    logins += 1
    if (logins === 2 && how === 'reboot') {
      await powerCut(host.name)
      await boot(host.name)
    }
    return connectSsh(login, {})
  }
  if (how === 'guard killed') await sshOk(host, KILL_GUARD_ONCE)
  const report = await convergeHost({
    ...runOn(host, LOCK_OUTS[what]!, { ...ALL, allowLockout: true, clockS: how === 'reboot' ? 30 : 10 }),
    connect,
    confirm: () => Promise.resolve(true),
  })
  assert.is(report.error?.exit, 'refused', `${about}: ${JSON.stringify(report)}`)
  assert.match(report.error?.message ?? '', 'it went back to what it was', about)
  assertSame(await waysIn(host), before, about)
  const rest = await sshOk(
    host,
    "systemctl list-units --all --no-legend 'keelson-guard*'; ls /var/lib/keelson/guard/armed /etc/systemd/system/keelson-guard* 2>/dev/null | cat",
  )
  assertSame(rest, '', about)
  if (how === 'guard killed') assert.is(await sshOk(host, 'cat /run/guard-killed'), 'yes\n', about)
  return 1
}

/** ufw that is turned off leaves empty chains in the kernel, which no start of the host brings back. */
const FILTERS_NOTHING = 'for ip in iptables ip6tables; do $ip -P INPUT ACCEPT; $ip -F; $ip -X; done'

/** Leaves a process on the host that kills the guard the first time it is at work. */
const KILL_GUARD_ONCE = `rm -f /run/guard-killed
systemctl stop kill-guard.service 2>/dev/null
systemd-run --quiet --collect --unit=kill-guard sh -c 'until [ -e /var/lib/keelson/guard/reverting ]; do sleep 0.01; done; systemctl kill -s KILL keelson-guard.service; echo yes > /run/guard-killed'`

export const KINDS: readonly Kind[] = [
  { name: 'killed after every step', goal: 1000, run: killedAfterEachStep, prepare: installed('sudo', 'cron') },
  { name: 'plans that write nothing', goal: 200, run: planWritesNothing, prepare: installed('sudo', 'cron') },
  { name: 'two clients at once', goal: 100, run: twoClients, prepare: installed('sudo', 'cron') },
  {
    name: 'lock-outs',
    goal: 60,
    run: lockedOut,
    prepare: async (host) => {
      await installed('ufw', 'sudo')(host)
      await sshOk(
        host,
        'useradd -m ops && install -d -m 700 -o ops /home/ops/.ssh && install -m 600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/',
      )
    },
  },
  {
    name: 'TakeClient, cut at random',
    goal: 200,
    run: cutTakeclient,
    prepare: (host) => prepareTakeclient(host),
    restores: true,
  },
  { name: 'canaries', goal: 500, run: endEveryWay, prepare: prepareCanaries },
  LOCAL_ATTACKER,
  { name: 'word', goal: 500, run: keepsItsWord },
  ...HOSTILE,
]

function installed(...packages: string[]): NonNullable<Kind['prepare']> {
  const install = `DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ${packages.join(' ')}`
  return (host) => sshOk(host, `apt-get -q update >/dev/null && ${install} >/dev/null`)
}
