/**
 * Secrets that can be recognised in any form are where they belong and nowhere else, however a run ends.
 */
import { randomInt } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshOk } from '../support/host.ts'
import { Canaries, canaries, FORMS, prepareCanaries, search } from '../torture/canaries.ts'
import { Random } from '../torture/random.ts'

const test = suite('canaries')
const host = await freshHost('debian-13')
await prepareCanaries(host)
const seed = randomInt(2 ** 32)
const round = new Canaries(host, seed)

test('the search finds what is there, in each form', async () => {
  const [canary] = canaries(new Random(seed))
  const words = Object.values(FORMS).flatMap((of) => of(canary!.parts[0]!))
  await sshOk(host, words.map((word, index) => `printf %s 'before ${word} after' > /srv/found-${index}`).join('\n'))
  const found = await search(host, words)
  for (const [index, word] of words.entries())
    assert.ok(
      found.some((one) => one.file === `/srv/found-${index}` && one.word === word),
      word,
    )
  await sshOk(host, 'rm /srv/found-*')
})

/** `npm run torture` has the others as well. */
const SLICE = ['ok', 'fail', 'crash', 'client killed'] as const

for (const ending of SLICE) {
  test(`in a run that ends so: ${ending} (seed ${seed})`, async () => {
    await round.end(ending)
  })
}

test('all that was looked at was enough', () => {
  assert.ok(round.cases >= 300, String(round.cases))
})

test.run()
