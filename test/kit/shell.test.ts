import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { forEach, lines, quote, raw, records, sh } from '../../lib/kit/shell.ts'

const test = suite('shell')

/** Any text without NUL: quotes, newlines, `$()`, unicode, control characters. */
const hostile = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      '-rf',
      '--',
      '~',
      '=ls',
      '$(id)',
      '`id`',
      "'",
      "'\\''",
      '"',
      '\\',
      '\n',
      'a\n',
      '*',
      '#x',
      '!!',
      '%s',
      '\t',
      '\u001b[31m',
    ),
  )
  .filter((text) => !text.includes('\0') && Buffer.from(text).toString() === text)

function dash(program: string): string {
  return execFileSync('sh', ['-s'], { input: program, encoding: 'utf8' })
}

test('whatever a value holds, the shell gets it as one word, unchanged', () => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 40, maxLength: 40 }), (values) => {
      assert.equal(records(dash(sh`printf '%s\0' ${values}`)), values)
    }),
    { numRuns: 50 },
  )
})

test('a list given to xargs arrives whole, leading dashes and newlines included', () => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 1, maxLength: 40 }), (values) => {
      assert.equal(records(dash(forEach(values, `sh -c 'printf "%s\\0" "$@"' sh`))), values)
    }),
    { numRuns: 50 },
  )
})

test('an empty list runs nothing', () => {
  assert.is(dash(forEach([], 'echo ran')), '')
})

test('a NUL is refused by name', () => {
  assert.throws(() => quote('a\0b'), /NUL/)
})

test('text marked as shell text goes in as it is', () => {
  assert.is(sh`a ${raw('$P')} ${['x y', 1]}`, `a $P 'x y' 1`)
})

test('backslashes stand as written, but for those that the template itself needs', () => {
  const name = 'x'
  assert.is(sh`printf '\n' "\${HOME}" \`id\` ${name}`, 'printf \'\\n\' "${HOME}" `id` x')
})

test('output splits into lines and records without an empty last one', () => {
  assert.equal(lines('a\nb\n'), ['a', 'b'])
  assert.equal(lines('\n'), [''])
  assert.equal(lines(''), [])
  assert.equal(records('a\0\0'), ['a', ''])
})

test.run()
