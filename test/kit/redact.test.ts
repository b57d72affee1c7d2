import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { applyFailure } from '../../lib/engine/apply/failures.ts'
import { SAID_BYTES } from '../../lib/engine/onHost/worker.ts'
import { excerpt, MASK, maskRest, redactor } from '../../lib/kit/redact.ts'

const test = suite('redact')

const SECRET = `pa"ss w'rd/é$1`

/** What common tools make of a value. */
const FORMS: { [how: string]: (secret: string) => string } = {
  raw: (secret) => secret,
  base64: (secret) => Buffer.from(secret).toString('base64'),
  'base64 one byte into a group': (secret) => Buffer.from(`u${secret}`).toString('base64'),
  'base64 two bytes into a group': (secret) => Buffer.from(`us${secret}`).toString('base64'),
  base64url: (secret) => Buffer.from(secret).toString('base64url'),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  'upper-case hex': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  URL: encodeURIComponent,
  'URL query': (secret) => new URLSearchParams({ p: secret }).toString().slice(2),
  JSON: (secret) => JSON.stringify(secret),
  'single-quoted shell': (secret) => `'${secret.replaceAll("'", `'\\''`)}'`,
}

/** The longest part of the shown text that also stands in the form; MASK itself does not count. */
function leaked(shown: string, form: string): number {
  const rest = shown.replaceAll(MASK, '\0')
  for (let length = form.length; length > 0; length -= 1) {
    for (let at = 0; at + length <= form.length; at += 1) {
      if (rest.includes(form.slice(at, at + length))) return length
    }
  }
  return 0
}

for (const [how, form] of Object.entries(FORMS)) {
  test(`a secret is masked as ${how}`, () => {
    const shown = redactor([SECRET]).redact(`<<${form(SECRET)}>>`)
    assert.ok(shown.includes(MASK), shown)
    // base64 shares its first and last characters with what stands before and after.
    assert.ok(leaked(shown, form(SECRET)) <= 3, shown)
  })
}

/** What tools print that break a value up, run on it. */
const TOOLS = [
  'base64 -w 76',
  'base64 -w 64',
  'base64 -w 20',
  'od',
  'od -An -tx1',
  'od -c',
  'od -b',
  'od -x',
  'od -A x -t x1z -v',
  "od -An -tx1 | tr -d '\\n'",
  'rev',
  'fold -w 20',
]
const LONG = 'S3cr3t-of-some-length/with+signs=and-more-than-one-line-of-base64-in-it'

for (const tool of TOOLS) {
  test(`a secret is masked as ${tool} prints it, indented or as JSON too, and in pieces`, () => {
    const printed = execFileSync('sh', ['-c', tool], { input: LONG }).toString()
    for (const text of [printed, printed.replaceAll(/^/gm, '      '), JSON.stringify(printed)]) {
      if (text.startsWith('"') && tool.startsWith('od')) continue
      const { redact, stream } = redactor([LONG, 'another one'])
      const shown = redact(`before\n${text}\nafter\n`)
      assert.ok(shown.includes(MASK), shown)
      // The last offset of a dump, which stands in a line of its own, tells no more than a length.
      const lines = printed.split('\n').filter((line) => line.trim().length > 7)
      for (const line of lines) assert.not.ok(shown.includes(line.trim()), shown)
      assert.match(shown, /^before\n[^]*\nafter\n$/)
      for (const size of [1, 7, 100]) {
        const out = stream()
        const pieces = `before\n${text}\nafter\n`.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
        assert.is(pieces.map((piece) => out.write(piece)).join('') + out.end(), shown)
      }
    }
  })
}

test('hexadecimal is masked with colons, in capitals and in groups', () => {
  const hex = Buffer.from(SECRET).toString('hex')
  for (const text of [
    hex.replaceAll(/..(?=.)/g, '$&:'),
    hex.replaceAll(/..../g, '$& '),
    hex.replaceAll(/..(?=.)/g, '$&:').toUpperCase(),
  ])
    assert.is(redactor([SECRET]).redact(`<${text}>`).replaceAll(' ', ''), `<${MASK}>`)
})

test('a word of a passphrase is masked by itself, but for short ones', () => {
  const { redact } = redactor(['correct horse battery is staple'])
  assert.is(redact('no battery is there'), `no ${MASK} is there`)
})

test('a megabyte with fifty secrets is masked in a second', () => {
  const secrets = Array.from({ length: 50 }, (_, index) => `secret-${index}-${'x'.repeat(index)}`)
  const line = `2026-11-28T03:00:00Z app[123]: 10 requests, 0 errors; from 192.0.2.1, took 0.003 s\n`
  const text = line.repeat(12_500)
  const { redact } = redactor(secrets)
  const began = performance.now()
  assert.is(redact(text), text)
  assert.ok(performance.now() - began < 1000, String(performance.now() - began))
})

test('each line of a private key is masked by itself', () => {
  const key = '-----BEGIN KEY-----\nMHcCAQEEIIvX2mFz\nzTq9cnQ0VmFsdWU\n-----END KEY-----\n'
  assert.is(redactor([key]).redact('  +zTq9cnQ0VmFsdWU'), `  +${MASK}`)
})

test('secrets that overlap leave nothing of either', () => {
  assert.is(redactor(['abcd', 'cdefgh']).redact('xabcdefghx'), `x${MASK}x`)
})

test('a value of three characters is left alone, because it would mask ordinary words', () => {
  assert.is(redactor(['the']).redact('then'), 'then')
})

test('what is left of a secret where a text was cut off is masked, in each form', () => {
  for (const form of Object.values(FORMS)) {
    const whole = form(SECRET)
    for (let cut = 1; cut < whole.length - 4; cut += 1) {
      const shown = redactor([SECRET]).redact(maskRest(`${whole.slice(cut)} rest`, [SECRET]))
      assert.ok(shown.includes(MASK) && shown.endsWith(' rest'), shown)
      assert.ok(leaked(shown, whole.slice(cut)) <= 3, shown)
    }
  }
  assert.is(maskRest('\ufffd$1 rest', [SECRET]), `${MASK} rest`)
  assert.is(maskRest('no secret', [SECRET]), 'no secret')
})

test('what a failed step said begins with no rest of a secret where it was too long to keep', () => {
  const rest = SECRET.slice(3)
  const secrets = new Map([['key', SECRET]])
  const full = rest + '.'.repeat(SAID_BYTES - Buffer.byteLength(rest))
  assert.ok(applyFailure({ title: 'a step' }, { exit: 1, said: full }, secrets).said.startsWith(`${MASK}.`))
  assert.is(applyFailure({ title: 'a step' }, { exit: 1, said: rest }, secrets).said, rest)
})

test('without secrets a text stays as it is', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => redactor([]).redact(text) === text))
})

const aSecret = fc.string({ unit: 'binary', minLength: 4, maxLength: 20 })

test('no secret survives, whatever stands around it', () => {
  fc.assert(
    fc.property(fc.array(aSecret, { minLength: 1, maxLength: 4 }), fc.string(), fc.string(), (secrets, a, b) => {
      const shown = redactor(secrets).redact(a + secrets.join(b) + b)
      // The mask's own characters may make up a secret such as "(sec"; nothing else may.
      return secrets.every((secret) => !shown.split(MASK).join('\u{10ffff}').includes(secret))
    }),
  )
})

/** Few letters, so that secrets begin, break off and overlap all the time. */
const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 60 })
const tightSecret = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 4, maxLength: 7 })

test('text in pieces of any size is masked like the whole text', () => {
  fc.assert(
    fc.property(fc.array(tightSecret, { maxLength: 3 }), fc.array(letters, { maxLength: 12 }), (secrets, chunks) => {
      const { redact, stream } = redactor(secrets)
      const out = stream()
      const shown = chunks.map((chunk) => out.write(chunk)).join('') + out.end()
      assert.is(shown, redact(chunks.join('')))
    }),
    { numRuns: 2000 },
  )
})

test('a stream keeps back no more than what may be the start of a secret', () => {
  const out = redactor(['hunter22']).stream()
  assert.is(out.write('password: hunt'), 'password: ')
  assert.is(out.write('ing\n'), 'hunting\n')
})

test('what a stream kept back comes at its end', () => {
  const out = redactor(['hunter22']).stream()
  out.write('hunter')
  assert.is(out.end(), 'hunter')
})

test('an excerpt ends and begins with whole lines, as many as there is room for', () => {
  const lines = fc.array(fc.stringMatching(/^[a-z]{0,12}$/), { maxLength: 8 })
  fc.assert(
    fc.property(lines, fc.nat({ max: 40 }), (all, most) => {
      const text = all.join('\n')
      for (const from of ['start', 'end'] as const) {
        const said = excerpt(text, from, most)
        const [first, last] = from === 'start' ? ['', '\n'] : ['\n', '']
        if (text.length <= most) assert.is(said, text)
        else if (said.startsWith('(')) assert.is(said, `(${text.length} characters in lines too long to show)`)
        else {
          assert.ok(said !== '' && said.length <= most)
          assert.ok(`\n${text}\n`.includes(`\n${said}\n`))
          assert.ok(from === 'start' ? text.startsWith(said + last) : text.endsWith(first + said))
        }
      }
    }),
    { numRuns: 5000 },
  )
  assert.is(excerpt('one\ntwo\nthree', 'start', 8), 'one\ntwo')
  assert.is(excerpt('one\ntwo\nthree', 'end', 9), 'two\nthree')
  assert.is(excerpt('one\ntwo\nthree', 'end', 8), 'three')
  assert.is(excerpt('onetwothree', 'start', 10), '(11 characters in lines too long to show)')
})

test.run()
