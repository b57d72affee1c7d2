import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { domainsOf } from '../../lib/cli/up.ts'
import type { Catalog } from '../../lib/engine/catalog/catalog.ts'

const test = suite('up')

const catalog = (claims: string[]): Catalog => ({
  host: { name: 'h', address: 'a', os: 'debian-12', server: 'CCX13', cpus: 2, memoryMiB: 8192 },
  resources: [
    {
      ref: 'nginx-vhost:x',
      type: 'nginx-vhost',
      name: 'x',
      desired: {},
      needs: [],
      claims,
      tags: [],
      protect: false,
      source: { file: 'site.ts', line: 1, column: 1 },
      also: [],
    },
  ],
})

test('domains are the names that vhosts claim, each once', () => {
  const claims = [
    'path:/etc/x',
    'server_name:a.example@443',
    'server_name:b.example@443',
    'server_name:a.example@[::]:443',
  ]
  assert.equal(domainsOf(catalog(claims)), ['a.example', 'b.example'])
})

test('wildcards and catch-alls are no addresses to try', () => {
  assert.equal(domainsOf(catalog(['server_name:*.example@80', 'server_name:_@80', 'server_name:~^x$@80'])), [])
})

test.run()
