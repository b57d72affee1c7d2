import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Frame } from '../../lib/transport/frame.ts'

const test = suite('frame')

const STREAM = 'motd\nno newline\x1emark 12 10.0.0.1\nout\x1eput\x1emar\n\x1emark 3\nlate'

/** Feeds a stream in pieces of one size and returns what came out. */
function feed(stream: string, size: number): { frame: Frame; output: string } {
  const frame = new Frame('mark')
  const bytes = Buffer.from(stream)
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(frame.push(bytes.subarray(at, at + size)))
  return { frame, output: Buffer.concat(pieces).toString() }
}

test('only what stands between the marks is output, however the stream is split', () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const { frame, output } = feed(STREAM, size)
    assert.equal(
      { output, opening: frame.opening, closing: frame.closing, noise: frame.noise, phase: frame.phase },
      {
        output: 'out\x1eput\x1emar\n',
        opening: '12 10.0.0.1',
        closing: '3',
        noise: 'motd\nno newline',
        phase: 'after',
      },
      `pieces of ${size} bytes`,
    )
  }
})

test('output is handed on at once, unless it may be the start of a mark', () => {
  const frame = new Frame('mark')
  frame.push(Buffer.from('\x1emark 1\n'))
  assert.is(String(frame.push(Buffer.from('all of it'))), 'all of it')
  assert.is(String(frame.push(Buffer.from('this\x1ema'))), 'this')
  assert.is(String(frame.push(Buffer.from('p'))), '\x1emap')
})

test('of endless noise only the end is kept', () => {
  const { frame } = feed(`${'x'.repeat(100_000)}the end`, 4096)
  assert.ok(frame.noise.length <= 16 * 1024)
  assert.ok(frame.noise.endsWith('the end'))
})

test('a mark of another run is output like any other', () => {
  assert.is(feed('\x1emark 1\n\x1eother 2\n\x1emark 0\n', 64).output, '\x1eother 2\n')
})

test.run()
