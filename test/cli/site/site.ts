/** A site with two hosts, both of which lead nowhere: 192.0.2.0/24 is for documentation (RFC 5737). */
import { site } from '../../../lib/cli/site.ts'
import { inventory } from '../../../lib/dsl/inventory.ts'
import { note } from './note.ts'

export const hosts = inventory({
  defaults: { os: 'debian-12', server: 'CCX13', hostKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfixturekey' },
  hosts: {
    'web-1': { address: '192.0.2.1', roles: ['web'] },
    'db-1': { address: '192.0.2.2', roles: ['db'] },
  },
})

export default site(hosts, {
  web() {
    const first = note({ title: 'first', text: 'one\n', tags: ['early'] })
    const second = note({ title: 'second', text: process.env['SECOND'] ?? 'two\n', after: first })
    note({ title: 'third', text: 'three\n', after: [first, second] })
  },
  db() {
    note({ title: process.env['TITLE'] ?? 'only', text: process.env['NOTE'] ?? 'here\n' })
  },
})
