import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  inUnits,
  canonicalLines,
  confLine,
  isRunning,
  quoteArgument,
  splitArguments,
} from '../../../lib/resources/redis/conf.ts'

const test = suite('redis/conf')

test('any argument reads back as it was, on one line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (argument) => {
      fc.pre(!argument.includes('\0'))
      const quoted = quoteArgument(argument)
      assert.not.match(quoted, /[^\x20-\x7e]/)
      // A lone surrogate is no text; as UTF-8 it becomes the replacement character.
      assert.equal(splitArguments(`x ${quoted}`), ['x', Buffer.from(argument).toString()])
    }),
  )
})

test('a NUL is refused', () => {
  assert.throws(() => quoteArgument('a\0b'), /NUL/)
})

test('only directives of several arguments are split at spaces', () => {
  assert.is(confLine('bind', '127.0.0.1 -::1'), 'bind 127.0.0.1 -::1')
  assert.is(confLine('proc-title-template', '{title} x'), 'proc-title-template "{title} x"')
  assert.is(confLine('save', ''), 'save ""')
})

test('sizes are compared in bytes, and an empty save is none', () => {
  assert.is(canonicalLines(['256mb']), '268435456')
  assert.is(canonicalLines(['900 1', '300 10']), '900 1 300 10')
  assert.is(canonicalLines(['']), '')
})

test('what a server answers in bytes is shown in a unit where the recipe has one', () => {
  assert.is(inUnits('67108864', '3013mb'), '64mb')
  assert.is(inUnits('1073741824', '3013MB'), '1gb')
  assert.is(inUnits('67108865', '3013mb'), '67108865')
  for (const like of ['67108864', 'yes', '']) assert.is(inUnits('67108864', like), '67108864')
  assert.is(inUnits('0', '1mb'), '0')
})

test('a running server that names more client classes than the file agrees with it', () => {
  // Redis 7.0.15 on Debian 12, CONFIG GET client-output-buffer-limit.
  const answer = 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60'
  assert.ok(isRunning('client-output-buffer-limit', ['replica 256mb 64mb 60'], answer))
  assert.not(isRunning('client-output-buffer-limit', ['replica 128mb 64mb 60'], answer))
})

test('a line with an open quote is no line', () => {
  assert.is(splitArguments('requirepass "abc'), undefined)
})

test.run()
