/** The issue about drift. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Plan } from '../../../lib/engine/report.ts'
import { driftMarker, renderDrift, renderInOrder } from '../../../lib/render/markdown/driftIssue.ts'
import { viewReview, viewReviews } from '../../../lib/render/view/review.ts'
import { change, everyKind, planOf } from '../fixture.ts'
import { assertInert } from '../github.ts'
import { aboutOf, hostile, infectedPlan } from '../infected.ts'
import { manyChanges } from '../many.ts'
import { planFileOf } from '../planFile.ts'

const test = suite('issue about drift')

const LIMIT = 65_536
const on = (name: string, plan: Plan): Plan => ({ ...plan, host: { ...plan.host, name } })
const review = (name: string, changes: Plan['changes']) => viewReview(on(name, planOf(changes)), { site: 'takeclient' })

test('it has what was changed by hand, and nothing that is only declared', () => {
  const { title, body, marker } = renderDrift(
    [review('web-1', everyKind), review('web-2', [])],
    'https://ci.example/7',
  )!
  assert.is(title, 'Drift on web-1')
  assert.ok(body.startsWith(`${marker}\n2 resources on 1 host changed by hand. `))
  assert.match(body, '### `web-1`\n')
  assert.match(body, '| mode changed, edited since run 41 (2026-11-27 21:57 UTC) |')
  assert.match(body, '- maxmemory 1gb')
  assert.not.match(body, '/etc/motd')
  assert.not.match(body, 'web-2')
  assert.match(body, '[run](https://ci.example/7)')
})

test('no drift is no issue, even when changes are declared', () => {
  assert.is(renderDrift([review('web-1', [change('file:/etc/motd', {})])]), undefined)
})

test('a host that could not be read is not in order', () => {
  const file = { ...planFileOf(planOf([])), unplanned: [{ host: 'web-2', because: 'port 22 cannot be reached' }] }
  const { title, body } = renderDrift(viewReviews(file))!
  assert.is(title, 'Not read: web-2')
  assert.match(body, 'port 22 cannot be reached')
})

test('one issue for a site, whatever its hosts are', () => {
  const drift = [change('file:/etc/motd', { cause: 'drift' })]
  const many = ['a', 'b', 'c', 'd'].map((name) => review(name, drift))
  assert.is(renderDrift(many)!.title, 'Drift on 4 hosts')
  assert.is(renderDrift(many)!.marker, driftMarker([review('e', [])]))
  assert.ok(renderInOrder(many, '2026-11-28T12:00:00Z').body.startsWith(`${driftMarker(many)}\n`))
})

test('of any number of hosts and changes it is within the limit, and balanced', () => {
  for (const [hosts, changes] of [
    [1, 4000],
    [60, 40],
    [1000, 2],
  ] as const) {
    const drift = manyChanges(changes, 3).map((each) => ({ ...each, cause: 'both' as const }))
    const reviews = Array.from({ length: hosts }, (_, n) => review(`host-${n}`, drift))
    for (const { body } of [renderDrift(reviews)!, renderInOrder(reviews, '2026-11-28T12:00:00Z')]) {
      assert.ok(body.length <= LIMIT, `${hosts} × ${changes}: ${body.length}`)
      assertInert(body)
    }
  }
})

test('hostile text stays text', () => {
  fc.assert(
    fc.property(infectedPlan, hostile, (plan, text) => {
      const drift = plan.changes.map((each) => ({ ...each, cause: 'drift' as const }))
      const reviews = [viewReview({ ...plan, changes: drift }, aboutOf(text))]
      assertInert(renderDrift(reviews)?.body ?? renderInOrder(reviews, '2026-11-28T12:00:00Z').body)
    }),
    { numRuns: 30 },
  )
})

test.run()
