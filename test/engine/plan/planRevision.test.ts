/** What a revision changes against another, told from two catalogs. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../../lib/dsl/declare.ts'
import { defineSite } from '../../../lib/dsl/site.ts'
import type { Catalog, CatalogResource } from '../../../lib/engine/catalog/catalog.ts'
import { planRevision } from '../../../lib/engine/plan/planRevision.ts'
import type { Plan, PlanChange } from '../../../lib/engine/report.ts'
import {
  absent,
  aptPackage,
  command,
  conf,
  file,
  forget,
  inventory,
  postgresDatabase,
  secret,
  service,
  user,
} from '../../../lib/index.ts'
import { declareEveryType } from '../../support/everyType.ts'
import { resource } from '../fixture.ts'

const test = suite('plans between revisions')
const revisions = { base: 'b'.repeat(40), head: 'c'.repeat(40) }

function catalogOf(role: () => void, server: 'CX22' | 'CX32' = 'CX22'): Promise<Catalog> {
  const machines = inventory({ hosts: { h: { address: '192.0.2.1', os: 'debian-13', server, roles: ['all'] } } })
  return defineSite(import.meta.filename, machines, { all: role }).evaluate('h')
}

async function between(base: () => void, head: () => void): Promise<Plan> {
  return planRevision({ base: await catalogOf(base), head: await catalogOf(head), types, revisions })
}

function withState(one: Catalog, change: (resource: CatalogResource) => Partial<CatalogResource>): Catalog {
  return { ...one, resources: one.resources.map((each) => ({ ...each, ...change(each) })) }
}

/** How many resources `declareEveryType` declares. */
const ALL = (await catalogOf(declareEveryType)).resources.length

const found = ({ changes }: Plan): Pick<PlanChange, 'ref' | 'kind' | 'consequence' | 'fields'>[] =>
  changes.map(({ ref, kind, consequence, fields }) => ({ ref, kind, consequence, fields }))

test('the same declarations are no change, for any type', async () => {
  const plan = await between(declareEveryType, declareEveryType)
  assert.equal(plan.changes, [])
  assert.is(plan.summary.unchanged, ALL)
  assert.equal(plan.revisions, revisions)
  assert.is(plan.first, false)
})

test('where the base has nothing, each type is created, and none is a certain failure', async () => {
  const plan = await between(() => undefined, declareEveryType)
  assert.equal([...new Set(plan.changes.map(({ kind, cause }) => `${kind} ${cause}`))], ['create pr'])
  assert.is(plan.changes.length, ALL)
  assert.is(plan.impossible, undefined)
})

test('what is no longer declared goes, except what holds data', async () => {
  const plan = await between(declareEveryType, () => undefined)
  const kinds = new Map(plan.changes.map(({ ref, kind }) => [ref, kind]))
  assert.is(kinds.get('file:/srv/moved/file'), 'remove')
  assert.is(kinds.get('postgres-database:moved'), 'forget')
  assert.is(kinds.get('directory:/srv/moved/folder'), 'forget')
  assert.is(plan.changes.length, ALL)
  assert.ok(plan.changes.every(({ run, cause }) => run === undefined && cause === 'pr'))
  assert.ok(plan.warnings.includes('what is no longer declared is only removed where Keelson made it'))
  const removed = plan.changes.filter(({ kind }) => kind === 'remove').length
  assert.ok(plan.warnings.includes(`so many removals need converge --allow-remove ${removed}`))
})

test('a difference in any field of any state is seen, for every type', async () => {
  const base = await catalogOf(declareEveryType)
  const seen = new Set<string>()
  for (const { type, ref, desired } of base.resources) {
    if (typeof desired !== 'object' || desired === null || Array.isArray(desired)) continue
    for (const part of ['', 'how']) {
      const fields: object = part === '' ? desired : Object(Reflect.get(desired, part))
      for (const [name, value] of Object.entries(fields)) {
        if (name === 'how' || name === 'seen' || (type === 'service' && name === 'load')) continue
        const other: object = { ...fields, [name]: typeof value === 'boolean' ? !value : otherOf(value) }
        const state = part === '' ? other : { ...desired, [part]: other }
        const head = withState(base, (one) => (one.ref === ref ? { desired: JSON.parse(JSON.stringify(state)) } : {}))
        const plan = planRevision({ base, head, types, revisions })
        const change = plan.changes.find((each) => each.ref === ref)
        assert.ok(change !== undefined && change.fields.length > 0, `${ref} ${part} ${name} is not seen`)
        seen.add(type)
      }
    }
  }
  const known = new Set(base.resources.map(({ type }) => type))
  // This one may have no fields.
  known.delete('postgres-extension')
  assert.equal(seen, known)
})

function otherOf(value: unknown): unknown {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'string') return `${value}0`
  if (Array.isArray(value)) return [...value, 'more']
  return { ...Object(value), more: 'more' }
}

test('secrets are compared and shown by name', async () => {
  const named = (name: string) => () =>
    void file({
      path: '/etc/app.env',
      content: conf`user=app
key=${secret(name)}
`,
    })
  assert.equal((await between(named('one'), named('one'))).changes, [])
  assert.equal(found(await between(named('one'), named('two'))), [
    {
      ref: 'file:/etc/app.env',
      kind: 'change',
      consequence: 'safe',
      fields: [
        {
          field: 'content',
          form: 'text',
          before: 'user=app\nkey=(secret one)\n',
          after: 'user=app\nkey=(secret two)\n',
        },
      ],
    },
  ])
})

test('a service loads what changes', async () => {
  const app = (text: string) => () => {
    const settings = file({ path: '/etc/app.conf', content: text })
    service({ name: 'app', running: true, restartOn: [settings] })
  }
  const plan = await between(app('a'), app('b'))
  assert.equal(plan.followUps, [{ unit: 'app.service', action: 'restart', because: 'file /etc/app.conf' }])
})

test('the text of a command, which its check may call for, is shown with its consequence', async () => {
  const mark = (apply: string) => () => void command({ name: 'mark', check: 'true', apply, consequence: 'destructive' })
  const [change] = (await between(mark('a'), mark('b'))).changes
  assert.is(change?.consequence, 'destructive')
  assert.is(change?.certainty, 'predicted')
  assert.equal(change?.fields, [{ field: 'apply', form: 'value', before: 'a', after: 'b' }])
})

test('a command without a check is a change only where its text is another', async () => {
  const mark = (apply: string) => () => void command({ name: 'mark', opaque: true, apply })
  assert.equal((await between(mark('a'), mark('a'))).changes, [])
  const [change] = (await between(mark('a'), mark('b'))).changes
  assert.is(change?.certainty, 'opaque')
  assert.is(change?.consequence, 'unknown')
})

test('how something is checked, and what is protected, is only recorded', async () => {
  const plan = await between(
    () => void file({ path: '/etc/app.conf', content: 'a', validate: 'check %', protect: true }),
    () => void file({ path: '/etc/app.conf', content: 'a', validate: 'true %' }),
  )
  assert.equal(found(plan), [
    {
      ref: 'file:/etc/app.conf',
      kind: 'change',
      consequence: 'record',
      fields: [
        { field: 'validate', form: 'value', before: 'check %', after: 'true %' },
        { field: 'protect', form: 'value', before: true, after: false },
      ],
    },
  ])
})

test('a field that is left out from now on is shown, and interrupts nothing', async () => {
  const plan = await between(
    () => void user({ name: 'ada', shell: '/bin/bash', uid: 4000 }),
    () => void user({ name: 'ada', shell: '/bin/bash' }),
  )
  assert.equal(found(plan), [
    { ref: 'user:ada', kind: 'change', consequence: 'record', fields: [{ field: 'uid', form: 'value', before: 4000 }] },
  ])
})

test('what is declared absent goes; without a host nobody knows whether it is there', async () => {
  const plan = await between(
    () => undefined,
    () => {
      absent(file, { path: '/etc/cron.d/old' })
      absent(aptPackage, { name: 'nano', purge: true })
    },
  )
  assert.equal(
    plan.changes.map(({ ref, kind, certainty, because }) => [ref, kind, certainty, because]),
    [
      ['file:/etc/cron.d/old', 'remove', 'predicted', 'only where it is there'],
      ['package:nano', 'remove', 'predicted', 'only where it is there'],
    ],
  )
  const same = () => void absent(aptPackage, { name: 'nano', purge: true })
  assert.equal((await between(same, same)).changes, [])
})

test('what the base made and the head declares absent or forgets', async () => {
  const made = () => void postgresDatabase({ name: 'app', owner: 'app' })
  const plan = await between(made, () => forget(postgresDatabase, { name: 'app' }))
  assert.equal(found(plan), [{ ref: 'postgres-database:app', kind: 'forget', consequence: 'record', fields: [] }])
  const gone = await between(made, () => void absent(postgresDatabase, { name: 'app' }))
  assert.equal(found(gone), [{ ref: 'postgres-database:app', kind: 'remove', consequence: 'destructive', fields: [] }])
})

test('something protected that is no longer declared stays', async () => {
  const plan = await between(
    () => void file({ path: '/etc/app.conf', content: 'a', protect: true }),
    () => undefined,
  )
  assert.equal(plan.changes, [])
  assert.match(plan.warnings.join('\n'), /file \/etc\/app\.conf is protected and no longer declared: it stays/)
})

test('a bigger server is named', async () => {
  const base = await catalogOf(() => undefined)
  const head = await catalogOf(() => undefined, 'CX32')
  assert.equal(planRevision({ base, head, types, revisions }).warnings, [
    'its server is CX32, and was CX22',
    'its cpus is 4, and was 2',
    'its memoryMiB is 8192, and was 4096',
  ])
})

test('a host that the base does not have is new', async () => {
  const plan = planRevision({ head: await catalogOf(declareEveryType), types, revisions })
  assert.is(plan.first, true)
  assert.is(plan.summary.create, ALL)
})

test('a type that this process does not know is compared by its fields', () => {
  const host = { name: 'h', address: '192.0.2.1', os: 'debian-12', server: 'CX22', cpus: 2, memoryMiB: 4096 } as const
  const catalog = (names: string[]): Catalog => ({ host, resources: [resource('hosts-entry:10.0.0.5', { names })] })
  const plan = planRevision({ base: catalog(['db']), head: catalog(['db', 'sql']), types, revisions })
  assert.equal(found(plan), [
    {
      ref: 'hosts-entry:10.0.0.5',
      kind: 'change',
      consequence: 'unknown',
      fields: [{ field: 'names', form: 'list', before: ['db'], after: ['db', 'sql'] }],
    },
  ])
})

test('a state that does not have the form of its type reaches no slot of it', async () => {
  const base = await catalogOf(declareEveryType)
  const odd: unknown[] = [[], 'text', 7, true, { content: { $text: 7 } }, { how: { wishes: 1 } }]
  for (const state of odd) {
    const desired = JSON.parse(JSON.stringify(state))
    const head = withState(base, () => ({ desired }))
    const plan = planRevision({ base, head, types, revisions })
    assert.is(plan.changes.length, ALL, JSON.stringify(state))
    assert.is(planRevision({ base: head, head, types, revisions }).changes.length, 0, JSON.stringify(state))
  }
  for (const how of [null, [1], 'text'])
    planRevision({ base, head: withState(base, () => ({ desired: { how } })), types, revisions })
})

test('the digest says what is changed and how, and not in which line', async () => {
  const once = await between(() => undefined, declareEveryType)
  const base = await catalogOf(() => undefined)
  const moved = withState(await catalogOf(declareEveryType), () => ({ source: { file: 'x.ts', line: 9, column: 1 } }))
  assert.is(planRevision({ base, head: moved, types, revisions }).digest, once.digest)
})

test.run()
