import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openedBy } from '../../../lib/engine/plan/opens.ts'
import type { Change, FieldChange, Json } from '../../../lib/kit/resourceType.ts'
import { ufwRule, type UfwRule } from '../../../lib/resources/ufw/ufwRule.ts'
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

/** What a rule of the firewall is said to open; `null`: it is not there. */
function ruleOpens(before: UfwRule['action'] | null, after: UfwRule['action'] | null, name = '80/tcp'): string[] {
  const [was, is] = [before, after].map((action) => (action === null ? null : ufwRule.desired({ port: 80, action })))
  if (was == null) return ufwRule.opens!({ kind: 'create', name, before: null, after: is!, fields: [] })
  if (is == null) return ufwRule.opens!({ kind: 'remove', name, before: was, after: null, fields: [] })
  return ufwRule.opens!({ kind: 'change', name, before: was, after: is, fields: [] })
}

test('a rule of the firewall opens what it allows, and closes it when it is gone', () => {
  assert.equal(ruleOpens(null, 'allow'), ['opens 80/tcp'])
  assert.equal(ruleOpens('allow', null), ['closes 80/tcp'])
  assert.equal(ruleOpens('limit', 'deny'), ['closes 80/tcp'])
  assert.equal(ruleOpens('allow', 'limit'), [])
  assert.equal(ruleOpens('deny', null), [])
  assert.equal(ruleOpens('allow', null, 'out 80/tcp'), [])
})

test('a type is asked about what goes as well', () => {
  const type = toyType('rule', { opens: ({ kind, name }) => [`${kind} ${name}`] })
  const change: Change<Json> = { kind: 'remove', name: 'x', before: {}, after: null, fields: [] }
  assert.equal(openedBy({ type, shown: { ref: 'rule:x' }, change }, []), ['remove x'])
})

test('a line that was there already opens nothing, and one of another file means nothing', () => {
  assert.equal(opened(SSHD, 'PermitRootLogin yes\nA b\n', 'PermitRootLogin yes\n'), [])
  assert.equal(opened('file:/etc/motd', 'PermitRootLogin yes\n'), [])
})

test.run()
