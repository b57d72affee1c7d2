/** Every block of the cookbook is one that a host can have. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Host, hostOf } from '../../lib/dsl/inventory.ts'
import { order } from '../../lib/engine/catalog/order.ts'
import { blocksOf, roleWith } from '../support/docBlocks.ts'
import { catalogOf } from '../support/converge.ts'
import { HERE } from '../support/examples.ts'

const test = suite('cookbook')

const folder = mkdtempSync(join(tmpdir(), 'keelson-cookbook-'))
process.once('exit', () => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n')
const blocks = blocksOf('docs/cookbook.md', 'ts')

test('there are twenty tasks', () => assert.ok(blocks.length >= 20, `only ${blocks.length}`))

for (const [index, { text, line }] of blocks.entries()) {
  test(`the block of line ${line} declares something that can be planned`, async () => {
    const file = join(folder, `block-${index}.ts`)
    writeFileSync(file, roleWith(text, HERE))
    const { role }: { role: (host: Host) => void } = await import(file)
    for (const os of ['debian-12', 'debian-13'] as const) {
      const entry = { name: 'web-1', address: '192.0.2.1', os, server: 'CX22', roles: ['server'], data: {} } as const
      const { resources } = catalogOf(entry, () => role(hostOf(entry)))
      assert.ok(order(resources).ordered.length > 0)
    }
  })
}

test.run()
