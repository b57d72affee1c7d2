import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { callerFile, callerSource, sourceIn } from '../../lib/dsl/source.ts'
import { here } from './thing.ts'

const test = suite('source')

const lib = new URL('../../lib/dsl/declare.ts', import.meta.url).href

test('the caller is the nearest one outside lib', () => {
  assert.equal(callerSource(import.meta.dirname).line, here())
  assert.is(callerSource(import.meta.dirname).file, 'source.test.ts')
  assert.is(callerFile(), import.meta.filename)
})

// Recorded: Node 20.20 under tsx 4.23, but for the folders.
const frames: [string, string, string][] = [
  ['a function', `    at firewall (file:///srv/site/recipes/firewall.ts:12:5)`, 'recipes/firewall.ts:12:5'],
  ['a module', '    at file:///srv/site/site.ts:3:1', 'site.ts:3:1'],
  ['an awaited module', '    at async file:///srv/site/site.ts:3:1', 'site.ts:3:1'],
  ['a method', '    at Object.app [as role] (/srv/site/site.ts:7:2)', 'site.ts:7:2'],
  ['a folder with brackets', '    at app (file:///srv/site/a%20(copy)/b.ts:7:2)', 'a (copy)/b.ts:7:2'],
  ['a module in a folder with brackets', '    at /srv/site/a (copy)/b.ts:7:2', 'a (copy)/b.ts:7:2'],
  ['a file outside the site', '    at app (/srv/shared/b.ts:7:2)', '../shared/b.ts:7:2'],
]
for (const [what, frame, expected] of frames) {
  test(`${what} is found`, () => {
    const stack = `Error: at app (/not/this.ts:1:1)\n    at file (${lib}:70:20)\n    at Array.map (<anonymous>)\n    at run (node:vm:1:2)\n${frame}`
    const { file, line, column } = sourceIn(stack, '/srv/site')!
    assert.is(`${file}:${line}:${column}`, expected)
  })
}

test('a stack without a recipe has no place', () => {
  assert.is(sourceIn(`Error: x\n    at file (${lib}:70:20)\n    at node:internal/main:1:2`, '/'), undefined)
  assert.is(sourceIn(undefined, '/'), undefined)
})

test.run()
