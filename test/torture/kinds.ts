/**
 * What is done to hosts, case by case: each throws when a host shows something else than it should. What decides is what
 * the host's own tools show, never what the engine says of itself.
 */
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { Locked, Stale } from '../../lib/engine/errors.ts'
import type { Ref } from '../../lib/kit/ref.ts'
import { parseRuns, READ_RUNS } from '../../lib/engine/host/storedRun.ts'
import type { SandboxOs } from '../../lib/sandbox/image.ts'
import { changedFiles, type SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { convergeOn, planOn, runOn } from '../support/converge.ts'
import { sshOk } from '../support/host.ts'
import { LOCAL_ATTACKER } from './attacker/index.ts'
import { endEveryWay, prepareCanaries } from './canaries.ts'
import { HOSTILE } from './hostile/index.ts'
import { HOSTILE_HOST } from './hostileHost/index.ts'
import { Killer } from './kill.ts'
import { LOCK_OUTS } from './lockoutCases.ts'
import { HOWS, lockOut, PREPARE } from './lockouts.ts'
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
} & (OnHost | { hostless: true; run: (seed: number) => Promise<number> })

type OnHost = {
  hostless?: never
  /** Makes a host ready, once. */
  prepare?: (host: SandboxHost) => Promise<unknown>
  /** Resolves to how many cases it was. */
  run: Case
  /** Each case puts back the disk it begins with: what one leaves behind is nothing to the next. */
  restores?: true
  /** Debian 13 only, when omitted. */
  releases?: readonly SandboxOs[]
}

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

/** Someone is locked out, and nothing, a reboot or a killed guard comes between: seeds in a row are all of it in turn. */
const lockedOut: Case = async (host, seed) => {
  const count = LOCK_OUTS.length
  await lockOut(host, LOCK_OUTS[seed % count]!, HOWS[Math.floor(seed / count) % HOWS.length]!)
  return 1
}

export const KINDS: readonly Kind[] = [
  { name: 'killed after every step', goal: 1000, run: killedAfterEachStep, prepare: installed('sudo', 'cron') },
  { name: 'plans that write nothing', goal: 200, run: planWritesNothing, prepare: installed('sudo', 'cron') },
  { name: 'two clients at once', goal: 100, run: twoClients, prepare: installed('sudo', 'cron') },
  { name: 'lock-outs', goal: 300, run: lockedOut, prepare: (host) => sshOk(host, PREPARE) },
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
  HOSTILE_HOST,
]

function installed(...packages: string[]): NonNullable<OnHost['prepare']> {
  const install = `DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ${packages.join(' ')}`
  return (host) => sshOk(host, `apt-get -q update >/dev/null && ${install} >/dev/null`)
}
