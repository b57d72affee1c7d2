import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderJson } from '../../lib/render/json.ts'
import { renderProblem } from '../../lib/render/text/problemText.ts'
import { renderFleet } from '../../lib/render/text/fleetText.ts'
import { renderResult } from '../../lib/render/text/resultText.ts'
import { applied } from '../../lib/render/view/standing.ts'
import { viewResult } from '../../lib/render/view/result.ts'
import { viewFleet } from '../../lib/render/view/fleet.ts'
import { viewProblem } from '../../lib/render/view/problem.ts'
import type { HostReport, ReportChange } from '../../lib/engine/report.ts'
import { change, paper, planOf } from './fixture.ts'

const test = suite('result as text')

const done: ReportChange = {
  ...change('file:/etc/motd', { kind: 'create', source: { file: 'recipes/base.ts', line: 7, column: 3 } }),
  outcome: 'changed',
}
const recorded: ReportChange = { ...change('user:deploy', { kind: 'adopt' }), outcome: 'recorded' }
const failed: ReportChange = {
  ...change('nginx-vhost:shop', { source: { file: 'recipes/shop.ts', line: 14, column: 3 } }),
  outcome: 'failed',
  failure: {
    phase: 'apply',
    step: 'nginx -t',
    exit: 1,
    said: 'nginx: [emerg] unknown directive "proxy_passs"\nin /etc/nginx/sites-enabled/shop:7\n',
    next: 'correct the directive and converge again; the old vhost is still being served',
  },
}

function reportOf(changes: ReportChange[], about: Partial<HostReport> = {}): HostReport {
  const { host, summary } = planOf(changes)
  const trips = { connections: 1, execs: 2 }
  return {
    host: host.name,
    address: host.address,
    summary: { ...summary, failed: 0 },
    changes,
    trips,
    seconds: 3.21,
    ...about,
  }
}

const unreachable = reportOf([], {
  host: 'web-2',
  seconds: 20,
  error: { name: 'Unreachable', message: 'no route to web-2', said: 'EHOSTUNREACH', next: 'see…', exit: 'unreachable' },
})

test('what went as planned is only counted', () => {
  assert.is(
    renderResult(viewResult(reportOf([done, recorded])), paper),
    'Planned 2: 2 done; 57 in sync.\ntakeclient-1 converged in 3.2 s.\n',
  )
})

test('a part of what is declared is called PARTIAL, in text and in JSON', () => {
  const report = reportOf([done, recorded], { partial: true })
  assert.match(renderResult(viewResult(report), paper), /^takeclient-1 converged \(PARTIAL\) in 3\.2 s\.$/m)
  assert.match(renderJson('converge', [{ report }], 'ok'), '"partial":true')
})

test('what was looked at again and then changed is listed', () => {
  const again: ReportChange = { ...done, kind: 'recheck' }
  assert.is(
    `\n${renderResult(viewResult(reportOf([again, recorded])), paper)}`,
    `
  ~ file /etc/motd  recipes/base.ts:7

Planned 2: 2 done; 57 in sync.
takeclient-1 converged in 3.2 s.
`,
  )
})

test('a failed change tells where, what ran, what the host said and what to do', () => {
  assert.is(
    `\n${renderResult(viewResult(reportOf([done, failed])), paper)}`,
    `
recipes/shop.ts:14: nginx vhost shop on takeclient-1: apply failed
  step       nginx -t
  exit       1
  host said  nginx: [emerg] unknown directive "proxy_passs"
             in /etc/nginx/sites-enabled/shop:7
  next       correct the directive and converge again; the old vhost is still being served

Planned 2: 1 done, 1 failed; 57 in sync.
takeclient-1 applied in part in 3.2 s.
`,
  )
})

test('what waited for a failure is told with it, and the line that the host complains of is shown', () => {
  const before = { phase: 'apply' as const, said: 'not tried, because nginx vhost shop failed', next: 'wait' }
  const waits: ReportChange = {
    ...change('service:nginx.service', {}),
    outcome: 'skipped',
    failure: { ...before, after: 'nginx vhost shop' },
  }
  const text = 'server {\n    listen 80;\n    proxy_passs on;\n}\n'
  const broken: ReportChange = {
    ...failed,
    fields: [{ field: 'content', form: 'text', after: text }],
    failure: {
      ...failed.failure!,
      ran: 'nginx -t',
      said: 'unknown directive "proxy_passs" in /etc/nginx/sites-enabled/shop:3',
    },
  }
  assert.is(
    `\n${renderResult(viewResult(reportOf([broken, waits])), paper)}`,
    `
recipes/shop.ts:14: nginx vhost shop on takeclient-1: apply failed
  ran        nginx -t
  exit       1
  host said  unknown directive "proxy_passs" in /etc/nginx/sites-enabled/shop:3
  line       3 |     proxy_passs on;
               |     ^^^^^^^^^^^
  waiting    1 for it: service nginx.service
  next       correct the directive and converge again; the old vhost is still being served

Planned 2: 1 failed, 1 skipped; 57 in sync.
takeclient-1 failed in 3.2 s.
`,
  )
})

test('what was skipped for one reason is told once', () => {
  const failure = { phase: 'apply' as const, said: 'not tried, because package nginx failed', next: 'wait' }
  const skipped = (ref: string): ReportChange => ({ ...change(ref, {}), outcome: 'skipped', failure })
  assert.is(
    `\n${renderResult(viewResult(reportOf([skipped('file:/a'), skipped('file:/b')])), paper)}`,
    `
2 resources on takeclient-1 skipped: file /a, file /b
  why        not tried, because package nginx failed
  next       wait

Planned 2: 2 skipped; 57 in sync.
takeclient-1 failed in 3.2 s.
`,
  )
})

test('a host that could not be reached says what to do', () => {
  assert.is(
    `\n${renderResult(viewResult(unreachable), paper)}`,
    `
web-2: no route to web-2
  host said  EHOSTUNREACH
  next       see…

web-2 failed after 20 s.
`,
  )
})

test('of several hosts each has a line that says where it stands', () => {
  assert.is(
    renderFleet(viewFleet([reportOf([done]), unreachable], applied), paper),
    `2 hosts: 1 ok, 1 failed
  ✓ takeclient-1  3.2 s  planned 1: 1 done; 57 in sync
  ✗ web-2         20 s  no route to web-2
`,
  )
})

test('what a host said cannot steer the terminal or pass for the next entry', () => {
  const text = renderProblem(
    viewProblem({ what: 'x', said: '\x1b[31mred\n  next       rm -rf /', next: 'wait' }),
    paper,
  )
  assert.is(text, 'x\n  host said  \\u001b[31mred\n               next       rm -rf /\n  next       wait\n')
})

test('only the end of a long answer is shown', () => {
  const said = Array.from({ length: 40 }, (_, n) => `line ${n}`).join('\n')
  assert.match(
    renderProblem(viewProblem({ what: 'x', said }), paper),
    '… 25 lines before this: --verbose\n             line 25\n',
  )
  assert.match(renderProblem(viewProblem({ what: 'x', said }), { ...paper, verbose: true }), 'host said  line 0\n')
})

test('the JSON report is one line with the hosts and the exit', () => {
  const line = renderJson('converge', [{ report: reportOf([done]) }], 'ok')
  assert.is(line.split('\n').length, 2)
  const parsed: unknown = JSON.parse(line)
  assert.equal(parsed, {
    format: '1.0',
    command: 'converge',
    hosts: [reportOf([done])],
    exit: { code: 0, name: 'ok' },
  })
})

test.run()
