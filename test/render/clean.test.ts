import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cleanJson, cleanLine, cleanText } from '../../lib/render/clean.ts'

const test = suite('clean')

test('escape sequences become visible', () => {
  assert.is(cleanText('\x1b[2Jgone\x07'), '\\u001b[2Jgone\\u0007')
})

test('a carriage return cannot overwrite what stands before it', () => {
  assert.is(cleanText('failed\rok    '), 'failed\\rok    ')
})

test('a bidi override cannot reorder a line', () => {
  assert.is(cleanText('a\u202eb'), 'a\\u202eb')
})

test('eight-bit control characters become visible', () => {
  assert.is(cleanText('\x9b31m'), '\\u009b31m')
})

test('newlines and tabs stay in text and are shown in a line', () => {
  assert.is(cleanText('a\n\tb'), 'a\n\tb')
  assert.is(cleanLine('a\n\tb'), 'a\\n\\tb')
})

test('letters of all languages and emoji stay as they are', () => {
  assert.is(cleanText('Größe 日本 👩‍💻 é'), 'Größe 日本 👩‍💻 é')
})

const hostile = fc.string({ unit: 'binary' })

test('no control character is left in a line, whatever it was', () => {
  fc.assert(fc.property(hostile, (text) => !/[\p{Cc}\p{Bidi_Control}\p{Cs}]/u.test(cleanLine(text))))
})

test('cleaned JSON has no control character and reads back the same', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const json = cleanJson({ text })
      assert.not.match(json, /[\p{Cc}\p{Bidi_Control}]/u)
      assert.equal(JSON.parse(json), { text })
    }),
  )
})

test.run()
