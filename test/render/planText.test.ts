import fc from 'fast-check'
import picocolors from 'picocolors'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlanChange } from '../../lib/engine/report.ts'
import { anyChange, hostile } from './anything.ts'
import { renderPlans } from '../../lib/render/text/planText.ts'
import { viewPlan } from '../../lib/render/view/planView.ts'
import { change, everyKind, paper, planOf, planText } from './fixture.ts'

const test = suite('plan as text')

const GOLDEN = `
takeclient-1  95.216.1.123  debian-13  69 resources and 2 no longer declared: 14 planned, 57 in sync
  warning  it has 8000 MiB of memory

 !~ ufw rule 22/tcp from 10.0.0.0/8  recipes/firewall.ts:12   guarded: auto-reverts unless a new login works
      from  any → 10.0.0.0/8
  ~ nginx vhost api.takeclient.com   recipes/proxy.ts:41
      proxy_read_timeout  60s → 120s
      server_name         + c.example  - b.example
      http2               (not set) → true
      reload, because nginx vhost api.takeclient.com
  ~ file /etc/app.env                recipes/app.ts:20        changed in the code and by hand: content changed since run 40
      content  (secret, changed)
  + postgres role takeclient_ro      recipes/postgres.ts:30   not known yet: postgresql is not installed
      login true · password (secret)
  + file /etc/motd                   recipes/base.ts:7
      mode 0644 · owner root · content 2 lines
  ? command warm the cache           recipes/app.ts:60        cannot be checked: runs each time
  . postgres database old            no longer declared       released, left in place: it was there before Keelson
  - cron job old-report              no longer declared; made by run 12
  ? 2 resources checked again after package nginx
      file /etc/nginx/mime.types, file /etc/nginx/nginx.conf
  ← adopt 2 resources (already correct, recorded only)
      user deploy, package curl

Changed by hand since run 41 (2 h ago), to be set back:
  ~ file /etc/redis/redis.conf  recipes/redis.ts:9   mode changed, edited
      mode  0666 → 0640
      @@ -1,2 +1,2 @@
       port 0
      -maxmemory 1gb
      +maxmemory 256mb

  ↻ restart api.service  because file /etc/app.env changed

Plan: 3 to create, 4 to change, 1 to remove, 2 to adopt, 1 to release, 2 to check again, 1 to restart · 57 in sync. Nothing was changed.
`

test('every kind of change has its mark, its line and its reason', () => {
  const plan = planOf(everyKind, { warnings: ['it has 8000 MiB of memory'] })
  assert.is(`\n${planText(plan, paper, 'Nothing was changed.')}`, GOLDEN)
})

test('a certain lock-out stands above the changes, and at those that it lies in', () => {
  const [rule, ...others] = everyKind
  const plan = planOf([{ ...rule!, locksOut: true }, ...others], { lockouts: ['ufw would let nothing in\x1b[2J'] })
  const text = planText(plan, paper)
  assert.match(text, /^ {2}lock-out {2}ufw would let nothing in/m)
  assert.not.match(text, '\x1b')
  assert.match(text, /^ !~ ufw rule 22\/tcp from 10\.0\.0\.0\/8 {2}recipes\/firewall\.ts:12 +locks you out$/m)
})

test('what a run saw and left undone is said to be so, with the cause that it had', () => {
  const source = { file: 'site.ts', line: 1, column: 1 }
  const drift = { what: ['edited'], run: '1' }
  const told = (about: Partial<PlanChange>): string[] => {
    const text = planText(planOf([change('file:/x', { source, ...about })]), paper)
    return [text.match(/^Changed by hand(.*), to be set back:$/m)?.[1] ?? '-', text.match(/site\.ts:1 {3}(.*)$/m)![1]!]
  }
  assert.equal(told({ cause: 'drift', drift, leftBy: '2' }), [' since run 1', 'edited; not done by run 2'])
  assert.equal(told({ cause: 'drift', drift: { ...drift, run: '2' }, leftBy: '2' }), ['', 'edited; not done by run 2'])
  assert.equal(told({ cause: 'intent', leftBy: '2' }), ['-', 'not done by run 2'])
})

test('where runs differ, each change made by hand says after which it came', () => {
  const by = (run: string): PlanChange =>
    change(`file:/${run}`, { cause: 'drift', drift: { what: ['edited'], run, at: '2026-11-27T23:00:00.000Z' } })
  const lines = planText(planOf([by('1'), by('2')]), paper).split('\n')
  assert.equal(lines.slice(2, 5), [
    'Changed by hand, to be set back:',
    '  ~ file /1  no longer declared   edited since run 1 (60 min ago)',
    '  ~ file /2  no longer declared   edited since run 2 (60 min ago)',
  ])
})

test('the same plan of several hosts is shown once, whenever their last runs ended', () => {
  const by = (at: string): PlanChange =>
    change('file:/x', { cause: 'drift', drift: { what: ['edited'], run: '1', at: `2026-11-27T2${at}:00:00.000Z` } })
  const on = (name: string, ...changes: PlanChange[]) => {
    const plan = planOf(changes)
    return viewPlan({ ...plan, host: { ...plan.host, name } })
  }
  const views = [on('web-1', by('2')), on('web-2'), on('web-3', by('3'))]
  assert.is(
    `\n${renderPlans(views, paper)}`,
    `
web-1  95.216.1.123  debian-13  57 resources and 1 no longer declared: 1 planned, 57 in sync
web-3  95.216.1.123  debian-13  57 resources and 1 no longer declared: 1 planned, 57 in sync
  the same on 2 hosts

Changed by hand since run 1 (2 h ago), to be set back:
  ~ file /x  no longer declared   edited

Plan: 1 to change · 57 in sync.

web-2  95.216.1.123  debian-13  57 resources: all in sync

Plan: nothing to do · 57 in sync.
`,
  )
})

test('an empty plan says so in two lines', () => {
  assert.is(
    planText(planOf([]), paper),
    `takeclient-1  95.216.1.123  debian-13  57 resources: all in sync

Plan: nothing to do · 57 in sync.
`,
  )
})

test('a partial plan is marked at its head and at its end', () => {
  const text = planText(planOf([], { partial: true }), paper)
  assert.match(text, /^ {2}PARTIAL {2}/m)
  assert.match(text, /^PARTIAL plan: /m)
})

const content = (before: string, after: string): PlanChange =>
  change('file:/x', {
    source: { file: 'site.ts', line: 1, column: 1 },
    fields: [{ field: 'content', form: 'text', before, after }],
  })

test('a text too different for a diff is said to be rewritten', () => {
  const many = (word: string): string => Array.from({ length: 2000 }, (_, n) => `${word} ${n}\n`).join('')
  assert.match(planText(planOf([content(many('a'), many('b'))]), paper), 'rewritten, 2000 lines (was 2000)')
})

test('line endings that alone differ are said in words', () => {
  assert.match(planText(planOf([content('a\nb\n', 'a\r\nb\r\n')]), paper), 'line endings only: LF → CRLF')
})

test('a long diff is cut unless everything is asked for', () => {
  const after = Array.from({ length: 100 }, (_, n) => `line ${n}\n`).join('')
  const plan = planOf([content('', after)])
  assert.match(planText(plan, paper), '… 41 more lines: --verbose')
  assert.match(planText(plan, { ...paper, verbose: true }), '+line 99')
})

test('a note that does not fit the terminal stands on a line of its own', () => {
  const text = planText(planOf(everyKind), { ...paper, width: 60 })
  assert.match(text, '\n      guarded: auto-reverts unless a new login works\n')
})

test('a long value is cut to the terminal, on both sides of the arrow', () => {
  const fields: PlanChange['fields'] = [{ field: 'x', form: 'value', before: 'b'.repeat(200), after: 'a'.repeat(200) }]
  const text = planText(planOf([change('file:/x', { fields })]), { ...paper, width: 80 })
  assert.match(text, /b{20,}… → a{20,}…\n/)
  assert.ok(
    text
      .split('\n')
      .filter((line) => line.includes('→'))
      .every((line) => line.length <= 80),
  )
})

test('where there is no terminal nothing is shortened', () => {
  const fields: PlanChange['fields'] = [{ field: 'x', form: 'value', before: 'b'.repeat(500), after: 'a' }]
  assert.match(planText(planOf([change('file:/x', { fields })]), paper), 'b'.repeat(500))
})

test('colours add nothing but colour', () => {
  const coloured = planText(planOf(everyKind), { ...paper, colors: picocolors.createColors(true) })
  assert.match(coloured, '\x1b[')
  // oxlint-disable-next-line no-control-regex -- colours are what is taken out
  assert.is(coloured.replace(/\x1b\[\d+m/g, ''), planText(planOf(everyKind), paper))
})

test('no control character reaches the terminal, whatever host and recipe say', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 5 }), hostile, fc.boolean(), (changes, warning, verbose) => {
      const text = planText(planOf(changes, { warnings: [warning] }), { ...paper, verbose, width: 80 })
      assert.not.match(text.replaceAll('\n', ''), /[\p{Bidi_Control}\p{Cs}]|[^\P{Cc}\t]/u)
    }),
  )
})

test('no text of a host can pass for a mark or for the closing line', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 5 }), (changes) => {
      const lines = planText(planOf(changes), paper).split('\n')
      assert.is(lines.filter((line) => line.startsWith('Plan: ')).length, 1)
      const own = changes.filter(({ kind }) =>
        ['create', 'change', 'remove', 'forget', 'follow-up'].includes(kind),
      ).length
      const reasons = (gathered: string): number =>
        new Set(changes.filter(({ kind }) => kind === gathered).map(({ because }) => because ?? '')).size
      assert.is(lines.filter((line) => /^ [ !][^ ] /.test(line)).length, own + reasons('recheck') + reasons('adopt'))
    }),
  )
})

test.run()
