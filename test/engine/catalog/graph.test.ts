import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { partOf, reduced, reversed } from '../../../lib/engine/catalog/graph.ts'
import { order, type Ordered } from '../../../lib/engine/catalog/order.ts'
import type { Ref } from '../../../lib/kit/ref.ts'
import { resource } from '../fixture.ts'

const test = suite('graph')

const arrows = ({ ordered, needsOf }: Ordered): string[] =>
  ordered.flatMap(({ ref }) => (needsOf.get(ref) ?? []).map((need) => `${ref} ${need}`)).sort()

const chain = order([
  resource('package:p', {}),
  resource('service:s', {}, ['package:p']),
  resource('setting:a', {}, ['service:s', 'package:p']),
  resource('setting:b', {}, ['service:s', 'package:p']),
  resource('file:alone', {}),
])

test('an arrow beside a longer way is left out', () => {
  assert.equal(arrows(reduced(chain)), ['service:s package:p', 'setting:a service:s', 'setting:b service:s'])
})

test('a part is what is asked for and all that it needs; turned, all that needs it', () => {
  const refs = ({ ordered }: Ordered): Ref[] => ordered.map(({ ref }) => ref)
  assert.equal(refs(partOf(chain, ({ ref }) => ref === 'setting:a')), ['package:p', 'service:s', 'setting:a'])
  const turned = reversed(chain)
  assert.equal(refs(partOf(turned, ({ ref }) => ref === 'service:s')).sort(), ['service:s', 'setting:a', 'setting:b'])
  assert.equal(arrows(reduced(turned)), ['package:p service:s', 'service:s setting:a', 'service:s setting:b'])
})

/** Each resource may need those before it. */
const anyGraph = fc.array(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { minLength: 1, maxLength: 30 }).map((all) =>
  order(
    all.map((needs, index) =>
      resource(
        `x:${index}`,
        {},
        needs.filter((need) => need < index).map((need) => `x:${need}`),
      ),
    ),
  ),
)

/** All pairs of which one can be reached from the other. */
function reach({ ordered, needsOf }: Ordered): string[] {
  return ordered.flatMap(({ ref }) => {
    const seen = new Set<Ref>()
    const left = [...(needsOf.get(ref) ?? [])]
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      if (seen.has(one)) continue
      seen.add(one)
      left.push(...(needsOf.get(one) ?? []))
    }
    return [...seen].map((one) => `${ref} ${one}`)
  })
}

test('what can be reached stays the same, with no arrow to spare, in either direction', () => {
  fc.assert(
    fc.property(anyGraph, fc.boolean(), (graph, isTurned) => {
      const whole = isTurned ? reversed(graph) : graph
      const few = reduced(whole)
      assert.equal(reach(few).sort(), reach(whole).sort())
      for (const arrow of arrows(few)) {
        const [from = '', to = ''] = arrow.split(' ')
        const without = new Map(few.needsOf).set(
          from,
          few.needsOf.get(from)!.filter((need) => need !== to),
        )
        assert.not.ok(reach({ ordered: few.ordered, needsOf: without }).includes(arrow), arrow)
      }
    }),
  )
})

test.run()
