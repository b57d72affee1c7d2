import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { remembering } from '../../lib/cli/ask.ts'

const test = suite('questions')

test('a question is asked once for all connections, and each of its own', async () => {
  const asked: string[] = []
  const answer = (about: string): Promise<string> => Promise.resolve(`${about} ${asked.push(about)}`)
  const ask = remembering({ passphrase: answer, sudoPassword: answer })
  assert.is(await ask.sudoPassword?.('ada'), 'ada 1')
  assert.is(await ask.sudoPassword?.('ada'), 'ada 1')
  assert.is(await ask.sudoPassword?.('bo'), 'bo 2')
  assert.is(await ask.passphrase?.('ada'), 'ada 3')
  assert.equal(asked, ['ada', 'bo', 'ada'])
})

test('two connections that ask at the same time share the answer', async () => {
  let asked = 0
  const ask = remembering({ sudoPassword: () => Promise.resolve(String((asked += 1))) })
  assert.equal(await Promise.all([ask.sudoPassword?.('ada'), ask.sudoPassword?.('ada')]), ['1', '1'])
})

test('where there is nobody, nobody is asked', () => {
  assert.equal(remembering({}), {})
})

test.run()
