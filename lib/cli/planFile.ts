/**
 * Writes and reads plan files.
 */
import { lstat, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { version } from '../dsl/home.ts'
import { firstProblem } from '../dsl/validate.ts'
import { type Catalog, digestOf } from '../engine/catalog/catalog.ts'
import { maskedPlan } from '../engine/plan/masking.ts'
import { contradictionIn, PLAN_FILE_FORMAT, type PlanBase, type PlanFile } from '../engine/plan/planFile.ts'
import { PLAN_FILE_SCHEMA } from '../engine/plan/planSchema.ts'
import type { AnyReport, Plan } from '../engine/report.ts'
import { isObject, parseJson } from '../kit/form.ts'
import type { CommandContext } from './commandContext.ts'
import { UsageError } from './errors.ts'
import { whoIsAtWork } from './who.ts'

/** A plan that creates 50,000 resources has less of both. */
const MOST_BYTES = 128 * 2 ** 20
const MOST_VALUES = 4_000_000

export type Made = { catalog: Catalog; plan: Plan }
type Planned = {
  made: readonly Made[]
  only: readonly string[]
  reports: readonly AnyReport[]
  /** Set for plans that compare two revisions. */
  compared?: Extract<PlanBase, { kind: 'rev' }>
}

/**
 * Writes plans to a file, and says so.
 * @throws {UsageError} When the file cannot be written.
 */
export async function savePlans(context: CommandContext, path: string, planned: Planned): Promise<void> {
  await writePlanFile(path, await planFileOf(context, planned))
  const { out, err } = context.output
  const sink = context.json ? err : out
  const next = planned.compared === undefined ? 'converge applies exactly that or nothing' : 'also as markdown or html'
  sink.write(`\nWritten to ${path}: plan show displays it, ${next}.\n`)
}

async function planFileOf(
  { site, output }: CommandContext,
  { made, only, reports, compared }: Planned,
): Promise<PlanFile> {
  const { commit, dirty = false } = compared?.head ?? (await whoIsAtWork(dirname(site.file)))
  const plans = new Map(
    made.map(({ catalog, plan }) => [
      plan.host.name,
      { inputsDigest: digestOf(catalog), plan: maskedPlan(plan, output) },
    ]),
  )
  const unplanned = reports.flatMap(({ host, error }) =>
    plans.has(host) ? [] : [{ host, because: output.redact(error?.message ?? 'it was not planned') }],
  )
  const name = made[0]?.catalog.site
  return {
    format: PLAN_FILE_FORMAT,
    tool: version(),
    base: compared ?? { kind: 'live', at: new Date().toISOString() },
    ...(name === undefined ? {} : { site: name }),
    ...(commit === undefined ? {} : { recipe: { commit, dirty } }),
    ...(only.length === 0 ? {} : { only: [...only] }),
    hosts: reports.flatMap(({ host }) => plans.get(host) ?? []),
    ...(unplanned.length === 0 ? {} : { unplanned }),
  }
}

/** By rename, so that no reader finds a part of it; for the owner only, because it holds texts of the hosts. */
async function writePlanFile(path: string, file: PlanFile): Promise<void> {
  const fresh = `${path}.${process.pid}.new`
  try {
    const there = await lstat(path).catch(() => undefined)
    if (there !== undefined && !there.isFile()) throw new Error('it is there, and no plain file')
    await writeFile(fresh, `${JSON.stringify(file)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined)
    throw new UsageError(`${path} cannot be written: ${messageOf(error)}`, 'give --out the path of a file')
  }
}

/**
 * Reads a plan file, which may come from anybody.
 * @throws {UsageError} When it is no plan file that this version reads.
 */
export async function readPlanFile(path: string): Promise<PlanFile> {
  const file = parsed(path, await textOf(path))
  const problem = shapeProblem(file) ?? firstProblem(PLAN_FILE_SCHEMA, file)
  if (problem !== undefined) throw unreadable(path, problem)
  if (!isPlanFile(file)) throw unreadable(path, 'it has another shape')
  const contradiction = contradictionIn(file)
  if (contradiction === undefined) return file
  throw new UsageError(`${path} was changed after it was written: ${contradiction}`, 'plan again with --out')
}

/** Says of another major version only that, whatever else is in the file. */
function shapeProblem(file: unknown): string | undefined {
  const format = isObject(file) ? file['format'] : undefined
  if (typeof format !== 'string' || !/^\d{1,4}\.\d{1,6}$/.test(format)) return 'it does not say its format'
  const [major, own] = [format, PLAN_FILE_FORMAT].map((each) => each.split('.')[0])
  if (major === own) return undefined
  return `it has format ${format}, and keelson ${version()} reads format ${own}`
}

/** The schema has decided that. */
function isPlanFile(file: unknown): file is PlanFile {
  return isObject(file)
}

function parsed(path: string, text: string): unknown {
  try {
    return parseJson(text, MOST_VALUES)
  } catch (error) {
    // What JSON.parse says may quote the text, and is shown cleaned.
    throw unreadable(path, messageOf(error))
  }
}

async function textOf(path: string): Promise<string> {
  const handle = await open(path).catch((error: unknown) => {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}`, 'plan --out writes such a file')
  })
  try {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of handle.createReadStream({ end: MOST_BYTES, autoClose: false })) {
      chunks.push(chunk)
      size += chunk.length
    }
    if (size > MOST_BYTES) throw unreadable(path, `it is larger than ${MOST_BYTES / 2 ** 20} MiB`)
    return Buffer.concat(chunks).toString()
  } catch (error) {
    throw error instanceof UsageError ? error : unreadable(path, messageOf(error))
  } finally {
    await handle.close()
  }
}

function unreadable(path: string, because: string): UsageError {
  return new UsageError(`${path} is no plan that can be read: ${because}`, 'plan --out writes such a file')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
