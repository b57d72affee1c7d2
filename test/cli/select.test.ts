import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { selectHosts } from '../../lib/cli/select.ts'
import { inventory } from '../../lib/dsl/inventory.ts'

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

test.run()
