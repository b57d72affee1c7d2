/**
 * A short slice of what `npm run torture` does to all of TakeClient: a first converge, cut off.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost } from '../support/host.ts'
import { Random } from '../torture/random.ts'
import { cutFrom, prepareTakeclient } from '../torture/takeclient.ts'

const test = suite('TakeClient, cut off')
const host = await freshHost('debian-13')
await prepareTakeclient(host, ['bare'])

test('a power cut after three quarters of what a first converge tells', async () => {
  // The seed of a moment that is counted in events, not in time.
  assert.is(await cutFrom(host, 'bare', 'power cut', new Random(26)), 1, 'it was not cut')
})

test.run()
