/**
 * The tree a fresh host starts from: one per operating system, built once by mmdebstrap(1) and never written to again.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { access, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { cgroupOf, killCgroup, spawnIn } from './cgroup.ts'
import { lastLines, run } from './commands.ts'
import { withLock } from './lock.ts'
import { unmountBelow } from './mounts.ts'
import type { State } from './state.ts'
import { removeTree } from './system.ts'

export const sandboxOses = ['debian-12', 'debian-13'] as const

export type SandboxOs = (typeof sandboxOses)[number]

/** Debian's own name of each release. */
const SUITES: Record<SandboxOs, string> = { 'debian-12': 'bookworm', 'debian-13': 'trixie' }

/** Called with one line of text each time something that takes a while begins. */
export type OnProgress = (message: string) => void

/** What a newly rented Debian server has, as far as recipes can tell. */
const PACKAGES = [
  'ca-certificates',
  'dbus',
  'iproute2',
  'libpam-systemd',
  'netbase',
  'openssh-server',
  'procps',
  'sudo',
  'systemd',
  'systemd-sysv',
  'tzdata',
]

/** Shell commands run on the finished tree, `$1`. */
const FINISH = [
  'systemctl --root="$1" enable systemd-networkd.service',
  // Per host, so that two hosts are never the same one.
  'rm -f "$1"/etc/ssh/ssh_host_ed25519_key*',
  // Without these the first boot rebuilds caches that a rented server has had rebuilt long ago (systemd-update-done(8)).
  'touch "$1"/etc/.updated "$1"/var/.updated',
]

type Recipe = { suite: string; packages: readonly string[]; finish: readonly string[]; sources: readonly string[] }

/**
 * The image of an operating system; builds it if this machine has none made by the present recipe.
 *
 * @param more Packages of Debian in addition to those of a new server.
 * @returns Name of its directory below the state directory's `images`.
 * @throws When mmdebstrap fails; nothing half-built is left in place.
 */
export async function ensureImage(
  state: State,
  os: SandboxOs,
  onProgress: OnProgress,
  more: readonly string[] = [],
): Promise<string> {
  const recipe = await recipeFor(os, more)
  const image = `${os}-${createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)}`
  if (await isBuilt(state, image)) return image
  await withImageLock(state, os, async () => {
    if (await isBuilt(state, image)) return
    onProgress(`building the ${os} image, once (about 30 s)`)
    await buildImage(state, os, image, recipe)
  })
  return image
}

export function imageDir(state: State, image: string): string {
  return join(state.dir, 'images', image)
}

async function isBuilt(state: State, image: string): Promise<boolean> {
  try {
    await access(imageDir(state, image))
    return true
  } catch {
    return false
  }
}

/** The lock lies beside the images, which several state directories may share through a link. */
function withImageLock<T>(state: State, os: SandboxOs, work: () => Promise<T>): Promise<T> {
  return withLock(join(state.dir, 'images', `.lock-${os}`), work)
}

async function buildImage(state: State, os: SandboxOs, image: string, recipe: Recipe): Promise<void> {
  await clearBuild(state, os)
  const tree = join(state.dir, 'images', `.building-${image}`)
  const build = await cgroupOf(state, `build-${os}`)
  const child = await spawnIn(build, 'mmdebstrap', mmdebstrapArguments(recipe, tree), ['ignore', 'ignore', 'pipe'])
  const said = child.stderr ? text(child.stderr) : Promise.resolve('')
  const [code]: unknown[] = await once(child, 'exit')
  if (code !== 0) {
    await clearBuild(state, os)
    throw new Error(`mmdebstrap could not build the ${os} image:\n${lastLines(await said, 20)}`)
  }
  await killCgroup(build)
  await rename(tree, imageDir(state, image))
}

function mmdebstrapArguments({ suite, packages, finish, sources }: Recipe, tree: string): string[] {
  return [
    '--variant=apt',
    '--format=directory',
    // Debian's own keys, newest release included; those in this machine's apt configuration may be of its release only.
    '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
    `--include=${packages.join(',')}`,
    ...finish.map((command) => `--customize-hook=${command}`),
    suite,
    tree,
    ...sources,
  ]
}

/** Ends builds whose client died, and removes what they left. Waits for a build that goes on. */
export async function clearBuilds(state: State): Promise<void> {
  for (const os of sandboxOses) await withImageLock(state, os, () => clearBuild(state, os))
}

async function clearBuild(state: State, os: SandboxOs): Promise<void> {
  await killCgroup(await cgroupOf(state, `build-${os}`))
  for (const name of await readdir(join(state.dir, 'images'))) {
    if (!name.startsWith(`.building-${os}-`)) continue
    const tree = join(state.dir, 'images', name)
    await unmountBelow(tree)
    await removeTree(tree)
  }
}

async function recipeFor(os: SandboxOs, more: readonly string[]): Promise<Recipe> {
  const suite = SUITES[os]
  return {
    suite,
    packages: [...PACKAGES, ...more],
    finish: FINISH,
    sources: aptSources(suite, await readRepositories()),
  }
}

/**
 * The three lines of a standard Debian sources.list.
 *
 * @param repositories Base address by suite, as this machine's apt has them: a machine that reaches Debian through a
 *   mirror passes it on to its hosts. What it does not know comes from where mmdebstrap takes it by itself.
 */
export function aptSources(suite: string, repositories: ReadonlyMap<string, string>): string[] {
  const main = repositories.get(suite) ?? baseOf(repositories, '') ?? 'http://deb.debian.org/debian'
  const security = baseOf(repositories, '-security') ?? 'http://security.debian.org/debian-security'
  return [`deb ${main} ${suite} main`, `deb ${main} ${suite}-updates main`, `deb ${security} ${suite}-security main`]
}

/** Where this machine finds any Debian release: the same place has the others. */
function baseOf(repositories: ReadonlyMap<string, string>, ending: '' | '-security'): string | undefined {
  const releases = ['stable', 'oldstable', ...Object.values(SUITES)]
  return releases.map((release) => repositories.get(`${release}${ending}`)).find((base) => base !== undefined)
}

async function readRepositories(): Promise<Map<string, string>> {
  return parseRepositories(await run('apt-get', ['update', '--print-uris']))
}

/** Base address by suite from `apt-get update --print-uris`: `'http://host/debian/dists/SUITE/InRelease' …`. */
export function parseRepositories(printed: string): Map<string, string> {
  const found = printed.matchAll(/^'(\S+?)\/dists\/([^/\s]+)\/InRelease'/gm)
  return new Map([...found].map(([, base = '', suite = '']) => [suite, base]))
}
