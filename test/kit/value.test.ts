import { inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { revealFrom, Secret, secretNames, Text } from '../../lib/kit/value.ts'

const test = suite('value')
const secret = new Secret('db-password')

test('a secret throws wherever it would become text', () => {
  // oxlint-disable-next-line typescript/restrict-template-expressions -- the mistake this is about
  assert.throws(() => `${secret}`, /db-password/)
  assert.throws(() => 'x' + String(secret), /conf`/)
  assert.throws(() => [secret].join(), /db-password/)
})

test('a secret is shown and serialised by its name only', () => {
  assert.is(inspect({ secret }), `{ secret: secret("db-password") }`)
  assert.is(JSON.stringify({ secret }), '{"secret":{"$secret":"db-password"}}')
})

test('text with a secret in it throws as a secret does, text without is plain', () => {
  assert.throws(() => String(new Text(['a', secret], [])), /db-password/)
  assert.is(String(new Text(['a', 'b'], [])), 'ab')
  assert.is(JSON.stringify(new Text(['a', 'b'], [])), '"ab"')
})

test('reveal puts the values in, and refuses a name without one', () => {
  const reveal = revealFrom(new Map([['db-password', 's3']]))
  assert.is(reveal({ $text: ['url=', { $secret: 'db-password' }, '@x'] }), 'url=s3@x')
  assert.throws(() => reveal({ $secret: 'other' }), /other/)
})

test('secret names are found at any depth, once', () => {
  assert.equal(secretNames({ a: [{ $secret: 'x' }, { $text: ['t', { $secret: 'y' }] }], b: { $secret: 'x' } }), [
    'x',
    'y',
  ])
})

test.run()
