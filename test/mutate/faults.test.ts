/**
 * The faults that `npm run mutate` plants are still to be found where they are said to be.
 */
import { existsSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FAULTS } from './faults.ts'

const test = suite('faults to plant')

test('each stands once in its file, and its tests are there', () => {
  for (const { what, file, find, replace, tests } of FAULTS) {
    assert.is(readFileSync(file, 'utf8').split(find).length, 2, `${what}: ${find}`)
    assert.is.not(replace, find, what)
    assert.ok(tests.length > 0, what)
    for (const name of tests) assert.ok(existsSync(`test/${name}.test.ts`), `${what}: ${name}`)
  }
})

test('each has a name of its own, and they are enough', () => {
  assert.is(new Set(FAULTS.map(({ what }) => what)).size, FAULTS.length)
  assert.ok(FAULTS.length >= 60, String(FAULTS.length))
})

test.run()
