import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { excerptOf } from '../../lib/render/view/excerpt.ts'
import { hostile } from './anything.ts'

const test = suite('excerpt')

const about = (label: string, after: string, form: 'text' | 'secret' = 'text') => ({
  label,
  fields: [form === 'secret' ? { field: 'content', form } : { field: 'content', form, after }],
})
const text = 'one\ntwo words\n\tthree\n'

// Recorded on Debian 13: nginx 1.26, visudo 1.9.16, sshd 10.0, systemd-analyze 257.
const PLACES: readonly (readonly [said: string, label: string, shown: string[]])[] = [
  [
    'nginx: [emerg] unknown directive "two" in /run/k/tree/conf.d/bad.conf:2',
    'nginx snippet conf.d/bad.conf',
    ['2 | two words', '  | ^^^'],
  ],
  ['/etc/sudoers.d/.new.ops:2:5: syntax error', 'sudoers ops', ['2 | two words', '  |     ^']],
  [
    "/etc/ssh/sshd_config.d/x.conf line 3: Bad configuration option: 'three'",
    'file /etc/ssh/sshd_config.d/x.conf',
    ['3 |  three', '  |  ^^^^^'],
  ],
  ['/tmp/a/web.service:1: Unknown key, ignoring.', 'unit web.service', ['1 | one']],
]

for (const [said, label, shown] of PLACES)
  test(`${said} shows the line`, () => {
    assert.equal(excerptOf(about(label, text), said), shown)
  })

test('a complaint about another file, a line that is not there, or a hidden text shows nothing', () => {
  assert.equal(excerptOf(about('file /etc/a.conf', text), 'error in /etc/b.conf:2'), [])
  assert.equal(excerptOf(about('file /etc/a.conf', text), 'error in /etc/a.conf:20'), [])
  assert.equal(excerptOf(about('file /etc/a.conf', text), 'no place at all'), [])
  assert.equal(excerptOf(about('file /etc/a.conf', text, 'secret'), 'error in /etc/a.conf:2'), [])
})

test('no text of a host or a recipe can break out of it', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (label, content, said) => {
      for (const line of excerptOf(about(label, content), `${said}${label}:1: "${content}"`))
        assert.not.match(line, /\p{Cc}|\p{Bidi_Control}|\p{Cs}/u)
    }),
  )
})

test.run()
