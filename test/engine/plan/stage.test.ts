import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import type { Ref } from '../../../lib/kit/ref.ts'
import type { AnyType } from '../../../lib/kit/resourceType.ts'
import { nextStage, type Stage } from '../../../lib/engine/plan/stage.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('stage')
const file = toyType('file', { readsAlone: true })
const unit = toyType('unit')
const pkg = toyType('package', {
  altersOthers: true,
  batch: (changes) => [{ title: `install ${changes.length}`, run: ':' }],
})

function stageOf(declared: { [ref: Ref]: Ref[] }, types: AnyType[] = [file, unit, pkg]): Stage {
  const resources = Object.entries(declared).map(([ref, needs]) => resource(ref, { x: 1 }, needs))
  return nextStage(planItems(planningOf(resources, types, {})))
}

function shape({ tasks, later }: Stage): { tasks: Ref[][]; later: Ref[] } {
  return {
    tasks: tasks.map(({ items }) => items.map(({ shown }) => shown.ref)),
    later: later.map(({ shown }) => shown.ref),
  }
}

test('packages are one task, and what comes after them waits to be read again', () => {
  const stage = stageOf({
    'package:a': [],
    'file:/before': [],
    'package:b': [],
    'file:/x': ['package:a'],
    'unit:u': ['file:/x'],
  })
  assert.equal(shape(stage), { tasks: [['package:a', 'package:b'], ['file:/before']], later: ['file:/x', 'unit:u'] })
})

test('a package that comes after a file is in a transaction of its own when one transaction would be a circle', () => {
  const stage = stageOf({ 'package:a': [], 'unit:source': [], 'package:b': ['unit:source'], 'package:c': [] })
  assert.equal(shape(stage).tasks, [['unit:source'], ['package:a', 'package:b', 'package:c']])
})

test('only what nothing before it may alter is compared, unless its reading is steady', () => {
  const { tasks } = stageOf({ 'unit:a': [], 'unit:b': ['unit:a'], 'file:/c': ['unit:a'] })
  assert.equal(
    tasks.map(({ comparable, after }) => [comparable, after]),
    [
      [true, []],
      [false, [0]],
      [true, [0]],
    ],
  )
})

test('nothing is compared that another type has written to before it, by path or by a place both share', () => {
  const at = (type: string, sharedPaths?: string[]): AnyType =>
    toyType(type, { paths: (path) => [path], ...(sharedPaths === undefined ? {} : { sharedPaths }) })
  const types = [at('edit'), at('folder'), at('snippet'), at('setting', ['/etc/app.conf', '/etc/app.d'])]
  const compared = (declared: { [ref: Ref]: Ref[] }): boolean[] =>
    stageOf(declared, types).tasks.map(({ comparable }) => comparable)
  assert.equal(compared({ 'edit:/etc/app.conf': [], 'setting:a': [] }), [true, false])
  assert.equal(compared({ 'setting:a': [], 'edit:/etc/app.conf': [] }), [true, false])
  assert.equal(compared({ 'edit:/etc/app.d/x': [], 'setting:a': [] }), [true, false])
  assert.equal(compared({ 'setting:a': [], 'snippet:/etc/app.d/x': [] }), [true, false])
  assert.equal(compared({ 'snippet:/etc/x': [], 'edit:/etc/x': [] }), [true, false])
  assert.equal(compared({ 'folder:/etc/x': [], 'edit:/etc/x/y': [], 'setting:a': [] }), [true, true, true])
})

test('what may lock the operator out waits for all that can do without, then has a stage of its own', () => {
  const types = [file, toyType('rule', { consequence: () => 'lockout' })]
  const first = stageOf({ 'rule:a': [], 'file:after': ['rule:a'], 'file:x': [], 'file:y': ['file:after'] }, types)
  assert.equal(shape(first), { tasks: [['file:x']], later: ['rule:a', 'file:after', 'file:y'] })
  const second = stageOf({ 'rule:a': [], 'file:after': ['rule:a'], 'file:y': ['file:after'] }, types)
  assert.equal(shape(second), { tasks: [['rule:a']], later: ['file:after', 'file:y'] })
})

test('what is applied in one batch with a guarded change is not parted from it', () => {
  const rule = toyType('rule', { consequence: ({ name }) => (name === 'a' ? 'lockout' : 'safe'), batch: () => [] })
  const stage = stageOf({ 'rule:b': [], 'file:x': [], 'rule:a': [], 'rule:c': [] }, [file, rule])
  assert.equal(shape(stage), { tasks: [['file:x']], later: ['rule:b', 'rule:a', 'rule:c'] })
  const next = stageOf({ 'rule:b': [], 'rule:a': [], 'rule:c': [] }, [file, rule])
  assert.equal(shape(next).tasks, [['rule:b', 'rule:a', 'rule:c']])
})

test('what mostly waits goes with the last stage, unless something else needs it', () => {
  const types = [file, pkg, toyType('rule', { consequence: () => 'lockout' }), toyType('service', { runsBeside: true })]
  const declared: { [ref: Ref]: Ref[] } = {
    'service:early': [],
    'service:needed': [],
    'file:x': ['service:needed'],
    'package:p': [],
    'file:y': ['package:p'],
    'rule:r': [],
    'service:late': ['service:early'],
    'service:guarded': ['rule:r'],
  }
  const next = ({ later }: Stage): Stage =>
    stageOf(Object.fromEntries(later.map(({ shown }) => [shown.ref, declared[shown.ref]!])), types)
  const first = stageOf(declared, types)
  assert.equal(shape(first).tasks, [['service:early'], ['service:needed'], ['file:x'], ['package:p']])
  const second = next(first)
  assert.equal(shape(second).tasks, [['file:y']])
  const third = next(second)
  assert.equal(shape(third).tasks, [['rule:r'], ['service:late']])
  assert.equal(shape(next(third)), { tasks: [['service:guarded']], later: [] })
})

test('whatever needs what, every task comes after all it needs, and everything is somewhere once', () => {
  const graph = fc.array(fc.tuple(fc.constantFrom('file', 'unit', 'package'), fc.array(fc.nat(), { maxLength: 4 })), {
    maxLength: 25,
  })
  fc.assert(
    fc.property(graph, (nodes) => {
      const refs = nodes.map(([type], index) => `${type}:${index}`)
      const declared = Object.fromEntries(
        nodes.map(([, needs], index) => [refs[index]!, index === 0 ? [] : needs.map((need) => refs[need % index]!)]),
      )
      const stage = stageOf(declared)
      const { tasks, later } = shape(stage)
      assert.equal([...tasks.flat(), ...later].sort(), [...refs].sort())
      const place = new Map(tasks.flatMap((task, index) => task.map((ref) => [ref, index])))
      for (const [ref, needs] of Object.entries(declared)) {
        if (!place.has(ref)) continue
        for (const need of needs) assert.ok(place.get(need)! <= place.get(ref)!, `${need} before ${ref}`)
      }
    }),
  )
})

test.run()
