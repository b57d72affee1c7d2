/** A site made by init, converged on a throw-away host by the package. */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshHost, sshOk } from '../support/host.ts'
import { BIN, newFolder, node } from '../support/packed.ts'

const test = suite('package on a host')

const folder = newFolder()
const host = await freshHost('debian-13')

test('init, then converge: the host has what the site says, and a plan by the bin or by tsx has nothing to do', async () => {
  assert.is((await node(folder, BIN, 'init')).code, 0)
  const converged = await node(folder, BIN, 'converge', '--sandbox', host.name, '--yes')
  assert.equal([converged.code, converged.stderr.includes('error')], [0, false])
  assert.is(await sshOk(host, 'cat /etc/motd'), 'web-1 is managed by Keelson.\n')
  for (const start of [[BIN], ['--import', 'tsx', join(folder, 'site.ts')]]) {
    const planned = await node(folder, ...start, 'plan', '--sandbox', host.name, '--detailed-exitcode')
    assert.equal([planned.code, planned.stderr], [0, ''])
    assert.match(planned.stdout, '1 resource: all in sync')
  }
})

test('what the host has is told apart from what the site says, with the line of the site', async () => {
  await sshOk(host, 'echo changed > /etc/motd')
  const { code, stdout } = await node(folder, BIN, 'plan', '--sandbox', host.name, '--detailed-exitcode')
  assert.is(code, 2)
  assert.match(stdout, /^ {2}~ file \/etc\/motd +site\.ts:10 +edited/m)
})

test.run()
