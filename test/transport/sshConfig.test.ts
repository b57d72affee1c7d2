import { homedir, userInfo } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Unreachable } from '../../lib/transport/connection.ts'
import { parseSshConfig, readSshConfig } from '../../lib/transport/sshConfig.ts'
import { rejects } from '../support/rejects.ts'

const test = suite('ssh config')

// From `ssh -G` of OpenSSH 9.2 (Debian 12), cut down to the keywords that are read and a few that are not.
const PRINTED = `host web-1
user deploy
hostname 192.0.2.7
port 2222
batchmode no
identitiesonly yes
hostkeyalias the-web
identityagent $MY_AGENT
identityfile ~/.ssh/first key
identityfile /etc/keys/second
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
userknownhostsfile /home/a/known ~/.ssh/known_hosts2
proxyjump bastion:2200
`

test('what ssh -G prints is taken over, paths made absolute', () => {
  process.env['MY_AGENT'] = '/run/agent'
  assert.equal(parseSshConfig(PRINTED), {
    hostName: '192.0.2.7',
    port: 2222,
    identityFiles: [`${homedir()}/.ssh/first key`, '/etc/keys/second'],
    identitiesOnly: true,
    knownHostsFiles: [
      '/home/a/known',
      `${homedir()}/.ssh/known_hosts2`,
      '/etc/ssh/ssh_known_hosts',
      '/etc/ssh/ssh_known_hosts2',
    ],
    user: 'deploy',
    agent: '/run/agent',
    hostKeyAlias: 'the-web',
    proxyJump: 'bastion:2200',
    proxyCommand: undefined,
  })
})

test('the local account is what ssh falls back to, not a choice', () => {
  assert.is(parseSshConfig(`user ${userInfo().username}`).user, undefined)
})

test('an agent that is switched off is not used', () => {
  process.env['SSH_AUTH_SOCK'] = '/run/agent'
  assert.is(parseSshConfig('identityagent none').agent, undefined)
  assert.is(parseSshConfig('').agent, '/run/agent')
})

test('the real ssh is asked, with account and port', async () => {
  const { hostName, port, user } = await readSshConfig('192.0.2.9', { user: 'someone', port: 2022 })
  assert.equal({ hostName, port, user }, { hostName: '192.0.2.9', port: 2022, user: 'someone' })
})

test('a name that ssh would take for an option or a command is refused', async () => {
  for (const name of ['-oProxyCommand=x', 'a;b', 'a b', '$(x)', '']) await rejects(readSshConfig(name, {}), Unreachable)
})

test.run()
