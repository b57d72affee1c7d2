/** The table of checks in docs/verify.md has what the code says, no more and no less. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../../lib/dsl/declare.ts'
import * as door from '../../../lib/index.ts'
import { meanings } from '../../../lib/engine/verify/means.ts'

const test = suite('the table of checks')

/** Rows of the first table of a page, without its head. */
function rowsOf(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

test('it is made of what the checks say', () => {
  assert.ok(Object.keys(door).length > 0)
  const rows = rowsOf(readFileSync('docs/verify.md', 'utf8'))
  assert.equal(
    rows,
    [...meanings(types.values())].map(([check, means]) => [check, means]),
  )
  assert.ok(rows.length > 15)
})

test.run()
