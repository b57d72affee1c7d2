/** What a person sees at 80 and at 120 columns. */
import { suite } from 'uvu'
import type { HostReport, ReportChange } from '../../lib/engine/report.ts'
import type { StoredRun } from '../../lib/engine/host/storedRun.ts'
import { renderFleet } from '../../lib/render/text/fleetText.ts'
import { renderResult } from '../../lib/render/text/resultText.ts'
import { renderRun, renderRuns } from '../../lib/render/text/runsText.ts'
import { viewFleet } from '../../lib/render/view/fleet.ts'
import { viewResult } from '../../lib/render/view/result.ts'
import { viewRun, viewRuns } from '../../lib/render/view/runs.ts'
import { applied, planned } from '../../lib/render/view/standing.ts'
import { change, everyKind, planOf, planText } from './fixture.ts'
import { assertGolden } from './golden.ts'
import { recordedPlan } from './recorded.ts'

const test = suite('golden')
const NOW = Date.parse('2026-11-28T17:10:00Z')

const failed: ReportChange = {
  ...change('nginx-vhost:shop', { source: { file: 'recipes/shop.ts', line: 14, column: 3 } }),
  outcome: 'failed',
  failure: { phase: 'apply', step: 'nginx -t', exit: 1, said: 'nginx: [emerg] unknown directive "proxy_passs"' },
}
const skipped: ReportChange = {
  ...change('service:nginx.service', {}),
  outcome: 'skipped',
  failure: { phase: 'apply', said: 'not tried, because nginx vhost shop failed', next: 'will run once that succeeds' },
}
const done: ReportChange = { ...change('file:/etc/motd', { kind: 'create' }), outcome: 'changed' }

function reportOf(changes: ReportChange[], about: Partial<HostReport> = {}): HostReport {
  const { host, summary } = planOf(changes)
  return {
    host: host.name,
    address: host.address,
    summary: { ...summary, failed: 0 },
    changes,
    trips: { connections: 1, execs: 2 },
    seconds: 113,
    run: '4',
    ...about,
  }
}

const run: StoredRun = {
  run: '4',
  unit: 'keelson-4-0123ab',
  startedAt: '2026-11-28T16:30:00.000Z',
  endedAt: '2026-11-28T16:31:53.000Z',
  plan: '0'.repeat(64),
  who: { user: 'ada', host: 'laptop', commit: '3f2c1ab'.padEnd(40, '0'), dirty: false },
  outcome: 'partial',
  changes: [
    { ref: 'file:/etc/motd', kind: 'create', cause: 'intent', outcome: 'changed' },
    { ref: 'nginx-vhost:shop', kind: 'change', cause: 'both', outcome: 'failed' },
    { ref: 'service:nginx.service', kind: 'change', cause: 'drift', outcome: 'skipped' },
  ],
}

test('what another hand did has a section of its own, with what happened and since which run', () => {
  assertGolden('drift', (page) => planText(recordedPlan('drift'), page, 'Nothing was changed.'), NOW)
})

test('every kind of change, with its mark, its line and its reason', () => {
  const plan = planOf(everyKind, {
    warnings: ['it has 8000 MiB of memory, and the inventory says CCX32, which has 32768'],
  })
  assertGolden('every-kind', (page) => planText(plan, page, 'Nothing was changed.'), NOW)
})

test('a certain lock-out stands first, and is refused', () => {
  const [rule, ...others] = everyKind
  const lockouts = ['ufw would let nothing from 10.80.206.1 reach port 22: the rule 22/tcp says deny']
  const plan = planOf([...others, { ...rule!, locksOut: true }], { lockouts })
  assertGolden('lockout', (page) => planText(plan, page), NOW)
})

test('an undo says what is restored, what only in part, and what not', () => {
  const stays = [
    { ref: 'postgres-database:crm', label: 'postgres database crm', because: 'a database holds data' },
    { ref: 'package:logrotate', label: 'package logrotate', because: 'its configuration files', rest: true as const },
  ]
  assertGolden('undo', (page) => planText(planOf([everyKind[1]!], { undo: { run: '3', stays } }), page), NOW)
})

test('the end of a converge: what was planned, what was done, and how it is taken back', () => {
  const right: ReportChange = { ...change('file:/etc/hosts', {}), outcome: 'unchanged' }
  assertGolden('converged', (page) => renderResult(viewResult(reportOf([done, right])), page), NOW)
  const standIn = { standIn: 'sandbox try' }
  assertGolden('converged-sandbox', (page) => renderResult(viewResult(reportOf([done], standIn)), page), NOW)
  assertGolden('failed', (page) => renderResult(viewResult(reportOf([done, failed, skipped])), page), NOW)
})

test('the runs of a host, and one of them', () => {
  assertGolden('runs', (page) => renderRuns(viewRuns('web-1', [run]), page), NOW)
  assertGolden('run', (page) => renderRun(viewRun('web-1', run), page), NOW)
})

test('where each of several hosts stands', () => {
  const lost = {
    name: 'Unreachable',
    message:
      'this host was takeclient-1 before, and what that name owns there would be removed: the inventory may have the wrong address',
    said: '',
    next: '',
    exit: 'unreachable' as const,
  }
  const reports = [reportOf([done]), reportOf([], { host: 'web-2', error: lost }), reportOf([], { host: 'web-3' })]
  assertGolden('fleet', (page) => renderFleet(viewFleet(reports, applied), page), NOW)
  assertGolden('fleet-plan', (page) => renderFleet(viewFleet(reports, planned), page), NOW)
})

test.run()
