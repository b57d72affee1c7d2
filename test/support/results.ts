/**
 * What long checks have found so far, in a file of their own: the next call goes on from there, as long as the code is
 * the same.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Tells one state of these folders from any other, with what is not committed yet. */
export function codeIn(...folders: string[]): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })
  const trees = git('rev-parse', ...folders.map((folder) => `HEAD:${folder}`))
  const edits = git('diff', 'HEAD', '--', ...folders)
  if (edits === '') return trees.trim().split('\n').join(' ')
  return createHash('sha256')
    .update(trees + edits)
    .digest('hex')
}

/** @returns `fresh`, where nothing is known of the same `code`. */
export async function resumed<Results extends { code: string }>(path: string, fresh: Results): Promise<Results> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  const known: Partial<Results> = JSON.parse(text)
  return known.code === fresh.code ? { ...fresh, ...known } : fresh
}
