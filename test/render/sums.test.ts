/** Whatever is listed adds up, in every heading, closing line, fleet row and JSON. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderFleet } from '../../lib/render/text/fleetText.ts'
import { renderJson } from '../../lib/render/json.ts'
import { renderResult } from '../../lib/render/text/resultText.ts'
import { applied, planned } from '../../lib/render/view/standing.ts'
import { viewResult } from '../../lib/render/view/result.ts'
import { viewFleet } from '../../lib/render/view/fleet.ts'
import type { AnyReport, ChangeKind, HostReport, Plan, PlanReport } from '../../lib/engine/report.ts'
import { anyPlan, anyReport, KINDS } from './anything.ts'
import { paper, planText } from './fixture.ts'

const test = suite('sums')

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0)
}

/** `5 changed, 1 failed` as numbers by word. */
function counts(text: string): Map<string, number> {
  return new Map([...text.matchAll(/(\d+) ([a-z][a-z ]*)/g)].map(([, count, words]) => [words!.trim(), Number(count)]))
}

const WORDS: { readonly [kind in Exclude<ChangeKind, 'follow-up'>]: string } = {
  create: 'to create',
  change: 'to change',
  remove: 'to remove',
  adopt: 'to adopt',
  forget: 'to release',
  recheck: 'to check again',
}

const of = ({ changes }: Pick<AnyReport, 'changes'>, ...kinds: ChangeKind[]): number =>
  changes.filter(({ kind }) => kinds.includes(kind)).length

const shown = fc.tuple(anyPlan, fc.constantFrom(undefined, 80)).map(([plan, width]) => {
  const named = { ...plan, host: { ...plan.host, name: 'web-1', address: '192.0.2.1' } }
  return { plan: named, text: planText(named, { ...paper, ...(width === undefined ? {} : { width }) }) }
})

const reportOf = ({ host, summary, changes }: Plan): PlanReport => ({
  host: host.name,
  address: host.address,
  summary,
  changes,
  trips: { connections: 1, execs: 1 },
  seconds: 1,
})

test('a heading counts every resource once, and as many as are listed', () => {
  fc.assert(
    fc.property(shown, ({ plan, text }) => {
      const head = text
        .split('\n', 2)
        .join('\n')
        .replace(/\n {4}/, '  ')
      const [, declared, others = '0', standing = ''] = head.match(
        /^web-1 {2}192\.0\.2\.1 {2}debian-13 {2}(\d+) resources?(?: and (\d+) no longer declared)?: (.*)$/m,
      )!
      const { resources } = plan.summary
      assert.is(Number(declared) + Number(others), resources)
      if (plan.changes.length === 0) return assert.is(standing, resources === 0 ? 'nothing declared' : 'all in sync')
      const told = counts(standing)
      assert.is(sum(told.values()), resources, standing)
      assert.is(told.get('planned') ?? 0, plan.changes.length)
    }),
  )
})

test('the closing line of a plan adds up to its heading, kind by kind', () => {
  fc.assert(
    fc.property(shown, ({ plan, text }) => {
      const told = counts(text.slice(text.search(/^(?:PARTIAL plan|Plan): /m)).replaceAll('\n', ' '))
      for (const kind of KINDS) if (kind !== 'follow-up') assert.is(told.get(WORDS[kind]) ?? 0, of(plan, kind), kind)
      assert.is((told.get('to reload') ?? 0) + (told.get('to restart') ?? 0), of(plan, 'follow-up'))
      assert.is(sum(told.values()), plan.summary.resources)
    }),
  )
})

test('a plan has a line for each change of a kind, and a row for each group', () => {
  fc.assert(
    fc.property(shown, ({ plan, text }) => {
      const rows = text.split('\n').filter((line) => /^ [ !][^ ] /.test(line))
      const loads = rows.filter((line) => line.startsWith('  ↻ '))
      assert.is(loads.length, of(plan, 'follow-up'))
      const groups = rows.filter((line) => /^ {2}[?←] ([a-z]+ )?\d+ resources? /.test(line))
      assert.is(rows.length - loads.length - groups.length, of(plan, 'create', 'change', 'remove', 'forget'))
      const gathered = sum(groups.map((line) => Number(line.match(/(\d+) resources?/)![1])))
      assert.is(gathered, of(plan, 'adopt', 'recheck'))
    }),
  )
})

test('the row of a host in a fleet says of a plan what is to be done, never that it is done', () => {
  fc.assert(
    fc.property(fc.array(shown, { minLength: 2, maxLength: 4 }), (all) => {
      const reports = all.map(({ plan }) => reportOf(plan))
      const [head = '', ...rows] = renderFleet(viewFleet(reports, planned), paper).trimEnd().split('\n')
      const states = counts(head.replace(/^\d+ hosts: /, ''))
      assert.is(sum(states.values()), reports.length)
      assert.is(states.get('ok') ?? 0, reports.filter(({ changes }) => changes.length === 0).length)
      rows.forEach((row, index) => {
        const { changes, summary } = reports[index]!
        assert.is(row.startsWith('  ✓ '), changes.length === 0, row)
        if (changes.length > 0) assert.is(sum(counts(row.split(/ \d+\.\d s {2}/)[1]!).values()), summary.resources, row)
      })
    }),
  )
})

/** Rows of one host by outcome. */
function byOutcome({ changes, summary }: HostReport): { [words: string]: number } {
  const count = (outcome: string): number => changes.filter((change) => change.outcome === outcome).length
  return {
    done: count('changed') + count('recorded'),
    failed: count('failed'),
    skipped: count('skipped'),
    'already right': count('unchanged'),
    'in sync': summary.unchanged,
  }
}

test('the end of a converge counts every resource of the plan once', () => {
  fc.assert(
    fc.property(anyReport, (report) => {
      const text = renderResult(viewResult({ ...report, host: 'web-1', run: '3' }), paper)
      const { changes, summary } = report
      if (changes.length === 0)
        return assert.match(
          text,
          `: nothing ${summary.resources === 0 ? 'declared' : `to do, ${summary.resources} in sync`}.`,
        )
      const [, count, standing = ''] = text.match(/^Planned (\d+): (.*)\.$/m)!
      assert.is(Number(count), changes.length)
      const told = counts(standing)
      assert.is(sum(told.values()), summary.resources, text)
      for (const [words, number] of Object.entries(byOutcome(report))) assert.is(told.get(words) ?? 0, number, words)
      assert.is(applied(report).text, `planned ${count}: ${standing}`)
    }),
  )
})

function summaries(hosts: readonly { report: AnyReport; plan?: Plan }[]): { [word: string]: number }[] {
  const parsed: { hosts: { summary: { [word: string]: number } }[] } = JSON.parse(renderJson('plan', hosts, 'ok'))
  return parsed.hosts.map(({ summary }) => summary)
}

test('a summary in JSON adds up, for a plan and for a converge', () => {
  fc.assert(
    fc.property(anyPlan, anyReport, (plan, report) => {
      const [ofPlan, ofReport] = summaries([{ report: reportOf(plan), plan }, { report }])
      for (const [summary, { changes }] of [
        [ofPlan!, plan],
        [ofReport!, report],
      ] as const) {
        const { resources, failed = 0, unchanged, ...kinds } = summary
        assert.is(sum(Object.values(kinds)), changes.length)
        assert.is(sum(Object.values(kinds)) + unchanged!, resources)
        assert.ok(failed <= changes.length)
      }
    }),
  )
})

test('a plan in JSON says of no change how it came out', () => {
  fc.assert(
    fc.property(anyPlan, (plan) => {
      const { hosts }: { hosts: { changes: object[]; summary: object }[] } = JSON.parse(
        renderJson('plan', [{ report: reportOf(plan), plan }], 'ok'),
      )
      for (const { changes, summary } of hosts) {
        assert.not('failed' in summary)
        for (const change of changes) assert.not('outcome' in change)
      }
    }),
  )
})

test.run()
