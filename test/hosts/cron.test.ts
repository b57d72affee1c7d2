/**
 * Cron jobs on real hosts, and what the real cron makes of them.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecipeError } from '../../lib/engine/catalog/evaluate.ts'
import { aptPackage, cronJob } from '../../lib/index.ts'
import { changeOf, convergeAsPlanned, convergeOn, planOn } from '../support/converge.ts'
import { freshHost, ssh, sshOk } from '../support/host.ts'

/** What other tests declared stays. */
const SCOPED = { only: (): boolean => true }
const FILE = '/etc/cron.d/keelson-backup'

type Job = Parameters<typeof cronJob>[0]
const JOB: Job = { name: 'backup', schedule: '30 3 * * *', command: '/usr/local/sbin/backup --quiet' }

const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')])
const test = suite('cron jobs on real hosts')

/** Each field, another value for it, and how the file says that. */
const CHANGES: readonly [field: string, job: Partial<Job>, said: string][] = [
  ['user', { user: 'nobody' }, '30 3 * * *\tnobody\t/usr/local/sbin/backup --quiet\n'],
  ['schedule', { schedule: '*/5 8-18 * * 1-5' }, '*/5 8-18 * * 1-5\troot\t'],
  ['a special time', { schedule: '@daily' }, '@daily\troot\t/usr/local/sbin/backup --quiet\n'],
  ['command', { command: 'date +%F' }, '\troot\tdate +\\%F\n'],
  ['environment', { environment: { MAILTO: 'ops@example.com', EMPTY: '' } }, 'MAILTO="ops@example.com"\n'],
]

for (const host of hosts) {
  const on = (title: string, work: () => Promise<void>): void => test(`${host.os}: ${title}`, work)
  const declare =
    (job: Partial<Job> = {}) =>
    (): void => {
      cronJob({ ...JOB, ...job, after: aptPackage({ name: 'cron' }) })
    }
  const text = () => sshOk(host, `cat ${FILE}`)

  on('a job gets a file of its own that cron accepts', async () => {
    await convergeAsPlanned(host, declare(), SCOPED)
    assert.match(await text(), '30 3 * * *\troot\t/usr/local/sbin/backup --quiet\n')
    assert.is(await sshOk(host, `stat -c '%a %U:%G' ${FILE}`), '644 root:root\n')
  })

  for (const [field, job, said] of CHANGES) {
    on(`${field} is changed`, async () => {
      const { plan } = await convergeAsPlanned(host, declare(job), SCOPED)
      assert.is(changeOf(plan, 'cron-job:backup').kind, 'change')
      assert.match(await text(), said)
    })
  }

  on('an edit by hand is drift, and is taken back', async () => {
    await convergeAsPlanned(host, declare(), SCOPED)
    await sshOk(host, `sed -i s/30/45/ ${FILE} && chmod 600 ${FILE} && chown nobody ${FILE}`)
    const { plan } = await convergeAsPlanned(host, declare(), SCOPED)
    const { cause, fields } = changeOf(plan, 'cron-job:backup')
    assert.is(cause, 'drift')
    assert.equal(
      fields.map(({ field }) => field),
      ['content', 'mode', 'owner'],
    )
    assert.is(await sshOk(host, `stat -c '%a %U' ${FILE}`), '644 root\n')
    assert.match(await text(), '30 3 * * *')
  })

  on('the real cron runs the command as it was written, with its environment and as its user', async () => {
    const command = `printf '%s|' "$WHO" "100%" 'a\\b' "$(id -un)" > /tmp/ran`
    const environment = { WHO: "O'Brien $HOME", SHELL: '/bin/sh' }
    await convergeAsPlanned(host, declare({ schedule: '@reboot', command, environment, user: 'nobody' }), SCOPED)
    // Cron runs these jobs when it starts, once after each boot.
    await sshOk(host, 'rm -f /tmp/ran /run/crond.reboot && systemctl restart cron')
    await sshOk(host, "timeout 20 sh -c 'until grep -q nobody /tmp/ran 2>/dev/null; do sleep 0.1; done'")
    assert.is(await sshOk(host, 'cat /tmp/ran'), "O'Brien $HOME|100%|a\\b|nobody|")
  })

  on('an absent job is taken away, and one no longer declared as well', async () => {
    await convergeAsPlanned(host, declare({ ensure: 'absent' }), SCOPED)
    assert.is((await ssh(host, `ls ${FILE}`)).exit, 2)
    await convergeAsPlanned(host, declare(), SCOPED)
    const { plan } = await convergeAsPlanned(host, () => void aptPackage({ name: 'cron' }))
    assert.is(changeOf(plan, 'cron-job:backup').kind, 'remove')
    assert.is((await ssh(host, `ls ${FILE}`)).exit, 2)
  })

  on('a user that the host does not have is an error before anything is written', async () => {
    const report = await convergeOn(host, declare({ user: 'nosuch' }), SCOPED)
    const { outcome, failure } = changeOf(report, 'cron-job:backup')
    assert.is(outcome, 'failed')
    assert.match(failure?.said ?? '', 'nosuch')
    assert.is((await ssh(host, `ls ${FILE}`)).exit, 2)
  })
}

for (const [what, job] of [
  ['a minute that no hour has', { schedule: '61 * * * *' }],
  ['a time with a word too few', { schedule: '1 2 3 4' }],
  ['a special time that cron does not know', { schedule: '@fortnightly' }],
  ['a command of two lines', { command: 'a\nb' }],
  ['a value that cron could not quote', { environment: { A: `'"` } }],
] as const) {
  test(`${what} is refused by the recipe's line`, async () => {
    let error: unknown
    try {
      await planOn(hosts[0], () => void cronJob({ ...JOB, ...job }))
    } catch (caught) {
      error = caught
    }
    assert.instance(error, RecipeError)
    assert.match(String(error), /test\/hosts\/cron\.test\.ts:\d+: cron job backup: /)
  })
}

test.run()
