/**
 * Commands with a check, on real hosts.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { command, secret, user } from '../../lib/index.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('commands on real hosts')

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)
  const lines = (path: string) => sshOk(host, `wc -l < ${path}`)

  on('what its check denies is applied, once', async () => {
    const declare = (): void => {
      command({ name: 'mark', check: 'test -e /srv/mark', apply: 'echo x >> /srv/mark' })
    }
    const { plan } = await convergeAsPlanned(host, declare, SCOPED)
    assert.is(changeOf(plan, 'command:mark').kind, 'create')
    await convergeAsPlanned(host, declare, SCOPED)
    assert.is(await lines('/srv/mark'), '1\n')
  })

  on('what its check confirms is not applied', async () => {
    await convergeAsPlanned(
      host,
      () => void command({ name: 'there', check: 'true', apply: 'touch /srv/never' }),
      SCOPED,
    )
    assert.is((await ssh(host, 'ls /srv/never')).exit, 2)
  })

  on('another text for what is done already is noted and not run', async () => {
    const { plan } = await convergeAsPlanned(
      host,
      () => void command({ name: 'mark', check: 'test -s /srv/mark', apply: 'echo y >> /srv/mark' }),
      SCOPED,
    )
    assert.equal(
      plan.changes.map(({ kind }) => kind),
      ['adopt'],
    )
    assert.is(await lines('/srv/mark'), '1\n')
  })

  on('it runs as its user, in its folder, with its variables and its input', async () => {
    const check = 'test -s "$HOME/answer"'
    const apply = `{ id -un; pwd; printf '%s\\n' "$WORD"; cat; } > "$HOME/answer"`
    const declare = (): void => {
      const ada = user({ name: 'ada', shell: '/bin/bash' })
      const env = { WORD: `it's "$HOME" \\n`, HOME: '/home/ada' }
      const input = secret('word')
      command({ name: 'answer', check, apply, user: 'ada', directory: '/usr/lib', env, input, after: ada })
    }
    await convergeAsPlanned(host, declare, { ...SCOPED, secrets: { word: 'hush\nhush' } })
    assert.is(await sshOk(host, 'cat /home/ada/answer'), `ada\n/usr/lib\nit's "$HOME" \\n\nhush\nhush`)
    assert.is(await sshOk(host, 'stat -c %U /home/ada/answer'), 'ada\n')
  })

  on('what was undone by hand is done again', async () => {
    await sshOk(host, 'rm /srv/mark')
    const { plan } = await convergeAsPlanned(
      host,
      () => void command({ name: 'mark', check: 'test -s /srv/mark', apply: 'echo y >> /srv/mark' }),
      SCOPED,
    )
    assert.is(changeOf(plan, 'command:mark').cause, 'drift')
    assert.is(await sshOk(host, 'cat /srv/mark'), 'y\n')
  })

  on('one that says it went well, and whose check still says no, is a failure', async () => {
    const report = await convergeOn(host, () => void command({ name: 'vain', check: 'false', apply: 'true' }), SCOPED)
    const { outcome, failure } = changeOf(report, 'command:vain')
    assert.is(outcome, 'failed')
    assert.is(failure?.phase, 'verify')
  })

  on('a failure is told with its exit and the last words of the host', async () => {
    const apply = 'echo one; echo two >&2; exit 7'
    const report = await convergeOn(host, () => void command({ name: 'bad', check: 'false', apply }), SCOPED)
    const { failure } = changeOf(report, 'command:bad')
    assert.is(failure?.exit, 7)
    assert.is(failure?.said, 'one\ntwo')
  })

  on('one that does not end is ended with all it started', async () => {
    const apply = 'sleep 1234 & sleep 1234'
    const declare = (): void => void command({ name: 'endless', check: 'false', apply, timeoutMs: 1000 })
    const report = await convergeOn(host, declare, SCOPED)
    assert.match(changeOf(report, 'command:endless').failure?.said ?? '', 'no end within 1 s; it was killed')
    assert.is((await ssh(host, 'pgrep -f "sleep 1234"')).exit, 1)
  })

  on('of several lines each must succeed', async () => {
    const apply = 'false\ntouch /srv/never'
    await convergeOn(host, () => void command({ name: 'lines', check: 'false', apply }), SCOPED)
    assert.is((await ssh(host, 'ls /srv/never')).exit, 2)
  })

  on('what no check can tell of runs with every converge, and every plan says so', async () => {
    const declare = (): void => void command({ name: 'always', opaque: true, apply: 'echo x >> /srv/always' })
    await convergeOn(host, declare, SCOPED)
    assert.is(changeOf(await planOn(host, declare, SCOPED), 'command:always').ref, 'command:always')
    await convergeOn(host, declare, SCOPED)
    assert.is(await lines('/srv/always'), '2\n')
  })

  on('no longer declared, it is undone where it says how', async () => {
    const declare = (): void => {
      command({ name: 'light', check: 'test -e /srv/light', apply: 'touch /srv/light', undo: 'rm /srv/light' })
      command({ name: 'dark', check: 'test -e /srv/dark', apply: 'touch /srv/dark' })
    }
    await convergeOn(host, declare, SCOPED)
    const rest = (): void => void command({ name: 'mark', check: 'test -e /srv/mark', apply: 'touch /srv/mark' })
    const { plan } = await convergeAsPlanned(host, rest, { allowRemove: 99 })
    assert.is(changeOf(plan, 'command:light').kind, 'remove')
    assert.is(changeOf(plan, 'command:dark').kind, 'forget')
    assert.is(await sshOk(host, 'ls /srv | grep -x -e light -e dark'), 'dark\n')
  })
}

test('one without a check is refused by the recipe line', async () => {
  let error: unknown
  try {
    await planOn(hosts[0], () => void command({ name: 'x', apply: 'true' }))
  } catch (caught) {
    error = caught
  }
  assert.instance(error, RecipeError)
  assert.match(String(error), /command\.test\.ts:\d+: command x: .*check/)
})

test.run()
