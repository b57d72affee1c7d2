/**
 * What the classes of hostile text share: a batch of strings is declared, what the recipe's checks take is brought to a
 * host, and the tool that reads it there is asked for it.
 */
import { spawn } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../../lib/engine/catalog/evaluate.ts'
import type { HostReport } from '../../../lib/engine/report.ts'
import type { SandboxHost } from '../../../lib/sandbox/sandbox.ts'
import { catalogOf, convergeOn, planOn } from '../../support/converge.ts'
import { sshArguments, sshOk } from '../../support/host.ts'
import { DOES } from '../outcome.ts'
import { Random } from '../random.ts'
import { CANARY, hostileStrings } from './strings.ts'

export type HostileClass = {
  name: string
  packages: readonly string[]
  /** Fragments that mean something to it. */
  own: readonly string[]
  /** More that a host needs, once: shell text. */
  setUp?: string
  /**
   * Brings the strings to the host through the fields of the class, and compares what came out.
   * @returns Which were kept.
   */
  bring(host: SandboxHost, values: readonly string[], random: Random): Promise<ReadonlySet<string>>
}

/** Where everything is that a batch leaves on a host. */
export const PLACE = '/srv/h'
const SCOPED = { only: (): boolean => true }

export async function prepareHost(host: SandboxHost, { packages, setUp = ':' }: HostileClass): Promise<void> {
  const install = `DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ${packages.join(' ')}`
  if (packages.length > 0) await sshOk(host, `(apt-get -q update && ${install}) >/dev/null 2>&1`)
  await sshOk(host, `mkdir -p -m 1777 ${CANARY} && mkdir -p ${PLACE}\n${setUp}`)
}

/** One batch. @throws When a string came out otherwise than it went in, or ran, or too few were kept to mean anything. */
export async function runBatch(host: SandboxHost, one: HostileClass, seed: number, count: number): Promise<void> {
  // A batch that failed leaves behind what it was about.
  await sshOk(host, `rm -rf ${PLACE} ${CANARY}/* /var/lib/keelson; mkdir ${PLACE}`)
  const random = new Random(seed)
  const kept = await one.bring(host, hostileStrings(random, count, one.own), random)
  assert.is(await sshOk(host, `ls ${CANARY}`), '', 'something was executed')
  assert.ok(kept.size >= count / 5, `only ${kept.size} of ${count} were kept`)
  if (process.env['KEELSON_TELL'] !== undefined) console.error(`${one.name}: ${kept.size} of ${count} kept`)
}

/** Those that the recipe's checks take; what they refuse they refuse with the line that declared it. */
export function accepted<Item>(host: SandboxHost, items: readonly Item[], declare: (item: Item) => unknown): Item[] {
  return items.filter((item) => {
    try {
      catalogOf(host, () => void declare(item))
      return true
    } catch (error) {
      assert.instance(error, RecipeError, `${JSON.stringify(item)}: ${String(error)}`)
      assert.match(String(error), /torture\/hostile\/[a-z]+\.ts:\d+: /)
      return false
    }
  })
}

/** Converges, after which nothing is left to do. */
export async function converge(host: SandboxHost, declare: () => void): Promise<void> {
  assertDone(await convergeOn(host, declare, SCOPED))
  await assertNothingToDo(host, declare)
}

/** The plan finds nothing to do: it reads what is there as what is declared. */
export async function assertNothingToDo(host: SandboxHost, declare: () => void): Promise<void> {
  const changes = (await planOn(host, declare, SCOPED)).changes.filter(({ kind }) => DOES.has(kind))
  assert.is(
    changes.length,
    0,
    `a plan after it has ${changes.length} things to do, ${JSON.stringify(changes.slice(0, 3))}`,
  )
}

function assertDone({ changes, error }: HostReport): void {
  assert.is(error, undefined, JSON.stringify(error))
  const bad = changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  const said = bad.map(({ ref, failure }) => `${ref}: ${failure?.said ?? 'skipped'}`)
  assert.ok(bad.length === 0, `${bad.length} failed, ${said[0]}`)
}

/**
 * Runs a program on a host, whose text has no limit.
 * @param shell Given the program's path.
 * @throws With what it said when it fails.
 */
export async function runProgram(host: SandboxHost, program: string, shell = 'sh'): Promise<Buffer> {
  const run = spawn('ssh', [...sshArguments(host), `cat > /root/program && ${shell} /root/program`])
  run.stdin.end(program)
  const ended = new Promise<number | null>((resolve) => run.once('close', resolve))
  const [stdout, stderr, exit] = await Promise.all([buffer(run.stdout), buffer(run.stderr), ended])
  if (exit !== 0) throw new Error(`${shell} ended with exit ${exit}: ${stderr.toString().slice(0, 2000)}`)
  return stdout
}

/** NUL-terminated records. */
export function recordsOf(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\0').slice(0, -1)
}

/** Compares in order; says only what differs. */
export function assertKept(seen: readonly string[], sent: readonly string[], what: string): void {
  const differing = sent.flatMap((value, index) =>
    seen[index] === value ? [] : [`${JSON.stringify(value)} is ${JSON.stringify(seen[index])}`],
  )
  assert.ok(
    differing.length === 0,
    `${what}: ${differing.length} of ${sent.length} differ, ${differing.slice(0, 4).join('\n')}`,
  )
  assert.is(seen.length, sent.length, what)
}
