/**
 * By which keys real hosts know others, and what ssh makes of it.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { edit, knownHosts } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, planOn, undoOn } from '../support/converge.ts'
import { freshHost, onEach, ssh, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('known hosts')
const on = (title: string, work: (host: SandboxHost) => Promise<void>): void => test(title, () => onEach(hosts, work))

const FILE = '/etc/ssh/ssh_known_hosts'
const REF = 'known-hosts:git.example.com'
const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJj8FQx1r8Dk2GmE2Cz3vT0F0bX2mTq6jvQd0bq3rGxA'
const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'
const knows =
  (props: Partial<Parameters<typeof knownHosts>[0]> = {}): (() => void) =>
  () =>
    void knownHosts({ host: 'Git.example.com', keys: [`${ED25519} its comment`], ...props })
const text = (host: SandboxHost): Promise<string> => sshOk(host, `cat ${FILE}`)
/** What ssh-keygen finds there for a name. */
const found = async (host: SandboxHost, name: string): Promise<string> =>
  (await ssh(host, `ssh-keygen -f ${FILE} -F '${name}' | grep -v '^#'`)).stdout

on('a host is known, by its name and port', async (host) => {
  await convergeAsPlanned(
    host,
    () => {
      knows()()
      knows({ port: 2222, keys: [OTHER] })()
    },
    SCOPED,
  )
  assert.is(await found(host, 'git.example.com'), `git.example.com ${ED25519}\n`)
  assert.is(await found(host, '[git.example.com]:2222'), `[git.example.com]:2222 ${OTHER}\n`)
  assert.is(await sshOk(host, `stat -c '%a %U' ${FILE}`), '644 root\n')
})

on('ssh itself takes the key, and refuses another one', async (host) => {
  const own = (await sshOk(host, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")).trim()
  const login = `ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null -p ${host.port} nobody@127.0.0.1 true 2>&1`
  const local = (keys: string[]): (() => void) => knows({ host: '127.0.0.1', port: host.port, keys })
  await convergeAsPlanned(host, local([own]), SCOPED)
  assert.match((await ssh(host, login)).stdout, 'Permission denied')
  await convergeAsPlanned(host, local([OTHER]), SCOPED)
  assert.match((await ssh(host, login)).stdout, 'Host key verification failed')
})

on('another key, also one under a hashed name or in a list of names, is drift', async (host) => {
  await sshOk(
    host,
    `echo 'other.example,git.example.com,192.0.2.1 ${OTHER}' >> ${FILE}; echo '# ours' >> ${FILE}; echo '@revoked git.example.com ${OTHER}' >> ${FILE}`,
  )
  const listed = await convergeAsPlanned(host, knows(), SCOPED)
  assert.is(changeOf(listed.plan, REF).cause, 'drift')
  assert.match(await text(host), `other.example,192.0.2.1 ${OTHER}\n# ours\n@revoked git.example.com ${OTHER}\n`)
  await sshOk(
    host,
    `echo 'git.example.com ${OTHER}' > /root/one; ssh-keygen -q -H -f /root/one 2>/dev/null; cat /root/one >> ${FILE}`,
  )
  const hashed = await convergeAsPlanned(host, knows(), SCOPED)
  assert.equal(
    changeOf(hashed.plan, REF).fields.map(({ field }) => field),
    ['keys'],
  )
  assert.not.match(await text(host), '|1|')
})

on('several keys and lines of another hand come in one run', async (host) => {
  await convergeAsPlanned(
    host,
    () => {
      edit({ path: FILE, line: `mine.example ${ED25519}` })
      knows({ keys: [OTHER, ED25519] })()
    },
    SCOPED,
  )
  assert.is(
    await found(host, 'git.example.com'),
    `@revoked git.example.com ${OTHER}\ngit.example.com ${OTHER}\ngit.example.com ${ED25519}\n`,
  )
  assert.is(await found(host, 'mine.example'), `mine.example ${ED25519}\n`)
})

on('undo gives back the keys it had, and absent forgets the host', async (host) => {
  await convergeAsPlanned(host, knows({ keys: [OTHER] }), SCOPED)
  const { summary, changes } = await undoOn(host, knows({ keys: [OTHER] }), SCOPED)
  assert.is(summary.failed, 0, JSON.stringify(changes))
  assert.match(await found(host, 'git.example.com'), `git.example.com ${OTHER}\ngit.example.com ${ED25519}\n`)
  await convergeAsPlanned(host, knows({ ensure: 'absent' }), SCOPED)
  assert.is(await found(host, 'git.example.com'), `@revoked git.example.com ${OTHER}\n`)
  assert.match(await found(host, '[git.example.com]:2222'), OTHER)
})

for (const [props, said] of [
  [{ host: 'a b' }, 'such as "git.example.com"'],
  [{ host: '*' }, 'such as "git.example.com"'],
  [{ keys: ['ssh-ed25519 AAAA'] }, 'cut off or damaged'],
  [{ keys: [ED25519.replace('ssh-ed25519', 'ssh-rsa')] }, 'cut off or damaged'],
  [{ keys: [`${ED25519}\n* ${OTHER}`] }, 'such as "ssh-ed25519 AAAA…"'],
  [{ port: 0 }, 'port: must be at least 1'],
] as const) {
  test(`refused by the recipe's line: ${JSON.stringify(props).slice(0, 60)}`, async () => {
    const error = await rejects(planOn(hosts[0], knows(props as object)), RecipeError)
    assert.match(String(error), said)
  })
}

test.run()
