/**
 * What a run says of itself, held against what the host shows: chains over several stages, some of whose steps fail, lie,
 * undo each other's work or are cut off, some of whose parts are changed by another hand.
 */
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import type { HostReport, Plan } from '../../lib/engine/report.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { planOn, runOn } from '../support/converge.ts'
import { sshOk } from '../support/host.ts'
import { Killer } from './kill.ts'
import { assertWell, comesTo } from './outcome.ts'
import { Random } from './random.ts'
import { declareNodes, isCommand, look, type Node, randomNodes, refOf, type Seen, spoiler, wipe } from './wordRecipe.ts'

const FATES = ['well', 'well', 'fails', 'lies', 'cut'] as const
type Fate = (typeof FATES)[number]

const ALL = { only: (): boolean => true }
let spaces = 0

/** One recipe, from its first run to where nothing is left to do. */
export async function keepsItsWord(host: SandboxHost, seed: number): Promise<number> {
  const random = new Random(seed)
  spaces += 1
  const space = `w${process.pid.toString(36)}x${spaces.toString(36)}`
  const nodes = randomNodes(random)
  await sshOk(host, 'rm -rf /var/lib/keelson')
  const story = new Story(host, space, nodes, random)
  await story.round(1, random.pick(FATES))
  if (random.next() < 0.6) {
    await story.byHand(random)
    await story.round(2, random.pick(FATES))
  }
  await wipe(host, space, nodes)
  return 1
}

class Story {
  readonly #host: SandboxHost
  readonly #space: string
  readonly #nodes: readonly Node[]
  readonly #random: Random
  #version = 1
  /** What another hand has changed and no run is known to have put right. */
  #drifted = new Set<string>()

  constructor(host: SandboxHost, space: string, nodes: readonly Node[], random: Random) {
    this.#host = host
    this.#space = space
    this.#nodes = nodes
    this.#random = random
  }

  /** Runs until a run is called converged, and holds every report and plan against the host. */
  async round(version: number, fate: Fate): Promise<void> {
    this.#version = version
    const spoilt = await this.#spoil(fate)
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.#look()
      const ended = await this.#converge(attempt === 1 && fate === 'cut')
      const after = await this.#look()
      const isWhole = !(ended instanceof Error) && ended.error === undefined
      if (isWhole) this.#judge(ended, before, after)
      const plan = await planOn(this.#host, this.#declared, ALL)
      this.#judgePlan(plan, after)
      if (isWhole && bad(ended).length === 0) {
        assert.equal(plan.changes, [], 'it was called converged')
        break
      }
      if (attempt === 1 && spoilt !== undefined) await sshOk(this.#host, `rm -f ${spoilt}`)
      assert.ok(
        attempt < 5,
        `it comes to no end: ${isWhole ? bad(ended).join(', ') : ended instanceof Error ? ended.message : 'it was cut'}`,
      )
    }
    const before = await this.#look()
    const again = await this.#converge(false)
    if (again instanceof Error) throw again
    assertWell(again)
    assert.equal(again.changes, [])
    assert.equal(await this.#look(), before, 'a second converge')
    this.#drifted = new Set()
  }

  /** Changes some of what files, edits and commands made. */
  async byHand(random: Random): Promise<void> {
    const before = await this.#look()
    const files = this.#nodes.filter(({ kind }) => kind === 'file' || kind === 'edit' || kind === 'made')
    for (const node of random.some(files, random.below(3)))
      await sshOk(this.#host, `echo 'k=other' > /srv/${this.#space}/${node.id}`)
    const after = await this.#look()
    // By a new check nobody can tell what became of what the old one asked for.
    const told = this.#nodes.filter(({ kind, moves }) => !(moves && (kind === 'made' || kind === 'meddle')))
    this.#drifted = new Set(
      told.filter(({ id }) => before.good.has(id) && !after.good.has(id)).map((node) => refOf(this.#space, node)),
    )
  }

  readonly #declared = (): void => declareNodes(this.#space, this.#nodes, this.#version)

  #look(): Promise<Seen> {
    return look(this.#host, this.#space, this.#nodes, this.#version)
  }

  /** @returns The path that spoils a step. */
  async #spoil(fate: Fate): Promise<string | undefined> {
    const commands = this.#nodes.filter(isCommand)
    if ((fate !== 'fails' && fate !== 'lies') || commands.length === 0) return undefined
    const path = spoiler(this.#space, this.#random.pick(commands), fate)
    await sshOk(this.#host, `touch ${path}`)
    return path
  }

  #converge(isCut: boolean): Promise<HostReport | Error> {
    const run = runOn(this.#host, this.#declared, ALL)
    const killer = new Killer(isCut ? this.#random.below(6) : Infinity)
    const connect = async () => killer.over(await run.connect())
    return comesTo(convergeHost({ ...run, connect, confirm: () => Promise.resolve(true) }))
  }

  #judge(report: HostReport, before: Seen, after: Seen): void {
    const outcomes = new Map(report.changes.map((change) => [change.ref, change]))
    this.#judgeCauses(report)
    for (const node of this.#nodes) {
      const change = outcomes.get(refOf(this.#space, node))
      const isGood = after.good.has(node.id)
      const said = change?.outcome ?? 'nothing'
      const isClaimed = said !== 'failed' && said !== 'skipped'
      if (isClaimed) assert.ok(isGood, `${refOf(this.#space, node)} is said to be ${said}, and is not in order`)
      if (node.kind !== 'service' || !isClaimed) continue
      const [was, is] = [before.runs.get(node.id)!, after.runs.get(node.id)!]
      const ref = refOf(this.#space, node)
      assert.ok(is.isLoaded, `${ref} is said to be ${said}, and has not loaded what is there`)
      assert.is(
        is.loads > was.loads,
        said === 'changed',
        `${ref} is said to be ${said}: loaded ${was.loads} → ${is.loads}`,
      )
      const action = change?.fields.find(({ followUp }) => followUp !== undefined)?.followUp?.action
      if (said === 'changed' && action === 'restart') assert.is.not(is.invocation, was.invocation, `${ref}: restart`)
      if (said !== 'changed') assert.is(is.invocation, was.invocation, `${ref} was restarted without a word`)
    }
  }

  #judgePlan(plan: Plan, seen: Seen): void {
    this.#judgeCauses(plan)
    const refs = new Set(plan.changes.map(({ ref }) => ref))
    for (const node of this.#nodes) {
      const ref = refOf(this.#space, node)
      if (!seen.good.has(node.id))
        assert.ok(refs.has(ref) || node.after.length > 0, `${ref} is not in order, nor in the plan`)
    }
  }

  /** Only what another hand has changed is called drift; and that is, as long as nobody put it right. */
  #judgeCauses({
    changes,
  }: {
    changes: readonly { ref: string; cause: string; kind: string; fields: readonly unknown[] }[]
  }): void {
    for (const { ref, cause, kind } of changes) {
      if (cause !== 'intent') assert.ok(this.#drifted.has(ref), `${ref} is called ${cause}, and is this run's own`)
      const isChange = kind === 'change' || kind === 'create'
      if (isChange && cause === 'intent') assert.not.ok(this.#drifted.has(ref), `${ref} is drift, and called ${cause}`)
    }
  }
}

const bad = ({ changes }: HostReport): string[] =>
  changes
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
    .map(({ ref, failure }) => `${ref}: ${failure?.said ?? ''}`)
