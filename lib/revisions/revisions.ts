/**
 * What two revisions of a site declare: their files in folders that go away again, their recipes evaluated.
 */
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isBuilt, OWN, ROOT } from '../dsl/home.ts'
import type { Catalog } from '../engine/catalog/catalog.ts'
import type { PlanBase, Revision } from '../engine/plan/planFile.ts'
import { findConfinement } from './confinement.ts'
import { endEvaluations, evaluateRevision } from './evaluate.ts'
import { findRepository, findRevisions } from './git.ts'
import { findPackages, makeTree, placesOf } from './trees.ts'

export type Declared = {
  about: Extract<PlanBase, { kind: 'rev' }>
  /** Catalogs of all hosts. */
  base: Catalog[]
  head: Catalog[]
}

/**
 * Evaluates two revisions. No host is contacted and no secret read; the repository stays as it is.
 *
 * @param head Undefined for the work tree.
 * @throws {RevisionError | RecipeError}
 */
export async function readRevisions(siteFile: string, base: string, head: string | undefined): Promise<Declared> {
  const repository = await findRepository(siteFile)
  const compared = await findRevisions(repository, base, head)
  return inFolder(async (folder) => {
    const packages = await findPackages(repository)
    const visible = [...packages.visible, ...(await ownPlaces())]
    const place = async (name: string): Promise<string> => {
      await mkdir(join(folder, name))
      return join(folder, name)
    }
    const commit = head === undefined ? undefined : compared.head.commit
    const [how, to, from] = await settled([
      findConfinement(await place('try'), visible),
      makeTree(repository, commit, packages, join(folder, 'head')),
      makeTree(repository, compared.base.commit, packages, join(folder, 'base')),
    ])
    const [after, before] = await settled([
      evaluateRevision({ name: nameOf(compared.head), tree: to, visible, scratch: await place('scratch-head'), how }),
      evaluateRevision({ name: nameOf(compared.base), tree: from, visible, scratch: await place('scratch-base'), how }),
    ])
    const about = { kind: 'rev', at: new Date().toISOString(), ...compared, evaluated: how } as const
    return { about, base: before, head: after }
  })
}

/** Waits for all before it throws the error of the first: none goes on in a folder that is taken away. */
async function settled<const Work extends readonly Promise<unknown>[]>(
  work: Work,
): Promise<{ -readonly [K in keyof Work]: Awaited<Work[K]> }> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

function nameOf({ rev, commit }: Revision): string {
  return rev === '' || rev.startsWith(commit.slice(0, 7)) ? rev : `${rev} ${commit.slice(0, 12)}`
}

/** Keelson itself, and the packages that it needs: by the names under which it looks for them, which may be links. */
export async function ownPlaces(): Promise<string[]> {
  const inside = join(ROOT, 'node_modules')
  const parent = dirname(ROOT)
  const modules = [...(basename(parent) === 'node_modules' ? [parent] : []), ...(existsSync(inside) ? [inside] : [])]
  const own = isBuilt ? [ROOT] : [OWN, join(ROOT, 'package.json')]
  const places = await Promise.all(modules.map(async (path) => [path, ...(await placesOf(await realpath(path)))]))
  return [...own, ...places.flat()]
}

/** Runs `work` with a folder that is gone afterwards, also when a signal ends this process. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'keelson-revisions-')))
  const clean = (): void => {
    endEvaluations()
    rmSync(folder, { recursive: true, force: true })
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    clean()
    process.off(signal, onSignal)
    process.kill(process.pid, signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  process.on('exit', clean)
  try {
    return await work(folder)
  } finally {
    endEvaluations()
    await rm(folder, { recursive: true, force: true })
    process.off('exit', clean)
    for (const signal of signals) process.off(signal, onSignal)
  }
}
