/**
 * Key pairs that real hosts make for their accounts, and that let them in.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { authorizedKeys, directory, sshKey, user } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, undoOn } from '../support/converge.ts'
import { freshHost, onEach, ssh, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('key pairs')
const on = (title: string, work: (host: SandboxHost) => Promise<void>): void => test(title, () => onEach(hosts, work))

const PATH = '/home/deploy/.ssh/id_ed25519'
const REF = `ssh-key:${PATH}`
type Props = Parameters<typeof sshKey>[0]
const pair =
  (props: Partial<Props> = {}): (() => void) =>
  () => {
    const deploy = user({ name: 'deploy', shell: '/bin/bash' })
    directory({ path: '/home/deploy/.ssh', owner: 'deploy', mode: '0700', after: deploy })
    const key = sshKey({ path: PATH, owner: 'deploy', comment: "deploy's key", ...props })
    if (key.props.publicKey !== undefined)
      authorizedKeys({ user: 'root', keys: [key.props.publicKey], exclusive: false })
  }
const halves = (host: SandboxHost): Promise<string> => sshOk(host, `cat ${PATH} ${PATH}.pub | sha256sum`)
const publicHalf = async (host: SandboxHost): Promise<string> => (await sshOk(host, `cat ${PATH}.pub`)).trim()

on('a pair is made, for its owner alone', async (host) => {
  await convergeAsPlanned(host, pair(), SCOPED)
  assert.is(await sshOk(host, `stat -c '%a %U:%G' ${PATH} ${PATH}.pub`), '600 deploy:deploy\n644 deploy:deploy\n')
  assert.match(await publicHalf(host), /^ssh-ed25519 [A-Za-z0-9+/]{60,} deploy's key$/)
  assert.is(await sshOk(host, `ssh-keygen -y -f ${PATH}`), `${await publicHalf(host)}\n`)
})

on('once known, the public half is a value for others, and lets its owner in', async (host) => {
  const publicKey = await publicHalf(host)
  await convergeAsPlanned(host, pair({ publicKey }), SCOPED)
  const login = `runuser -u deploy -- ssh -i ${PATH} -o BatchMode=yes -o StrictHostKeyChecking=no -p ${host.port} root@127.0.0.1 id -un`
  assert.is(await sshOk(host, login), 'root\n')
})

on('rights and a public half that another hand changed are put right, with the same pair', async (host) => {
  const before = await halves(host)
  for (const [by, field] of [
    [`chmod 640 ${PATH}`, 'mode'],
    [`chown root ${PATH}`, 'owner'],
    [`rm ${PATH}.pub`, 'type'],
  ] as const) {
    await sshOk(host, by)
    const { plan } = await convergeAsPlanned(host, pair(), SCOPED)
    assert.ok(
      changeOf(plan, REF).fields.some((each) => each.field === field),
      by,
    )
    assert.is(await halves(host), before, by)
  }
})

on('another pair, another type, and what is no key are told and never replaced', async (host) => {
  const before = await halves(host)
  const other = (await publicHalf(host)).replace(/[A-Za-z0-9]{4} deploy's key$/, 'AAAA')
  const pinned = await convergeOn(host, pair({ publicKey: other }), SCOPED)
  assert.match(
    changeOf(pinned, REF).failure?.said ?? '',
    'has another key pair than the declared one: ssh-ed25519 AAAA',
  )
  const typed = await convergeOn(host, pair({ type: 'rsa' }), SCOPED)
  assert.match(changeOf(typed, REF).failure?.said ?? '', 'a key pair of the type ssh-ed25519')
  await sshOk(host, 'echo precious > /root/odd')
  const odd = await convergeOn(host, () => void sshKey({ path: '/root/odd' }), SCOPED)
  assert.match(changeOf(odd, 'ssh-key:/root/odd').failure?.said ?? '', 'is no private key without a passphrase')
  assert.is(await halves(host), before)
  assert.is(await sshOk(host, 'cat /root/odd; ls /root/odd.pub 2>/dev/null || :'), 'precious\n')
})

on('the other types are made, and absent takes both halves away', async (host) => {
  const both = (ensure: 'present' | 'absent') => (): void => {
    sshKey({ path: '/root/rsa', type: 'rsa', ensure })
    sshKey({ path: '/root/ecdsa', type: 'ecdsa', ensure })
  }
  await convergeAsPlanned(host, both('present'), SCOPED)
  assert.match(
    await sshOk(host, 'ssh-keygen -l -f /root/rsa; ssh-keygen -l -f /root/ecdsa'),
    /^4096 .*\(RSA\)\n256 .*\(ECDSA\)\n$/,
  )
  await convergeAsPlanned(host, both('absent'), SCOPED)
  assert.is((await ssh(host, 'ls /root/rsa* /root/ecdsa*')).stdout, '')
})

on('a pair is neither taken back nor removed because nobody declares it any more', async (host) => {
  await convergeAsPlanned(host, () => void sshKey({ path: '/root/kept' }), SCOPED)
  await undoOn(host, () => void sshKey({ path: '/root/kept' }), SCOPED)
  assert.is(await sshOk(host, 'ls /root/kept /root/kept.pub'), '/root/kept\n/root/kept.pub\n')
  const { changes } = await planOn(host, pair(), { allowRemove: 9 })
  assert.not(changes.some(({ ref, kind }) => ref === 'ssh-key:/root/kept' && kind === 'remove'))
})

on('the private half is in nothing that Keelson keeps', async (host) => {
  const middle = (await sshOk(host, `sed -n 3p ${PATH}`)).trim()
  assert.ok(middle.length > 50)
  assert.is((await ssh(host, `grep -rlF '${middle}' /var/lib/keelson /run/keelson`)).stdout, '')
})

for (const [props, said] of [
  [{ path: 'id' }, 'such as "/home/deploy/.ssh/id_ed25519"'],
  [{ comment: 'a\nb' }, 'one line of text'],
  [{ publicKey: 'AAAA' }, 'such as "ssh-ed25519 AAAA…"'],
  [{ type: 'rsa', publicKey: `ssh-ed25519 ${'A'.repeat(68)}` }, 'of another type than rsa'],
] as const) {
  test(`refused by the recipe's line: ${JSON.stringify(props).slice(0, 60)}`, async () => {
    const error = await rejects(planOn(hosts[0], pair(props)), RecipeError)
    assert.match(String(error), said)
  })
}

test.run()
