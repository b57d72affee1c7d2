/**
 * How the attacker goes about it: what it does, when, how long, and what it is after; see attacker.pl.
 */
import type { Random } from '../random.ts'
import { GO } from './oracle.ts'
import type { Scene } from './scene.ts'

export type Way = {
  moves: readonly string[]
  /** Of all that is seen, how much is answered; and of what is put somewhere, how much is taken back: 0 to 1. */
  chance: number
  back: number
  /** Microseconds, at most, before something is done, and until it is taken back. */
  delay: number
  /** Whether all its names are taken beforehand. */
  plants: boolean
  /** Whether it looks at processes, and acts at each new one. */
  sees: boolean
  pulses: boolean
  seed: number
}

/** What is put in the place of something, and what else is done to a name or the folder it is in. */
const THINGS = 'file dir loop zero dangling own hard fifo huge deep crowd folder'
const DEEDS = 'flip remove steal second hold write shut acl parent pflip away inside slip'
const MOVES = `${THINGS} ${DEEDS}`.split(' ')
/** Those that are done to processes of its own account. */
const OF_PROCESSES = ['rob', 'stop', 'kill']

/** @param spares Moves that are not made. */
export function wayOf(random: Random, spares: readonly string[]): Way {
  const moves = random.some(MOVES, random.next() < 0.4 ? 1 : 1 + random.below(6))
  const more = random.next() < 0.25 ? random.some(OF_PROCESSES, 1) : []
  const pulses = random.next() < 0.5
  return {
    moves: [...moves, ...more].filter((move) => !spares.includes(move)),
    chance: random.pick([1, 1, 0.5, 0.2]),
    back: random.pick([0, 0.5, 0.9, 1]),
    delay: random.pick([0, 0, 100, 1000, 5000]),
    plants: random.next() < 0.3,
    sees: pulses || more.length > 0 || random.next() < 0.3,
    pulses,
    seed: random.below(2 ** 31),
  }
}

const FILES = [
  '/etc/shadow',
  '/etc/passwd',
  '/etc/sudoers.d/bait',
  '/root/.ssh/authorized_keys',
  '/home/other/bait.d/a',
]
const FOLDERS = ['/etc/bait.d', '/root/bait.d', '/home/other/bait.d']

/** What attacker.pl reads. @param work Its own folder. */
export function specOf(
  { account, folders, names, evil }: Scene,
  way: Way,
  work: string,
  rewritten: readonly string[],
): string {
  const { moves, chance, back, delay, plants, sees, pulses, seed } = way
  // What is to be replaced anyway leaves its old self behind in the attacker's further names for it.
  const baits = FILES.filter((path) => !rewritten.includes(path))
  const lines: { readonly [key: string]: readonly (string | number)[] } = {
    work: [work],
    go: [GO],
    watch: folders,
    name: names,
    bait: [...baits, ...FOLDERS.map((folder) => `${folder}/${names[0]}`)],
    baitdir: [...FOLDERS, '/etc'],
    move: moves,
    evil: [evil ?? `${account} was here`],
    chance: [chance],
    back: [back],
    delay: [delay],
    plant: [plants ? 1 : 0],
    proc: [sees ? 1 : 0],
    pulse: [pulses ? 1 : 0],
    seed: [seed],
  }
  return Object.entries(lines)
    .flatMap(([key, values]) => values.map((value) => `${key} ${value}\n`))
    .join('')
}
