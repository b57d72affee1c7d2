import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inventory, type InventoryProps } from '../../lib/dsl/inventory.ts'
import { defineSite } from '../../lib/dsl/site.ts'
import { here, host, mistakesOf } from './thing.ts'

const test = suite('inventory')

async function problemsOf(props: object): Promise<string[]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what an inventory without types may hold
  const site = defineSite(import.meta.filename, inventory(props as InventoryProps<object>), { web: () => {} })
  const name = site.hosts[0]?.name ?? 'none'
  return (await mistakesOf(site.evaluate(name))).map(({ message }) => message)
}

test('a host wins over its roles, later roles over earlier ones, roles over defaults', () => {
  const { hosts } = inventory<{ from: string; kept: number; web: boolean }>({
    defaults: { ...host, user: 'a', port: 1, jump: 'a', data: { from: 'defaults', kept: 1 } },
    roles: { web: { user: 'b', port: 2, data: { from: 'web', web: true } }, db: { port: 3, data: { from: 'db' } } },
    hosts: { one: { roles: ['web', 'db'], port: 4 } },
  })
  const { user, port, jump, data } = hosts[0]!
  assert.equal([user, port, jump, data], ['b', 4, 'a', { from: 'db', kept: 1, web: true }])
})

test('a list replaces a list', () => {
  const { hosts } = inventory({
    defaults: { ...host, tags: ['a', 'b'] },
    hosts: { one: { tags: ['c'], roles: [] } },
  })
  assert.equal(hosts[0]?.tags, ['c'])
})

test('mistakes are told by the line of the inventory', async () => {
  const line = here() + 1
  const wrong = inventory({ hosts: { one: { ...host, roles: ['nothing'] } } })
  const [mistake] = await mistakesOf(defineSite(import.meta.filename, wrong, {}).evaluate('one'))
  assert.is(mistake?.source?.file, 'inventory.test.ts')
  assert.is(mistake?.source?.line, line)
})

const one = { ...host, roles: ['web'] }
const wrong: [string, object, string][] = [
  [
    'a key',
    { hosts: { one: { ...one, adress: '192.0.2.1' } } },
    'hosts.one: unknown key "adress"; did you mean "address"?',
  ],
  [
    'a key of defaults',
    { defaults: { usre: 'x' }, hosts: { one } },
    'defaults: unknown key "usre"; did you mean "user"?',
  ],
  ['a server', { hosts: { one: { ...one, server: 'CCX23x' } } }, 'did you mean "CCX23"?'],
  ['an OS', { hosts: { one: { ...one, os: 'debian12' } } }, 'did you mean "debian-12"?'],
  ['a port', { hosts: { one: { ...one, port: 70_000 } } }, 'hosts.one.port: must be at most 65535, not 70000'],
  ['a list of roles', { hosts: { one: { ...one, roles: 'web' } } }, 'hosts.one.roles: must be a list, not "web"'],
  ['what is missing', { hosts: { one: { ...host } } }, 'hosts.one: roles is missing'],
  ['a name', { hosts: { 'One!': one } }, 'hosts: "One!" cannot be a key here'],
  [
    'an address',
    { hosts: { one: { ...one, address: '-oProxyCommand=x' } } },
    'hosts.one.address: must be a host name or an IP address, not "-oProxyCommand=x"',
  ],
  ['two hosts on one machine', { hosts: { one, two: one } }, 'hosts.two: is the machine of hosts.one, 192.0.2.1'],
]
for (const [what, props, message] of wrong) {
  test(`${what} is refused in words`, async () => {
    const problems = await problemsOf(props)
    assert.ok(
      problems.some((problem) => problem.startsWith('inventory: ') && problem.includes(message)),
      problems.join('\n'),
    )
  })
}

test.run()
