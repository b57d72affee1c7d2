/**
 * Hosts on which things go wrong that are nobody's change: no room, no inodes, nothing writable. Each of them is a small
 * file system mounted where the trouble is to be.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostError } from '../../lib/engine/errors.ts'
import type { Ledger } from '../../lib/engine/host/ledger.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import { aptPackage, command, directory, file, user } from '../../lib/index.ts'
import { changeOf, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const BIG = 'x'.repeat(100_000)

const host = await freshHost('debian-13')
const test = suite('hosts without room')
// However a test ends, the next one finds its host in order.
test.after.each(async () => {
  await ssh(
    host,
    `umount -l $(findmnt -rno TARGET | grep -xE '/srv/.*|/etc|/var/(lib/keelson|cache/apt/archives)|/run/keelson|/tmp')`,
  )
  await ssh(host, 'mount -o remount,exec /run')
})

/** Fills what is left of a file system, to the last byte. */
const fill = (folder: string): Promise<string> => sshOk(host, `cat /dev/zero > ${folder}/filler 2>/dev/null || :`)
const mount = (folder: string, options: string): Promise<string> =>
  sshOk(host, `mkdir -p ${folder} && mount -t tmpfs -o ${options} tmpfs ${folder}`)
const unmount = (folder: string): Promise<string> => sshOk(host, `umount ${folder}`)
/** Puts a small copy of a folder over it. */
const shrink = (folder: string): Promise<string> =>
  sshOk(
    host,
    `mkdir -p /mnt/copy && mount -t tmpfs -o mode=755,size=$(($(du -sk ${folder} | cut -f1) + 2000))k tmpfs /mnt/copy &&
    cp -a ${folder}/. /mnt/copy && mount --bind /mnt/copy ${folder} && umount /mnt/copy`,
  )
const ledger = async (): Promise<Ledger> => {
  const written: Ledger = JSON.parse(await sshOk(host, 'cat /var/lib/keelson/ledger.json'))
  return written
}
const left = (folder: string): Promise<string> =>
  sshOk(host, `find ${folder} /var/lib/keelson -name '.keelson*' -o -name '*.new'`)
const failureOf = (report: HostReport, ref: string) => {
  const { outcome, failure } = changeOf(report, ref)
  assert.is(outcome, 'failed')
  return failure!
}

/** Two files in a folder and one beside it, of which only the last can be written until `cure` is done. */
async function remainder(folder: string, cure: () => Promise<unknown>, words: RegExp, next: RegExp): Promise<void> {
  const declare = (): void => {
    file({ path: `${folder}/old`, content: `${BIG}\n` })
    file({ path: `${folder}/new`, content: BIG })
    file({ path: '/srv/beside', content: `${folder}\n` })
  }
  const report = await convergeOn(host, declare, SCOPED)
  for (const path of [`${folder}/old`, `${folder}/new`]) {
    const failure = failureOf(report, `file:${path}`)
    assert.match(failure.said, words)
    assert.ok(failure.said.includes(folder), failure.said)
    assert.match(failure.next ?? '', next)
  }
  assert.is(changeOf(report, 'file:/srv/beside').outcome, 'changed')
  assert.is(await sshOk(host, `cat ${folder}/old`), 'old\n')
  assert.is(await left(folder), '')
  assert.ok(Object.hasOwn((await ledger()).entries, 'file:/srv/beside'))

  await cure()
  const plan = await planOn(host, declare, SCOPED)
  assert.equal(
    plan.changes.map(({ ref }) => ref),
    [`file:${folder}/old`, `file:${folder}/new`],
  )
  await convergeOn(host, declare, SCOPED)
  assert.equal((await planOn(host, declare, SCOPED)).changes, [])
}

// What is to come is made ready in another way where not only root may write.
for (const [mode, whose] of [
  ['755', "root's alone"],
  ['1777', 'open to all'],
] as const) {
  test(`a full disk that is ${whose} leaves the old file whole, and nothing half written`, async () => {
    const folder = `/srv/full${mode}`
    await mount(folder, `size=300k,mode=${mode}`)
    await sshOk(host, `echo old > ${folder}/old`)
    await fill(folder)
    const cure = () => sshOk(host, `rm ${folder}/filler`)
    await remainder(folder, cure, /No space left on device/, /make room/)
  })
}

test('so does one without inodes', async () => {
  await mount('/srv/inodes', 'size=1m,nr_inodes=4')
  await sshOk(host, 'echo old > /srv/inodes/old; touch /srv/inodes/a /srv/inodes/b')
  const cure = () => sshOk(host, 'rm /srv/inodes/a /srv/inodes/b; mount -o remount,nr_inodes=9 /srv/inodes')
  await remainder('/srv/inodes', cure, /No space left on device/, /make room/)
})

test('so does one that is mounted read-only', async () => {
  await mount('/srv/solid', 'size=1m')
  await sshOk(host, 'echo old > /srv/solid/old; mount -o remount,ro /srv/solid')
  const cure = () => sshOk(host, 'mount -o remount,rw /srv/solid')
  await remainder('/srv/solid', cure, /Read-only file system/, /make it writable/)
})

test('accounts and files in a full /etc come with the next converge', async () => {
  const declare = (): void => {
    user({ name: 'ada' })
    file({ path: '/etc/ada.conf', content: BIG })
    directory({ path: '/srv/ada' })
  }
  await shrink('/etc')
  await fill('/etc')
  const before = await sshOk(host, 'cat /etc/passwd /etc/shadow /etc/group')
  const report = await convergeOn(host, declare, SCOPED)
  assert.is(changeOf(report, 'directory:/srv/ada').outcome, 'changed')
  assert.match(failureOf(report, 'file:/etc/ada.conf').said, /\/etc\/ada\.conf/)
  assert.match(failureOf(report, 'user:ada').said, /\/etc\/(passwd|group|shadow|subuid|subgid)/)
  assert.is(await sshOk(host, 'cat /etc/passwd /etc/shadow /etc/group'), before)
  await sshOk(host, 'rm /etc/filler')
  await convergeOn(host, declare, SCOPED)
  assert.equal((await planOn(host, declare, SCOPED)).changes, [])
})

for (const [how, spoil, cure, next] of [
  ['full', 'cat /dev/zero > /var/lib/keelson/filler', 'rm /var/lib/keelson/filler', /make room/],
  ['read-only', 'mount -o remount,ro /var/lib/keelson', 'mount -o remount,rw /var/lib/keelson', /make it writable/],
] as const) {
  test(`what cannot be recorded because /var/lib/keelson is ${how} is not done`, async () => {
    const declare = (): void => void file({ path: '/srv/unrecorded', content: how })
    await shrink('/var/lib/keelson')
    await ssh(host, spoil)
    const before = await sshOk(host, 'cat /var/lib/keelson/ledger.json')
    const error = await rejects(convergeOn(host, declare, SCOPED), HostError)
    assert.match(error.message, 'could not be recorded on the host, so it was not done')
    assert.match(error.said, /\/var\/lib\/keelson\/ledger\.json/)
    assert.match(error.next, next)
    assert.is((await ssh(host, `grep -x ${how} /srv/unrecorded`)).exit === 0, false)
    assert.is(await sshOk(host, 'cat /var/lib/keelson/ledger.json'), before)
    assert.is(await left('/srv'), '')
    await sshOk(host, cure)
    await convergeOn(host, declare, SCOPED)
    assert.is(await sshOk(host, 'cat /srv/unrecorded'), how)
    await sshOk(host, 'rm /srv/unrecorded')
  })
}

test('a run that fills the disk of its own ledger says so, and the next one has nothing left to do but record', async () => {
  const apply = 'cat /dev/zero > /var/lib/keelson/filler || touch /srv/filled'
  const declare = (): void => void command({ name: 'filler', check: 'test -e /srv/filled', apply })
  await shrink('/var/lib/keelson')
  const report = await convergeOn(host, declare, SCOPED)
  assert.is(report.error?.message, 'the run was not recorded on the host')
  assert.match(report.error?.said ?? '', /No space left on device[^]*ledger\.json/)
  assert.match(report.error?.next ?? '', /make room/)
  assert.is(changeOf(report, 'command:filler').outcome, 'changed')
  await ledger()
  assert.is(await left('/var/lib/keelson'), '')
  await sshOk(host, 'rm /var/lib/keelson/filler')
  const again = await convergeOn(host, declare, SCOPED)
  assert.equal(
    again.changes.map(({ kind, outcome }) => [kind, outcome]),
    [['adopt', 'recorded']],
  )
})

for (const [how, options, spoil] of [
  ['room', 'size=200k', 'cat /dev/zero > /run/keelson/filler'],
  ['inodes', 'nr_inodes=10', 'while :> /run/keelson/$((i += 1)); do :; done'],
] as const) {
  test(`without ${how} in /run nothing is begun`, async () => {
    const declare = (): void => void file({ path: '/srv/begun', content: how })
    await mount('/run/keelson', `mode=700,${options}`)
    await ssh(host, `i=0; ${spoil}`)
    const error = await rejects(convergeOn(host, declare, SCOPED), HostError)
    assert.match(error.message, 'the run could not be started')
    assert.match(error.said, /No space left on device/)
    assert.match(error.next, /nothing was changed by it; make room/)
    assert.is((await ssh(host, 'ls /srv/begun')).exit, 2)
    assert.is(
      await sshOk(host, "find /run/keelson -mindepth 1 -type d; systemctl list-units --plain --no-legend 'keelson-*'"),
      '',
    )
  })
}

test('a run whose own step fills /run tells how it came out', async () => {
  const apply = 'cat /dev/zero > /run/keelson/filler || :; rm -rf /srv/told; mkdir /srv/told'
  const declare = (): void => {
    command({ name: 'fill /run', check: 'test -d /srv/told', apply })
    command({
      name: 'fail after it',
      check: 'false',
      apply: `head -c 20k /dev/zero | tr '\\0' y; echo last words; exit 3`,
    })
  }
  await mount('/run/keelson', 'mode=700,size=1m')
  const report = await convergeOn(host, declare, SCOPED)
  assert.is(changeOf(report, 'command:fill /run').outcome, 'changed')
  const { exit, said } = failureOf(report, 'command:fail after it')
  assert.is(exit, 3)
  assert.match(said, /y{1000}last words$/)
  assert.is(report.error, undefined)
})

test('nothing is run from /run or /tmp, which may be noexec, nor is room in /tmp needed', async () => {
  await sshOk(host, 'mount -o remount,noexec /run; mount -t tmpfs -o size=4k,noexec tmpfs /tmp; echo > /tmp/filler')
  await fill('/tmp')
  const declare = (): void => {
    const grace = user({ name: 'grace' })
    file({ path: '/srv/noexec', content: 'x\n', validate: 'grep -q x %', after: grace })
    command({ name: 'noexec', check: 'test -e /srv/noexec.done', apply: 'touch /srv/noexec.done' })
  }
  const report = await convergeOn(host, declare, SCOPED)
  assert.equal(
    report.changes.map(({ outcome }) => outcome),
    ['changed', 'changed', 'changed'],
  )
})

test('a package for which the cache of apt has no room fails with its words, and comes when there is', async () => {
  const declare = (): void => void aptPackage({ name: 'hello' })
  await sshOk(host, 'apt-get -qq update')
  await mount('/var/cache/apt/archives', 'mode=755,size=16k')
  await fill('/var/cache/apt/archives')
  const failure = failureOf(await convergeOn(host, declare, SCOPED), 'package:hello')
  assert.match(failure.said, 'enough free space in /var/cache/apt/archives')
  assert.match(failure.next ?? '', /make room/)
  await unmount('/var/cache/apt/archives')
  assert.is(changeOf(await convergeOn(host, declare, SCOPED), 'package:hello').outcome, 'changed')
})

test.run()
