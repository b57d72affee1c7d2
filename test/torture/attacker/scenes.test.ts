/**
 * That every type of the front door is attacked in some scene.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../../lib/dsl/declare.ts'
import { catalogOf } from '../../support/converge.ts'
import type { Version } from './scene.ts'
import { SCENES } from './scenes.ts'

const test = suite('scenes of the local attacker')
const HOST = { name: 'h', address: '192.0.2.1', os: 'debian-12' } as const

test('each type is attacked', () => {
  const attacked = new Set(SCENES.flatMap((scene) => scene.types))
  assert.equal(
    [...types.keys()].filter((type) => !attacked.has(type)),
    [],
  )
})

test('no two scenes are in one folder', () => {
  const folders = SCENES.flatMap((scene) => scene.folders)
  assert.is(new Set(folders).size, folders.length)
})

for (const scene of SCENES) {
  test(`${scene.name}: declares what it says to attack, in each version that its phases need`, () => {
    const versions: Version[] = [1, 2]
    if (scene.phases.includes('absent')) versions.push(0)
    if (scene.phases.includes('breaks')) versions.push(3)
    for (const version of versions) {
      const { resources } = catalogOf(HOST, () => scene.declare(version))
      const declared = new Set(resources.map(({ type }) => type))
      assert.equal(
        scene.types.filter((type) => !declared.has(type)),
        [],
        `version ${version}`,
      )
    }
  })
}

test.run()
