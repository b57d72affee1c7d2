/**
 * A short slice of `npm run torture`: other cases of each kind than those it begins with.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost } from '../support/host.ts'
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
    assert.ok(kind)
    await kind.prepare?.(host)
    let cases = 0
    for (let seed = 1; seed <= count; seed += 1) cases += await kind.run(host, seed)
    assert.ok(cases >= count)
  })
}

test.run()
