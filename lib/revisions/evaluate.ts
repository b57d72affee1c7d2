/**
 * Evaluates the recipes of a revision in a process of its own, which gets nothing that it does not need, and whose answer
 * is taken as input from outside.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { isBuilt, ROOT } from '../dsl/home.ts'
import type { Catalog } from '../engine/catalog/catalog.ts'
import { type Diagnostic, RecipeError } from '../engine/catalog/evaluate.ts'
import { type Answer, MOST_BYTES, parseAnswer } from './answer.ts'
import { confined, type Confinement, MOST_HEAP_MIB, MOST_SECONDS } from './confinement.ts'
import { RevisionError } from './errors.ts'
import { ANSWER_FD, EVALUATE } from './protocol.ts'
import type { Tree } from './trees.ts'

type Limits = { ms: number; bytes: number }
/** For what waits: a busy machine may take long, and what computes is ended by the processor's time. */
const LIMITS: Limits = { ms: 120_000, bytes: MOST_BYTES }
/** How long a process may take to end after its answer, and its answer after it. */
const END_MS = 1000

export type Asked = {
  /** For errors: `origin/main`; empty for the work tree. */
  name: string
  tree: Tree
  /** What has to be visible besides: packages, and Keelson itself. */
  visible: readonly string[]
  /** An empty folder. */
  scratch: string
  how: Confinement
}

type Result = { text: string; over: 'late' | 'large' | 'ended'; exit: string }

/** Processes that this one has to end before it ends. */
const running = new Set<ChildProcess>()

/** Ends all of them at once, with what they started. */
export function endEvaluations(): void {
  for (const child of running) end(child)
}

/**
 * @returns The catalogs of the hosts; none when the revision has no site.
 * @throws {RecipeError} With the mistakes in its recipes.
 * @throws {RevisionError} When there is no answer, or none that can be used.
 */
export async function evaluateRevision(asked: Asked, limits = LIMITS): Promise<Catalog[]> {
  const { tree, visible, scratch, how } = asked
  const args = [...loader(), BIN, EVALUATE, tree.site]
  const { program, args: all, options } = await confined(how, { args, visible: [tree.folder, ...visible], scratch })
  const child = spawn(program, all, { ...options, detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  running.add(child)
  const result = await resultOf(child, limits).finally(() => running.delete(child))
  const { mistakes = [], catalogs = [] } = answerIn(asked, result, limits)
  if (mistakes.length > 0) throw new RecipeError(mistakes.map((mistake) => inRevision(mistake, asked)))
  return catalogs
}

const BIN = isBuilt ? join(ROOT, 'dist/bin.cjs') : join(ROOT, 'lib/cli/bin.ts')

/** What loads TypeScript where neither Node nor the bin does. */
function loader(): string[] {
  if (isBuilt || Reflect.get(process.features, 'typescript')) return []
  const tsx = createRequire(join(ROOT, 'package.json')).resolve('tsx')
  return ['--import', pathToFileURL(tsx).href]
}

/** Waits for the answer and the end of the process, but for neither longer than it may take. */
function resultOf(child: ChildProcess, { ms, bytes }: Limits): Promise<Result> {
  const stream = child.stdio[ANSWER_FD]
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let exit: string | undefined
    let patience: NodeJS.Timeout | undefined
    const finish = (over: Result['over']): void => {
      clearTimeout(timer)
      clearTimeout(patience)
      stream?.destroy()
      end(child)
      resolve({ over, text: over === 'ended' ? Buffer.concat(chunks).toString() : '', exit: exit ?? '' })
    }
    const timer = setTimeout(() => finish('late'), ms)
    // One has come; the other comes soon, or is not waited for.
    const half = (isBoth: boolean): void => {
      if (isBoth) finish('ended')
      else patience = setTimeout(() => finish('ended'), END_MS)
    }
    if (!(stream instanceof Readable)) return reject(new Error('there is no pipe for the answer'))
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > bytes) finish('large')
      else chunks.push(chunk)
    })
    stream.once('end', () => half(exit !== undefined))
    stream.on('error', () => finish('ended'))
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      exit = signal ?? `exit ${code}`
      half(stream.readableEnded)
    })
  })
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function answerIn({ name }: Asked, { over, text, exit }: Result, { ms, bytes }: Limits): Answer {
  const of = name === '' ? 'the work tree' : name
  if (over === 'late')
    throw new RevisionError(`the recipes of ${of} were not evaluated within ${ms / 1000} s`, {
      next: 'a recipe is a plain function: look for a loop without an end, or for something that is waited for',
    })
  if (over === 'large')
    throw new RevisionError(`the catalog of ${of} is larger than ${bytes / 2 ** 20} MiB`, { next: '' })
  if (text === '')
    throw new RevisionError(`the process that evaluated the recipes of ${of} ended before it had a catalog (${exit})`, {
      next: `a recipe must not end its process; ${MOST_HEAP_MIB} MiB of memory and ${MOST_SECONDS} s of the processor's time are its limits`,
    })
  try {
    return parseAnswer(text)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new RevisionError(`the catalog of ${of} cannot be used: it ${problem}`, {
      next: 'something in that revision has made it up; look at what its recipes import',
    })
  }
}

/** Without the folder of the tree, which nobody finds afterwards. */
function inRevision({ message, ...about }: Diagnostic, { name, tree }: Asked): Diagnostic {
  const words = message.replaceAll(`${tree.folder}/`, '').replaceAll(tree.folder, 'its top folder')
  return { ...about, message: name === '' ? words : `${words} (in ${name})` }
}
