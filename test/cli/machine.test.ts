import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { madeUpSecrets, parseAt, targetOf } from '../../lib/cli/machine.ts'

const test = suite('--at')
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrSp5wqE/QGEgyAnFzUEE+VeU2O4qoUinJCx626Z3FX'

const good = {
  'root@192.0.2.1': { user: 'root', address: '192.0.2.1' },
  'web.example.com': { address: 'web.example.com' },
  'deploy@web.example.com:2222': { user: 'deploy', address: 'web.example.com', port: 2222 },
  'root@[2001:db8::1]:22': { user: 'root', address: '2001:db8::1', port: 22 },
  'root@2001:db8::1': { user: 'root', address: '2001:db8::1' },
}
for (const [at, target] of Object.entries(good)) {
  test(`${at} is understood`, () => {
    assert.equal(parseAt(at, {}), target)
  })
}

for (const at of ['', 'root@', '@web', 'root@a b', 'root@web:', 'root@web:port', 'root@-oProxyCommand=x', '-l@web']) {
  test(`${JSON.stringify(at)} is refused`, () => {
    assert.throws(() => parseAt(at, {}), /--at takes USER@ADDRESS\[:PORT\]/)
  })
}

test('made-up secrets are the same for all throw-away hosts, and a hash is a hash', () => {
  const of = (key: string): Map<string, string> =>
    madeUpSecrets(Buffer.from(key), ['login', 'db'], (name) => name === 'login')
  assert.equal(of('key'), of('key'))
  assert.is.not(of('key').get('db'), of('other').get('db'))
  assert.match(of('key').get('db') ?? '', /^[0-9a-f]{32}$/)
  // The lengths that crypt(5) gives for sha512crypt.
  assert.match(of('key').get('login') ?? '', /^\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/)
})

test('a key file and a host key go with the address', () => {
  assert.equal(parseAt('web', { identity: '/k', hostKey: KEY }), {
    address: 'web',
    identityFile: '/k',
    hostKey: KEY,
  })
})

for (const hostKey of ['ssh-ed25519 AAAA', 'ssh-ed25519', 'AAAAC3NzaC1lZDI1NTE5', '', KEY.replace('ed25519', 'rsa')]) {
  test(`${JSON.stringify(hostKey)} is no host key, in an option and in the inventory`, () => {
    assert.throws(() => parseAt('web', { hostKey }), /--host-key is no public key/)
    const host = { name: 'web', address: 'web', os: 'debian-12', server: 'CX22', roles: [], data: {}, hostKey } as const
    assert.throws(() => targetOf(host), /hostKey of web is no public key/)
  })
}

test.run()
