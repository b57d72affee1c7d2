/** verify at the command line, with hosts that lead nowhere. */
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { reportIn, runSite } from './site/run.ts'

const test = suite('verify at the command line')

test('a host that cannot be logged in to is wrong, what is on it is not checked, and the exit is 1', async () => {
  const ended = await runSite(['verify', '--host', 'web-1', '--at', 'root@127.0.0.1:1', '--host-key', KEY, '--json'])
  assert.is(ended.code, 1)
  const report = JSON.parse(JSON.stringify(reportIn(ended)))
  assert.equal([report.command, report.format, report.exit], ['verify', '1.0', { code: 1, name: 'error' }])
  const [{ checks }] = report.hosts
  const states = checks.map(({ check, about, state }: Record<string, string>) => [check, about, state])
  assert.equal(states, [
    ['host', 'everything on it', 'unchecked'],
    ['host', 'login', 'wrong'],
  ])
  assert.ok(checks[1].next.length > 0)
})

test('authorities are read from a file with certificates', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-ca-'))
  writeFileSync(join(folder, 'ca.pem'), 'none\n')
  const { code, stderr } = await runSite(['verify', '--ca', join(folder, 'ca.pem')])
  assert.is(code, 64)
  assert.match(stderr, '--ca: there is no certificate in ')
  assert.is((await runSite(['verify', '--ca', join(folder, 'nothing')])).code, 64)
  await rm(folder, { recursive: true })
})

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmCzkBRVUBQ6vGMIyGvGgBkKXG1qUdWJ+S0fSNjgQQ2'

test.run()
