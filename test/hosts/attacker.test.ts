/**
 * A slice of the torture by local accounts, in ways that get far where something is left open, on both releases: scenes
 * that need no package, and links as this machine protects them.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost } from '../support/host.ts'
import { prepareScenes } from '../torture/attacker/host.ts'
import { attackParts, type Part } from '../torture/attacker/index.ts'
import type { Phase } from '../torture/attacker/scene.ts'
import { SCENES } from '../torture/attacker/scenes.ts'
import type { Way } from '../torture/attacker/ways.ts'

const test = suite('local attacker, a slice of it')
const WITHOUT_PACKAGES = SCENES.filter(({ packages }) => packages.length === 0)
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
await Promise.all(hosts.map((host) => prepareScenes(host, WITHOUT_PACKAGES)))

const ALL_OF_IT: Omit<Way, 'moves' | 'seed'> = {
  chance: 1,
  back: 0.7,
  delay: 0,
  plants: true,
  sees: false,
  pulses: false,
}

function partOf(name: string, phase: Phase, moves: string, seed: number): Part {
  const scene = WITHOUT_PACKAGES.find((one) => one.name === name)
  assert.ok(scene)
  return { scene, phase, way: { ...ALL_OF_IT, moves: moves.split(' '), seed } }
}

/** Folders are put in the place of others, and files of others and links to them in that of files. */
const CASES: readonly (readonly Part[])[] = [
  [
    partOf('files', 'create', 'pflip parent away', 1),
    partOf('directories', 'change', 'dir parent folder', 2),
    partOf('links', 'change', 'away parent inside', 3),
    partOf('commands', 'create', 'rob file', 4),
  ],
  [
    partOf('files', 'change', 'own file slip', 5),
    partOf('edits', 'change', 'file own write', 6),
    partOf('authorized keys', 'change', 'parent dir file', 7),
    partOf('units', 'change', 'own file dir', 8),
  ],
]

for (const parts of CASES) {
  test(parts.map(({ scene, phase }) => `${scene.name}, ${phase}`).join('; '), async () => {
    const made = await Promise.all(hosts.map((host) => attackParts(host, parts)))
    assert.ok(
      made.every((attempts) => attempts > 20),
      `only so much was tried: ${made.join(' and ')}`,
    )
  })
}

test.run()
