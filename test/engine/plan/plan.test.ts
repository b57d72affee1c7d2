import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { emptyLedger, type Ledger, type LedgerEntry, ledgerDigest } from '../../../lib/engine/host/ledger.ts'
import type { CatalogResource } from '../../../lib/engine/catalog/catalog.ts'
import { type Planning } from '../../../lib/engine/plan/planned.ts'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import { remainingDifference } from '../../../lib/engine/plan/changes.ts'
import { summarize } from '../../../lib/engine/plan/summarize.ts'
import { barred } from '../../../lib/engine/plan/protection.ts'
import { type Json, NOTHING_LEFT, Unknown } from '../../../lib/kit/resourceType.ts'
import { isSecretToken } from '../../../lib/kit/value.ts'
import { planningOf, resource, toyType } from '../fixture.ts'

const test = suite('plan')
const file = toyType('file')
const pkg = toyType('package', { altersOthers: true })
const service = toyType('service', {
  simulate: (observed, _desired, earlier) =>
    earlier.length === 0 ? observed : { load: `restart because ${earlier[0]!.label}` },
  diff: (_desired, observed) =>
    JSON.stringify(observed).includes('restart')
      ? [{ field: 'load', form: 'value', followUp: { action: 'restart', because: 'file /a' } }]
      : [],
})

function ledgerWith(entries: {
  [ref: string]: { desired: Json; made?: boolean; pending?: true; hides?: true; protect?: boolean }
}): Ledger {
  const ledger = emptyLedger()
  for (const [ref, { desired, made = true, pending, hides, protect = false }] of Object.entries(entries)) {
    const [type = '', name = ''] = ref.split(':')
    const digest = ledgerDigest(ledger.key, desired, new Map())
    ledger.entries[ref] = {
      type,
      name,
      desired,
      made,
      digest,
      needs: [],
      protect,
      run: '7',
      ...(pending === undefined ? {} : { pending }),
      ...(hides === undefined ? {} : { hides }),
    }
  }
  return ledger
}

/** A planning in which files of these names are let go of. */
function letGo(names: string[], planning: Planning): Planning {
  const forgotten = names.map((name) => ({ ...resource(`file:${name}`, null), also: [] }))
  return { ...planning, forgotten, catalog: { ...planning.catalog, forgotten } }
}

function kinds(planning: Parameters<typeof planItems>[0]): [string, string, string][] {
  return planItems(planning).map(({ shown }) => [shown.ref, shown.kind, shown.cause])
}

test('what is not there is created, what differs is changed, what is as declared is adopted', () => {
  const planning = planningOf(
    [resource('file:/a', { x: 1 }), resource('file:/b', { x: 1 }), resource('file:/c', { x: 1 })],
    [file],
    {
      file: new Map([
        ['/b', { x: 2 }],
        ['/c', { x: 1, y: 'not managed' }],
      ]),
    },
  )
  assert.equal(kinds(planning), [
    ['file:/a', 'create', 'intent'],
    ['file:/b', 'change', 'intent'],
    ['file:/c', 'adopt', 'intent'],
  ])
})

test('what the ledger knows and the host has is no change at all', () => {
  const planning = planningOf(
    [resource('file:/a', { x: 1 })],
    [file],
    { file: new Map([['/a', { x: 1 }]]) },
    { ledger: ledgerWith({ 'file:/a': { desired: { x: 1 } } }) },
  )
  assert.equal(kinds(planning), [])
  assert.is(summarize(planning, []).summary.unchanged, 1)
})

test('drift, intent and both are told apart by the ledger', () => {
  const ledger = ledgerWith({
    'file:/drift': { desired: { x: 1 } },
    'file:/intent': { desired: { x: 0 } },
    'file:/both': { desired: { x: 0 } },
    'file:/cut': { desired: { x: 1 }, pending: true },
  })
  const planning = planningOf(
    ['/drift', '/intent', '/both', '/cut'].map((name) => resource(`file:${name}`, { x: 1 })),
    [file],
    {
      file: new Map([
        ['/drift', { x: 5 }],
        ['/intent', { x: 0 }],
        ['/both', { x: 5 }],
        ['/cut', { x: 5 }],
      ]),
    },
    { ledger },
  )
  assert.equal(
    kinds(planning).map(([, , cause]) => cause),
    ['drift', 'intent', 'both', 'intent'],
  )
})

test('a secret that is no longer known does not keep a plan from being made', () => {
  const revealing = toyType('file', {
    diff: (desired, _observed, { sameText }) => {
      sameText(isSecretToken(desired) ? desired : '', '')
      return [{ field: 'content', form: 'secret' }]
    },
  })
  for (const [desired, kind] of [
    [{ x: 1 }, 'change'],
    [null, 'remove'],
  ] as const) {
    const planOf = (after: Partial<LedgerEntry> = {}): Planning => {
      const ledger = ledgerWith({ 'file:/a': { desired: { $secret: 'gone' } } })
      Object.assign(ledger.entries['file:/a']!, after)
      return planningOf([resource('file:/a', desired)], [revealing], { file: new Map([['/a', { x: 2 }]]) }, { ledger })
    }
    assert.equal(kinds(planOf()), [['file:/a', kind, 'intent']])
    // The run that was to take back what another hand did has failed.
    assert.equal(kinds(planOf({ pending: true, left: { run: '7', cause: 'drift' } })), [['file:/a', kind, 'both']])
  }
})

test('no longer declared: what Keelson made goes, what was there before or protected stays', () => {
  const ledger = ledgerWith({
    'file:/made': { desired: { x: 1 } },
    'file:/before': { desired: { x: 1 }, made: false },
    'file:/kept': { desired: { x: 1 }, protect: true },
  })
  const there = new Map([
    ['/made', { x: 1 }],
    ['/before', { x: 1 }],
    ['/kept', { x: 1 }],
  ])
  const planning = planningOf([], [file], { file: there }, { ledger })
  assert.equal(kinds(planning), [
    ['file:/made', 'remove', 'intent'],
    ['file:/before', 'forget', 'intent'],
  ])
  assert.match(summarize(planning, []).warnings.join(), 'file /kept is protected')
})

test('what another declaration stands for by now is only forgotten', () => {
  // The beginning of the name is the thing, what follows is how it is written.
  const thing = toyType('thing', { standsFor: (declared, gone) => declared.name[0] === gone.name[0] })
  const there = new Map(['a1', 'a2', 'b1', 'c1', 'c2'].map((name) => [name, { x: 1 }]))
  const ledger = ledgerWith({
    'thing:a1': { desired: { x: 1 } },
    'thing:b1': { desired: { x: 1 } },
    'thing:c1': { desired: { x: 1 } },
    'thing:c2': { desired: { x: 1 } },
  })
  const declared = [resource('thing:a2', { x: 1 }), resource('thing:c2', null)]
  const items = planItems(planningOf(declared, [thing], { thing: there }, { ledger }))
  assert.equal(
    items.map(({ shown }) => `${shown.kind} ${shown.ref} ${shown.because ?? ''}`.trim()),
    [
      'adopt thing:a2 already correct, recorded only',
      'remove thing:c2',
      'forget thing:a1 left in place: thing a2 is declared in its place',
      'remove thing:b1',
      'remove thing:c1',
    ],
  )
})

test('what holds data is only forgotten, unless absent is declared', () => {
  const database = toyType('database', { holdsData: 'a database holds data' })
  const readings = { database: new Map([['crm', { x: 1 }]]) }
  assert.equal(
    kinds(planningOf([], [database], readings, { ledger: ledgerWith({ 'database:crm': { desired: { x: 1 } } }) })),
    [['database:crm', 'forget', 'intent']],
  )
  assert.equal(kinds(planningOf([resource('database:crm', null)], [database], readings)), [
    ['database:crm', 'remove', 'intent'],
  ])
})

test('drift says what another hand did, and since which run and when', () => {
  const at = '2026-11-23T21:55:02.000Z'
  const type = toyType('thing', {
    drift: { gone: 'dug up', field: ({ field }) => (field === 'on' ? 'stopped' : undefined) },
  })
  const desired = { on: true, open: false, mode: '0644' }
  const names = ['a', 'gone', 'both', 'quiet']
  const entries = names.map((name) => [
    `thing:${name}`,
    { desired: name === 'both' ? { ...desired, mode: '0600' } : desired },
  ])
  const ledger = { ...ledgerWith(Object.fromEntries(entries)), times: { '7': at } }
  const readings = {
    thing: new Map<string, Json>([
      ['a', { on: false, open: true, mode: '0666' }],
      ['both', { on: false, open: false, mode: '0600' }],
      ['quiet', desired],
    ]),
  }
  const declared = names.map((name) =>
    resource(`thing:${name}`, name === 'quiet' ? { ...desired, mode: '0640' } : desired),
  )
  const items = planItems(planningOf(declared, [type], readings, { ledger }))
  assert.equal(
    items.map(({ shown }) => [shown.ref, shown.cause, shown.drift]),
    [
      ['thing:a', 'drift', { what: ['stopped', 'open turned on', 'mode changed'], run: '7', at }],
      ['thing:gone', 'drift', { what: ['dug up'], run: '7', at }],
      ['thing:both', 'both', { what: ['stopped'], run: '7', at }],
      ['thing:quiet', 'intent', undefined],
    ],
  )
})

test('what is released says whether it stays, is gone, or was never made', () => {
  const empty = toyType('empty', { holdsData: () => NOTHING_LEFT })
  const full = toyType('full', { holdsData: 'it holds data' })
  const ledger = ledgerWith({
    'file:/gone': { desired: {} },
    'file:/theirs': { desired: {}, made: false },
    'file:/unmade': { desired: {}, pending: true },
    'empty:a': { desired: {} },
    'full:a': { desired: {} },
  })
  const readings = { file: new Map([['/theirs', {}]]), empty: new Map([['a', {}]]), full: new Map([['a', {}]]) }
  const items = planItems(planningOf([], [file, empty, full], readings, { ledger }))
  assert.equal(Object.fromEntries(items.map(({ shown }) => [shown.ref, shown.because])), {
    'file:/gone': 'gone already',
    'file:/theirs': 'left in place: it was there before Keelson',
    'file:/unmade': 'not there: run 7 had not finished it',
    'empty:a': 'gone already',
    'full:a': 'left in place: it holds data',
  })
})

test('what a run applied and did not confirm is its own work, as long as it is still what is declared', () => {
  const ledger = ledgerWith({
    'file:/cut': { desired: { x: 1 }, pending: true },
    'file:/back': { desired: { x: 2 }, pending: true },
  })
  const read = new Map(['/cut', '/back', '/new'].map((name) => [name, { x: 1 }]))
  const declared = ['/cut', '/back', '/new'].map((name) => resource(`file:${name}`, { x: 1 }))
  const items = planItems(planningOf(declared, [file], { file: read }, { ledger }))
  assert.equal(
    items.map(({ shown }) => shown.because),
    ['applied by run 7, which was cut off', 'correct now, recorded again', 'already correct, recorded only'],
  )
})

test('what is let go of is forgotten, however it came to be owned; what is not owned needs nothing', () => {
  const ledger = ledgerWith({
    'file:/made': { desired: { x: 1 } },
    'file:/kept': { desired: { x: 1 }, protect: true },
  })
  const readings = { file: new Map([['/made', { x: 1 }]]) }
  const names = ['/made', '/kept', '/unknown']
  const planning = letGo(names, planningOf([resource('file:/a', null)], [file], readings, { ledger }))
  assert.equal(kinds(planning), [
    ['file:/made', 'forget', 'intent'],
    ['file:/kept', 'forget', 'intent'],
  ])
  const { summary, warnings } = summarize(planning, planItems(planning))
  assert.equal([summary.forget, summary.unchanged, summary.resources, warnings], [2, 1, 3, []])
})

test('of what is let go of, only what is looked at is forgotten', () => {
  const ledger = ledgerWith({ 'file:/a': { desired: {} }, 'file:/b': { desired: {} } })
  const all = letGo(['/a', '/b'], planningOf([], [file], {}, { ledger }))
  const planning = { ...all, forgotten: all.forgotten.slice(1), prune: false, scope: new Set<string>() }
  assert.equal(kinds(planning), [['file:/b', 'forget', 'intent']])
})

/** Barred sentences of a plan, by what the ledger has and what is there. */
function barredOf(ledger: Ledger, resources: CatalogResource[], more: Partial<Planning> = {}): string[] {
  const there = new Map(Object.values(ledger.entries).map(({ name }) => [name, { x: 1 }]))
  const claiming = toyType('file', { claims: (name) => [`path:${name}`] })
  const planning = planningOf(resources, [claiming, toyType('link')], { file: there }, { ledger, ...more })
  return barred(planning, planItems(planning))
}

test('protection outlives the declaration: absent is barred, and another thing in its place', () => {
  const kept = { 'file:/kept': { desired: { x: 1 }, protect: true } }
  const gone = { ...resource('file:/kept', null), absent: true as const }
  assert.equal(barredOf(ledgerWith(kept), [gone]), ['file /kept is protected, and would be removed'])
  // Types that have a state of their own for being gone.
  assert.equal(barredOf(ledgerWith(kept), [{ ...gone, desired: { x: 0 } }]), [
    'file /kept is protected, and would be removed',
  ])
  const link = { ...resource('link:/kept', { to: 1 }), claims: ['path:/kept'] }
  assert.equal(barredOf(ledgerWith(kept), [link]), ['file /kept is protected, and link /kept would take its place'])
  assert.equal(barredOf(ledgerWith({ 'file:/kept': { desired: { x: 1 } } }), [gone]), [])
  assert.equal(barredOf(ledgerWith(kept), [resource('file:/kept', { x: 2 })]), [])
})

test('what is let go of is not protected any more', () => {
  const ledger = ledgerWith({ 'file:/kept': { desired: { x: 1 }, protect: true } })
  const link = { ...resource('link:/kept', { to: 1 }), claims: ['path:/kept'] }
  const { catalog, forgotten } = letGo(['/kept'], planningOf([link], [file], {}))
  assert.equal(barredOf(ledger, [link], { catalog, forgotten }), [])
})

test('what something protected needs, near and far, stays when it is left out and cannot be absent', () => {
  const ledger = ledgerWith({
    'file:/kept': { desired: { x: 1 }, protect: true },
    'file:/near': { desired: { x: 1 } },
    'file:/far': { desired: { x: 1 } },
    'file:/other': { desired: { x: 1 } },
  })
  ledger.entries['file:/kept']!.needs = ['file:/near']
  ledger.entries['file:/near']!.needs = ['file:/far']
  const there = new Map(['/kept', '/near', '/far', '/other'].map((name) => [name, { x: 1 }]))
  const planning = planningOf([], [file], { file: there }, { ledger })
  assert.equal(kinds(planning), [['file:/other', 'remove', 'intent']])
  assert.match(summarize(planning, []).warnings.join('\n'), 'file /far is no longer declared, and stays: file /kept')
  const gone = { ...resource('file:/far', null), absent: true as const }
  assert.equal(barredOf(ledger, [gone]), ['file /kept is protected and needs file /far, which would be removed'])
  // By its declaration of today it needs nothing.
  assert.equal(barredOf(ledger, [resource('file:/kept', { x: 1 }), gone]), [])
})

test('what is removed goes before what it needed', () => {
  const ledger = ledgerWith({ 'file:/dir': { desired: {} }, 'file:/dir/a': { desired: {} } })
  ledger.entries['file:/dir/a']!.needs = ['file:/dir']
  const planning = planningOf(
    [],
    [file],
    {
      file: new Map([
        ['/dir', {}],
        ['/dir/a', {}],
      ]),
    },
    { ledger },
  )
  assert.equal(
    kinds(planning).map(([ref]) => ref),
    ['file:/dir/a', 'file:/dir'],
  )
})

test('behind a package all is predicted, and what is in order is looked at again', () => {
  const planning = planningOf(
    [
      resource('package:p', {}),
      resource('file:/new', { x: 1 }, ['package:p']),
      resource('file:/gone', null, ['package:p']),
    ],
    [file, pkg],
    {},
  )
  const [, created, gone] = planItems(planning).map(({ shown }) => shown)
  assert.equal([created?.kind, created?.certainty, created?.because], ['create', 'predicted', 'depends on package p'])
  assert.equal([gone?.kind, gone?.certainty], ['recheck', 'unknown'])
})

test('what cannot be read yet says why', () => {
  const planning = planningOf([resource('file:/a', { x: 1 })], [file], { file: new Unknown('it is not installed') })
  const [item] = planItems(planning)
  assert.equal(
    [item?.shown.kind, item?.shown.certainty, item?.shown.because],
    ['create', 'unknown', 'it is not installed'],
  )
})

test('a service that will have to restart because of an earlier change is a follow-up', () => {
  const resources = [resource('file:/a', { x: 1 }), resource('service:s', {}, ['file:/a'])]
  const planning = planningOf(resources, [file, service], { service: new Map([['s', { load: 'current' }]]) })
  const plan = summarize(planning, planItems(planning))
  assert.equal(
    plan.changes.map(({ kind, consequence }) => [kind, consequence]),
    [
      ['create', 'safe'],
      ['follow-up', 'restart'],
    ],
  )
  assert.equal(plan.followUps, [{ action: 'restart', unit: 's', because: 'file /a' }])
  assert.equal([plan.summary.create, plan.summary.change, plan.summary.unchanged], [1, 0, 0])
})

test('a scope leaves the rest alone, what is no longer declared included', () => {
  const planning = planningOf(
    [resource('file:/a', {}), resource('file:/b', {})],
    [file],
    {},
    {
      scope: new Set(['file:/a']),
      prune: false,
      ledger: ledgerWith({ 'file:/old': { desired: {} } }),
    },
  )
  assert.equal(
    kinds(planning).map(([ref]) => ref),
    ['file:/a'],
  )
})

test('what is still wrong after applying is said in words', () => {
  const context = planningOf([], [], {}).context
  assert.is(remainingDifference(file, '/a', { x: 1 }, { x: 1 }, context), undefined)
  assert.match(remainingDifference(file, '/a', { x: 1 }, { x: 2 }, context) ?? '', 'x is 2, not 1')
  assert.match(remainingDifference(file, '/a', { x: 1 }, null, context) ?? '', 'not there')
  assert.match(remainingDifference(file, '/a', null, { x: 1 }, context) ?? '', 'still there')
})

test('what took the place of a secret is not shown with it, nor after a run that was cut off', () => {
  const before = { content: 'hunter2', owner: 'app' }
  const now = { content: 'open', owner: 'root' }
  const shownWith = (entry: { desired: Json; pending?: true; hides?: true }): string => {
    const reading = { file: new Map([['/a', before]]) }
    const planning = planningOf([resource('file:/a', now)], [file], reading, {
      ledger: ledgerWith({ 'file:/a': entry }),
    })
    const left = remainingDifference(file, '/a', now, before, planning.context, planning.ledger!.entries['file:/a'])
    return JSON.stringify([planItems(planning).map(({ shown }) => shown.fields), left])
  }
  const secret = { content: { $secret: 'key' }, owner: 'app' }
  for (const entry of [{ desired: secret }, { desired: now, pending: true, hides: true } as const]) {
    assert.not.match(shownWith(entry), 'hunter2')
    assert.match(shownWith(entry), '"form":"secret"')
  }
  assert.match(shownWith({ desired: secret }), '"before":"app"')
  assert.match(shownWith({ desired: now }), 'hunter2')
})

test.run()
