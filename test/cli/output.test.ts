import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { wantsColour } from '../../lib/cli/output.ts'

const test = suite('output')

test('colours follow the terminal, FORCE_COLOR, and above all NO_COLOR', () => {
  assert.ok(wantsColour({}, true))
  assert.not.ok(wantsColour({}, false))
  assert.not.ok(wantsColour({ CI: 'true' }, false))
  assert.ok(wantsColour({ FORCE_COLOR: '1' }, false))
  assert.not.ok(wantsColour({ FORCE_COLOR: '0' }, true))
  assert.not.ok(wantsColour({ FORCE_COLOR: '1', NO_COLOR: '1' }, true))
  assert.ok(wantsColour({ NO_COLOR: '' }, true), 'an empty NO_COLOR says nothing (no-color.org)')
})

/** Stdout and stderr of a process that writes to an output. */
function written(script: string): string {
  const output = new URL('../../lib/cli/output.ts', import.meta.url).href
  const opening = `import { openOutput } from ${JSON.stringify(output)}
const output = openOutput({ colour: true, verbose: false })`
  const args = ['--import', 'tsx', '--input-type=module', '-e', `${opening}\n${script}\noutput.flush()`]
  return execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1', process.execPath, ...args], { encoding: 'utf8' })
}

test('a hidden value is masked in stdout and stderr, also when it comes in pieces', () => {
  const said = written(`output.hide(['hunter22'])
output.out.write('a hunt'); output.out.write('er22 b\\n')
output.err.write('c ' + Buffer.from('hunter22').toString('base64') + '\\n')`)
  assert.match(said, 'a (secret) b\n')
  assert.match(said, /^c \(secret\)/m)
  assert.not.match(said, 'hunter22')
})

test('values hidden earlier stay hidden when more are', () => {
  const said = written(`output.hide(['hunter22']); output.hide(['sesame99'])
output.out.write('hunter22 sesame99\\n')`)
  assert.is(said, '(secret) (secret)\n')
})

test('what looked like the start of a secret comes out in the end', () => {
  assert.is(written(`output.hide(['hunter22']); output.out.write('hunter')`), 'hunter')
})

test('no control sequence but a colour comes out, whatever was written', () => {
  const said = written(`output.out.write('a\\x1b[2Jb\\x1b]52;c;eA\\x07 \\x1b[31mred\\x1b[39m\\n')`)
  assert.is(said, 'a\\u001b[2Jb\\u001b]52;c;eA\\u0007 \x1b[31mred\x1b[39m\n')
})

test.run()
