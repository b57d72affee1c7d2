/**
 * Plans that are saved and applied later, on both releases: whatever moves on the host in between, of whichever type, the
 * plan is refused and nothing is written; and no plan is applied twice.
 */
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import { convergeHost } from '../../lib/engine/apply/converge.ts'
import { digestOf } from '../../lib/engine/catalog/catalog.ts'
import { Stale } from '../../lib/engine/errors.ts'
import type { SavedPlan } from '../../lib/engine/plan/planFile.ts'
import type { HostReport, PlanDifference } from '../../lib/engine/report.ts'
import { connectToLab, labUp } from '../../lib/sandbox/lab.ts'
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { catalogOf, planOn, runOn } from '../support/converge.ts'
import { declareEveryType, MOVES, PREPARE, SECRETS } from '../support/everyType.ts'
import { guessed } from '../support/guess.ts'
import { freshHost, onEach, sshOk, uniqueName } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { type Ended, runSiteFile, writeSite } from '../support/siteFile.ts'

const test = suite('saved plans')
const hosts = await Promise.all([freshHost('debian-12'), freshHost('debian-13')] as const)
const lab = await labUp(uniqueName(), { believesAll: true })
await onBoth(async (host) => {
  await connectToLab(lab, host.name)
  await sshOk(host, PREPARE)
})

function onBoth(work: (host: SandboxHost) => Promise<unknown>): Promise<void> {
  return onEach(hosts, work)
}

/** As another process would read it from a file. */
async function saved(host: SandboxHost, secrets = SECRETS): Promise<SavedPlan> {
  const plan = JSON.parse(JSON.stringify(await planOn(host, declareEveryType, { secrets })))
  return { inputsDigest: digestOf(catalogOf(host, declareEveryType)), plan }
}

function convergeSaved(host: SandboxHost, expected: SavedPlan, secrets = SECRETS): Promise<HostReport> {
  return convergeHost({
    ...runOn(host, declareEveryType, { secrets }),
    confirm: () => Promise.resolve(true),
    expected,
  })
}

/** What anybody has written since the mark. */
const WRITTEN = `find /etc /srv /home /var/lib/keelson /run/keelson -cnewer /run/mark 2>/dev/null | cat`

/**
 * Refused, and nothing was written.
 *
 * @param move By another hand, before.
 * @param back By another hand, afterwards.
 * @returns What moved.
 */
async function refused(
  host: SandboxHost,
  expected: SavedPlan,
  { secrets = SECRETS, move = ':', back = ':' }: { secrets?: typeof SECRETS; move?: string; back?: string } = {},
): Promise<PlanDifference> {
  await sshOk(host, `${move}; touch /run/mark`)
  const error = await rejects(convergeSaved(host, expected, secrets), Stale)
  assert.is(await sshOk(host, `${WRITTEN}; ${back}`), '')
  assert.ok(error.moved)
  return error.moved
}

const refsIn = ({ gone, added, moved }: PlanDifference): string[] => [...gone, ...added, ...moved].map(({ ref }) => ref)

const plans = new Map<SandboxHost, SavedPlan>()

function planFor(host: SandboxHost): SavedPlan {
  const plan = plans.get(host)
  assert.ok(plan, 'nothing was planned')
  return plan
}

test('every type is moved', () => {
  const moved = new Set(MOVES.map(({ ref }) => ref.slice(0, ref.indexOf(':'))))
  assert.equal([...moved].sort(), [...types.keys()].sort())
})

test('the first plan of a host is applied once', async () => {
  await onBoth(async (host) => {
    const first = await saved(host)
    assert.ok(first.plan.first)
    const { error, summary } = await convergeSaved(host, first)
    assert.is(error, undefined)
    assert.is(summary.failed, 0)
    const { about, gone } = await refused(host, first)
    assert.match(about.join(), 'its last run was none and is 1')
    assert.is(gone.length, first.plan.changes.length)
  })
})

test('another hand moves everything, and the plan has a change for each', async () => {
  await onBoth(async (host) => {
    await sshOk(host, MOVES.map(({ to }) => to(1)).join('\n'))
    const plan = await saved(host)
    plans.set(host, plan)
    const refs = plan.plan.changes.map(({ ref }) => ref)
    for (const { ref } of MOVES)
      assert.ok(
        refs.some((each) => each.startsWith(ref)),
        `no change of ${ref} in ${refs.join(', ')}`,
      )
  })
})

for (const { ref, to } of MOVES)
  test(`refused once this has moved: ${ref}`, async () => {
    await onBoth(async (host) => {
      const refs = refsIn(await refused(host, planFor(host), { move: to(2), back: to(1) }))
      assert.ok(
        refs.some((each) => each.startsWith(ref)),
        refs.join(', '),
      )
    })
  })

test('refused with other values of secrets, which no plan shows', async () => {
  await onBoth(async (host) => {
    const { moved } = await refused(host, planFor(host), {
      secrets: { ...SECRETS, 'moved-file': 'hunter3' },
    })
    assert.equal(
      moved.map(({ ref, differences }) => [ref, differences.map(({ side }) => side)]),
      [['file:/srv/moved/hidden', ['plan', 'declared']]],
    )
  })
})

test('a weak secret cannot be guessed from a plan', async () => {
  const words = ['sunshine', ...Object.values(SECRETS)]
  const around = (word: string): string[] => [`key=${word}`, `sha256:${word}`, `PASSWORD '${word}'`]
  await onBoth(async (host) => {
    // The host has the secret where the plan does not, and the other way round.
    await sshOk(host, 'printf key=sunshine > /srv/moved/hidden')
    const text = JSON.stringify(await saved(host))
    assert.equal(guessed(text, words, around), [])
    const bare = createHash('sha256').update('key=hunter2').digest('hex')
    assert.equal(guessed(`${text}${bare}`, words, around), ['hunter2'])
    const { to } = MOVES.find(({ ref }) => ref === 'file:/srv/moved/hidden')!
    await sshOk(host, `printf key=hunter2 > /srv/moved/hidden; ${to(1)}`)
  })
})

test('once everything is again as it was planned, the plan is applied, and a second time refused', async () => {
  await onBoth(async (host) => {
    const plan = planFor(host)
    const { error, changes } = await convergeSaved(host, plan)
    assert.is(error, undefined)
    assert.equal(
      changes.filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped'),
      [],
    )
    await refused(host, plan)
    assert.equal((await planOn(host, declareEveryType, { secrets: SECRETS })).changes, [])
  })
})

const digestIn = ({ stdout }: Ended): string => /"digest":"([0-9a-f]{64})"/.exec(stdout)?.[1] ?? ''

test('on the command line a plan is written, shown, refused with what moved, and applied', async () => {
  const site = writeSite({ twelve: hosts[0], thirteen: hosts[1] }, "file({ path: '/srv/cli', content: 'two\\n' })")
  const run = (...args: string[]): Promise<Ended> => runSiteFile(site, args)
  const path = join(dirname(site), 'plan.json')
  await onBoth((host) => sshOk(host, 'echo one > /srv/cli'))
  const planned = await run('plan', '--only', 'file', '--out', path)
  assert.is(planned.code, 0, planned.stderr)
  assert.match(planned.stdout, `Written to ${path}`)
  const shown = await run('plan', 'show', path)
  assert.match(shown.stdout, '--only file')
  assert.match(shown.stdout, 'PARTIAL plan: 1 to change')
  assert.match(shown.stdout, '-one\n')

  await sshOk(hosts[1], 'echo 0ne > /srv/cli')
  const text = await run('converge', path, '--host', 'thirteen', '--yes')
  assert.is(text.code, 3, text.stderr)
  assert.match(text.stdout, 'thirteen: this host is no longer as it was planned; nothing was written')
  assert.match(text.stdout, 'moved: file /srv/cli')
  assert.match(text.stdout, '-one\n')
  assert.match(text.stdout, '+0ne\n')
  const json = await run('converge', path, '--host', 'thirteen', '--yes', '--json')
  assert.is(json.code, 3)
  const [{ error }] = JSON.parse(json.stdout).hosts
  const differences = [{ side: 'observed', field: 'content', form: 'text', was: 'one\n', now: '0ne\n' }]
  assert.equal(error.moved.moved, [{ ref: 'file:/srv/cli', label: 'file /srv/cli', differences }])

  await sshOk(hosts[1], 'echo one > /srv/cli')
  const applied = await run('converge', path, '--yes')
  assert.is(applied.code, 0, applied.stderr)
  await onBoth(async (host) => assert.is(await sshOk(host, 'cat /srv/cli'), 'two\n'))
  const again = await run('converge', path, '--yes')
  assert.is(again.code, 3)
  assert.match(again.stdout, 'it was converged since')
})

test('with the digest of a review, the plan that was reviewed is applied, and no other', async () => {
  const site = writeSite({ thirteen: hosts[1] }, "file({ path: '/srv/cli', content: 'three\\n' })")
  const run = (...args: string[]): Promise<Ended> => runSiteFile(site, [...args, '--only', 'file', '--json'])
  await sshOk(hosts[1], 'echo two > /srv/cli')
  const digest = digestIn(await run('plan'))
  await sshOk(hosts[1], 'echo one > /srv/cli')
  const refusal = await run('converge', '--yes', '--digest', digest)
  assert.is(refusal.code, 3)
  assert.match(refusal.stderr, 'is not the one that was reviewed')
  assert.is(await sshOk(hosts[1], 'cat /srv/cli'), 'one\n')
  await sshOk(hosts[1], 'echo two > /srv/cli')
  assert.is((await run('converge', '--yes', '--digest', digest)).code, 0)
  assert.is(await sshOk(hosts[1], 'cat /srv/cli'), 'three\n')
})

test.run()
