/** A first plan is read, not scrolled through. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { foldCreates, MOST_CREATES } from '../../lib/render/view/fold.ts'
import { MARKS } from '../../lib/render/view/marks.ts'
import { viewPlan } from '../../lib/render/view/planView.ts'
import { change, paper, planOf, planText } from './fixture.ts'
import { assertGolden } from './golden.ts'
import { recordedPlan } from './recorded.ts'
import { assertReadable } from './readable.ts'

const test = suite('first plan')
const first = recordedPlan('first')
/** The fields of new resources of TakeClient, by type. Those that no recipe writes are not among them. */
const WRITTEN = [
  'command: runs',
  'cron job: content',
  'directory: group',
  'directory: mode',
  'directory: owner',
  'file: content',
  'file: group',
  'file: mode',
  'nginx snippet: content',
  'nginx vhost: content',
  'package: mark',
  'postgres database: owner',
  'postgres database: publicConnect',
  'postgres role: login',
  'postgres role: password',
  'postgres setting: value',
  'redis setting: value',
  'service: enabled',
  'service: running',
  'sudoers: content',
  'sysctl: atBoot',
  'sysctl: running',
  'ufw defaults: enabled',
  'ufw defaults: incoming',
  'ufw defaults: ipv6',
  'ufw defaults: logging',
  'ufw defaults: outgoing',
  'ufw defaults: routed',
  'ufw rule: action',
  'unit: content',
  'user: comment',
  'user: groups',
  'user: home',
  'user: shell',
]
const NOW = Date.parse('2026-11-28T17:10:00Z')

test('of TakeClient is short and repeats nothing, at any width', () => {
  for (const width of [80, 120]) assertReadable(planText(first, { ...paper, width }, 'Nothing was changed.'))
  assertGolden('first', (page) => planText(first, page, 'Nothing was changed.'), NOW)
})

test('in full, it has a row for each change, and says of each only what its recipe wrote', () => {
  const text = planText(first, { ...paper, verbose: true })
  const { rows } = viewPlan(first)
  for (const { kind, label } of rows) assert.match(text, `${MARKS[kind]} ${label} `)
  const fields = new Set(rows.flatMap(({ type, fields: own }) => own.map(({ name }) => `${type}: ${name}`)))
  assert.equal([...fields].sort(), WRITTEN)
})

test('names what is guarded, counts the rest by recipe, and loses none of it', () => {
  const { rows } = viewPlan(first)
  const { guarded, recipes, rest } = foldCreates(rows)
  const counted = recipes.flatMap(({ counts }) => counts.map((count) => Number.parseInt(count, 10)))
  const all = [...guarded.flatMap(({ labels }) => labels), ...rest.map(({ label }) => label)]
  assert.is(
    counted.reduce((sum, count) => sum + count, all.length),
    rows.length,
  )
})

const create = (name: number, about = {}) => change(`file:/${name}`, { kind: 'create', ...about })
const many = Array.from({ length: MOST_CREATES + 1 }, (_, name) => create(name))

test('a plan of few resources is shown in full', () => {
  assert.equal(foldCreates(viewPlan(planOf(many.slice(1))).rows).recipes, [])
  assert.is(foldCreates(viewPlan(planOf(many)).rows).recipes.length, 1)
})

test('what certainly locks out, destroys, or was removed by hand is never folded', () => {
  const grave = [
    create(100, { consequence: 'lockout', locksOut: true }),
    create(101, { consequence: 'destructive' }),
    create(102, { cause: 'drift', drift: { what: ['removed'], run: '1' } }),
  ]
  const { rest } = foldCreates(viewPlan(planOf([...many, ...grave])).rows)
  assert.equal(
    rest.map(({ label }) => label),
    ['file /100', 'file /101', 'file /102'],
  )
})

test.run()
