/**
 * Runs that are taken back, on a real host: it is as before, seen from outside, and the next plan knows what the site
 * still wants.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { HostError, NoSuchRun, Refused } from '../../lib/engine/errors.ts'
import type { HostReport, Plan } from '../../lib/engine/report.ts'
import { parseRuns, READ_RUNS } from '../../lib/engine/host/storedRun.ts'
import { undoHost } from '../../lib/engine/undo/undoHost.ts'
import {
  aptPackage,
  command,
  conf,
  cronJob,
  directory,
  edit,
  file,
  group,
  secret,
  service,
  sudoers,
  symlink,
  sysctl,
  ufwDefaults,
  ufwRule,
  unit,
  user,
} from '../../lib/index.ts'
import { changedFiles } from '../../lib/sandbox/sandbox.ts'
import { convergeOn, type Options, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { Killer } from '../torture/kill.ts'

const suited = suite('undo')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `systemctl stop '*.timer'; apt-get -q update >/dev/null
   DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ufw sudo cron >/dev/null`,
)

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /srv/play /var/lib/keelson && mkdir /srv/play')
    await body()
  })
}

type Asked = Options & { run?: string; over?: Killer }

/** Undoes as the command line does; `seen` is given the plan that was asked for. */
async function undoOn(declare: () => void, { run, over, ...options }: Asked = {}, seen?: Plan[]): Promise<HostReport> {
  const { connect, ...rest } = runOn(host, declare, options)
  return undoHost({
    ...rest,
    connect: over === undefined ? connect : async () => over.over(await connect()),
    confirm: (plan) => Promise.resolve(seen?.push(plan) !== 0),
    ...(run === undefined ? {} : { run }),
  })
}

type Disk = Awaited<ReturnType<typeof changedFiles>>

/** All that differs between the host's disk and its image, but what Keelson keeps for itself. */
const disk = (): Promise<Disk> =>
  changedFiles(host.name, { ignore: ['/var/lib/keelson', '/var/lib/apt', '/var/cache', '/var/log'] })

/** Paths that differ, with what they were and are. */
function between(was: Disk, is: Disk): [path: string, was: unknown, is: unknown][] {
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((path): [string, unknown, unknown] => [path, was.get(path), is.get(path)])
    .filter(([, then, now]) => JSON.stringify(then) !== JSON.stringify(now))
}

const changesOf = ({ changes }: Plan | HostReport): string[] => changes.map(({ kind, ref }) => `${kind} ${ref}`)
const causesOf = ({ changes }: Plan): string[] => [...new Set(changes.map(({ cause }) => cause))]
const staysOf = ({ undo }: HostReport): [string, string][] =>
  (undo?.stays ?? []).map(({ ref, because }) => [ref, because])

async function converge(declare: () => void, options: Options = {}): Promise<void> {
  await assertDone(await convergeOn(host, declare, options))
}

async function assertDone(report: HostReport): Promise<void> {
  const bad = report.changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  assert.equal(
    bad.map(({ ref, failure }) => [ref, failure?.said]),
    [],
  )
  assert.is(report.error, undefined)
}

const play = (name: string): string => `/srv/play/${name}`

test('files of all kinds get their bytes, owner and mode back, and what is new goes', async () => {
  await sshOk(
    host,
    `cd /srv/play && printf 'mine\\n' > mine && head -c 70000 /dev/urandom > binary && chown daemon:adm binary && chmod 4750 binary
     printf 'old\\n' > narrow && chmod 600 narrow && ln -s mine link && printf 'a\\nb = 0\\n' > theirs`,
  )
  const before = (): void => {
    file({ path: play('owned'), content: 'first\n' })
    edit({ path: play('theirs'), line: 'b = 1', replaces: 'b =' })
  }
  await converge(before)
  const was = await disk()
  const after = (): void => {
    file({ path: play('owned'), content: 'second\n', mode: '0600' })
    file({ path: play('mine'), content: 'site\n' })
    file({ path: play('binary'), content: 'text\n' })
    file({ path: play('narrow'), mode: '0644' })
    file({ path: play('new'), content: 'new\n' })
    symlink({ path: play('link'), target: 'owned' })
    edit({ path: play('theirs'), line: 'b = 2', replaces: 'b =' })
    edit({ path: play('theirs'), block: { name: 'x', content: 'block\n' } })
  }
  await converge(after)
  const done = await disk()
  const plans: Plan[] = []
  const report = await undoOn(after, {}, plans)
  await assertDone(report)
  assert.equal(staysOf(report), [])
  assert.equal(between(was, await disk()), [])
  assert.is(
    await sshOk(host, 'stat -c %A /var/lib/keelson/runs/2.kept; find /var/lib/keelson -perm /077 | cat'),
    'drwx------\n',
  )
  // The site still wants it: by its own intent, and nothing was edited by another hand.
  const next = await planOn(host, after)
  assert.equal(causesOf(next), ['intent'])
  assert.is(next.changes.length, 8)
  assert.equal(changesOf(await planOn(host, before)), [])

  const again = await undoOn(after)
  await assertDone(again)
  assert.equal(between(done, await disk()), [])
  assert.equal(changesOf(await planOn(host, after)), [])
  assert.equal(
    parseRuns(await sshOk(host, READ_RUNS)).map(({ run, undoes, outcome }) => [run, undoes, outcome]),
    [
      ['4', '3', 'ok'],
      ['3', '2', 'ok'],
      ['2', undefined, 'ok'],
      ['1', undefined, 'ok'],
    ],
  )
})

test('accounts, rights, jobs, kernel settings and edits that a run made go, and what it took away comes back', async () => {
  const before = (): void => {
    cronJob({ name: 'gone', schedule: '1 2 * * *', command: 'true' })
    file({ path: play('gone'), content: 'old\n' })
    edit({ path: '/etc/hosts', block: { name: 'gone', content: '192.0.2.9 gone.example\n' } })
  }
  await converge(before)
  const was = await disk()
  const accounts = () => sshOk(host, 'getent passwd; getent group; getent shadow | cut -d: -f1')
  const known = await accounts()
  const after = (): void => {
    const crew = group({ name: 'crew' })
    const ada = user({ name: 'ada', groups: ['crew'], createHome: false, after: crew })
    sudoers({ name: 'ada', user: 'ada', commands: ['/bin/true'], after: ada })
    file({ path: play('hers'), content: 'x', owner: 'ada', after: ada })
    cronJob({ name: 'new', schedule: '* * * * *', command: 'true', user: 'ada', after: ada })
    sysctl({ key: 'net.ipv4.tcp_keepalive_time', value: 7001 })
    edit({ path: '/etc/hosts', block: { name: 'new', content: '192.0.2.1 new.example\n' } })
  }
  await converge(after)
  const report = await undoOn(after)
  await assertDone(report)
  const left = between(was, await disk()).map(([path]) => path)
  // What useradd and its like leave beside the files they change.
  assert.equal(
    left.filter((path) => !/^\/etc\/(sub)?(passwd|group|shadow|gshadow|uid|gid)-?$/.test(path)),
    [],
  )
  assert.is(await accounts(), known)
  assert.equal(staysOf(report), [
    ['user:ada', 'its home, and files of its own elsewhere'],
    ['sysctl:net.ipv4.tcp_keepalive_time', 'its running value, until the next boot'],
  ])
  const next = await planOn(host, after)
  assert.equal(causesOf(next), ['intent'])
  assert.equal(changesOf(next).sort(), [
    'create cron-job:new',
    'create edit:/etc/hosts block new',
    `create file:${play('hers')}`,
    'create group:crew',
    'create sudoers:ada',
    'create sysctl:net.ipv4.tcp_keepalive_time',
    'create user:ada',
    'remove cron-job:gone',
    'remove edit:/etc/hosts block gone',
    `remove file:${play('gone')}`,
  ])
  assert.equal(changesOf(await planOn(host, before)), [])
})

const app =
  (words: string, extra = false) =>
  (): void => {
    const config = file({ path: play('config'), content: words })
    const more = extra ? [file({ path: play('more'), content: 'more' })] : []
    unit({
      name: 'app.service',
      service: {
        ExecStart: { argv: ['/bin/sh', '-c', 'cp -r /srv/play /run/app; exec sleep 1000000'] },
        ExecReload: { argv: ['/bin/sh', '-c', 'rm -rf /run/app; cp -r /srv/play /run/app'] },
      },
      install: { WantedBy: 'multi-user.target' },
    })
    service({ name: 'app', enabled: true, running: true, settleMs: 100, reloadOn: [config, ...more] })
  }

test('a service loads what went back, also what it no longer has', async () => {
  const loaded = () => sshOk(host, 'cat /run/app/config; ls /run/app; systemctl show -p InvocationID app')
  await converge(app('one\n'))
  const was = await loaded()
  await converge(app('two\n', true))
  assert.not(was === (await loaded()))
  const plans: Plan[] = []
  await assertDone(await undoOn(app('two\n', true), {}, plans))
  assert.equal(
    plans[0]?.followUps.map(({ action, unit: name }) => `${action} ${name}`),
    ['reload app.service'],
  )
  assert.is(await loaded(), was)
  // What the service is to watch, which is nothing of the host, stands in the ledger as last declared.
  assert.equal(changesOf(await planOn(host, app('one\n'))), ['adopt service:app.service'])
})

test('a service that was new goes with its unit and its files', async () => {
  await sshOk(host, 'systemctl disable --now app; rm /etc/systemd/system/app.service; systemctl daemon-reload')
  await converge(app('one\n'))
  await assertDone(await undoOn(app('one\n')))
  assert.is(await sshOk(host, 'ls -A /srv/play; systemctl is-active app | cat'), 'inactive\n')
  assert.is(
    await sshOk(host, 'find /etc/systemd -name "app.service*"; systemctl list-units --failed --no-legend app.service'),
    '',
  )
})

test('what a later run or another hand has changed since is left to them', async () => {
  const site =
    (a: string, b: string): (() => void) =>
    () => {
      for (const [name, content] of Object.entries({ a, b, c: a })) file({ path: play(name), content })
    }
  await converge(site('1', '1'))
  await converge(site('2', '2'))
  await converge(site('2', '3'))
  await sshOk(host, 'echo edited > /srv/play/a')
  const report = await undoOn(site('2', '3'), { run: '2' })
  assert.equal(changesOf(report), [`change file:${play('c')}`])
  assert.equal(staysOf(report), [
    [`file:${play('a')}`, 'edited on the host since'],
    [`file:${play('b')}`, 'changed since by run 3'],
  ])
  assert.is(await sshOk(host, 'cd /srv/play && cat a b c'), 'edited\n31')
  // The same again: what it could do is done.
  const again = await undoOn(site('2', '3'), { run: '2' })
  assert.equal(changesOf(again), [])
  assert.is(staysOf(again).length, 2)
  await rejects(undoOn(site('2', '3'), { run: '99' }), NoSuchRun)
})

const eight = (version: string) => (): void => {
  for (const name of ['a', 'b', 'c', 'd']) file({ path: play(name), content: `${name}${version}` })
  if (version !== '1') file({ path: play('new'), content: version })
  else file({ path: play('gone'), content: 'gone' })
}

test('a run that was killed, and an undo that was killed, come to the same end', async () => {
  await converge(eight('1'))
  const was = await disk()
  const after = eight('2')
  for (const at of [0, 4]) {
    const killer = new Killer(at)
    const run = runOn(host, after)
    await rejects(
      convergeHost({
        ...run,
        connect: async () => killer.over(await run.connect()),
        confirm: () => Promise.resolve(true),
      }),
      HostError,
    ).catch((error: unknown) => {
      if (!killer.hasKilled) throw error
    })
    await assertDone(await undoOn(after))
    assert.equal(between(was, await disk()), [], `killed at ${at}`)
    assert.equal(changesOf(await planOn(host, eight('1'))), [])
    assert.equal(causesOf(await planOn(host, after)), ['intent'])
  }
  for (const at of [0, 4]) {
    await converge(after)
    const killer = new Killer(at)
    await undoOn(after, { over: killer }).catch(() => undefined)
    assert.ok(killer.hasKilled)
    await assertDone(await undoOn(after))
    assert.equal(between(was, await disk()), [], `undo killed at ${at}`)
    assert.equal(changesOf(await planOn(host, eight('1'))), [])
    assert.equal(causesOf(await planOn(host, after)), ['intent'])
  }
})

test('what cannot go back is named: data, commands, secrets, bytes that were too many', async () => {
  await sshOk(host, 'head -c 3000000 /dev/zero > /srv/play/large; printf hidden > /srv/play/secret')
  const site = (version: string) => (): void => {
    directory({ path: '/srv/play/folder' })
    file({ path: play('large'), content: version })
    file({ path: play('secret'), content: conf`${secret('key')}` })
    file({ path: play('plain'), content: version })
    command({ name: 'once', check: 'test -e /srv/play/once', apply: 'touch /srv/play/once' })
    command({
      name: 'twice',
      check: 'test -e /srv/play/twice',
      apply: 'touch /srv/play/twice',
      undo: 'rm /srv/play/twice',
    })
  }
  await converge(site('1'), { secrets: { key: 'canary-1' } })
  const first = await undoOn(site('1'), { secrets: { key: 'canary-1' } })
  assert.equal(staysOf(first), [
    ['directory:/srv/play/folder', 'a directory may hold what others put there'],
    [`file:${play('large')}`, 'its former bytes were not kept: they were too many'],
    [`file:${play('secret')}`, 'it held, or holds, a secret whose former value is not kept'],
    ['command:once', 'nobody knows what it did, and it has no undo'],
  ])
  assert.equal(changesOf(first).sort(), ['remove command:twice', `remove file:${play('plain')}`])
  assert.is(await sshOk(host, 'cd /srv/play && ls'), 'folder\nlarge\nonce\nsecret\n')
  assert.is(await sshOk(host, "grep -rlE 'canary-1|hidden' /var/lib/keelson /run/keelson | cat"), '')
})

test('a secret goes back by its name, as long as its value is the same', async () => {
  const site = (text: string) => (): void => {
    file({ path: play('key'), content: conf`${text}=${secret('key')}\n` })
    edit({ path: play('key-too'), create: true, block: { name: 'key', content: conf`${text}=${secret('key')}\n` } })
  }
  const secrets = { key: 'canary-2' }
  await converge(site('a'), { secrets })
  const was = await disk()
  await converge(site('b'), { secrets })
  await assertDone(await undoOn(site('b'), { secrets }))
  assert.equal(between(was, await disk()), [])
  assert.is(await sshOk(host, "grep -rl 'canary-2' /var/lib/keelson /run/keelson | cat"), '')
  await converge(site('a'), { secrets: { key: 'canary-3' } })
  const report = await undoOn(site('a'), { secrets: { key: 'canary-3' } })
  assert.equal(
    [...new Set(staysOf(report).map(([, because]) => because))],
    ['it held, or holds, a secret whose former value is not kept'],
  )
  assert.is(await sshOk(host, "grep -rlE 'canary-[23]' /var/lib/keelson /run/keelson | cat"), '')
})

test('rules of the firewall go back under the guard; an undo that nobody could come in after is refused, or taken back', async () => {
  const rules = (): void => {
    ufwRule({ action: 'allow', port: 22, protocol: 'tcp' })
    ufwRule({ action: 'deny', port: 8080, protocol: 'tcp' })
  }
  const on = (): void => {
    rules()
    ufwDefaults({ enabled: true })
  }
  const seen = () => sshOk(host, 'ufw status verbose | sort; cat /etc/ufw/user.rules')
  await sshOk(host, 'ufw --force reset >/dev/null && ufw deny 22/tcp && ufw allow 8080/tcp')
  const was = await seen()
  await converge(rules)
  await converge(on)
  const now = await seen()
  const refused = await rejects(undoOn(on, { run: '1' }), Refused)
  assert.match(refused.message, 'the rule 22/tcp says deny')
  assert.is(await seen(), now)
  const takenBack = await undoOn(on, { run: '1', allowLockout: true })
  assert.is(takenBack.error?.exit, 'refused')
  assert.match(takenBack.error?.message ?? '', 'it went back to what it was')
  assert.is(await seen(), now)
  await assertDone(await undoOn(on, { run: '2' }))
  await assertDone(await undoOn(on, { run: '1' }))
  assert.is(await seen(), was)
  assert.equal(changesOf(await planOn(host, on)).sort(), [
    'change ufw-defaults:defaults',
    'change ufw-rule:22/tcp',
    'change ufw-rule:8080/tcp',
  ])
})

test('a package that a run brought goes, and one that it took away comes back', async () => {
  const site = (name: string) => (): void => void aptPackage({ name })
  await sshOk(host, 'DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends hello >/dev/null')
  const is = (name: string) => sshOk(host, `dpkg-query -W -f='\${db:Status-Status}' ${name} 2>/dev/null | cat`)
  await converge(() => void aptPackage({ name: 'hello', ensure: 'absent' }))
  await converge(site('sl'))
  assert.equal([await is('hello'), await is('sl')], ['', 'installed'])
  await assertDone(await undoOn(site('sl')))
  await assertDone(await undoOn(site('sl'), { run: '1' }))
  assert.is(await is('hello'), 'installed')
  assert.not(['installed'].includes(await is('sl')))
})

suited.run()
