import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAskedFor, selectHosts } from '../../lib/cli/select.ts'
import { inventory } from '../../lib/dsl/inventory.ts'
import type { CatalogResource } from '../../lib/engine/catalog/catalog.ts'

const test = suite('select')

const { hosts } = inventory({
  defaults: { os: 'debian-12', server: 'CCX13', roles: [] },
  hosts: { 'web-1': { address: '192.0.2.1' }, 'web-2': { address: '192.0.2.2' }, 'db-1': { address: '192.0.2.3' } },
})
const names = (patterns: string[]): string[] => selectHosts(hosts, patterns).map(({ name }) => name)

test('no pattern is all hosts', () => {
  assert.equal(names([]), ['web-1', 'web-2', 'db-1'])
})

test('hosts come in the order of the inventory, each once', () => {
  assert.equal(names(['db-1', 'web-*', 'web-1']), ['web-1', 'web-2', 'db-1'])
})

test('a pattern may leave hosts out', () => {
  assert.equal(names(['!web-*']), ['db-1'])
})

test('a pattern that fits nothing is a usage mistake, not an empty fleet', () => {
  assert.throws(() => names(['app-*']), /no host is called "app-\*"/)
})

const motd: CatalogResource = {
  ref: 'small-file:/etc/motd',
  type: 'small-file',
  name: '/etc/motd',
  desired: null,
  needs: [],
  claims: [],
  tags: ['greeting'],
  protect: false,
  source: { file: 'site.ts', line: 1, column: 1 },
  also: [],
}

for (const word of ['small-file:/etc/motd', 'small file /etc/motd', 'small-file', 'greeting']) {
  test(`a resource is found by ${word}`, () => {
    assert.ok(isAskedFor(motd, [word]))
  })
}

test('part of a name finds nothing', () => {
  assert.not.ok(isAskedFor(motd, ['/etc/motd', 'small', 'greet']))
})

test.run()
