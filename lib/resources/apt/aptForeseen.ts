/**
 * What apt would do besides what it is asked: the packages that come along, and those that would have to go. Simulated
 * with apt-get(8), in a way that writes nothing (measured on Debian 12 and 13).
 */
import type { Change } from '../../kit/resourceType.ts'
import { lines, sh } from '../../kit/shell.ts'
import { type AptPackageState, type Wishes, wishesOf } from './aptTransaction.ts'

type Changes = readonly Change<AptPackageState>[]

/** Prints `Inst NAME` and `Remv NAME`; nothing while apt has no lists or does not know one of the names. */
const SIMULATE = `k_apt() {
  timeout 30 apt-get -s -q -y -o Debug::NoLocking=1 -o Dir::Log::Planner= -o Dir::Log::Solver= -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    --allow-change-held-packages --allow-downgrades "$@" 2>/dev/null | sed -n 's/^\\(Inst\\|Remv\\|Purg\\) \\([^ ]*\\).*/\\1 \\2/p'
}`

export function foreseeText(changes: Changes): string {
  const { install, generous, gone } = wishesOf(changes)
  const words = [...install, ...gone.map((name) => `${name}-`)]
  return [
    SIMULATE,
    ...(generous.length === 0 ? [] : [sh`k_apt --install-recommends install ${generous}`]),
    ...(words.length === 0 ? [] : [sh`k_apt --no-install-recommends install ${words}`]),
    ':',
  ].join('\n')
}

/** They come with the transaction; the first package that asks for one tells of them. */
export function foreseenOf(stdout: string, changes: Changes): Map<string, string[]> {
  const wishes = wishesOf(changes)
  const asked = new Set(namesOf(wishes))
  const named = (verbs: readonly string[]): string[] => {
    const found = lines(stdout).flatMap((line) => {
      const [verb = '', name = ''] = line.split(' ')
      return verbs.includes(verb) && !asked.has(name) ? [name] : []
    })
    return [...new Set(found)].toSorted()
  }
  const [come, go] = [named(['Inst']), named(['Remv', 'Purg'])]
  const first = changes.find(({ name }) => asked.has(name))?.name
  const words = [
    ...(come.length === 0 ? [] : [`${counted(come)} ${come.length === 1 ? 'comes' : 'come'} along: ${some(come)}`]),
    ...(go.length === 0 ? [] : [`${counted(go)} would have to go, which is refused: ${some(go)}`]),
  ]
  return new Map(first === undefined || words.length === 0 ? [] : [[first, words]])
}

function namesOf({ install, generous, gone }: Wishes): string[] {
  return [...[...install, ...generous].map((word) => word.replace(/=.*/, '')), ...gone]
}

/** Maximum number of packages that are named. */
const NAMED = 5

function counted({ length }: readonly string[]): string {
  return length === 1 ? '1 more package' : `${length} more packages`
}

function some(names: readonly string[]): string {
  const more = names.length - NAMED
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} others` : ''}`
}
