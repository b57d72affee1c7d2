/**
 * Commands that run when something else has changed, on real hosts.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { undoHost } from '../../lib/engine/undo/undoHost.ts'
import { aptPackage, command, directory, file } from '../../lib/index.ts'
import { closingSum } from '../../lib/render/view/sums.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, runOn } from '../support/converge.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('commands that run on a change')

/** On both at once; each begins as if Keelson had never been there. */
function on(title: string, work: (host: SandboxHost) => Promise<void>): void {
  test(title, async () => {
    await Promise.all(
      hosts.map(async (host) => {
        await sshOk(host, 'rm -rf /srv/* /run/keelson /var/lib/keelson')
        await work(host)
      }),
    )
  })
}

const ran = async (host: SandboxHost): Promise<number> => (await ssh(host, 'cat /srv/ran')).stdout.length
const run = 'printf x >> /srv/ran'

const aliases =
  (content: string, apply = run) =>
  (): void => {
    const text = file({ path: '/srv/aliases', content })
    command({ name: 'aliases', onChange: [text], apply })
  }

on('it runs once, and again with the run that changes what it watches', async (host) => {
  await convergeAsPlanned(host, aliases('a\n'))
  assert.is(await ran(host), 1)
  await convergeAsPlanned(host, aliases('a\n'))
  assert.is(await ran(host), 1)
  const { plan } = await convergeAsPlanned(host, aliases('b\n'))
  const { kind, cause, fields } = changeOf(plan, 'command:aliases')
  assert.equal([kind, cause], ['follow-up', 'intent'])
  assert.equal(fields[0]?.followUp, { action: 'run', because: 'file /srv/aliases' })
  assert.match(closingSum(plan), '1 to change, 1 to run')
  assert.is(await ran(host), 2)
})

on('what another hand changes counts, and is no drift of the command', async (host) => {
  await convergeAsPlanned(host, aliases('a\n'))
  await sshOk(host, 'echo b >> /srv/aliases; echo a > /srv/aliases')
  const { plan } = await convergeAsPlanned(host, aliases('a\n'))
  assert.equal(
    plan.changes.map(({ kind, ref, cause }) => [kind, ref, cause]),
    [['follow-up', 'command:aliases', 'intent']],
  )
  assert.match(JSON.stringify(plan.followUps), '/srv/aliases changed since it ran')
  assert.is(await ran(host), 2)
})

on('a run that ends between the change and the command loses nothing', async (host) => {
  const declare = (content: string) => (): void => {
    const text = file({ path: '/srv/aliases', content })
    const gate = command({ name: 'gate', check: 'test -e /srv/open', apply: 'test -e /srv/open', after: text })
    command({ name: 'aliases', onChange: [text], apply: run, after: gate })
  }
  await sshOk(host, 'touch /srv/open')
  await convergeAsPlanned(host, declare('a\n'))
  await sshOk(host, 'rm /srv/open')
  const cut = await convergeOn(host, declare('b\n'))
  assert.is(changeOf(cut, 'file:/srv/aliases').outcome, 'changed')
  assert.is(changeOf(cut, 'command:aliases').outcome, 'skipped')
  // All that a boot empties.
  await sshOk(host, 'touch /srv/open; rm -rf /run/keelson')
  await convergeAsPlanned(host, declare('b\n'))
  assert.is(await ran(host), 2)
})

on('nor does one that fails', async (host) => {
  await convergeAsPlanned(host, aliases('a\n'))
  const failed = await convergeOn(host, aliases('b\n', 'exit 3'))
  assert.is(changeOf(failed, 'command:aliases').failure?.exit, 3)
  const { plan } = await convergeAsPlanned(host, aliases('b\n'))
  assert.is(changeOf(plan, 'command:aliases').kind, 'follow-up')
  assert.is(await ran(host), 2)
})

on('what writes no file is watched all the same, also over a boot', async (host) => {
  const declare =
    (value: number, isOpen = true) =>
    (): void => {
      const tool = command({ name: 'tool', check: `grep -qx ${value} /srv/tool`, apply: `echo ${value} > /srv/tool` })
      const gate = command({ name: 'gate', check: String(isOpen), apply: 'false', after: tool })
      command({ name: 'note', onChange: [tool], apply: run, after: gate })
    }
  await convergeAsPlanned(host, declare(1))
  await convergeAsPlanned(host, declare(2))
  assert.is(await ran(host), 2)
  await convergeOn(host, declare(3, false))
  assert.is(await ran(host), 2)
  await sshOk(host, 'rm -rf /run/keelson')
  const { plan } = await convergeAsPlanned(host, declare(3))
  assert.match(JSON.stringify(plan.followUps), 'command tool ran')
  assert.is(await ran(host), 3)
})

on('a package counts, and so does what lies in a folder', async (host) => {
  const declare =
    (ensure: 'present' | 'absent', more = false) =>
    (): void => {
      const tree = aptPackage({ name: 'hello', ensure })
      const folder = directory({ path: '/srv/conf.d' })
      if (more) file({ path: '/srv/conf.d/more', content: 'x\n' })
      command({ name: 'note', onChange: [tree, folder], apply: run })
    }
  await convergeAsPlanned(host, declare('present'))
  await convergeAsPlanned(host, declare('absent'))
  assert.is(await ran(host), 2)
  const { plan } = await convergeAsPlanned(host, declare('absent', true))
  assert.is(changeOf(plan, 'command:note').fields[0]?.followUp?.because, 'file /srv/conf.d/more')
  assert.is(await ran(host), 3)
  await sshOk(host, 'rm /srv/conf.d/more')
  assert.equal(
    (await planOn(host, declare('absent'))).followUps.map(({ action }) => action),
    ['run'],
  )
})

on('no longer declared, what it has run for is forgotten and nothing runs', async (host) => {
  await convergeAsPlanned(host, aliases('a\n'))
  const { plan } = await convergeAsPlanned(host, () => void file({ path: '/srv/aliases', content: 'a\n' }), {
    allowRemove: 9,
  })
  assert.equal(
    [changeOf(plan, 'command:aliases').kind, changeOf(plan, 'command:aliases').consequence],
    ['remove', 'record'],
  )
  assert.is(await sshOk(host, 'find /var/lib/keelson/ran -type f'), '')
  assert.is(await ran(host), 1)
})

on('it runs again when what it ran for is undone', async (host) => {
  await convergeAsPlanned(host, aliases('a\n'))
  await convergeAsPlanned(host, aliases('b\n'))
  const report = await undoHost({ ...runOn(host, aliases('b\n')), confirm: () => Promise.resolve(true) })
  assert.equal(
    report.changes.map(({ ref, outcome }) => [ref, outcome]),
    [
      ['file:/srv/aliases', 'changed'],
      ['command:aliases', 'changed'],
    ],
  )
  assert.is(await sshOk(host, 'cat /srv/aliases'), 'a\n')
  assert.is(await ran(host), 3)
})

on('names and paths of odd characters are only text', async (host) => {
  const odd = `/srv/o'dd "$(touch never)" %s\\0 \`x\``
  const declare = (content: string) => (): void => {
    const text = file({ path: odd, content })
    command({ name: `it's "$(touch /srv/never)" %n\\0`, onChange: [text, '/srv/not there'], apply: run })
  }
  await convergeAsPlanned(host, declare('a\n'))
  await convergeAsPlanned(host, declare('b\n'))
  assert.is(await ran(host), 2)
  assert.is((await ssh(host, 'ls /srv/never')).exit, 2)
})

test.run()
