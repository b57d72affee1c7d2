/**
 * Hosts where something does not end: a step, what it started, a reading, what is said.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { HostError } from '../../lib/engine/errors.ts'
import type { HostReport } from '../../lib/engine/report.ts'
import { quote } from '../../lib/kit/shell.ts'
import { aptPackage, command, edit, file } from '../../lib/index.ts'
import { TimedOut } from '../../lib/transport/connection.ts'
import { changeOf, convergeOn, planOn, planned, runOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { runSiteFile, writeSite } from '../support/siteFile.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const READ_MS = 4000

const host = await freshHost('debian-12')
const test = suite('what does not end')
// However a test ends, the next one finds its host in order.
test.after.each(async () => {
  await ssh(host, 'umount /run/keelson; rm -rf /usr/local/sbin/*')
})

/** Puts a program of that name before the real one. */
const plant = (name: string, text: string): string =>
  `printf '#!/bin/sh\\n%s\\n' ${quote(text)} > /tmp/${name} && chmod 755 /tmp/${name} && mv /tmp/${name} /usr/local/sbin/${name}`
const saidOf = (report: HostReport, ref: string): string => changeOf(report, ref).failure?.said ?? ''
/** Told when nothing matches a pattern among the command lines of the host's processes; exit 124 when that does not come. */
const gone = (pattern: string): Promise<string> =>
  sshOk(host, `timeout 10 sh -c 'while pgrep -f "[${pattern[0]}]${pattern.slice(1)}"; do sleep 0.1; done'`)

test('a step that prints 10 GB, and one with a line of 1 GB, need no room, and how they end is kept', async () => {
  const declare = (): void => {
    const much = `yes 'so it goes' | head -c 10G; printf 'last \\377\\0words\\n' >&2; exit 5`
    command({ name: 'much', check: 'false', apply: much })
    command({ name: 'line', check: 'test -e /srv/line', apply: `head -c 1G /dev/zero | tr '\\0' x; touch /srv/line` })
  }
  await sshOk(host, 'mkdir -p /run/keelson && mount -t tmpfs -o mode=700,size=2m tmpfs /run/keelson')
  const report = await convergeOn(host, declare, SCOPED)
  assert.is(changeOf(report, 'command:much').failure?.exit, 5)
  assert.match(saidOf(report, 'command:much'), /so it goes\n[^]*last \ufffd\0words$/)
  assert.ok(saidOf(report, 'command:much').length <= 16_384)
  assert.is(changeOf(report, 'command:line').outcome, 'changed')
})

test('a step that does not end is killed with all that it started, and the rest goes on', async () => {
  const declare = (): void => {
    const stubborn = 'trap : TERM; echo still here; while :; do sleep 0.3; done'
    command({ name: 'stubborn', check: 'false', apply: stubborn, timeoutMs: 1000 })
    const apply = 'setsid -f sleep 600; setsid -f sleep 601 >/dev/null 2>&1; echo forked; sleep 602'
    const forks = command({ name: 'forks', check: 'false', apply, timeoutMs: 1000 })
    file({ path: '/srv/after', content: 'x', after: forks })
    file({ path: '/srv/besides', content: 'x' })
  }
  const report = await convergeOn(host, declare, SCOPED)
  const sentence = 'no end within 1 s; it was killed, with all that it had started'
  for (const [ref, words] of Object.entries({ 'command:stubborn': 'still here\n', 'command:forks': 'forked\n' })) {
    assert.ok(saidOf(report, ref).startsWith(words), saidOf(report, ref))
    assert.ok(saidOf(report, ref).endsWith(sentence), saidOf(report, ref))
  }
  assert.is(changeOf(report, 'command:forks').failure?.step, 'forks')
  assert.is(changeOf(report, 'file:/srv/after').outcome, 'skipped')
  assert.is(changeOf(report, 'file:/srv/besides').outcome, 'changed')
  await gone('sleep (60|0.3)')
})

test('a judge of a new file that does not end is killed after a minute, and the old file stays', async () => {
  await sshOk(host, 'mkfifo /srv/never; echo old > /srv/judged')
  const declare = (): void => void file({ path: '/srv/judged', content: 'new\n', validate: 'cat /srv/never %' })
  const started = performance.now()
  const report = await convergeOn(host, declare, SCOPED)
  assert.ok(performance.now() - started < 120_000)
  assert.is(
    saidOf(report, 'file:/srv/judged'),
    'no end within 60 s; it was killed: sh -euc cat /srv/never "$1" judge /srv/.keelson.judged\n/srv/judged: the candidate was refused; the old file is still in place',
  )
  assert.is(await sshOk(host, 'cat /srv/judged; rm /srv/never'), 'old\n')
  await gone('cat /srv/never')
})

test('what a step leaves in the background ends with it, and what it has systemd start stays', async () => {
  // The kernel takes its time to end what has much memory.
  const large = `setsid -f perl -e '$x = "x" x 2e9; system "touch /srv/large"; sleep 606' >/dev/null 2>&1`
  const apply = `${large}; until [ -e /srv/large ]; do sleep 0.1; done; setsid -f sleep 603 >/dev/null 2>&1; setsid -f sleep 605; systemd-run --quiet --unit=kept sleep 604; touch /srv/left`
  const declare = (): void => {
    const left = command({ name: 'left', check: 'test -e /srv/left', apply })
    const find = "{ pgrep -f '[s]leep 60[35]'; pgrep perl; } > /srv/found || :; touch /srv/looked"
    command({ name: 'look', check: 'test -e /srv/looked', apply: find, after: left })
  }
  const report = await convergeOn(host, declare, SCOPED)
  assert.is(changeOf(report, 'command:left').outcome, 'changed')
  assert.is(await sshOk(host, 'cat /srv/found; systemctl is-active kept; systemctl stop kept'), 'active\n')
})

test('a reading that does not end is given up, and names what was read', async () => {
  const declare = (): void => {
    aptPackage({ name: 'hello' })
    file({ path: '/srv/pipe', content: 'x' })
  }
  await sshOk(host, `mkfifo /srv/pipe; ${plant('dpkg-query', 'exec sleep 900')}`)
  const error = await rejects(planned({ ...runOn(host, declare, SCOPED), readMs: READ_MS }), HostError)
  assert.is(error.message, 'reading package did not end within 4 s')
  await gone('sleep 900')
  await sshOk(host, 'rm /usr/local/sbin/dpkg-query')
  assert.is((await planOn(host, declare, SCOPED)).changes.length, 2)
  await sshOk(host, 'rm /srv/pipe')
})

test('so is one after the steps of a run', async () => {
  const declare = (): void => {
    file({ path: '/srv/read', content: 'x' })
    command({
      name: 'plant',
      check: 'test -e /srv/planted',
      apply: `${plant('sha256sum', 'exec sleep 901')}; touch /srv/planted`,
    })
  }
  const confirm = () => Promise.resolve(true)
  const report = await convergeHost({ ...runOn(host, declare, SCOPED), confirm, readMs: READ_MS })
  assert.is(report.error?.message, 'reading file did not end within 4 s')
  await sshOk(host, 'rm /usr/local/sbin/sha256sum')
  await gone('sleep 901')
  await convergeOn(host, declare, SCOPED)
  assert.equal((await planOn(host, declare, SCOPED)).changes, [])
})

test('an answer without end is cut off, and names what was read', async () => {
  await sshOk(host, plant('dpkg-query', 'exec yes'))
  // However slow this machine is, it is the bytes that end it.
  const run = { ...runOn(host, () => void aptPackage({ name: 'hello' }), SCOPED), readMs: 1_800_000 }
  const error = await rejects(planned(run), HostError)
  assert.is(error.message, 'reading package gave more than 32 MiB')
  await gone('yes')
})

test('files of 10 GB are not taken to the client', async () => {
  await sshOk(host, 'truncate -s 10G /srv/huge /srv/edited; truncate -s 2G /srv/whole')
  const declare = (): void => {
    edit({ path: '/srv/edited', line: 'x' })
    file({ path: '/srv/whole', content: 'whole\n' })
  }
  const plan = await planOn(host, declare, SCOPED)
  assert.match(changeOf(plan, 'edit:/srv/edited x').because ?? '', 'too long to edit')
  assert.is(changeOf(plan, 'file:/srv/whole').fields[0]?.before, '(2147483648 bytes, too long to show)')
  await convergeOn(host, declare, SCOPED)
  assert.is(await sshOk(host, 'cat /srv/whole; rm /srv/huge /srv/edited'), 'whole\n')
})

test('a start file that prints without end is told of', async () => {
  await sshOk(
    host,
    `cp /root/.bashrc /srv/bashrc 2>/dev/null; touch /srv/noisy
    systemd-run --quiet --on-active=20 --timer-property=AccuracySec=1 rm /srv/noisy
    echo 'while [ -e /srv/noisy ]; do printf "never ending \\033[2J"; done' > /root/.bashrc`,
  )
  const declare = (): void => void file({ path: '/srv/quiet', content: 'x' })
  const error = await rejects(planned({ ...runOn(host, declare, SCOPED), readMs: READ_MS }), TimedOut)
  assert.is(error.message, 'the host did not begin to run the program within 4 s')
  assert.match(error.said, 'never ending')
  assert.ok(error.said.length <= 2000)
  assert.match(error.next, '.bashrc')
  await sshOk(host, 'rm /root/.bashrc; mv /srv/bashrc /root/.bashrc 2>/dev/null || :')
})

/** C0 but newline and tab, DEL, C1, bidi controls. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const RAW = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const NASTY = `printf '\\033[2J\\033]0;title\\007\\b\\r\\177\\302\\233\\342\\200\\256\\033[31mred \\001\\377 \\033P1;2|\\033\\\\ \\302\\205end\\n'`

test('nothing a host says reaches a terminal or a pipe raw', async () => {
  await sshOk(host, `${NASTY} > /srv/nasty; sed -i 's/\\xff//g' /srv/nasty`)
  const site = writeSite(
    { nasty: host },
    `file({ path: '/srv/nasty', content: 'clean\\n' }); command({ name: 'nasty', check: 'false', apply: ${JSON.stringify(`${NASTY}; ${NASTY} >&2; exit 3`)} })`,
  )
  const only = ['--only', 'file:/srv/nasty', '--only', 'command:nasty']
  const plan = await runSiteFile(site, ['plan', ...only])
  const json = await runSiteFile(site, ['plan', '--json', ...only])
  const terminal = spawn(
    'script',
    ['-qec', `${process.execPath} --import tsx ${site} converge --yes ${only.join(' ')}`, '/dev/null'],
    {
      env: { ...process.env, NO_COLOR: '1', TERM: 'xterm' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const shown: Buffer[] = []
  terminal.stdout.on('data', (chunk: Buffer) => shown.push(chunk))
  await once(terminal, 'close')
  const all = Buffer.concat(shown).toString()
  // What the live line itself is drawn with, and the line ends of a terminal.
  // oxlint-disable-next-line no-control-regex -- the terminal's control sequences
  const live = all.replaceAll(/\x1b\[\d+F\x1b\[J|\r(?=\n)/g, '')
  for (const text of [plan.stdout, plan.stderr, json.stdout, json.stderr, live])
    assert.equal(text.match(RAW) ?? [], [], JSON.stringify(text))
  assert.match(plan.stdout, '\\u001b[2J', plan.stdout + plan.stderr)
  assert.match(json.stdout, '\\u001b[2J', json.stdout)
  assert.match(live, '\\u001b[2J', JSON.stringify(live))
  assert.match(live, /exit +3/)
})

test('all of that took this client less than 400 MB', () => {
  assert.ok(process.resourceUsage().maxRSS < 400 * 1024, `${process.resourceUsage().maxRSS} kB`)
})

test.run()
