/**
 * Local accounts against root's hands: while a host is converged, a process of an account watches its own folders and
 * puts links, pipes, other folders and files of its own in the place of whatever is seen there (attacker.pl). A case is a
 * few scenes on one host at the same time, each with an attacker of its own; phases, moves and timing are taken from its
 * seed, and the kernel's protection of links from the seed's place among others. It counts as many cases as the attackers
 * made attempts.
 */
import * as assert from 'uvu/assert'
import { convergeHost } from '../../../lib/engine/apply/converge.ts'
import { Refused } from '../../../lib/engine/errors.ts'
import type { HostReport } from '../../../lib/engine/report.ts'
import { undoHost } from '../../../lib/engine/undo/undoHost.ts'
import { file } from '../../../lib/index.ts'
import { restore, type SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { runOn } from '../../support/converge.ts'
import { sshOk } from '../../support/host.ts'
import { assertWell, comesTo } from '../outcome.ts'
import { Random } from '../random.ts'
import { beginText, countedIn, prepareScenes, startText, STOP, WHOLE } from './host.ts'
import { compareText, rememberText, REST } from './oracle.ts'
import { withLinks } from './protection.ts'
import type { Phase, Scene, Version } from './scene.ts'
import { SECRET } from './scene.ts'
import { SCENES } from './scenes.ts'
import { type Way, wayOf } from './ways.ts'

/** However the attackers behave, a converge ends within this time. */
const LIMIT_MS = 120_000
const OPTIONS = { secrets: { canary: SECRET }, allowLockout: true }
/** Scenes of a case: more of them share what a case costs, fewer of them get further before something is in the way. */
const SCENES_AT_ONCE = 5
/** Attempts of one attacker in a case that count: more of the same kind tell no more. */
const MOST = 100
/** Cases in a row in which the kernel protects links, and then in which it does not. */
const PROTECTED = 8

/** A scene in a case, and how it is attacked. */
export type Part = { scene: Scene; phase: Phase; way: Way }

/** What is declared of a scene before the attack, and while it goes on, one after the other; undefined for nothing. */
const ROUNDS: { readonly [phase in Phase]: { first?: Version; later: readonly (Version | undefined)[] } } = {
  create: { later: [1, 2, 1] },
  change: { first: 1, later: [2, 1, 2] },
  gone: { first: 1, later: [undefined, 2, undefined] },
  absent: { first: 1, later: [0, 1, 0] },
  // All of a case or nothing: version 2 is taken back, made again and taken back.
  undo: { first: 1, later: [1, 2, 1] },
  breaks: { first: 1, later: [3, 1, 3] },
}

/** One case. @returns How many attempts were made. */
export function attack(host: SandboxHost, seed: number, scenes: readonly Scene[] = SCENES): Promise<number> {
  const random = new Random(seed)
  const undoes = random.next() < 0.2
  const able = scenes.filter(({ phases }) => !undoes || phases.includes('undo'))
  const chosen = random.some(able, SCENES_AT_ONCE)
  const parts = chosen.map((scene): Part => {
    const phase = undoes ? 'undo' : random.pick(scene.phases.filter((one) => one !== 'undo'))
    // Processes that one attacker sees may be of another's scene.
    const beside = chosen.filter(({ account }) => account === scene.account)
    const spares = beside.flatMap((one) => one.spares ?? [])
    return { scene, phase, way: wayOf(random, spares) }
  })
  return attackParts(host, parts, Math.floor(seed / PROTECTED) % 2 === 0)
}

/**
 * @param protects Whether the kernel protects links in folders that all may write, and hard links to files of others. Left
 *   out, as this machine has it.
 */
export async function attackParts(host: SandboxHost, parts: readonly Part[], protects?: boolean): Promise<number> {
  const work = async (): Promise<number> => {
    // Whatever an earlier case has left, or what ran has still to notice of it: each begins with the host as it was.
    await restore(host.name, WHOLE)
    return new Bout(host, parts, protects).fight()
  }
  return protects === undefined ? work() : withLinks(protects, work)
}

class Bout {
  readonly #host: SandboxHost
  readonly #parts: readonly Part[]
  readonly #about: string
  readonly #undoes: boolean

  constructor(host: SandboxHost, parts: readonly Part[], protects?: boolean) {
    this.#host = host
    this.#parts = parts
    this.#undoes = parts.some(({ phase }) => phase === 'undo')
    const each = parts.map(({ scene, phase, way }) => `${scene.name}, ${phase} (${way.moves.join(' ')})`)
    this.#about = `${host.os}, links ${protects === false ? 'not ' : ''}protected: ${each.join('; ')}`
  }

  async fight(): Promise<number> {
    const scenes = this.#parts.map(({ scene }) => scene)
    const times = [performance.now()]
    await sshOk(this.#host, beginText(scenes))
    const firsts = this.#parts.map(({ phase }) => ROUNDS[phase].first)
    if (firsts.some((version) => version !== undefined)) assertWell(await this.#converge(firsts, 0))
    if (this.#undoes)
      assertWell(
        await this.#converge(
          this.#parts.map(() => 2),
          1,
        ),
      )
    times.push(performance.now())
    await sshOk(this.#host, `${rememberText(scenes)}\n${startText(this.#parts)}`)
    times.push(performance.now())
    const ended = [await this.#round(0), await this.#round(1), await this.#round(2)]
    times.push(performance.now())
    const said = await sshOk(this.#host, `${STOP}\n${compareText(scenes, restOf(this.#undoes ? 0 : 3))}`)
    const { counts, gained } = countedIn(said)
    const attempts = counts.reduce((sum, count) => sum + Math.min(count, MOST), 0)
    times.push(performance.now())
    this.#tell(counts, ended, times)
    const words = ended.map(wordsOf).join('\n')
    assert.is(
      gained,
      '',
      `${this.#about}, after ${attempts} attempts:\n${gained.slice(0, 2000)}\n${words.slice(0, 1500)}`,
    )
    for (const one of ended) this.#assertClear(one)
    return attempts
  }

  /** One converge, or undo, under attack. */
  async #round(round: number): Promise<HostReport | Error> {
    if (this.#undoes && round % 2 === 0) return this.#within(comesTo(this.#undo()))
    const versions = this.#parts.map(({ phase }) => ROUNDS[phase].later[round])
    return this.#within(comesTo(this.#converge(versions, this.#undoes ? 1 : round + 1)))
  }

  /** More than a few are to go at once at times: that was meant. */
  async #converge(versions: readonly (Version | undefined)[], rest: number): Promise<HostReport> {
    const run = { ...runOn(this.#host, this.#declared(versions, rest), OPTIONS), confirm: () => Promise.resolve(true) }
    let allowRemove = 0
    for (let tries = 0; ; tries += 1) {
      try {
        return await convergeHost({ ...run, allowRemove })
      } catch (error) {
        const count =
          error instanceof Refused ? /^(\d+) resources would be removed/.exec(error.message)?.[1] : undefined
        if (count === undefined || tries === 3) throw error
        allowRemove = Number(count)
      }
    }
  }

  #undo(): Promise<HostReport> {
    const declare = this.#declared(
      this.#parts.map(() => 2),
      1,
    )
    return undoHost({ ...runOn(this.#host, declare, OPTIONS), confirm: () => Promise.resolve(true) })
  }

  #declared(versions: readonly (Version | undefined)[], rest: number): () => void {
    return () => {
      file({ path: REST[0], content: `${restOf(rest)}\n` })
      for (const [index, { scene }] of this.#parts.entries()) {
        const version = versions[index]
        if (version !== undefined) scene.declare(version)
      }
      file({ path: REST[1], content: `${restOf(rest)}\n`, owner: 'other' })
    }
  }

  async #within<Result>(work: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), LIMIT_MS)
    })
    const ended = await Promise.race([work.then((result) => ({ result })), late]).finally(() => clearTimeout(timer))
    if (ended !== undefined) return ended.result
    const running = await sshOk(this.#host, 'ps -e -o pid,user,etimes,stat,wchan:20,args --forest | tail -n 60')
    throw new Error(`${this.#about}: no end within ${LIMIT_MS / 1000} s:\n${running}`)
  }

  /** A refusal is an answer when it says what it is about; what is not of the scenes was none of the attackers' business. */
  #assertClear(ended: HostReport | Error): void {
    assert.not.instance(ended, Error, `${this.#about}: nothing was converged: ${wordsOf(ended)}`)
    if (ended instanceof Error) return
    assert.is(ended.error, undefined, `${this.#about}: nothing was converged: ${wordsOf(ended)}`)
    const known = this.#parts.flatMap(({ scene }) => [...scene.folders, ...(scene.made ?? []), scene.account])
    for (const { ref, outcome, failure } of ended.changes) {
      if (outcome !== 'failed') continue
      const said = failure?.said ?? ''
      assert.not.ok(
        REST.some((path) => ref.endsWith(path)),
        `${this.#about}: ${ref} failed: ${said}`,
      )
      const key = ref.slice(ref.indexOf(':') + 1)
      const names = [
        ...known,
        key,
        ...key.split('/').filter(Boolean),
        'no longer as the plan saw it',
        'it keeps changing',
        'Killed',
        // A service that did not come up with it.
        ...ended.changes.map(({ label }) => label),
      ]
      assert.ok(
        names.some((name) => said.toLowerCase().includes(name.toLowerCase())),
        `${this.#about}: ${ref} failed without a reason: ${JSON.stringify(failure)}`,
      )
      // What a shell or the language says of Keelson's own text; a server may find a syntax error in what it was given.
      assert.not.match(said, /program: \d+:|Syntax error:|TypeError/, `${this.#about}: ${ref} failed: ${said}`)
    }
  }

  #tell(counts: readonly number[], ended: readonly (HostReport | Error)[], times: readonly number[]): void {
    if (process.env['KEELSON_TELL'] === undefined) return
    const took = times.slice(1).map((time, index) => ((time - times[index]!) / 1000).toFixed(1))
    console.error(
      `${this.#about}: ${counts.join(' ')} attempts; ${took.join(' ')} s\n${ended.map(wordsOf).join('\n--\n').slice(0, 1500)}`,
    )
  }
}

const restOf = (round: number): string => `rest ${round}`

function wordsOf(ended: HostReport | Error): string {
  if (ended instanceof Error) return `${ended.name}: ${ended.message} ${'said' in ended ? String(ended.said) : ''}`
  const bad = ended.changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  const error = ended.error === undefined ? [] : [`${ended.error.message}: ${ended.error.said}`]
  return [...error, ...bad.map(({ ref, outcome, failure }) => `${ref} ${outcome}: ${failure?.said ?? ''}`)].join('\n')
}

export const LOCAL_ATTACKER = {
  name: 'local attacker',
  goal: 5000,
  releases: ['debian-12', 'debian-13'] as const,
  prepare: (host: SandboxHost) => prepareScenes(host, SCENES),
  run: (host: SandboxHost, seed: number) => attack(host, seed),
  restores: true as const,
}
