import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderRun, renderRuns } from '../../lib/render/text/runsText.ts'
import { viewRun, viewRuns } from '../../lib/render/view/runs.ts'
import type { StoredRun } from '../../lib/engine/host/storedRun.ts'
import { paper } from './fixture.ts'

const test = suite('runs as text')
const WHO = { user: 'ada', host: 'laptop', commit: '3f2c1ab9d0', dirty: true }

const cut: StoredRun = {
  run: '12',
  unit: 'keelson-12-abcdef',
  startedAt: '2026-11-23T21:55:02.123Z',
  plan: 'd',
  who: WHO,
  outcome: 'unfinished',
  changes: [
    { ref: 'file:/etc/motd', kind: 'change', cause: 'drift', outcome: 'applied' },
    { ref: 'ufw-rule:22/tcp', kind: 'create', cause: 'intent', outcome: 'unfinished' },
  ],
}
const good: StoredRun = {
  ...cut,
  run: '9',
  outcome: 'ok',
  who: { user: 'bo', host: 'ci' },
  endedAt: '2026-11-23T21:56:00.000Z',
  changes: [{ ref: 'file:/etc/motd', kind: 'create', cause: 'intent', outcome: 'changed' }],
}

test('one line each', () => {
  assert.is(
    renderRuns(viewRuns('web', [cut, good]), paper),
    `web
  12  2026-11-23 21:55 UTC        unfinished  ada@laptop, commit 3f2c1ab+  1 applied, not verified · 1 pending
   9  2026-11-23 21:55 UTC  58 s  ok          bo@ci                        1 changed
`,
  )
})

test('a host without any says so', () => {
  assert.is(renderRuns(viewRuns('web', []), paper), 'web  no runs: this host is new to Keelson\n')
})

test('records that are damaged are told of, beside those that are sound', () => {
  const damaged = ['the record of run 3 is damaged: \u001b[2J']
  assert.is(
    renderRuns(viewRuns('web', [good], damaged), paper),
    `web
  9  2026-11-23 21:55 UTC  58 s  ok  bo@ci  1 changed
  warning  the record of run 3 is damaged: \\u001b[2J
`,
  )
  assert.is(renderRuns(viewRuns('web', [], ['x is damaged']), paper), 'web\n  warning  x is damaged\n')
})

test('one run in full', () => {
  assert.is(
    renderRun(viewRun('web', cut), paper),
    `web, run 12  unfinished
  started 2026-11-23 21:55:02 UTC by ada@laptop, commit 3f2c1ab+; no client saw it end
  full log on the host: journalctl -u keelson-12-abcdef

  + pending  ufw rule 22/tcp

Changed by hand before it, and set back:
  ~ applied, not verified  file /etc/motd
`,
  )
})

test('nothing of a record reaches the terminal raw', () => {
  const bad = { ...good, who: { user: '\u001b[2Jx', host: 'h\n' }, unit: 'u\u0007' }
  for (const text of [renderRuns(viewRuns('web', [bad]), paper), renderRun(viewRun('web', bad), paper)])
    for (const raw of ['\u0007', '\u001b']) assert.not.ok(text.includes(raw))
})

test.run()
