/**
 * The engine on a real host, with small catalogs: what it does to what it owns, and how it treats other clients.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { HostError, Locked, Refused, Stale } from '../../lib/engine/errors.ts'
import { EXIT_CODES, type HostReport, type Outcome } from '../../lib/engine/report.ts'
import { command, directory, file, postgresSetting, symlink, unit } from '../../lib/index.ts'
import { changedFiles } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, planned, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { runSiteFile, writeSite } from '../support/siteFile.ts'

const suited = suite('engine on a host')
const host = await freshHost('debian-12')
// What writes to the disk from now on is a test.
await sshOk(host, "systemctl stop '*.timer'")

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /srv/play /var/lib/keelson /run/waiting /run/go /run/gone-on')
    await body()
  })
}

const play = (name: string): string => `/srv/play/${name}`
const files =
  (...names: string[]) =>
  (): void => {
    directory({ path: '/srv/play' })
    for (const name of names) file({ path: play(name), content: `${name}\n` })
  }
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `file-${index + 1}`)
const listing = () => sshOk(host, 'cd /srv/play && ls')

/** Something that takes until the host is told to go on. */
const waiting = (): void => {
  command({
    name: 'wait',
    check: 'test -e /run/gone-on',
    apply: 'touch /run/waiting; until [ -e /run/go ]; do sleep 0.1; done; touch /run/gone-on',
  })
}
const untilThere = (path: string) => sshOk(host, `timeout 60 sh -c 'until [ -e ${path} ]; do sleep 0.1; done'`)
const yes = () => Promise.resolve(true)

/** Does `work` while a run of somebody else is in the middle of applying, and returns what that run came to. */
async function besideAnother(work: () => Promise<void>): Promise<HostReport> {
  const who = () => Promise.resolve({ user: 'ada', host: 'laptop', commit: '3f2c1ab9' })
  const run = { ...runOn(host, waiting), who, confirm: yes }
  const other = convergeHost(run)
  await untilThere('/run/waiting')
  try {
    await work()
  } finally {
    await sshOk(host, 'touch /run/go')
  }
  return other
}

function outcomes({ changes }: HostReport): { [ref: string]: Outcome } {
  return Object.fromEntries(changes.map(({ ref, outcome }) => [ref, outcome]))
}

/** The hosts of a `--json` report. */
function hostReports(stdout: string): HostReport[] {
  const { hosts }: { hosts: HostReport[] } = JSON.parse(stdout)
  return hosts
}

test('a failed change stops what needs it, near and far, and nothing else', async () => {
  const report = await convergeOn(host, () => {
    directory({ path: '/srv/play' })
    const bad = command({ name: 'bad', check: 'false', apply: 'echo no ink left >&2; exit 3' })
    const near = file({ path: play('near'), content: 'x\n', after: bad })
    file({ path: play('far'), content: 'x\n', after: near })
    file({ path: play('other'), content: 'x\n' })
  })
  assert.equal(outcomes(report), {
    'directory:/srv/play': 'changed',
    'command:bad': 'failed',
    [`file:${play('near')}`]: 'skipped',
    [`file:${play('far')}`]: 'skipped',
    [`file:${play('other')}`]: 'changed',
  })
  const bad = changeOf(report, 'command:bad').failure
  assert.is(bad?.exit, 3)
  assert.match(bad?.said ?? '', 'no ink left')
  assert.is(await listing(), 'other\n')
})

test('what needs a change of the same stage that failed is not done', async () => {
  const report = await convergeOn(host, () => {
    directory({ path: '/srv/play' })
    const bad = file({ path: play('bad'), content: 'x\n', validate: 'false %' })
    const near = file({ path: play('near'), content: 'x\n', after: bad })
    symlink({ path: play('far'), target: 'near', after: near })
  })
  assert.equal(outcomes(report), {
    'directory:/srv/play': 'changed',
    [`file:${play('bad')}`]: 'failed',
    [`file:${play('near')}`]: 'skipped',
    [`symlink:${play('far')}`]: 'skipped',
  })
  assert.is(await listing(), '')
})

test('what is no longer declared is removed, and the plan says so', async () => {
  await convergeAsPlanned(host, files('a', 'b'))
  const { plan } = await convergeAsPlanned(host, files('a'))
  assert.equal(
    plan.changes.map(({ kind, ref }) => `${kind} ${ref}`),
    [`remove file:${play('b')}`],
  )
  assert.is(await listing(), 'a\n')
})

test('a ledger that is broken is taken for none by nobody: nothing is done, and it stays as it is', async () => {
  await convergeAsPlanned(host, files('a', 'b'))
  await sshOk(host, 'truncate -s -20 /var/lib/keelson/ledger.json')
  const before = await sshOk(host, 'sha256sum /var/lib/keelson/ledger.json')
  for (const act of [planOn, convergeOn]) {
    const error = await rejects(act(host, files('c')), HostError)
    assert.match(error.message, 'ledger on the host cannot be read')
    assert.match(error.next, '/var/lib/keelson/ledger.json')
  }
  assert.is(await sshOk(host, 'sha256sum /var/lib/keelson/ledger.json'), before)
  assert.is(await listing(), 'a\nb\n')
})

test('what was there before Keelson is forgotten and not removed, whether it was as declared or not', async () => {
  await sshOk(host, `mkdir /srv/play && echo a > ${play('a')} && echo other > ${play('b')}`)
  await convergeAsPlanned(host, files('a', 'b', 'c'))
  const { plan } = await convergeAsPlanned(host, files('c'))
  assert.equal(plan.changes.map(({ kind, ref }) => `${kind} ${ref}`).sort(), [
    `forget file:${play('a')}`,
    `forget file:${play('b')}`,
  ])
  assert.is(await listing(), 'a\nb\nc\n')
})

test('what is declared otherwise and is so already is noted, once', async () => {
  await convergeAsPlanned(host, files('a'))
  await sshOk(host, `echo other > ${play('a')}`)
  const { plan } = await convergeAsPlanned(host, () => {
    directory({ path: '/srv/play' })
    file({ path: play('a'), content: 'other\n' })
  })
  assert.equal(
    plan.changes.map(({ kind, ref }) => `${kind} ${ref}`),
    [`adopt file:${play('a')}`],
  )
})

test('five removals need no word', async () => {
  await convergeOn(host, files(...numbered(8)))
  await convergeOn(host, files(...numbered(3)))
  assert.is(await listing(), 'file-1\nfile-2\nfile-3\n')
})

test('six removals of nine are refused, by name and before anything is written', async () => {
  await convergeOn(host, files(...numbered(8)))
  const before = await changedFiles(host.name)
  const error = await rejects(convergeOn(host, files(...numbered(2))), Refused)
  assert.is(error.message, '6 resources would be removed, more than 5 of the 9 that Keelson owns here')
  assert.is(error.why.split('\n').length, 6)
  assert.match(error.next, '--allow-remove 6')
  assert.equal(await changedFiles(host.name), before)
})

test('another count than the number of removals does not help', async () => {
  await convergeOn(host, files(...numbered(8)))
  await rejects(convergeOn(host, files(...numbered(2)), { allowRemove: 7 }), Refused)
  assert.is((await listing()).split('\n').length - 1, 8)
})

test('with their number given, any number of removals is carried out', async () => {
  await convergeOn(host, files(...numbered(8)))
  await convergeOn(host, files(...numbered(2)), { allowRemove: 6 })
  assert.is(await listing(), 'file-1\nfile-2\n')
})

test('a fifth of many may go without a word, and no more', async () => {
  await sshOk(host, 'mkdir /srv/play')
  await convergeOn(host, files(...numbered(40)))
  const left = (count: number) => files(...numbered(count))
  await rejects(convergeOn(host, left(31)), Refused)
  await convergeOn(host, left(32))
  assert.is((await listing()).split('\n').length - 1, 32)
})

test('an empty catalog removes nothing without the count', async () => {
  await convergeOn(host, files('a'))
  await rejects(
    convergeOn(host, () => {}),
    Refused,
  )
  assert.is(await listing(), 'a\n')
})

test('a second client is turned away, told who is at work and since when, and has changed nothing', async () => {
  const report = await besideAnother(async () => {
    const error = await rejects(convergeOn(host, files('a')), Locked)
    assert.match(
      error.message,
      /locked by run 1 of ada@laptop since \d\d:\d\d:\d\d UTC \(keelson-1-\w+, commit 3f2c1ab, plan [0-9a-f]{7}\)/,
    )
    assert.is(error.exit, 'locked')
    assert.is(await sshOk(host, 'ls /srv'), '')
  })
  assert.equal(outcomes(report), { 'command:wait': 'changed' })
})

test('of two clients that begin at once one applies, and the other is turned away', async () => {
  const run = { ...runOn(host, waiting), confirm: yes }
  const both = [convergeHost(run), convergeHost(run)]
  // The one that applies waits to be told to go on, so the first to end is the one that was turned away.
  await rejects(Promise.race(both), Locked)
  await sshOk(host, 'touch /run/go')
  const ends = await Promise.allSettled(both)
  assert.equal(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('a plan needs no lock', async () => {
  await besideAnother(async () => {
    const { plan } = await planned(runOn(host, files('a')))
    assert.is(changeOf(plan, `file:${play('a')}`).kind, 'create')
  })
})

test('a lock leaves with its holder', async () => {
  await besideAnother(async () => undefined)
  await convergeAsPlanned(host, files('a'))
})

test('a file that moved between plan and apply is left as it is, and only that', async () => {
  await sshOk(host, `mkdir /srv/play && echo old > ${play('a')}`)
  const confirm = async (): Promise<boolean> => {
    await sshOk(host, `echo by hand > ${play('a')}`)
    return true
  }
  const report = await convergeHost({ ...runOn(host, files('a', 'b')), confirm })
  assert.is(changeOf(report, `file:${play('a')}`).outcome, 'failed')
  assert.match(changeOf(report, `file:${play('a')}`).failure?.said ?? '', /changed|moved|no longer/)
  assert.is(changeOf(report, `file:${play('b')}`).outcome, 'changed')
  assert.is(await sshOk(host, `cat ${play('a')} ${play('b')}`), 'by hand\nb\n')
})

test('a plan that another run overtook is refused, and nothing of it is written', async () => {
  const confirm = async (): Promise<boolean> => {
    await convergeOn(host, files('b'))
    return true
  }
  await rejects(convergeHost({ ...runOn(host, files('a')), confirm }), Stale)
  assert.is(await listing(), 'b\n')
})

test('so is one of which something cannot be read: nothing was applied in part', async () => {
  const declare = (): void => {
    files('a')()
    postgresSetting({ name: 'work_mem', value: '16MB' })
  }
  const confirm = async (): Promise<boolean> => {
    await convergeOn(host, files('b'))
    return true
  }
  await rejects(convergeHost({ ...runOn(host, declare), confirm }), Stale)
  assert.is(await listing(), 'b\n')
})

test('what the operator does not agree to is not done', async () => {
  const before = await changedFiles(host.name)
  const report = await convergeHost({ ...runOn(host, files('a')), confirm: () => Promise.resolve(false) })
  assert.equal(new Set(report.changes.map(({ outcome }) => outcome)), new Set(['skipped']))
  assert.equal(await changedFiles(host.name), before)
})

test('a thousand resources cost as many connections and programs as ten', async () => {
  const trips = async (count: number) => {
    await sshOk(host, `mkdir -p /srv/play && cd /srv/play && for i in $(seq ${count}); do echo file-$i > file-$i; done`)
    await convergeOn(host, files(...numbered(count)))
    const again = await convergeOn(host, files(...numbered(count)))
    assert.equal(again.changes, [])
    return again.trips
  }
  const ten = await trips(10)
  assert.equal(await trips(1000), ten)
  assert.is(ten.connections, 1)
  assert.ok(ten.execs <= 2, `${ten.execs} programs`)
})

test('a host that cannot be reached does not keep another from being converged', async () => {
  const role = `directory({ path: '/srv/play' }); file({ path: '/srv/play/a', content: 'a' })`
  const { address, port, user, identityFile, hostKey, os } = host
  const here = { address, port, user, identityFile, hostKey, os }
  const site = writeSite({ gone: { ...here, address: '127.0.0.1', port: 1 }, here }, role)
  const ended = await runSiteFile(site, ['converge', '--yes', '--json'])
  assert.is(ended.code, EXIT_CODES.partial, ended.stderr)
  const [gone, reached] = hostReports(ended.stdout)
  assert.is(gone?.error?.exit, 'unreachable')
  assert.equal(
    reached?.changes.map(({ outcome }) => outcome),
    ['changed', 'changed'],
  )
  assert.is(await sshOk(host, `cat ${play('a')}`), 'a')
})

test('what changes between two looks of one reading is read again', async () => {
  const path = '/etc/systemd/system/idle.service'
  const declare = (): void => void unit({ name: 'idle.service', text: '[Service]\nExecStart=/bin/sleep infinity\n' })
  await convergeAsPlanned(host, declare)
  // Whoever reads the file does not find what was listed, twice.
  await sshOk(
    host,
    `cat > /usr/local/bin/tar <<'END' && chmod 755 /usr/local/bin/tar
#!/bin/sh
echo >> /run/looks
[ "$(wc -l < /run/looks)" -le 2 ] || exec /bin/tar "$@"
echo '#' >> ${path}
mv ${path} /run/away
/bin/tar "$@"
code=$?
mv /run/away ${path}
exit "$code"
END`,
  )
  try {
    assert.equal(
      (await planOn(host, declare)).changes.map(({ kind, ref }) => `${kind} ${ref}`),
      ['change unit:idle.service'],
    )
  } finally {
    await sshOk(host, '[ "$(wc -l < /run/looks)" -gt 2 ] && rm /usr/local/bin/tar')
  }
})

suited.run()
