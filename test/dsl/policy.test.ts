/** Policies: what they see, what they say, and what becomes of one that is wrong. */
import { inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keepData, keepSecretsPrivate, limitPublicPorts, limitRestarts } from '../../lib/dsl/policies.ts'
import { judgeBy, type Policy, policy } from '../../lib/dsl/policy.ts'
import { denialOf, judged } from '../../lib/engine/plan/checks.ts'
import { PLAN_FILE_SCHEMA } from '../../lib/engine/plan/planSchema.ts'
import { refusalOf } from '../../lib/engine/plan/refusals.ts'
import type { Check, Plan, PlanChange } from '../../lib/engine/report.ts'
import { firstProblem } from '../../lib/dsl/validate.ts'
import { renderHtml } from '../../lib/render/html/planHtml.ts'
import { renderMarkdown } from '../../lib/render/markdown/planMarkdown.ts'
import { viewReview } from '../../lib/render/view/review.ts'
import { file } from '../../lib/resources/files/file.ts'
import { change, paper, planOf, planText } from '../render/fixture.ts'
import { assertInert } from '../render/github.ts'
import { digested, planFileOf } from '../render/planFile.ts'

const test = suite('policy')

const root = new URL('.', import.meta.url).pathname
const plan = digested(planOf([change('file:/etc/motd', {}), change('file:/etc/issue', { kind: 'remove' })]))

function judge(one: Policy, of: Plan = plan): Check {
  const [check] = judgeBy([one], root, ({ file: path, ...place }) => ({
    file: `/${path}`.slice(root.length),
    ...place,
  }))(of)
  return check!
}
const status = (one: Policy, ...changes: PlanChange[]): string => judge(one, planOf(changes)).status
/** What a recipe without types may return. */
const untyped = (verdict: unknown): Policy => ({ ...policy('untyped', () => {}), ...Object({ check: () => verdict }) })

test('it passes, warns or denies, with the changes it speaks of and its line', () => {
  assert.is(judge(policy('nothing', () => {})).status, 'pass')
  assert.is(judge(policy('none', () => [])).status, 'pass')
  const both = judge(
    policy('removals', ({ changes }) => [
      { warn: 'look twice' },
      { deny: 'one is removed', changes: changes.filter(({ kind }) => kind === 'remove') },
    ]),
  )
  assert.is(both.status, 'fail')
  assert.equal(both.findings, [
    { status: 'warn', because: 'look twice', refs: [] },
    { status: 'fail', because: 'one is removed', refs: ['file:/etc/issue'] },
  ])
  assert.is(both.source?.file, 'policy.test.ts')
})

test('it sees the plan frozen, and cannot change what is applied', () => {
  const before = JSON.stringify(plan)
  const found = judge(
    policy('greedy', (seen) => {
      Reflect.set(seen.changes[0]!, 'kind', 'adopt')
      assert.ok(Object.isFrozen(seen) && Object.isFrozen(seen.changes) && Object.isFrozen(seen.changes[0]!.fields))
      Object.assign(seen, { changes: [] })
    }),
  )
  assert.is(found.status, 'fail')
  assert.is(JSON.stringify(plan), before)
})

test('one that throws denies, and says at which line', () => {
  const { status: of, findings } = judge(
    policy('broken', ({ changes }) => {
      throw new Error(`no rule for ${changes.length} changes`)
    }),
  )
  assert.is(of, 'fail')
  assert.match(findings[0]!.because, /^it failed at policy\.test\.ts:\d+: no rule for 2 changes$/)
})

test('what is no finding denies: a promise, text, a finding of both kinds or of none', () => {
  for (const verdict of [Promise.resolve(), 'no', true, null, 0, [null], {}, { deny: 1 }, { deny: 'a', warn: 'b' }])
    assert.is(judge(untyped(verdict)).status, 'fail', inspect(verdict))
  assert.match(judge(untyped(Promise.resolve())).findings[0]!.because, 'asynchronous')
  assert.is(judge(untyped({ deny: '' })).status, 'fail')
  const odd = judge(untyped({ warn: 'x', changes: [null, { ref: 'file:/etc/other' }, { ref: 'file:/etc/motd' }] }))
  assert.equal(odd.findings[0]!.refs, ['file:/etc/motd'])
})

test('more findings than anybody reads are cut off, and deny', () => {
  const { findings, status: of } = judge(policy('many', () => Array.from({ length: 500 }, () => ({ warn: 'x' }))))
  assert.is(findings.length, 101)
  assert.is(of, 'fail')
})

const denied = judged(
  plan,
  judgeBy([policy('office hours', () => ({ deny: 'not now', changes: [] })), keepData()], root, (at) => at),
)
const warned = judged(
  plan,
  judgeBy([policy('size', () => ({ warn: 'large' }))], root, (at) => at),
)

test('a denied plan is refused, whatever the operator agrees to; a warning is not', () => {
  const refused = refusalOf(denied, { allowLockout: true, allowRemove: 1 })
  assert.is(refused?.exit, 'refused')
  assert.match(refused!.message, /^policy office hours: not now; nothing was written$/)
  assert.match(refused!.next, /^change what is declared, or the policy at .*policy\.test\.ts:\d+$/)
  assert.is(refusalOf(warned, {}), undefined)
  assert.is(denialOf(plan), undefined)
})

test('a plan file holds what policies say', () => {
  for (const one of [denied, warned]) assert.is(firstProblem(PLAN_FILE_SCHEMA, planFileOf(one)), undefined)
  assert.is(denied.digest, plan.digest)
})

test('text, Markdown and HTML show what is denied, warned and passed', () => {
  const text = planText(denied, paper)
  assert.match(text, /^ {2}denied {2}office hours: not now {2}\S+policy\.test\.ts:\d+$/m)
  assert.match(text, /^ {2}policy passed: data stays$/m)
  assert.match(planText(warned, paper), /^ {2}policy {2}size: large {2}/m)
  const markdown = renderMarkdown(viewReview(denied))
  assert.match(markdown, '> [!CAUTION]\n> - **Denied by policy** (1): office hours')
  assert.match(markdown, 'policies 1 of 2 passed')
  assertInert(markdown)
  assert.match(renderMarkdown(viewReview(warned)), '**A policy warns** (1): size: large')
  assert.match(renderHtml([viewReview(denied)]), '<strong>Denied by policy</strong>')
})

const rule = (name: string, opens = [`opens ${name}`]): PlanChange =>
  change(`ufw-rule:${name}`, { kind: 'create', opens })

test('public ports: what is opened to everybody has to be listed', () => {
  const one = limitPublicPorts([80, 443, '51820/udp', '53'])
  for (const name of [
    '443/tcp',
    '51820/udp',
    '53',
    '53/udp',
    '80,443/tcp',
    '8443/tcp from 10.0.0.0/8',
    'any from fd00::/16',
  ])
    assert.is(status(one, rule(name)), 'pass', name)
  for (const name of [
    '8443/tcp',
    '80',
    '443/udp',
    '80,8443/tcp',
    'any',
    '6000:6100/tcp',
    'any to 192.0.2.1',
    '22/tcp from 128.0.0.0/1',
    '22/tcp from ::/1',
    '22/tcp from any port 53',
    'route 8443/tcp on eth0',
  ])
    assert.is(status(one, rule(name)), 'fail', name)
  assert.is(status(one, rule('8443/tcp', ['closes 8443/tcp'])), 'pass')
  const fields = (field: string, after: unknown): PlanChange =>
    change('ufw-defaults:defaults', { fields: [{ field, form: 'value', before: 1, after }] })
  assert.is(status(one, fields('incoming', 'allow')), 'fail')
  assert.is(status(one, fields('enabled', false)), 'fail')
  assert.is(status(one, fields('outgoing', 'allow')), 'pass')
  assert.match(judge(one, planOf([rule('80,8443/tcp')])).findings[0]!.because, /^opens 8443\/tcp to everybody$/)
})

test('data stays: nothing destructive', () => {
  assert.is(status(keepData(), change('file:/etc/motd', { kind: 'remove' })), 'pass')
  assert.is(status(keepData(), change('postgres-database:app', { kind: 'remove', consequence: 'destructive' })), 'fail')
})

test('restarts: each unit counts once, and what names no unit counts too', () => {
  const because = 'file x'
  const restart = (ref: string, unit?: string): PlanChange =>
    change(ref, {
      consequence: 'restart',
      fields: [
        {
          field: 'load',
          form: 'value',
          followUp: { action: 'restart', because, ...(unit === undefined ? {} : { unit }) },
        },
      ],
    })
  const [a, b] = [restart('file:/a', 'api.service'), restart('service:api.service')]
  assert.is(status(limitRestarts(1), a, b), 'pass')
  assert.is(status(limitRestarts(1), a, restart('service:web.service')), 'fail')
  assert.is(status(limitRestarts(0), change('postgres-setting:x', { consequence: 'restart' })), 'fail')
  assert.is(status(limitRestarts(0), change('file:/a', { consequence: 'reload' })), 'pass')
})

const secretFile = { kind: 'file', owner: 'root', group: 'root', mode: '0600', content: { $secret: 'app' } } as const
type State = Parameters<NonNullable<typeof file.opens>>[0]['after']

function opened(after: State, before: State = null, fields: readonly string[] = ['content']): string[] {
  const changed = fields.map((field) => ({ field, form: 'value' as const }))
  const kind = before === null ? 'create' : 'change'
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a change of this kind
  return file.opens!({ kind, name: '/etc/app.env', before, after, fields: changed } as Parameters<
    NonNullable<typeof file.opens>
  >[0])
}

test('secrets stay private: a plan says who can read one that could not, and only named groups may', () => {
  assert.equal(opened({ ...secretFile }), [])
  assert.equal(opened({ ...secretFile, mode: '0644' }), ['lets everybody read a secret'])
  assert.equal(opened({ ...secretFile, mode: '0640', group: 'www-data' }), ['lets group www-data read a secret'])
  assert.equal(opened({ ...secretFile, mode: '0640' }), [])
  assert.equal(opened({ ...secretFile, mode: '0644', content: 'open' }), [])
  const there = { kind: 'file', owner: 'root', group: 'www-data', mode: '0640', sha256: '0'.repeat(64) } as const
  assert.equal(opened({ ...secretFile, group: 'www-data', mode: '0644' }, there, ['mode']), [
    'lets everybody read a secret',
  ])
  assert.equal(opened({ ...secretFile, group: 'www-data', mode: '0640' }, there, ['owner']), [])
  assert.equal(opened({ ...secretFile, owner: 'app', mode: '0600' }, there, ['owner']), ['lets user app read a secret'])
  const one = keepSecretsPrivate({ groups: ['www-data'] })
  for (const [words, expected] of [
    ['lets everybody read a secret', 'fail'],
    ['lets group adm read a secret', 'fail'],
    ['lets user app read a secret', 'fail'],
    ['lets group www-data read a secret', 'pass'],
    ['lets root log in with a key', 'pass'],
  ] as const)
    assert.is(status(one, change('file:/etc/app.env', { opens: [words] })), expected, words)
})

test.run()
