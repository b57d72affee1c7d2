import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { didYouMean } from '../../lib/dsl/didYouMean.ts'

const test = suite('did you mean')

test('swapped neighbours are one mistake', () => {
  assert.is(didYouMean('mdoe', ['node', 'mode']), 'mode')
  assert.is(didYouMean('AB', ['BA', 'xy']), 'BA')
})

test('case does not count', () => assert.is(didYouMean('ccx32', ['CCX33', 'CCX32']), 'CCX32'))

test('what is like nothing gets no proposal', () => {
  assert.is(didYouMean('colour', ['mode', 'path', 'owner']), undefined)
  assert.is(didYouMean('x', []), undefined)
})

test('a word with one letter changed is found among others', () => {
  const change = fc.record({
    word: fc.stringMatching(/^[a-z]{4,12}$/),
    at: fc.nat(),
    letter: fc.constantFrom('-', '_', '1'),
  })
  fc.assert(
    fc.property(change, ({ word, at, letter }) => {
      const position = at % word.length
      const wrong = word.slice(0, position) + letter + word.slice(position + 1)
      assert.is(didYouMean(wrong, ['0000000000000', word]), word)
    }),
  )
})

test.run()
