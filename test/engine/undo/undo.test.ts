/** The undo of a run: what of it goes, what stays and why. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../../lib/dsl/declare.ts'
import * as door from '../../../lib/index.ts'
import { type Ledger, type LedgerEntry, ledgerDigest } from '../../../lib/engine/host/ledger.ts'
import type { Planned } from '../../../lib/engine/plan/planned.ts'
import type { Ref } from '../../../lib/kit/ref.ts'
import type { AnyType, Change, Json } from '../../../lib/kit/resourceType.ts'
import type { StoredRun, RunOutcome } from '../../../lib/engine/host/storedRun.ts'
import { asLeft, planUndo, runToUndo, type Undoable } from '../../../lib/engine/undo/undo.ts'
import { parseKept } from '../../../lib/engine/undo/undoHost.ts'
import * as form from '../../../lib/kit/form.ts'
import { revealFrom } from '../../../lib/kit/value.ts'
import { undoStepOf } from '../../../lib/engine/apply/undoSteps.ts'
import type { UndoStep } from '../../../lib/engine/host/undoRecord.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('undo')
const KEY = '00'.repeat(32)
const NOTE = toyType('note')

function entry(ref: Ref, desired: Json, more: Partial<LedgerEntry> = {}): LedgerEntry {
  const [type = '', name = ''] = ref.split(':')
  const digest = ledgerDigest(KEY, desired, new Map())
  return { type, name, made: true, desired, digest, needs: [], protect: false, run: '1', ...more }
}

const ledgerOf = (...entries: LedgerEntry[]): Ledger => ({
  format: 1,
  serial: 9,
  key: KEY,
  entries: Object.fromEntries(entries.map((one) => [`${one.type}:${one.name}`, one])),
})

type Told = { [ref: Ref]: [kind: StoredRun['changes'][number]['kind'], outcome: RunOutcome] }

function run(number: string, told: Told, more: Partial<StoredRun> = {}): StoredRun {
  const changes = Object.entries(told).map(([ref, [kind, outcome]]) => ({
    ref,
    kind,
    outcome,
    cause: 'intent' as const,
  }))
  const who = { user: 'u', host: 'h' }
  return { run: number, unit: '', startedAt: '', plan: '', who, outcome: 'ok', changes, ...more }
}

/** A change that a run made, from what was read to what is declared. */
function stepOf(
  ref: Ref,
  before: Json | null,
  after: Json | null,
  { was, type = NOTE, fields = [] }: { was?: LedgerEntry; type?: AnyType; fields?: Change<Json>['fields'] } = {},
): UndoStep {
  const [, name = ''] = ref.split(':')
  const about = { name, fields }
  const change: Change<Json> =
    after === null
      ? { ...about, kind: 'remove', before: before ?? {}, after }
      : before === null
        ? { ...about, kind: 'create', before, after }
        : { ...about, kind: 'change', before, after }
  const planning = planningOf([resource(ref, after)], [type], {}, was === undefined ? {} : { ledger: ledgerOf(was) })
  const { kind } = change
  const shown: Planned['shown'] = {
    ref,
    label: ref,
    kind,
    cause: 'intent',
    consequence: 'safe',
    certainty: 'exact',
    fields,
  }
  const item = { shown, type, name, desired: after, change, after: new Set<Ref>() }
  return undoStepOf('2', item, planning, after === null ? null : entry(ref, after, { run: '2' }))
}

function undoable(steps: UndoStep[], ledger: Ledger, more: Partial<Undoable> = {}): Undoable {
  const runs = [run('2', Object.fromEntries(steps.map(({ ref }) => [ref, ['change', 'changed']])))]
  const known = new Map([['note', NOTE]])
  return {
    run: '2',
    steps,
    damaged: [],
    bytes: new Set(),
    runs,
    ledger,
    types: known,
    position: () => undefined,
    ...more,
  }
}

function planned(what: Undoable, observed: { [name: string]: Json }): { goes: [Ref, Json][]; stays: [Ref, string][] } {
  const readings = new Map([...what.types.keys()].map((type) => [type, new Map(Object.entries(observed))]))
  const context = { reveal: revealFrom(new Map()) }
  const { resources, undo } = planUndo(what, { readings, secrets: new Map(), context })
  const goes = resources.filter(({ ref }) => undo.entries.has(ref) && !undo.followers.has(ref))
  return {
    goes: goes.map(({ ref, desired }) => [ref, desired]),
    stays: undo.stays.map(({ ref, because }) => [ref, because]),
  }
}

test('what was read before becomes what is wanted, and what was not there is to go', () => {
  const steps = [stepOf('note:a', { text: 'old' }, { text: 'new' }), stepOf('note:b', null, { text: 'new' })]
  const ledger = ledgerOf(entry('note:a', { text: 'new' }), entry('note:b', { text: 'new' }))
  assert.equal(planned(undoable(steps, ledger), { a: { text: 'new' }, b: { text: 'new' } }), {
    goes: [
      ['note:a', { text: 'old' }],
      ['note:b', null],
    ],
    stays: [],
  })
})

test('what another hand or a later run has changed stays', () => {
  const steps = [stepOf('note:a', { text: 'old' }, { text: 'new' }), stepOf('note:b', null, { text: 'new' })]
  const ledger = ledgerOf(entry('note:a', { text: 'new' }), entry('note:b', { text: 'later' }))
  const runs = [run('3', { 'note:b': ['change', 'changed'] }), run('2', { 'note:a': ['change', 'changed'] })]
  assert.equal(planned(undoable(steps, ledger, { runs }), { a: { text: 'by hand' }, b: { text: 'later' } }), {
    goes: [],
    stays: [
      ['note:a', 'edited on the host since'],
      ['note:b', 'changed since by run 3'],
    ],
  })
})

test('what was made stays where something needs it that stays, near and far', () => {
  const data = toyType('data', { holdsData: 'it holds data' })
  const refs = ['note:ground', 'note:floor', 'note:free'] as const
  const steps = [...refs.map((ref) => stepOf(ref, null, { x: 1 })), stepOf('data:d', null, { x: 1 }, { type: data })]
  const ledger = ledgerOf(
    entry('note:ground', { x: 1 }),
    entry('note:floor', { x: 1 }, { needs: ['note:ground'] }),
    entry('note:free', { x: 1 }),
    entry('data:d', { x: 1 }, { needs: ['note:floor'] }),
  )
  const both = new Map([NOTE, data].map((type) => [type.type, type]))
  const there = { ground: { x: 1 }, floor: { x: 1 }, free: { x: 1 }, d: { x: 1 } }
  assert.equal(planned(undoable(steps, ledger, { types: both }), there), {
    goes: [['note:free', null]],
    stays: [
      ['note:ground', 'note floor needs it, and stays'],
      ['note:floor', 'data d needs it, and stays'],
      ['data:d', 'it holds data'],
    ],
  })
})

test('what was made goes after what needed it; what was there goes back before', () => {
  const steps = [stepOf('note:user', null, { x: 1 }), stepOf('note:file', { owner: 'root' }, { owner: 'user' })]
  const ledger = ledgerOf(entry('note:user', { x: 1 }), entry('note:file', { owner: 'user' }, { needs: ['note:user'] }))
  const readings = new Map([
    [
      'note',
      new Map<string, Json>([
        ['user', { x: 1 }],
        ['file', { owner: 'user' }],
      ]),
    ],
  ])
  const look = { readings, secrets: new Map<string, string>(), context: { reveal: revealFrom(new Map()) } }
  const { resources } = planUndo(undoable(steps, ledger), look)
  assert.equal(Object.fromEntries(resources.map(({ ref, needs }) => [ref, needs])), {
    'note:user': ['note:file'],
    'note:file': [],
  })
})

test('what is protected stays', () => {
  const ledger = ledgerOf(entry('note:a', { x: 1 }, { protect: true }))
  assert.equal(planned(undoable([stepOf('note:a', null, { x: 1 })], ledger), { a: { x: 1 } }).stays, [
    ['note:a', 'it is protected'],
  ])
})

test('a declaration takes the place of what was read, where it says as much: secrets stay names', () => {
  const was = entry('note:a', { text: 'old' })
  const fields: Change<Json>['fields'] = [{ field: 'text', form: 'value' }]
  const same = stepOf('note:a', { text: 'old', size: 3 }, { text: 'new' }, { was, fields })
  assert.equal(same.back, { state: { text: 'old' } })
  const wider = stepOf(
    'note:a',
    { text: 'old', size: 3 },
    { text: 'new', size: 4 },
    { was, fields: [...fields, { field: 'size', form: 'value' }] },
  )
  assert.equal(wider.back, { state: { text: 'old', size: 3 } })
  const hidden = stepOf(
    'note:a',
    { text: 'hunter2' },
    { text: { $secret: 's' } },
    { fields: [{ field: 'text', form: 'secret' }] },
  )
  assert.equal(hidden.back, { cannot: 'it held, or holds, a secret whose former value is not kept' })
  assert.not.match(JSON.stringify(hidden), 'hunter2')
})

test('the latest run that changed something is undone; an undo that was cut off is gone on with', () => {
  const changed: Told = { 'note:a': ['change', 'changed'] }
  const recorded: Told = { 'note:a': ['adopt', 'recorded'] }
  const pick = (...runs: StoredRun[]): string | undefined => runToUndo(runs, undefined)?.run
  assert.is(pick(run('3', recorded), run('2', changed)), '2')
  assert.is(pick(run('3', changed, { undoes: '2', outcome: 'unfinished' }), run('2', changed)), '2')
  assert.is(pick(run('3', changed, { undoes: '2' }), run('2', changed)), '3')
  assert.is(pick(), undefined)
  assert.is(runToUndo([run('2', changed)], '1'), undefined)
})

test('what a run took away is looked for by what it was', () => {
  const { resources, was } = asLeft(undoable([stepOf('note:a', { text: 'old' }, null)], ledgerOf()))
  assert.equal(
    resources.map(({ ref, desired }) => [ref, desired]),
    [['note:a', null]],
  )
  assert.equal([...was], [['note:a', { text: 'old' }]])
})

/** Types whose changes go back in the usual way: to what was observed. A new type is put here, or decides. */
const USUAL = ['certificate', 'group', 'locale', 'postgres-database']

test('a kept state that its type does not know costs its own step, and is named', () => {
  const state = form.fields<{ text: string }>({ text: form.text() })
  const known = new Map([['note', toyType('note', { state: state as AnyType['state'] })]])
  const step = (name: string, before: Json): Json => ({
    ref: `note:${name}`,
    made: false,
    after: { text: 'new' },
    back: { state: before },
    entry: null,
    left: null,
  })
  const kept = JSON.stringify({ run: '3', steps: [step('good', { text: 'old' }), step('odd', { text: 7 })] })
  const { steps, damaged } = parseKept(kept, '3', known)
  assert.equal(
    steps.map(({ ref }) => ref),
    ['note:good'],
  )
  assert.equal(
    damaged.map(({ ref }) => ref),
    ['note:odd'],
  )
  assert.match(damaged[0]?.because ?? '', /^what the host has kept of it is damaged: it has a state that /)
})

test('each type has decided how its changes go back', () => {
  const undecided = [...types.values()].filter((one) => one.undo === undefined).map(({ type }) => type)
  assert.ok(Object.keys(door).length > types.size && types.size > 20)
  assert.equal(undecided.sort(), USUAL)
})

test.run()
