/**
 * What Keelson takes away from a real host and what it leaves: said with absent, let go of with forget, kept by protection,
 * and never because a site was empty, broken or about another machine.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Refused } from '../../lib/engine/errors.ts'
import { EXIT_CODES, type HostReport, type Plan } from '../../lib/engine/report.ts'
import { undoHost } from '../../lib/engine/undo/undoHost.ts'
import {
  absent,
  aptPackage,
  cronJob,
  directory,
  edit,
  file,
  forget,
  postgresDatabase,
  postgresRole,
  symlink,
  user,
} from '../../lib/index.ts'
import { changedFiles } from '../../lib/sandbox/sandbox.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn, runOn } from '../support/converge.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { type Ended, runSiteFile, writeSite } from '../support/siteFile.ts'

const suited = suite('removal')
const host = await freshHost('debian-13')
await sshOk(host, "systemctl stop '*.timer'; apt-get -q update >/dev/null")

/** Each test begins on a host that Keelson has never been on. */
function test(name: string, body: () => Promise<void>): void {
  suited(name, async () => {
    await sshOk(host, 'rm -rf /srv/play /var/lib/keelson && mkdir /srv/play')
    await body()
  })
}

const play = (name: string): string => `/srv/play/${name}`
const kinds = ({ changes }: Plan): string[] => changes.map(({ kind, ref }) => `${kind} ${ref}`)
const listing = () => sshOk(host, 'cd /srv/play && ls')
const ledger = () => sshOk(host, 'cat /var/lib/keelson/ledger.json')
const undoOn = (declare: () => void, run?: string): Promise<HostReport> =>
  undoHost({
    ...runOn(host, declare),
    confirm: () => Promise.resolve(true),
    ...(run === undefined ? {} : { run }),
  })

const files =
  (...names: string[]) =>
  (): void => {
    for (const name of names) file({ path: play(name), content: `${name}\n` })
  }
/** Declares file a, and file b in whatever way is asked for. */
const withB = (b: () => void) => (): void => {
  file({ path: play('a'), content: 'a\n' })
  b()
}

test('absent takes away what was there before Keelson, and no more', async () => {
  await sshOk(host, `cd /srv/play && echo mine > old && ln -s old link && mkdir empty && printf 'a\\nb\\n' > lines`)
  const { plan } = await convergeAsPlanned(host, () => {
    absent(file, { path: play('old') })
    absent(symlink, { path: play('link') })
    absent(directory, { path: play('empty') })
    absent(edit, { path: play('lines'), line: 'b' })
    absent(file, { path: play('never-there') })
  })
  assert.equal(plan.changes.map(({ ref }) => ref).sort(), [
    `directory:${play('empty')}`,
    `edit:${play('lines')} b`,
    `file:${play('old')}`,
    `symlink:${play('link')}`,
  ])
  assert.is(await sshOk(host, 'cd /srv/play && ls && cat lines'), 'lines\na\n')
  assert.is(await ledger(), (await ledger()).replace(/"file:[^"]*"/, ''))
})

test('absent of what Keelson made needs no more than the key, and no count', async () => {
  const names = ['1', '2', '3', '4', '5', '6', '7']
  await convergeOn(host, () => {
    files(...names)()
    cronJob({ name: 'report', schedule: '0 3 * * *', command: 'true' })
  })
  await convergeAsPlanned(host, () => {
    for (const name of names) absent(file, { path: play(name) })
    absent(cronJob, { name: 'report' })
  })
  assert.is(await listing(), '')
  assert.is(await sshOk(host, 'ls /etc/cron.d | grep -c keelson || :'), '0\n')
  assert.not.match(await ledger(), play('1'))
})

test('a folder with something in it goes only when that is said, and the plan calls it destructive', async () => {
  await sshOk(host, 'mkdir /srv/play/full && touch /srv/play/full/data')
  const refused = await convergeOn(host, () => void absent(directory, { path: play('full') }))
  assert.match(changeOf(refused, `directory:${play('full')}`).failure?.said ?? '', 'say recursive: true')
  assert.is(await sshOk(host, 'ls /srv/play/full'), 'data\n')
  const { plan } = await convergeAsPlanned(host, () => {
    absent(directory, { path: play('full'), recursive: true })
  })
  assert.is(changeOf(plan, `directory:${play('full')}`).consequence, 'destructive')
  assert.is(await listing(), '')
})

test('what is forgotten stays byte for byte, and the statement can go afterwards', async () => {
  await convergeOn(host, files('a', 'b'))
  await sshOk(host, `echo edited > ${play('b')}`)
  const before = await changedFiles(host.name, { ignore: ['/var/lib/keelson'] })
  const forgetting = withB(() => forget(file, { path: play('b') }))
  const { plan } = await convergeAsPlanned(host, forgetting)
  assert.equal(kinds(plan), [`forget file:${play('b')}`])
  assert.equal([plan.summary.forget, plan.summary.unchanged], [1, 1])
  assert.match(changeOf(plan, `file:${play('b')}`).source?.file ?? '', 'removal.test.ts')
  assert.equal(await changedFiles(host.name, { ignore: ['/var/lib/keelson'] }), before)
  assert.equal(kinds(await planOn(host, files('a'))), [])
  assert.is(await sshOk(host, `cat ${play('b')}`), 'edited\n')
})

test('what was forgotten and is declared again was there before Keelson', async () => {
  await convergeOn(host, files('a', 'b'))
  await convergeOn(
    host,
    withB(() => forget(file, { path: play('b') })),
  )
  const { plan } = await convergeAsPlanned(host, files('a', 'b'))
  assert.equal(kinds(plan), [`adopt file:${play('b')}`])
  assert.equal(kinds(await planOn(host, files('a'))), [`forget file:${play('b')}`])
})

test('only what is asked for is forgotten', async () => {
  await convergeOn(host, files('a', 'b', 'c'))
  const forgetting = withB(() => {
    forget(file, { path: play('b'), tags: ['old'] })
    forget(file, { path: play('c') })
  })
  const only = ({ tags }: { tags: readonly string[] }): boolean => tags.includes('old')
  const report = await convergeOn(host, forgetting, { only })
  assert.equal(
    report.changes.map(({ ref, outcome }) => [ref, outcome]),
    [[`file:${play('b')}`, 'recorded']],
  )
  assert.equal(kinds(await planOn(host, forgetting)), [`forget file:${play('c')}`])
})

const kept = (protect: boolean) => (): void => {
  directory({ path: play('store') })
  file({ path: play('store/kept'), content: 'kept\n', protect })
}

test('what is protected outlives its declaration, absent, and what it stands in', async () => {
  await convergeOn(host, kept(true))
  const ways: [() => void, string][] = [
    [
      () => void absent(file, { path: play('store/kept') }),
      `file ${play('store/kept')} is protected, and would be removed`,
    ],
    [
      () => void absent(directory, { path: play('store'), recursive: true }),
      `file ${play('store/kept')} is protected and needs directory ${play('store')}, which would be removed`,
    ],
    [
      () => void symlink({ path: play('store/kept'), target: '/etc/motd', force: true }),
      `file ${play('store/kept')} is protected, and symlink ${play('store/kept')} would take its place`,
    ],
  ]
  const before = await changedFiles(host.name)
  for (const [declare, sentence] of ways) {
    const error = await rejects(convergeOn(host, declare), Refused)
    assert.is(error.message, `${sentence}; nothing was written`)
    assert.match(error.next, 'protect: false')
    assert.is(error.exit, 'refused')
    assert.ok((await planOn(host, declare)).warnings.includes(sentence))
  }
  assert.equal(await changedFiles(host.name), before)
  await convergeOn(host, files('other'))
  assert.is(await sshOk(host, `cat ${play('store/kept')}`), 'kept\n')
})

test('protection ends with a converge of a declaration without it', async () => {
  await convergeOn(host, kept(true))
  await convergeOn(host, kept(false))
  await convergeAsPlanned(host, () => void absent(file, { path: play('store/kept') }))
  assert.is(await sshOk(host, `ls ${play('store')}`), '')
})

test('what is protected can be let go of, and is nobody’s then', async () => {
  await convergeOn(host, kept(true))
  await convergeAsPlanned(host, () => {
    directory({ path: play('store') })
    forget(file, { path: play('store/kept') })
  })
  assert.is(await sshOk(host, `cat ${play('store/kept')}`), 'kept\n')
  await convergeAsPlanned(host, () => void absent(file, { path: play('store/kept') }))
  assert.is(await sshOk(host, `ls ${play('store')}`), '')
})

test('undo brings back what was taken away as absent, and leaves it to who had it', async () => {
  await sshOk(host, `echo mine > ${play('b')} && chmod 640 ${play('b')} && chown daemon:adm ${play('b')}`)
  const gone = withB(() => void absent(file, { path: play('b') }))
  await convergeOn(host, gone)
  assert.is(await listing(), 'a\n')
  const report = await undoOn(gone)
  assert.equal(report.undo?.stays, [])
  assert.is(await sshOk(host, `cd /srv/play && cat b && stat -c '%U %G %a' b && ls`), 'mine\ndaemon adm 640\nb\n')
  assert.equal(kinds(await planOn(host, gone)), [`create file:${play('a')}`, `remove file:${play('b')}`])
})

test('undo takes back nothing that was let go of since, and says so', async () => {
  await convergeOn(host, files('a', 'b'))
  const forgetting = withB(() => forget(file, { path: play('b') }))
  await convergeOn(host, forgetting)
  const report = await undoOn(forgetting)
  assert.equal(
    report.undo?.stays.map(({ ref, because }) => [ref, because]),
    [[`file:${play('b')}`, 'changed since by run 2']],
  )
  assert.is(await listing(), 'b\n')
})

test('a run that only let go of something changed nothing that could go back', async () => {
  await convergeOn(host, files('a'))
  const forgetting = (): void => forget(file, { path: play('a') })
  await convergeOn(host, forgetting)
  const error = await rejects(undoOn(forgetting, '2'), Refused)
  assert.match(error.next, 'revert the commit and converge')
  assert.is(await listing(), 'a\n')
})

/** The host as an inventory knows it. */
const place = {
  os: host.os,
  address: host.address,
  port: host.port,
  identityFile: host.identityFile,
  hostKey: host.hostKey,
}
const twoFiles = `file({ path: '/srv/play/a', content: 'a' }); file({ path: '/srv/play/b', content: 'b' })`
const convergeSite = (role: string, ...args: string[]): Promise<Ended> =>
  runSiteFile(writeSite({ here: { ...place, user: host.user } }, role), ['converge', '--yes', ...args])

/** Converges two files as a site does, then a site that is wrong; nothing may have changed on the host. */
async function assertHarmless(converge: () => Promise<Ended>, code: number, said: RegExp): Promise<void> {
  const first = await convergeSite(twoFiles)
  assert.is(first.code, EXIT_CODES.ok, first.stderr)
  const before = await changedFiles(host.name)
  const ended = await converge()
  assert.is(ended.code, code, ended.stderr)
  assert.match(`${ended.stdout}${ended.stderr}`, said)
  assert.equal(await changedFiles(host.name), before)
}

test('a recipe that throws half way removes nothing', async () => {
  const role = `file({ path: '/srv/play/a', content: 'a' }); throw new Error('no such wind')`
  await assertHarmless(() => convergeSite(role), EXIT_CODES.error, /site\.ts:4: no such wind/)
})

test('a role that goes on later removes nothing', async () => {
  const role = `file({ path: '/srv/play/a', content: 'a' }); return Promise.resolve()`
  await assertHarmless(() => convergeSite(role), EXIT_CODES.error, /role all is asynchronous/)
})

test('a site whose role declares nothing any more removes nothing', async () => {
  await assertHarmless(() => convergeSite(''), EXIT_CODES.refused, /2 resources would be removed.*--allow-remove 2/s)
})

test('a host whose list of roles became empty keeps what it has', async () => {
  const site = writeSite({ here: { ...place, user: host.user, roles: [] } }, twoFiles)
  await assertHarmless(
    () => runSiteFile(site, ['converge', '--yes']),
    EXIT_CODES.refused,
    /2 resources would be removed/,
  )
})

test('a role that the site does not have removes nothing', async () => {
  const site = writeSite({ here: { ...place, user: host.user, roles: ['al'] } }, twoFiles)
  const said = /hosts\.here: no role "al" in the site; did you mean "all"\?/
  await assertHarmless(() => runSiteFile(site, ['converge', '--yes']), EXIT_CODES.error, said)
})

test('a host that goes by another name keeps what it has, until the count is given', async () => {
  const site = writeSite({ there: { ...place, user: host.user } }, `file({ path: '/srv/play/a', content: 'a' })`)
  const said = /1 resource would be removed of the 2 .* this host was here before/
  await assertHarmless(() => runSiteFile(site, ['converge', '--yes']), EXIT_CODES.refused, said)
  const ended = await runSiteFile(site, ['converge', '--yes', '--allow-remove', '1'])
  assert.is(ended.code, EXIT_CODES.ok, ended.stderr)
  assert.is(await listing(), 'a\n')
})

test('a host that only got another name is converged as ever', async () => {
  await convergeSite(twoFiles)
  const site = writeSite({ there: { ...place, user: host.user } }, twoFiles)
  const ended = await runSiteFile(site, ['converge', '--yes'])
  assert.is(ended.code, EXIT_CODES.ok, ended.stderr)
  assert.is(await listing(), 'a\nb\n')
})

test('--only that fits nothing removes nothing, and what it fits removes nothing else', async () => {
  const role = `file({ path: '/srv/play/a', content: 'a' })`
  await assertHarmless(() => convergeSite(role, '--only', 'fiel'), EXIT_CODES.usage, /--only fiel fits no resource/)
  await assertHarmless(() => convergeSite(role, '--only', 'file'), EXIT_CODES.ok, /here.*1 unchanged|here.*nothing/s)
})

test('--only takes what is forgotten by its ref', async () => {
  await convergeSite(twoFiles)
  const role = `file({ path: '/srv/play/a', content: 'a' }); forget(file, { path: '/srv/play/b' })`
  const ended = await convergeSite(role, '--only', 'file:/srv/play/b')
  assert.is(ended.code, EXIT_CODES.ok, ended.stderr)
  assert.match(ended.stdout, /^ {2}\. file \/srv\/play\/b +site\.ts:4 +released, left in place, as declared$/m)
  assert.not.match(await ledger(), '/srv/play/b')
  assert.is(await listing(), 'a\nb\n')
})

test('absent of something protected exits 4 and names it', async () => {
  await convergeSite(`file({ path: '/srv/play/a', content: 'a', protect: true })`)
  const ended = await convergeSite(`absent(file, { path: '/srv/play/a' })`)
  assert.is(ended.code, EXIT_CODES.refused, ended.stderr)
  assert.match(`${ended.stdout}${ended.stderr}`, 'file /srv/play/a is protected, and would be removed')
  assert.is(await listing(), 'a\n')
})

test('absent names data: a database goes with it, a role that owns objects does not', async () => {
  const declare = (): void => {
    const server = aptPackage({ name: 'postgresql' })
    postgresRole({ name: 'owner', login: true, after: server })
    postgresDatabase({ name: 'crm', owner: 'owner', after: server })
  }
  await convergeAsPlanned(host, declare)
  const leftOut = await planOn(host, () => void aptPackage({ name: 'postgresql' }))
  assert.equal(kinds(leftOut).sort(), ['forget postgres-database:crm', 'forget postgres-role:owner'])
  const roleOnly = await convergeOn(host, () => {
    aptPackage({ name: 'postgresql' })
    postgresDatabase({ name: 'crm' })
    absent(postgresRole, { name: 'owner' })
  })
  assert.match(changeOf(roleOnly, 'postgres-role:owner').failure?.said ?? '', /owner of database crm|objects depend/)
  const { plan } = await convergeAsPlanned(host, () => {
    aptPackage({ name: 'postgresql' })
    const gone = absent(postgresDatabase, { name: 'crm' })
    absent(postgresRole, { name: 'owner', after: gone })
  })
  assert.is(changeOf(plan, 'postgres-database:crm').consequence, 'destructive')
  assert.is(
    await sshOk(host, `runuser -u postgres -- psql -Atc "select count(*) from pg_database where datname = 'crm'"`),
    '0\n',
  )
})

test('absent of a user leaves its home to be named by itself', async () => {
  await sshOk(host, 'useradd -m ada && touch /home/ada/letters')
  await convergeAsPlanned(host, () => void absent(user, { name: 'ada' }))
  assert.is(await sshOk(host, 'id ada >/dev/null 2>&1 || ls /home/ada'), 'letters\n')
})

test('an edit that is written otherwise keeps its line, and goes with it when neither is declared', async () => {
  const path = play('app.conf')
  const shown = (): Promise<string> => sshOk(host, `cat ${path}`)
  const line = (props: { line: string; replaces?: string }) => (): void => void edit({ path, ...props })
  await sshOk(host, `printf 'first=1\\n' > ${path}`)
  await convergeAsPlanned(host, line({ line: 'K=2', replaces: 'K=' }))
  for (const props of [
    { line: 'K=2' },
    { line: 'K=2', replaces: 'K' },
    { line: 'K=3', replaces: 'K=' },
    { line: 'K=4', replaces: 'K' },
  ]) {
    await convergeAsPlanned(host, line(props))
    assert.is(await shown(), `first=1\n${props.line}\n`)
  }
  await convergeAsPlanned(host, () => {}, { allowRemove: 1 })
  assert.is(await shown(), 'first=1\n')
})

suited.run()
