/**
 * Revisions of a site in its git repository. Nothing of the repository is written: trees are read into folders and an
 * index of their own, no hook runs, and no program that a tree names.
 */
import { execFile } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import type { Revision } from '../engine/plan/planFile.ts'
import { RevisionError } from './errors.ts'

/** A repository, and where in it the site is. */
export type Repository = {
  /** Absolute path of the work tree. */
  top: string
  /** Path of the site's file below that. */
  site: string
}

/** Two commits to compare. Without a `rev`, the head is the work tree as it is. */
export type Compared = { base: Revision; head: Revision }

/** Bytes of an answer of git: the names of all files of a repository. */
const MOST_BYTES = 64 * 2 ** 20
const SAFE = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false']

/** @throws {RevisionError} Where there is no git, no work tree, or no such file in it. */
export async function findRepository(siteFile: string): Promise<Repository> {
  const folder = await realpath(dirname(siteFile))
  const top = await git(folder, ['rev-parse', '--show-toplevel']).catch((error: unknown) => {
    throw new RevisionError(`${folder} is in no work tree of git`, {
      said: saidBy(error),
      next: 'revisions are those of git: change to the site in its repository',
      exit: 'usage',
    })
  })
  const path = top.trimEnd()
  return { top: path, site: relative(path, join(folder, basename(siteFile))) }
}

/**
 * Finds the commits that two revisions stand for. What a branch changes is told against the commit at which it left the
 * base: what the base has gained since is not the branch's doing.
 *
 * @param head A revision; undefined for the work tree.
 */
export async function findRevisions(
  { top }: Pick<Repository, 'top'>,
  base: string,
  head: string | undefined,
): Promise<Compared> {
  if (head === undefined) await refuseUnmerged(top)
  const [tip, last] = await Promise.all([commitOf(top, base), commitOf(top, head ?? 'HEAD')])
  const dirty = head === undefined && (await git(top, ['status', '--porcelain', '--ignore-submodules'])) !== ''
  const fork = await forkOf(top, tip, last)
  // To compare a revision with an earlier one is to ask what going back would change.
  const commit = fork === undefined || (head !== undefined && fork === last) ? tip : fork
  const [from, to] = await Promise.all([timeOf(top, commit), timeOf(top, last)])
  return {
    base: { rev: base, commit, at: from, ...(commit === tip ? {} : { tip }) },
    head: { rev: head ?? '', commit: last, at: to, ...(dirty ? { dirty } : {}) },
  }
}

async function refuseUnmerged(top: string): Promise<void> {
  const names = await namesFrom(top, ['diff', '--name-only', '--diff-filter=U', '-z'])
  if (names.length === 0) return
  throw new RevisionError(`the work tree is in the middle of a merge: ${names.slice(0, 5).join(', ')}`, {
    next: 'resolve the conflicts, or name a revision with --head',
  })
}

async function commitOf(top: string, rev: string): Promise<string> {
  // A word that begins with a dash is an option to some commands of git.
  const isOdd = rev === '' || rev.startsWith('-')
  const found = isOdd ? '' : await git(top, ['rev-parse', '--verify', '--quiet', `${rev}^{commit}`]).catch(() => '')
  if (/^[0-9a-f]{40,64}\n$/.test(found)) return found.trimEnd()
  const known = await namesFrom(top, ['for-each-ref', '--format=%(refname:short)%00', 'refs/heads', 'refs/remotes'])
  const hint = known.length === 0 ? '' : `; branches: ${known.slice(0, 10).join(', ')}`
  throw new RevisionError(`git knows no revision ${JSON.stringify(rev)}`, {
    next: `give a branch, a tag or a commit${hint}; one of another repository has to be fetched first`,
    exit: 'usage',
  })
}

/** The commit at which two revisions parted; undefined where their histories have none in common, or are cut off. */
async function forkOf(top: string, base: string, head: string): Promise<string | undefined> {
  const found = await git(top, ['merge-base', base, head]).catch(() => '')
  return found === '' ? undefined : found.split('\n', 1)[0]
}

async function timeOf(top: string, commit: string): Promise<string> {
  const seconds = await git(top, ['show', '--no-patch', '--no-show-signature', '--format=%ct', commit])
  return new Date(Number(seconds) * 1000).toISOString()
}

/** Writes all files of a commit into an empty folder. @param index Path of a file for git's use. */
export async function checkOut(top: string, commit: string, folder: string, index: string): Promise<void> {
  const gitDir = (await git(top, ['rev-parse', '--absolute-git-dir'])).trimEnd()
  const into = [`--git-dir=${gitDir}`, `--work-tree=${folder}`]
  await git(folder, [...into, 'read-tree', '--reset', '-u', '--no-recurse-submodules', commit], {
    GIT_INDEX_FILE: index,
  })
}

/** Files that git tracks or would add. */
export function filesOf(top: string): Promise<string[]> {
  return namesFrom(top, ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
}

async function namesFrom(top: string, args: readonly string[]): Promise<string[]> {
  const names = (await git(top, args)).split('\0').map((name) => name.replace(/^\n/, ''))
  return [...new Set(names)].filter((name) => name !== '')
}

function git(folder: string, args: readonly string[], more: { [name: string]: string } = {}): Promise<string> {
  const env = { ...ownEnvironment(), ...more, GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }
  return new Promise((resolve, reject) => {
    execFile('git', ['-C', folder, ...SAFE, ...args], { env, maxBuffer: MOST_BYTES }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      reject(new RevisionError(`git ${args.join(' ')} failed`, { said: stderr.trim() || error.message, next: '' }))
    })
  })
}

/** A hook of git, from which this may be started, names its own repository and index. */
function ownEnvironment(): { [name: string]: string | undefined } {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^GIT_(?!SSH|CONFIG|ASKPASS)/.test(name)))
}

function saidBy(error: unknown): string {
  return error instanceof RevisionError ? error.said : ''
}
