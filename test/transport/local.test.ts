import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConnectionLost } from '../../lib/transport/connection.ts'
import { connectLocal } from '../../lib/transport/local.ts'
import { rejects } from '../support/rejects.ts'

const execute = promisify(execFile)
const test = suite('local transport')

test('a program runs as root in plain surroundings, and finds its input', async () => {
  const connection = await connectLocal({})
  const { exit, stdout } = await connection.run('id -u; pwd; umask; echo "$LC_ALL"; cat; exit 3', {
    input: Buffer.from('given'),
  })
  await connection.close()
  assert.is(exit, 3)
  assert.is(stdout.toString(), '0\n/\n0022\nC\ngiven')
  assert.equal(connection.trips, { connections: 1, execs: 1 })
})

test('a closed connection runs nothing more', async () => {
  const connection = await connectLocal({})
  await connection.close()
  await rejects(connection.run('true'), ConnectionLost)
})

test('nothing of a connection keeps the process alive once it is closed', async () => {
  const script = `import { connectLocal } from './lib/transport/local.ts'
const connection = await connectLocal({})
await connection.run('true')
await connection.close()`
  const { stderr } = await execute(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    timeout: 30_000,
  })
  assert.is(stderr, '')
})

test.run()
