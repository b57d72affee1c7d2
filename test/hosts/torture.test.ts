/**
 * A short slice of `npm run torture`: other cases of each kind than those it begins with.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost } from '../support/host.ts'
import { CLASSES } from '../torture/hostile/index.ts'
import { prepareHost, runBatch } from '../torture/hostile/batch.ts'
import { KINDS } from '../torture/kinds.ts'

const test = suite('torture, a slice of it')
/** Cases of each kind, by name; lock-outs take half a minute each and have a test of their own. */
const SLICE: { readonly [kind: string]: number } = {
  'killed after every step': 2,
  'plans that write nothing': 3,
  'two clients at once': 3,
}
const host = await freshHost('debian-12')

for (const [name, count] of Object.entries(SLICE)) {
  test(name, async () => {
    const kind = KINDS.find((one) => one.name === name)
    assert.ok(kind && kind.hostless !== true)
    await kind.prepare?.(host)
    let cases = 0
    for (let seed = 1; seed <= count; seed += 1) cases += await kind.run(host, seed)
    assert.ok(cases >= count)
  })
}

/** Strings of each class: a quarter of a batch. */
const STRINGS = 250
for (const one of CLASSES) {
  test(`hostile strings: ${one.name}`, async () => {
    await prepareHost(host, one)
    await runBatch(host, one, 20_261_126, STRINGS)
  })
}

test.run()
