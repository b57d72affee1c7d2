/**
 * A short slice of the kind "word" of `npm run torture`.
 */
import { randomInt } from 'node:crypto'
import { suite } from 'uvu'
import { freshHost } from '../support/host.ts'
import { keepsItsWord } from '../torture/word.ts'

const test = suite('word')
const host = await freshHost('debian-13')

test('what a run says is what the host shows', async () => {
  for (let seed = 1; seed <= 3; seed += 1) await keepsItsWord(host, seed)
})

const seed = randomInt(2 ** 32)
test(`and so with recipes that nobody has seen (seed ${seed})`, async () => {
  for (let more = 0; more < 2; more += 1) await keepsItsWord(host, seed + more)
})

test.run()
