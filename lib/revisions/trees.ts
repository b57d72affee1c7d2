/**
 * The files of a revision in a folder of their own, with the packages of the repository. Symbolic links that lead
 * elsewhere are left out.
 */
import { constants, existsSync } from 'node:fs'
import { copyFile, lstat, mkdir, readdir, readlink, realpath, rm, symlink } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { checkOut, filesOf, type Repository } from './git.ts'

export type Tree = {
  /** Holds all files of the revision. */
  folder: string
  /** Absolute path of the site in it; it may not be there. */
  site: string
}

/** The packages that a site finds. */
export type Packages = {
  /** Real paths by their place below the top of the repository. */
  folders: ReadonlyMap<string, string>
  /** Real paths of those folders, and of what links in them lead to. */
  visible: string[]
}

/** @param commit Undefined for the work tree as it is. @param folder Its parent is there, and it is not. */
export async function makeTree(
  { top, site }: Repository,
  commit: string | undefined,
  { folders }: Packages,
  folder: string,
): Promise<Tree> {
  await mkdir(folder)
  if (commit === undefined) await copyFiles(top, folder)
  else await checkOut(top, commit, folder, `${folder}.index`)
  // First of all: what is put beside the files must not be put where a link leads.
  await dropForeignLinks(folder, folder)
  for (const [place, path] of folders) await replaceByLink(join(folder, place), path)
  return { folder, site: join(folder, site) }
}

/**
 * Finds the packages that the site of the work tree finds. A revision gets the same: what a branch declares as its
 * packages is not installed.
 */
export async function findPackages({ top, site }: Repository): Promise<Packages> {
  const found = upwards(dirname(join(top, site)))
    .map((place) => join(place, 'node_modules'))
    .filter((path) => existsSync(path))
  // A folder above the repository is none above a tree.
  const places = found.map((path): [string, string] => [
    isBelow(path, top) ? relative(top, path) : 'node_modules',
    path,
  ])
  const folders = new Map<string, string>()
  for (const [place, path] of places) if (!folders.has(place)) folders.set(place, await realpath(path))
  const visible = await Promise.all([...folders.values()].map((path) => placesOf(path)))
  return { folders, visible: [...new Set(visible.flat())] }
}

/** Nothing that a branch brings along stands in the place of a package. */
async function replaceByLink(link: string, path: string): Promise<void> {
  await rm(link, { recursive: true, force: true })
  await mkdir(dirname(link), { recursive: true })
  await symlink(path, link)
}

/** Copies what git tracks or would add: what it ignores may be secret, and is in no revision. */
async function copyFiles(top: string, folder: string): Promise<void> {
  const all = await filesOf(top)
  const parents = new Set<string>()
  for (const parent of new Set(all.map((name) => dirname(name)))) {
    // A folder that was replaced by a link leads to files that git does not mean.
    if ((await realpath(join(top, parent)).catch(() => '')) !== join(top, parent)) continue
    parents.add(parent)
    await mkdir(join(folder, parent), { recursive: true })
  }
  const names = all.filter((name) => parents.has(dirname(name)))
  for (let at = 0; at < names.length; at += 32)
    await Promise.all(names.slice(at, at + 32).map((name) => copyEntry(join(top, name), join(folder, name))))
}

async function copyEntry(from: string, to: string): Promise<void> {
  const there = await lstat(from).catch(() => undefined)
  if (there?.isSymbolicLink()) await symlink(await readlink(from), to)
  else if (there?.isFile()) await copyFile(from, to, constants.COPYFILE_FICLONE)
}

function upwards(folder: string): string[] {
  return folder === dirname(folder) ? [folder] : [folder, ...upwards(dirname(folder))]
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)
}

/** A folder of packages, and where links in it lead: a workspace, or a package in development. */
export async function placesOf(modules: string): Promise<string[]> {
  const entries = await linksIn(modules)
  const leads = await Promise.all(entries.map((path) => realpath(path).catch(() => modules)))
  return [modules, ...leads.filter((path) => !isBelow(path, modules))]
}

async function linksIn(modules: string, isScope = false): Promise<string[]> {
  const entries = await readdir(modules, { withFileTypes: true })
  const scopes = isScope ? [] : entries.filter((each) => each.isDirectory() && each.name.startsWith('@'))
  const inner = await Promise.all(scopes.map(({ name }) => linksIn(join(modules, name), true)))
  const links = entries.filter((each) => each.isSymbolicLink()).map(({ name }) => join(modules, name))
  return [...links, ...inner.flat()]
}

/** Takes away links by which a recipe would read what is in no revision: not every machine can withhold that. */
async function dropForeignLinks(folder: string, root: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return dropForeignLinks(path, root)
      if (!entry.isSymbolicLink()) return undefined
      const target = await realpath(path).catch(() => '')
      return isBelow(target, root) ? undefined : rm(path)
    }),
  )
}
