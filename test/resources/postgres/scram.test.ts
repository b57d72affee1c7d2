import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isPasswordOf, newVerifier, passwordMistake, verifier } from '../../../lib/resources/postgres/scram.ts'

const test = suite('postgres/scram')

test('two verifiers of one password differ, and both belong to it and to no other', () => {
  const [a, b] = [newVerifier('secret'), newVerifier('secret')]
  assert.is.not(a, b)
  for (const made of [a, b]) {
    const [, iterations = '', salt = ''] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(made) ?? []
    const digest = createHash('sha256').update(made).digest('hex')
    assert.ok(isPasswordOf({ iterations: Number(iterations), salt, digest }, 'secret'))
    assert.not(isPasswordOf({ iterations: Number(iterations), salt, digest }, 'Secret'))
  }
})

test('the keys are those of the example in RFC 7677', () => {
  // Password "pencil"; the server signature of the RFC is made with this ServerKey.
  assert.match(
    verifier('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096),
    /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=$/,
  )
})

test('a password is prepared by SASLprep, and taken as it is where that forbids it', () => {
  const salt = 'W22ZaJ0SNY7soEsUEjb6gQ=='
  assert.is(verifier('I\u00adX', salt, 2), verifier('IX', salt, 2))
  assert.is.not(verifier('a\u0007', salt, 2), verifier('a', salt, 2))
})

test('a complete verifier is stored as it is, and is the password of what is stored', () => {
  const given = verifier('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096)
  assert.is(newVerifier(given), given)
  const stored = {
    iterations: 4096,
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    digest: createHash('sha256').update(given).digest('hex'),
  }
  assert.ok(isPasswordOf(stored, given))
  assert.not(isPasswordOf(stored, verifier('pencil', 'AAAAAAAAAAAAAAAAAAAAAA==', 4096)))
})

test('what only looks like a stored password is refused, and a clear password never', () => {
  const given = verifier('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096)
  for (const clear of ['pencil', 'md5', 'md5 is old', 'SCRAM', given]) assert.is(passwordMistake(clear), undefined)
  for (const cut of [given.slice(0, -1), given.slice(0, 40), `${given}x`, given.replace('4096', '')])
    assert.match(passwordMistake(cut) ?? '', 'not a whole one')
  assert.match(passwordMistake('md5a3556571e93b0d20722ba62be61e8c2d') ?? '', 'MD5')
})

test.run()
