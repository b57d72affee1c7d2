/**
 * What a run says is what the host shows: at its end all that is declared is looked at again, restarts are seen, and what
 * was left undone is said so. The witness is a login of our own.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import { aptPackage, command, directory, edit, file, service, sudoers, unit, user } from '../../lib/index.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { Killer } from '../torture/kill.ts'
import { assertWell, comesTo } from '../torture/outcome.ts'

const HOSTS = await Promise.all((['debian-12', 'debian-13'] as const).map((os) => freshHost(os)))
await Promise.all(
  HOSTS.map((host) =>
    sshOk(
      host,
      `apt-get -q update >/dev/null
       DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends sudo >/dev/null`,
    ),
  ),
)

const suited = suite('verdict')
/** On both releases, on a host that Keelson has never been on. */
function test(name: string, body: (host: SandboxHost) => Promise<void>): void {
  for (const host of HOSTS) {
    suited(`${host.os}: ${name}`, async () => {
      await sshOk(host, 'rm -rf /var/lib/keelson /run/keelson/loaded /srv/app; mkdir -p /srv/app')
      await body(host)
    })
  }
}

const ALL = { only: (): boolean => true }
const bad = ({ changes }: HostReport): string[] =>
  changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped').map(({ ref }) => ref)
const pid = (host: SandboxHost, name: string): Promise<string> => sshOk(host, `systemctl show -P MainPID ${name}`)
const invocation = (host: SandboxHost, name: string): Promise<string> =>
  sshOk(host, `systemctl show -P InvocationID ${name}`)

/** A daemon that has loaded the first line of a file when it starts, and again on reload. */
function daemon(name: string, conf: string): ReturnType<typeof unit> {
  return unit({
    name: `${name}.service`,
    unit: { Description: name },
    service: {
      ExecStart: `/bin/sh -c 'load() { head -n 1 ${conf} > /run/${name}.loaded; }; trap load HUP; load; while :; do sleep 0.2; done'`,
      ExecReload: '/bin/kill -HUP $MAINPID',
    },
    install: { WantedBy: ['multi-user.target'] },
  })
}

/** Each step's check reads as in order while what it comes after is missing. */
function shop(): void {
  const cached = aptPackage({ name: 'memcached' })
  const running = service({ name: 'memcached.service', enabled: true, running: true, after: cached })
  const account = user({ name: 'shop', home: '/srv/shop', shell: '/bin/sh', after: running })
  const code = directory({ path: '/srv/shop/code', owner: 'shop', group: 'shop', after: account })
  const checkout = command({
    name: 'checkout',
    check: 'test -e /srv/shop/code/list',
    apply: 'echo guest > /srv/shop/code/list; echo 2 > /srv/shop/code/version',
    user: 'shop',
    after: code,
  })
  const migrate = command({
    name: 'migrate',
    check: '! cat /srv/shop/code/list 2>/dev/null | grep -q guest',
    apply: 'sed -i s/guest/admin/ /srv/shop/code/list',
    after: checkout,
  })
  command({
    name: 'static',
    check: '[ "$(cat /srv/shop/code/version 2>/dev/null)" = "$(cat /srv/shop/code/built 2>/dev/null)" ]',
    apply: 'cp /srv/shop/code/version /srv/shop/code/built',
    after: migrate,
  })
}

test('what is in order only because something before it is missing is done when that is there', async (host) => {
  const report = await convergeOn(host, shop)
  assertWell(report)
  assert.is(await sshOk(host, 'cat /srv/shop/code/list /srv/shop/code/built'), 'admin\n2\n')
  assert.equal((await planOn(host, shop)).changes, [])
  for (const name of ['checkout', 'migrate', 'static'])
    assert.is(changeOf(report, `command:${name}`).outcome, 'changed', name)
})

test('the same without a package: after a file, a directory and an account', async (host) => {
  const declared = (): void => {
    const folder = directory({ path: '/srv/app/code' })
    const list = file({ path: '/srv/app/code/list', content: 'guest\n', after: folder })
    const built = command({
      name: 'build',
      check: '! grep -q . /srv/app/code/list || test -e /srv/app/code/built',
      apply: 'wc -l < /srv/app/code/list > /srv/app/code/built',
      after: list,
    })
    const account = user({ name: 'runner', after: built })
    command({
      name: 'belong',
      check: '! getent passwd runner || [ "$(stat -c %U /srv/app/code/built)" = runner ]',
      apply: 'chown runner /srv/app/code/built',
      after: account,
    })
  }
  const { changes } = await planOn(host, declared)
  assert.equal(
    changes.filter(({ kind }) => kind === 'recheck').map(({ ref }) => ref),
    ['command:build', 'command:belong'],
  )
  const report = await convergeOn(host, declared)
  assertWell(report)
  assert.is(await sshOk(host, 'stat -c %U /srv/app/code/built'), 'runner\n')
  assert.is(changeOf(report, 'command:belong').outcome, 'changed')
  assert.equal((await planOn(host, declared)).changes, [])
})

test('what a later step undid is done again, or said to have failed, and is no drift', async (host) => {
  const declared = (version: number) => (): void => {
    file({ path: '/srv/app/theirs', content: 'ours\n' })
    command({
      name: 'release',
      check: `grep -qx ${version} /srv/app/version`,
      apply: `echo ${version} > /srv/app/version; echo theirs > /srv/app/theirs`,
    })
  }
  const first = await convergeOn(host, declared(1))
  const seen = await sshOk(host, 'cat /srv/app/theirs')
  if (bad(first).length === 0) assert.is(seen, 'ours\n')
  const again = await convergeOn(host, declared(1))
  assertWell(again)
  assert.is(changeOf(again, 'file:/srv/app/theirs').cause, 'intent')
  assert.is(await sshOk(host, 'cat /srv/app/theirs'), 'ours\n')
  // In order when the plan was made, so not of the plan: it is made good in the same run.
  const second = await convergeOn(host, declared(2))
  assertWell(second)
  assert.is(await sshOk(host, 'cat /srv/app/theirs'), 'ours\n')
  assert.is(changeOf(second, 'file:/srv/app/theirs').cause, 'intent')
  assert.equal((await planOn(host, declared(2))).changes, [])
})

test('two that undo each other are not called converged', async (host) => {
  const declared = (): void => {
    const one = command({ name: 'one', check: 'grep -qx 1 /srv/app/n', apply: 'echo 1 > /srv/app/n' })
    command({ name: 'two', check: 'grep -qx 2 /srv/app/n', apply: 'echo 2 > /srv/app/n', after: one })
  }
  const report = await convergeOn(host, declared)
  assert.equal(bad(report), ['command:one'])
  assert.is(changeOf(report, 'command:one').failure?.phase, 'verify')
})

test('a changed line is loaded: by restart, by reload, watched by handle or by path', async (host) => {
  const declared = (value: string) => (): void => {
    const restarted = daemon('one', '/srv/app/one.conf')
    const reloaded = daemon('two', '/srv/app/two.conf')
    const third = daemon('three', '/srv/app/three.conf')
    const line = (name: string) =>
      edit({ path: `/srv/app/${name}.conf`, line: `a=${value}`, replaces: 'a=', create: true })
    service({ name: 'one.service', running: true, restartOn: [line('one')], settleMs: 100, after: restarted })
    service({ name: 'two.service', running: true, reloadOn: [line('two')], settleMs: 100, after: reloaded })
    line('three')
    service({ name: 'three.service', running: true, restartOn: ['/srv/app/three.conf'], settleMs: 100, after: third })
  }
  assertWell(await convergeOn(host, declared('1'), ALL))
  const before = await Promise.all(['one', 'two', 'three'].map((name) => pid(host, name)))
  assertWell(await convergeOn(host, declared('2'), ALL))
  const after = await Promise.all(['one', 'two', 'three'].map((name) => pid(host, name)))
  assert.is(await sshOk(host, 'sleep 0.5; cat /run/one.loaded /run/two.loaded /run/three.loaded'), 'a=2\na=2\na=2\n')
  assert.equal(
    after.map((one, index) => one === before[index]),
    [false, true, false],
  )
  assert.equal((await planOn(host, declared('2'), ALL)).changes, [])
})

test('a line that was changed by a run that was cut, or by hand, is loaded by the next', async (host) => {
  const declared = (value: string) => (): void => {
    const own = daemon('one', '/srv/app/one.conf')
    const line = edit({ path: '/srv/app/one.conf', line: `a=${value}`, replaces: 'a=', create: true })
    service({ name: 'one.service', running: true, restartOn: [line], settleMs: 100, after: own })
  }
  assertWell(await convergeOn(host, declared('1'), ALL))
  await cutAfter(host, declared('2'), 0)
  assert.is(await sshOk(host, 'cat /srv/app/one.conf /run/one.loaded'), 'a=2\na=1\n')
  assertWell(await convergeOn(host, declared('2'), ALL))
  assert.is(await sshOk(host, 'cat /run/one.loaded'), 'a=2\n')
  await sshOk(host, 'echo other >> /srv/app/one.conf')
  const before = await pid(host, 'one')
  assertWell(await convergeOn(host, declared('2'), ALL))
  assert.is.not(await pid(host, 'one'), before)
})

/** A run whose worker is killed after a step, counted from 0. */
async function cutAfter(host: SandboxHost, declared: () => void, step: number): Promise<void> {
  const killer = new Killer(step)
  const run = runOn(host, declared, ALL)
  const ended = await comesTo(
    convergeHost({
      ...run,
      connect: async () => killer.over(await run.connect()),
      confirm: () => Promise.resolve(true),
    }),
  )
  assert.ok(killer.hasKilled)
  assert.ok(ended instanceof Error || ended.error !== undefined)
}

test('a package that comes with its service has its edited line loaded in the first run', async (host) => {
  await sshOk(host, 'DEBIAN_FRONTEND=noninteractive apt-get -qy purge memcached >/dev/null 2>&1 || :')
  const declared = (): void => {
    const cached = aptPackage({ name: 'memcached' })
    const line = edit({ path: '/etc/memcached.conf', line: '-m 96', replaces: '-m ', after: cached })
    service({ name: 'memcached.service', running: true, restartOn: [line], settleMs: 100, after: cached })
  }
  assertWell(await convergeOn(host, declared))
  assert.match(await sshOk(host, 'tr "\\0" " " < /proc/$(systemctl show -P MainPID memcached)/cmdline'), '-m 96')
  assert.equal((await planOn(host, declared)).changes, [])
})

test('postfix listens where its line says, and no more', async (host) => {
  await sshOk(
    host,
    `echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections
     DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends postfix >/dev/null 2>&1`,
  )
  const declared = (): void => {
    const line = edit({
      path: '/etc/postfix/main.cf',
      line: 'inet_interfaces = loopback-only',
      replaces: 'inet_interfaces = ',
    })
    service({ name: 'postfix.service', running: true, restartOn: [line], settleMs: 100 })
  }
  await sshOk(host, 'timeout 20 sh -c "until ss -ltnH | grep -q 0.0.0.0:25; do sleep 0.2; done"')
  assertWell(await convergeOn(host, declared, ALL))
  await sshOk(host, 'timeout 20 sh -c "until ss -ltnH | grep -q 127.0.0.1:25; do sleep 0.2; done"')
  assert.not.match(await sshOk(host, 'ss -ltnH'), '0.0.0.0:25')
})

test('what a command brought about is loaded, also when the run is cut between the two', async (host) => {
  const declared = (version: number) => (): void => {
    const own = daemon('one', '/srv/app/made')
    const made = command({
      name: 'make',
      check: `grep -qx ${version} /srv/app/made`,
      apply: `echo ${version} > /srv/app/made`,
    })
    service({ name: 'one.service', running: true, restartOn: [made], settleMs: 100, after: own })
  }
  assertWell(await convergeOn(host, declared(1), ALL))
  assertWell(await convergeOn(host, declared(2), ALL))
  assert.is(await sshOk(host, 'cat /run/one.loaded'), '2\n')
  await cutAfter(host, declared(3), 0)
  assert.is(await sshOk(host, 'cat /srv/app/made /run/one.loaded'), '3\n2\n')
  const plan = await planOn(host, declared(3), ALL)
  assert.equal(
    plan.followUps.map(({ action, unit: name, because }) => [action, name, because]),
    [['restart', 'one.service', 'command make ran since it was loaded']],
  )
  assertWell(await convergeOn(host, declared(3), ALL))
  assert.is(await sshOk(host, 'cat /run/one.loaded'), '3\n')
  assert.equal((await planOn(host, declared(3), ALL)).changes, [])
})

test('PostgreSQL has a locale that was generated in a run that was cut before its restart', async (host) => {
  await sshOk(
    host,
    'DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends locales postgresql >/dev/null 2>&1',
  )
  const declared = (): void => {
    const line = edit({ path: '/etc/locale.gen', line: 'de_DE.UTF-8 UTF-8' })
    const generated = command({
      name: 'locales',
      check: 'locale -a | grep -qi de_DE.utf8',
      apply: 'locale-gen >/dev/null',
      after: line,
    })
    service({ name: 'postgresql.service', running: true, restartOn: [generated], settleMs: 100 })
  }
  await sshOk(host, 'rm -f /usr/lib/locale/locale-archive')
  const main =
    'systemctl list-units --no-legend --plain "postgresql@*" | cut -d" " -f1 | xargs systemctl show -P MainPID'
  const before = await sshOk(host, main)
  await cutAfter(host, declared, 1)
  assert.match(await sshOk(host, 'locale -a'), /de_DE/i)
  assert.is(await sshOk(host, main), before)
  assertWell(await convergeOn(host, declared, ALL))
  assert.is.not(await sshOk(host, main), before)
})

test('a rule of sudo, an account, a kernel setting: what has no path of its own in a name is loaded too', async (host) => {
  const declared = (lines: number) => (): void => {
    const own = daemon('one', '/etc/hostname')
    const rule = sudoers({ name: 'app', user: 'root', commands: [`/bin/true ${lines}`], noPassword: true })
    service({ name: 'one.service', running: true, restartOn: [rule], settleMs: 100, after: own })
  }
  assertWell(await convergeOn(host, declared(1), ALL))
  const before = await invocation(host, 'one')
  assertWell(await convergeOn(host, declared(2), ALL))
  assert.is.not(await invocation(host, 'one'), before)
})

test('an instance is restarted when its template changes, whatever dots its name has', async (host) => {
  const names = ['s@eu.example', 's@a.b.c.example', 's@plain']
  const declared = (words: string) => (): void => {
    const template = unit({
      name: 's@.service',
      unit: { Description: words },
      service: { ExecStart: '/bin/sleep infinity' },
      install: { WantedBy: ['multi-user.target'] },
    })
    for (const name of names) service({ name: `${name}.service`, running: true, settleMs: 100, after: template })
  }
  assertWell(await convergeOn(host, declared('first'), ALL))
  const before = await Promise.all(names.map((name) => invocation(host, name)))
  const report = await convergeOn(host, declared('second'), ALL)
  assertWell(report)
  for (const [index, name] of names.entries()) assert.is.not(await invocation(host, name), before[index], name)
  assert.equal((await planOn(host, declared('second'), ALL)).changes, [])
  await sshOk(host, `systemctl stop ${names.join(' ')}`)
})

test('drift that a failed run did not come to stays drift, in the next plan and in the record', async (host) => {
  const declared = (): void => {
    const allowed = 'test ! -e /run/no-change'
    file({ path: '/srv/app/first', content: 'a\n', validate: `${allowed} -a -e %` })
    const before = command({
      name: 'before',
      check: 'test -e /srv/app/before',
      apply: `${allowed} && touch /srv/app/before`,
    })
    file({ path: '/srv/app/later', content: 'b\n', after: before })
  }
  assertWell(await convergeOn(host, declared, ALL))
  await sshOk(host, 'cd /srv/app && echo other > first && echo other > later && rm before; touch /run/no-change')
  const failed = await convergeOn(host, declared, ALL)
  assert.equal(bad(failed).sort(), ['command:before', 'file:/srv/app/first', 'file:/srv/app/later'])
  const plan = await planOn(host, declared, ALL)
  for (const path of ['first', 'later']) {
    const change = changeOf(plan, `file:/srv/app/${path}`)
    assert.is(change.cause, 'drift', path)
    assert.is(change.leftBy, '2', path)
  }
  await convergeOn(host, declared, ALL)
  const record = await sshOk(host, 'cat /var/lib/keelson/runs/3.json; rm /run/no-change')
  assert.match(record, '"ref":"file:/srv/app/first","kind":"change","cause":"drift"')
  assertWell(await convergeOn(host, declared, ALL))
  assert.equal((await planOn(host, declared, ALL)).changes, [])
})

test('what a run was to do and did not is no drift, and says which run', async (host) => {
  const declared = (version: number, apply: string) => (): void => {
    const one = command({ name: 'one', check: `grep -qx ${version} /srv/app/n`, apply: `echo ${version} > /srv/app/n` })
    const two = command({
      name: 'two',
      check: '[ "$(cat /srv/app/n)" = "$(cat /srv/app/m)" ]',
      apply,
      after: one,
    })
    file({ path: '/srv/app/last', content: `${version}\n`, after: two })
  }
  const good = 'cp /srv/app/n /srv/app/m'
  assertWell(await convergeOn(host, declared(1, good), ALL))
  const report = await convergeOn(host, declared(2, 'false'), ALL)
  assert.equal(bad(report), ['command:two', 'file:/srv/app/last'])
  const plan = await planOn(host, declared(2, good), ALL)
  assert.equal(
    plan.changes.map(({ ref, cause, leftBy }) => [ref, cause, leftBy]),
    [
      ['command:two', 'intent', '2'],
      ['file:/srv/app/last', 'intent', '2'],
    ],
  )
  assertWell(await convergeOn(host, declared(2, good), ALL))
})

test('what comes after something that failed is not said to be in order, though it reads so', async (host) => {
  const declared = (): void => {
    const one = command({ name: 'one', check: 'test -e /srv/app/n', apply: 'exit 3' })
    command({ name: 'two', check: 'cmp -s /srv/app/n /srv/app/m || ! test -e /srv/app/n', apply: 'true', after: one })
  }
  const report = await convergeOn(host, declared, ALL)
  assert.equal(bad(report), ['command:one', 'command:two'])
})

test('a restart or reload that systemd was not seen to do is a failure, and stays due', async (host) => {
  const declared = (value: string) => (): void => {
    const line = (name: string) =>
      edit({ path: `/srv/app/${name}.conf`, line: `a=${value}`, replaces: 'a=', create: true })
    for (const [name, how] of [
      ['one', 'restartOn'],
      ['two', 'reloadOn'],
    ] as const) {
      const own = daemon(name, `/srv/app/${name}.conf`)
      service({ name: `${name}.service`, running: true, [how]: [line(name)], settleMs: 100, after: own })
    }
  }
  assertWell(await convergeOn(host, declared('1'), ALL))
  const before = await invocation(host, 'one')
  // Says that it went well, and does nothing.
  await sshOk(
    host,
    `printf '%s\n' '#!/bin/sh' 'case $1 in restart | reload) exit 0 ;; esac' 'exec /usr/bin/systemctl "$@"' > /usr/local/sbin/systemctl
     chmod +x /usr/local/sbin/systemctl`,
  )
  const report = await convergeOn(host, declared('2'), ALL)
  await sshOk(host, 'rm /usr/local/sbin/systemctl')
  // What they were to load is put back, as for any service that does not come up with it.
  assert.equal(
    bad(report)
      .filter((ref) => ref.startsWith('service:'))
      .sort(),
    ['service:one.service', 'service:two.service'],
  )
  assert.is(await invocation(host, 'one'), before)
  const plan = await planOn(host, declared('2'), ALL)
  assert.equal(
    plan.followUps.map(({ action, unit: name }) => [action, name]),
    [
      ['restart', 'one.service'],
      ['reload', 'two.service'],
    ],
  )
  assertWell(await convergeOn(host, declared('2'), ALL))
  assert.is.not(await invocation(host, 'one'), before)
  assert.equal((await planOn(host, declared('2'), ALL)).changes, [])
})

test('a line for all of sshd stands before what is only for some, and sshd takes it', async (host) => {
  await sshOk(
    host,
    `cp /etc/ssh/sshd_config /root/sshd_config.was
     printf 'Match User nobody\\n  X11Forwarding no\\nMaxSessions 2\\n' >> /etc/ssh/sshd_config`,
  )
  const declared = (): void => {
    edit({ path: '/etc/ssh/sshd_config', line: 'MaxSessions 4', replaces: 'MaxSessions ', validate: 'sshd -t -f %' })
    edit({ path: '/etc/ssh/sshd_config', line: 'ClientAliveInterval 77' })
    edit({ path: '/etc/ssh/sshd_config', block: { name: 'jump', content: 'Match User backup\nMaxSessions 1\n' } })
  }
  const report = await convergeOn(host, declared, ALL)
  assertWell(report)
  const effect = await sshOk(host, 'sshd -T -C user=root,host=x,addr=192.0.2.1')
  assert.match(effect, /^maxsessions 4$/m)
  assert.match(effect, /^clientaliveinterval 77$/m)
  const nobody = await sshOk(host, 'sshd -T -C user=nobody,host=x,addr=192.0.2.1')
  assert.match(nobody, /^maxsessions 2$/m)
  assert.match(await sshOk(host, 'sshd -T -C user=backup,host=x,addr=192.0.2.1'), /^maxsessions 1$/m)
  assert.equal((await planOn(host, declared, ALL)).changes, [])
  await sshOk(host, 'cp /root/sshd_config.was /etc/ssh/sshd_config')
})

suited.run()
