/**
 * The commit that a line of a recipe comes from, where git is at hand.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Source } from '../engine/catalog/catalog.ts'
import type { LineCommit } from '../render/view/explanation.ts'

const run = promisify(execFile)

/** @param folder The site's folder. @returns Undefined outside a git work tree, without git, and for a file it ignores. */
export async function commitOf(folder: string, { file, line }: Source): Promise<LineCommit | undefined> {
  if (line < 1) return undefined
  try {
    const range = `${line},${line}`
    const { stdout } = await run('git', ['-C', folder, 'blame', '--porcelain', '-L', range, '--', file])
    return parseBlame(stdout)
  } catch {
    return undefined
  }
}

/** Parses the output of `git blame --porcelain` for one line (git-blame(1)). */
export function parseBlame(stdout: string): LineCommit | undefined {
  const [head = '', ...lines] = stdout.split('\n')
  const commit = /^[0-9a-f]{40,64}(?= )/.exec(head)?.[0]
  if (commit === undefined) return undefined
  if (/^0+$/.test(commit)) return { committed: false }
  const about = new Map(
    lines
      .filter((line) => !line.startsWith('\t'))
      .map((line) => [line.split(' ', 1)[0]!, line.slice(line.indexOf(' ') + 1)]),
  )
  const at = new Date(Number(about.get('author-time')) * 1000)
  if (Number.isNaN(at.getTime())) return undefined
  return {
    committed: true,
    commit,
    at: at.toISOString(),
    author: about.get('author') ?? '',
    subject: about.get('summary') ?? '',
  }
}
