/** The site itself, as far as it can be seen without a host. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import site from '../site.ts'

const test = suite('site.ts')

for (const { name } of site.hosts) {
  for (const os of ['debian-12', 'debian-13'] as const) {
    test(`${name} on ${os} is evaluated twice to the same bytes`, async () => {
      const catalog = await site.evaluate(name, { os })
      assert.ok(catalog.resources.length > 0)
      assert.is(JSON.stringify(await site.evaluate(name, { os })), JSON.stringify(catalog))
    })
  }
}

test.run()
