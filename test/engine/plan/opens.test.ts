import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openedBy } from '../../../lib/engine/plan/opens.ts'
import type { FieldChange } from '../../../lib/kit/resourceType.ts'
import { toyType } from '../fixture.ts'

const test = suite('what a change opens')

function opened(ref: string, after: string, before?: string): string[] {
  const fields: FieldChange[] = [{ field: 'content', form: 'text', before, after }]
  return openedBy({ type: toyType('file'), shown: { ref } }, fields)
}

const SSHD = 'file:/etc/ssh/sshd_config.d/00-a.conf'

test('lines of sshd are told in words', () => {
  assert.equal(opened(SSHD, 'PermitRootLogin yes\n'), ['lets root log in with a password'])
  assert.equal(opened(SSHD, '  passwordauthentication yes\nPermitRootLogin prohibit-password\n'), [
    'lets root log in with a key',
    'lets accounts log in with a password',
  ])
  assert.equal(opened(SSHD, '# PermitRootLogin yes\nPermitRootLogin no\nX11Forwarding yes\n'), [])
})

test('so are lines of sudoers, of pg_hba.conf and of redis.conf', () => {
  assert.equal(opened('sudoers:deploy', 'deploy ALL=(ALL:ALL) NOPASSWD: /usr/bin/apt\n'), [
    'lets deploy use sudo without a password',
  ])
  assert.equal(opened('file:/etc/sudoers.d/x', '%ops ALL=(ALL) ALL\n'), ['lets %ops run everything as root'])
  assert.equal(opened('edit:/etc/postgresql/17/main/pg_hba.conf x', 'host all all 0.0.0.0/0 trust'), [
    'lets clients into PostgreSQL without a password',
  ])
  assert.equal(opened('redis-setting:protected-mode', 'protected-mode no'), [
    'lets other machines use Redis without a password',
  ])
})

test('a line that was there already opens nothing, and one of another file means nothing', () => {
  assert.equal(opened(SSHD, 'PermitRootLogin yes\nA b\n', 'PermitRootLogin yes\n'), [])
  assert.equal(opened('file:/etc/motd', 'PermitRootLogin yes\n'), [])
})

test.run()
