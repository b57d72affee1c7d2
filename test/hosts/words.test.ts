/** What the command line says of real hosts, against what is so there. One of each Debian. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXIT_CODES } from '../../lib/engine/report.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { type Ended, runSiteFile, startSite, writeSite } from '../support/siteFile.ts'

const test = suite('words on hosts')

const [twelve, thirteen] = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const both = { 'web-1': twelve, 'web-2': thirteen }

// Each test begins with a host that was never converged.
test.before.each(async () => {
  for (const host of [twelve, thirteen])
    await sshOk(host, 'rm -rf /var/lib/keelson; rm -rf /srv/words /etc/words-*; userdel -r words 2>/dev/null || :')
})

const run = (role: string, ...args: string[]): Promise<Ended> => runSiteFile(writeSite(both, role), args)
const converge = (role: string): Promise<Ended> => run(role, 'converge', '--yes')
/** Each by itself: plans that are the same are shown once. */
async function planEach(role: string): Promise<string> {
  const file = writeSite(both, role)
  const plans = await Promise.all(Object.keys(both).map((name) => runSiteFile(file, ['plan', '--host', name])))
  return plans.map(({ stdout }) => stdout).join('\n')
}

/** Waits until the host says so. */
const until = (host: typeof twelve, command: string): Promise<string> =>
  sshOk(host, `timeout 60 sh -c 'until ${command}; do sleep 0.1; done'`)

type Reported = {
  host: string
  summary: { [word: string]: number }
  changes: { ref: string; kind: string; cause: string; outcome?: string }[]
}

function hostsIn(stdout: string): Reported[] {
  const { hosts }: { hosts: Reported[] } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
  return hosts
}

const FILES = `
  file({ path: '/etc/words-a', content: 'a\\n' })
  file({ path: '/etc/words-b', content: 'b\\n' })
  file({ path: '/etc/words-c', content: 'c\\n' })`

test('a fleet plan never calls a host with a pending change done, in text or in JSON', async () => {
  const file = writeSite(both, FILES)
  const first = await runSiteFile(file, ['converge', '--yes'])
  assert.is(first.code, 0, first.stderr)
  assert.match(first.stdout, /^2 hosts: 2 ok$/m)
  await sshOk(thirteen, 'echo edited > /etc/words-b')
  const { stdout } = await runSiteFile(file, ['plan'])
  assert.match(stdout, /^2 hosts: 1 ok, 1 with changes pending$/m)
  assert.match(stdout, /^ {2}✓ web-1 {2}\S+ s {2}all in sync$/m)
  assert.match(stdout, /^ {2}~ web-2 {2}\S+ s {2}1 to change, 2 in sync$/m)
  const [one, two] = hostsIn((await runSiteFile(file, ['plan', '--json'])).stdout)
  assert.equal([one!.changes.length, two!.changes.map(({ ref }) => ref)], [0, ['file:/etc/words-b']])
  assert.is(two!.changes[0]!.outcome, undefined)
  assert.is(two!.summary['failed'], undefined)
  assert.is(two!.summary['change']! + two!.summary['unchanged']!, two!.summary['resources'])
})

test('what a failed run never made is released as not there, and does not stay', async () => {
  const fails = `const fails = file({ path: '/etc/words-bad', content: 'x', validate: 'test ! -s %' })
file({ path: '/etc/words-after', content: 'x', after: fails })`
  await converge(fails)
  const { stdout } = await run(`file({ path: '/etc/words-other', content: 'x' })`, 'plan')
  assert.match(
    stdout,
    /^ {2}\. file \/etc\/words-after +no longer declared +released, not there: run 1 had not finished it$/m,
  )
  assert.not.match(stdout, /stays|left in place: not there/)
})

test('what goes from the declaration and is gone by hand is released as gone, and what was there before stays', async () => {
  for (const host of [twelve, thirteen]) await sshOk(host, 'echo theirs > /etc/words-theirs')
  await converge(`file({ path: '/etc/words-theirs', content: 'theirs\\n' })
file({ path: '/etc/words-ours', content: 'ours' })`)
  for (const host of [twelve, thirteen]) await sshOk(host, 'rm /etc/words-ours')
  const stdout = await planEach(`file({ path: '/etc/words-other', content: 'x' })`)
  assert.is(stdout.match(/^ {2}\. file \/etc\/words-ours .* released, gone already$/gm)?.length, 2, stdout)
  assert.is(stdout.match(/words-theirs .* released, left in place: it was there before Keelson$/gm)?.length, 2, stdout)
})

test('what a run that was cut off had applied is confirmed as its work, not adopted', async () => {
  const role = `const first = file({ path: '/etc/words-first', content: 'x' })
command({ name: 'hangs', check: 'test -e /srv/words/never', apply: 'touch /etc/words-begun; sleep 600', after: first })`
  const { child, ended } = startSite(writeSite({ 'web-1': twelve }, role), ['converge', '--yes'])
  await until(twelve, 'test -e /etc/words-begun')
  child.kill('SIGKILL')
  await ended
  await sshOk(twelve, "systemctl kill --signal=KILL 'keelson-1-*'")
  const { stdout } = await runSiteFile(writeSite({ 'web-1': twelve }, role), ['plan'])
  assert.match(stdout, /^ {2}← confirm 1 resource applied by run 1, which was cut off\n {6}file \/etc\/words-first$/m)
  assert.not.match(stdout, 'adopt 1 resource')
})

test('a service is interrupted where one that runs is stopped, not by commands and removals as such', async () => {
  const runs = `const program = unit({ name: 'words-runs.service', service: { ExecStart: '/bin/sleep 9999' } })
unit({ name: 'words-idle.service', service: { ExecStart: '/bin/sleep 9999' } })
service({ name: 'words-runs.service', running: true, after: program })`
  await converge(runs)
  const stops = `unit({ name: 'words-runs.service', service: { ExecStart: '/bin/sleep 9999' } })
service({ name: 'words-runs.service', running: false })
command({ name: 'makes a certificate', check: 'false', apply: ':' })
command({ name: 'migrates', check: 'false', apply: ':', consequence: 'disruptive' })`
  const plan = await run(stops, 'plan')
  const lines = plan.stdout.split('\n').filter((line) => line.includes('interrupts the service'))
  assert.equal(
    [...new Set(lines.map((line) => line.trim().replace(/ {2,}.*/, '')))],
    ['~ service words-runs.service', '+ command migrates'],
  )
  const gone = await run(`file({ path: '/etc/words-other', content: 'x' })`, 'plan')
  assert.match(gone.stdout, /- unit words-runs\.service .* interrupts the service$/m)
  assert.not.match(gone.stdout, /unit words-idle\.service .* interrupts/)
  await sshOk(twelve, 'apt-get -qq install -y logrotate 2>/dev/null || :')
  await converge(`aptPackage({ name: 'logrotate' })`)
  const removed = await run(`aptPackage({ name: 'logrotate', ensure: 'absent' })`, 'plan')
  assert.match(removed.stdout, /- package logrotate/)
  assert.not.match(removed.stdout, 'interrupts')
})

test('a run whose steps have ended is not called running, while its client is awaited', async () => {
  const role = `command({ name: 'slow', check: 'test -e /etc/words-slow', apply: 'touch /etc/words-begun; until test -e /etc/words-go; do sleep 0.1; done; touch /etc/words-slow' })`
  const file = writeSite({ 'web-1': twelve }, role)
  const { child, ended } = startSite(file, ['converge', '--yes'])
  await until(twelve, 'test -e /etc/words-begun')
  child.kill('SIGKILL')
  await ended
  assert.match((await runSiteFile(file, ['runs'])).stdout, / running /)
  await sshOk(twelve, 'touch /etc/words-go')
  await until(twelve, 'ls /run/keelson/1-*/waiting >/dev/null 2>&1')
  const { stdout } = await runSiteFile(file, ['runs'])
  assert.match(stdout, / waiting for its client +\S+@.* {2}1 applied, not verified$/m)
  assert.match((await runSiteFile(file, ['runs', '1'])).stdout, 'its steps have ended, and it waits for its client')
  assert.match((await runSiteFile(file, ['converge', '--yes'])).stdout, /web-1 converged/)
})

test('a run that was applied in part is called so by its converge and by runs', async () => {
  const fails = `file({ path: '/etc/words-good', content: 'x' })
command({ name: 'fails', check: 'false', apply: 'exit 3' })`
  const { stdout, code } = await converge(fails)
  assert.is(code, EXIT_CODES.partial)
  assert.is(
    stdout.match(/^Planned 2: 1 done, 1 failed\.\nweb-\d applied in part in .* as run 1; see `runs 1`, /gm)?.length,
    2,
  )
  const runs = await run(fails, 'runs')
  assert.is(runs.stdout.match(/ applied in part +\S+@.* {2}1 changed · 1 failed$/gm)?.length, 2, runs.stdout)
  for (const host of [twelve, thirteen]) await sshOk(host, 'rm -rf /var/lib/keelson')
  await converge(`command({ name: 'fails', check: 'false', apply: 'exit 3' })`)
  assert.is((await run(fails, 'runs')).stdout.match(/ failed +\S+@.* {2}1 failed$/gm)?.length, 2)
})

test('a check that never comes true says which line it is and what it printed', async () => {
  const { stdout } = await converge(`command({
  name: 'never',
  check: 'test -e /etc/passwd\\necho looking for it\\nls /etc/words-never\\ntrue',
  apply: ':',
})`)
  assert.is(stdout.match(/its check ended with exit 2, at line 3: ls \/etc\/words-never$/gm)?.length, 2, stdout)
  assert.match(stdout, /^ +looking for it\n +ls: cannot access '\/etc\/words-never': No such file or directory$/m)
  assert.match(stdout, /^ {2}next {7}see that what it applies brings about what it checks for/m)
})

test('what is skipped names what failed, in words, however far it is', async () => {
  const { stdout } = await converge(`const a = command({ name: 'first', check: 'false', apply: 'exit 3' })
const b = command({ name: 'second', check: 'false', apply: ':', after: a })
const c = file({ path: '/etc/words-third', content: 'x', after: b })
const d = aptPackage({ name: 'words-none', after: c })
file({ path: '/etc/words-fifth', content: 'x', after: d })`)
  const waiting = [...stdout.matchAll(/^ {2}waiting {4}4 for it: command second, file \/etc\/words-third, /gm)]
  assert.is(waiting.length, 2, stdout)
})

test('a host is only said to have spoken when it was asked', async () => {
  const many = Array.from({ length: 8 }, (_, n) => `file({ path: '/etc/words-${n}', content: 'x' })`).join('\n')
  await converge(many)
  const refused = await run(`file({ path: '/etc/words-0', content: 'x' })`, 'converge', '--yes')
  assert.is(refused.code, EXIT_CODES.refused)
  assert.match(refused.stdout, /^ {2}why {8}file \/etc\/words-\d$/m)
  assert.not.match(refused.stdout, 'host said')
  const dead = writeSite({ dead: { ...thirteen, port: 9 } }, many)
  const unreached = await runSiteFile(dead, ['plan'])
  assert.is(unreached.code, EXIT_CODES.unreachable)
  assert.match(unreached.stderr, /^ {2}why {8}\S/m)
  assert.not.match(unreached.stderr, 'host said')
  const mistaken = await run(`file({ path: 'etc/words', content: 'x' })`, 'plan')
  assert.not.match(mistaken.stderr, 'host said')
})

/** What each of two hosts is, and what is done to it by hand; then the words for that. */
const DRIFTS: readonly [what: string, role: string, byHand: string, ref: string, words: RegExp][] = [
  ['a file', `file({ path: '/etc/words-a', content: 'a\\n' })`, 'echo b > /etc/words-a', 'file /etc/words-a', /edited/],
  [
    'its mode',
    `file({ path: '/etc/words-a', content: 'a\\n' })`,
    'chmod 0666 /etc/words-a',
    'file /etc/words-a',
    /mode changed/,
  ],
  [
    'a file that goes',
    `file({ path: '/etc/words-a', content: 'a' })`,
    'rm /etc/words-a',
    'file /etc/words-a',
    /removed/,
  ],
  [
    'a service that stops',
    `const program = unit({ name: 'words-d.service', service: { ExecStart: '/bin/sleep 999' }, install: { WantedBy: 'multi-user.target' } })
service({ name: 'words-d.service', running: true, enabled: true, after: program })`,
    'systemctl stop words-d',
    'service words-d.service',
    /stopped/,
  ],
  [
    'a service that is disabled and one that is started',
    `const program = unit({ name: 'words-d.service', service: { ExecStart: '/bin/sleep 999' }, install: { WantedBy: 'multi-user.target' } })
service({ name: 'words-d.service', running: false, enabled: true, after: program })`,
    'systemctl disable --now -q words-d; systemctl start words-d',
    'service words-d.service',
    /disabled, started/,
  ],
  ['a package', `aptPackage({ name: 'hello' })`, 'dpkg --purge hello', 'package hello', /removed/],
  [
    'a package that is held',
    `aptPackage({ name: 'hello', hold: false })`,
    'apt-mark hold hello',
    'package hello',
    /held/,
  ],
  ['a user', `user({ name: 'words' })`, 'userdel words', 'user words', /removed/],
  ['a shell', `user({ name: 'words', shell: '/bin/bash' })`, 'usermod -s /bin/sh words', 'user words', /shell changed/],
  [
    'the groups of a user',
    `user({ name: 'words', groups: ['games'], exclusiveGroups: true })`,
    'gpasswd -d words games; gpasswd -a words audio',
    'user words',
    /put into audio and taken out of games/,
  ],
  ['a user that gains sudo', `user({ name: 'words' })`, 'gpasswd -a words sudo', 'user words', /put into sudo/],
  [
    'a user that gains disk',
    `user({ name: 'words', groups: ['games'] })`,
    'gpasswd -a words disk',
    'user words',
    /put into disk/,
  ],
  [
    'a user whose primary group is shadow',
    `user({ name: 'words' })`,
    'usermod -g shadow words',
    'user words',
    /group changed/,
  ],
  [
    'the members of a group',
    `group({ name: 'wordsmiths', members: [] })`,
    'gpasswd -a games wordsmiths',
    'group wordsmiths',
    /games put in/,
  ],
  [
    'a command',
    `command({ name: 'mark', check: 'test -e /etc/words-m', apply: 'touch /etc/words-m' })`,
    'rm /etc/words-m',
    'command mark',
    /undone/,
  ],
]

for (const [what, role, byHand, label, words] of DRIFTS) {
  test(`drift of ${what} says what happened, after which run and when`, async () => {
    const applied = await converge(role)
    assert.is(applied.code, EXIT_CODES.ok, applied.stdout)
    for (const host of [twelve, thirteen]) await sshOk(host, byHand)
    const stdout = await planEach(role)
    const rows = stdout.split('\n').filter((line) => line.slice(4).startsWith(label))
    const sentence = new RegExp(` ${words.source}$`)
    assert.is(rows.filter((row) => sentence.test(row)).length, 2, stdout)
    assert.is(stdout.match(/^Changed by hand since run 1 \(\d+ s ago\), to be set back:$/gm)?.length, 2, stdout)
    assert.is((await converge(role)).code, EXIT_CODES.ok)
  })
}

test('a privileged group that is declared, here or at the group, is no drift; one that was there before is named', async () => {
  const declared = `group({ name: 'shadow', members: ['words'] })
user({ name: 'words', groups: ['adm'] })`
  assert.is((await converge(declared)).code, EXIT_CODES.ok)
  assert.is((await run(declared, 'plan')).stdout.match(/all in sync/g)?.length, 4)
  for (const host of [twelve, thirteen])
    await sshOk(host, 'rm -rf /var/lib/keelson; gpasswd -d words shadow; gpasswd -a words disk')
  const adopted = `user({ name: 'words', groups: ['adm'] })`
  const { stdout } = await run(adopted, 'plan')
  assert.is(stdout.match(/user words has group disk, which is not declared; it was there before Keelson/g)?.length, 2)
  assert.is((await converge(adopted)).code, EXIT_CODES.ok)
  assert.is((await run(adopted, 'plan')).stdout.match(/all in sync/g)?.length, 4)
  for (const host of [twelve, thirteen]) await sshOk(host, 'gpasswd -a words sudo')
  const gained = await planEach(adopted)
  assert.is(gained.match(/^Changed by hand since run 1 .*\n.* put into sudo$/gm)?.length, 2, gained)
  assert.is((await converge(adopted)).code, EXIT_CODES.ok)
  for (const host of [twelve, thirteen])
    assert.equal((await sshOk(host, 'id -nG words')).trim().split(' ').sort(), ['adm', 'disk', 'words'])
})

test('what a person edited and the code changed says both', async () => {
  await converge(`file({ path: '/etc/words-a', content: 'a\\n' })`)
  for (const host of [twelve, thirteen]) await sshOk(host, 'echo theirs > /etc/words-a')
  const stdout = await planEach(`file({ path: '/etc/words-a', content: 'b\\n' })`)
  assert.is(stdout.match(/ changed in the code and by hand: edited since run 1 \(\d+ s ago\)$/gm)?.length, 2, stdout)
})

for (const [what, role, next] of [
  [
    'no end within its time',
    `command({ name: 'endless', check: 'false', apply: 'sleep 600', timeoutMs: 1000 })`,
    /find out what it waits for; .* more time/,
  ],
  [
    'a full disk',
    `command({ name: 'full', check: 'false', apply: 'mkdir -p /srv/words; mount -t tmpfs -o size=4k tmpfs /srv/words; trap "umount /srv/words" EXIT; cat /dev/zero > /srv/words/x' })`,
    /make room there/,
  ],
  [
    'a content that its check refuses',
    `file({ path: '/etc/words-checked', content: 'x', validate: 'test ! -s %' })`,
    /correct the content by the words above/,
  ],
  ['a package that no source has', `aptPackage({ name: 'words-none' })`, /apt-cache policy/],
  [
    'a service that does not stay up',
    `const program = unit({ name: 'words-dies.service', service: { ExecStart: "/bin/sh -c 'echo no key; exit 3'" } })
service({ name: 'words-dies.service', running: true, after: program })`,
    /journalctl -u words-dies\.service/,
  ],
  [
    'a command that is not there',
    `command({ name: 'absent', check: 'false', apply: 'words-none' })`,
    /declare what brings/,
  ],
  [
    'an account that is not there',
    `command({ name: 'owns', check: 'false', apply: 'touch /etc/words-x; chown nobody-at-all /etc/words-x' })`,
    /declare that account/,
  ],
] as const) {
  test(`${what} is told with its step and with what to do about just that`, async () => {
    const { stdout } = await converge(role)
    for (const line of stdout.split('\n').filter((each) => each.startsWith('  next '))) assert.match(line, next)
    assert.is(stdout.match(/^ {2}next {7}/gm)?.length, 2, stdout)
    assert.is(stdout.match(/^ {2}(?:step|ran ) {7}/gm)?.length, 2, stdout)
  })
}

test('where nothing better is known than what was said, no next is made up', async () => {
  const { stdout } = await converge(`command({ name: 'odd', check: 'false', apply: 'echo no ink left >&2; exit 3' })`)
  assert.match(stdout, /^ {2}host said {2}no ink left$/m)
  assert.not.match(stdout, /^ {2}next /m)
})

test('runs of several hosts shows those that answer, and names the one that does not', async () => {
  await converge(FILES)
  const mixed = writeSite({ ...both, dead: { ...thirteen, port: 9 } }, FILES)
  const { stdout, stderr, code } = await runSiteFile(mixed, ['runs'])
  assert.is(code, EXIT_CODES.unreachable)
  assert.match(stdout, /^web-1\n {2}1 {2}.*\n\nweb-2\n/m)
  assert.match(stderr, /^dead: .*cannot be reached/m)
  const json = await runSiteFile(mixed, ['runs', '--json'])
  const { hosts, exit }: { hosts: { host: string; error?: { message: string } }[]; exit: unknown } = JSON.parse(
    json.stdout,
  )
  assert.equal(
    hosts.map(({ host, error }) => [host, error === undefined]),
    [
      ['web-1', true],
      ['web-2', true],
      ['dead', false],
    ],
  )
  assert.match(hosts[2]!.error!.message, 'cannot be reached')
  assert.equal(exit, { code: EXIT_CODES.unreachable, name: 'unreachable' })
})

test('undo of a guarded text file shows its text, and what it opens again in words', async () => {
  const sshd = (line: string): string =>
    `file({ path: '/etc/ssh/sshd_config.d/99-words.conf', content: 'X11Forwarding no\\n${line}\\n' })
file({ path: '/etc/words-secret', content: '${line}\\n', mode: '0600' })`
  await converge(sshd('PermitRootLogin yes'))
  await sshOk(twelve, 'echo "X11Forwarding no\nPermitRootLogin yes\n# by hand" > /etc/ssh/sshd_config.d/99-words.conf')
  await converge(sshd('PermitRootLogin prohibit-password'))
  const file = writeSite({ 'web-1': twelve }, sshd('PermitRootLogin prohibit-password'))
  const { stdout } = await runSiteFile(file, ['undo', '--yes'])
  assert.match(
    stdout,
    /^ !~ file \/etc\/ssh\/sshd_config\.d\/99-words\.conf .*guarded: .*; lets root log in with a password$/m,
  )
  assert.match(stdout, /^ {6}-PermitRootLogin prohibit-password\n {6}\+PermitRootLogin yes\n {6}\+# by hand$/m)
  assert.not.match(stdout, /[0-9a-f]{64}/)
  assert.is(await sshOk(twelve, 'tail -n 1 /etc/ssh/sshd_config.d/99-words.conf'), '# by hand\n')
  await sshOk(twelve, 'rm /etc/ssh/sshd_config.d/99-words.conf')
  await sshOk(thirteen, 'rm /etc/ssh/sshd_config.d/99-words.conf')
})

test('a plan names in words what it opens', async () => {
  const stdout = await planEach(`ufwRule({ action: 'allow', port: 8443, protocol: 'tcp' })
sudoers({ name: 'words', user: 'games', commands: ['ALL'], noPassword: true })`)
  assert.is(stdout.match(/\+ ufw rule 8443\/tcp .*opens 8443\/tcp$/gm)?.length, 2, stdout)
  assert.is(stdout.match(/!\+ sudoers words .*lets games use sudo without a password/g)?.length, 2, stdout)
})

test('secrets edit without a terminal starts no editor', async () => {
  const file = writeSite(both, FILES)
  const { ended } = startSite(file, ['secrets', 'edit'], { EDITOR: 'sleep 600 #', VISUAL: '' })
  const { code, stderr } = await ended
  assert.is(code, EXIT_CODES.usage)
  assert.match(stderr, 'there is no terminal')
})

test.run()
