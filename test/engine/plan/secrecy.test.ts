/** Secrets go by path: what one resource wrote is not shown by another. */
import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../../lib/dsl/declare.ts'
import { type LedgerEntry, ledgerDigest } from '../../../lib/engine/host/ledger.ts'
import { hides, remainingDifference } from '../../../lib/engine/plan/changes.ts'
import { planItems } from '../../../lib/engine/plan/plan.ts'
import type { Ref } from '../../../lib/kit/ref.ts'
import type { FieldChange, Json } from '../../../lib/kit/resourceType.ts'
import { revealFrom } from '../../../lib/kit/value.ts'
import * as door from '../../../lib/index.ts'
import { planningOf, resource } from '../fixture.ts'

const test = suite('secrecy')
assert.ok(Object.keys(door).length > 20)

const KEY = '00'.repeat(32)
const TEXT = 'password = hunter2'
const TYPES = ['file', 'edit', 'symlink', 'unit'].map((name) => types.get(name)!)
const secretFile = { kind: 'file', owner: 'root', group: 'root', mode: '0644', content: { $secret: 's' } }

function entry(ref: Ref, desired: Json, more: Partial<LedgerEntry> = {}): LedgerEntry {
  const colon = ref.indexOf(':')
  const about = { type: ref.slice(0, colon), name: ref.slice(colon + 1) }
  const digest = ledgerDigest(KEY, desired, new Map())
  return { ...about, made: true, desired, digest, needs: [], protect: false, run: '1', ...more }
}

const edited = (path: string): { [field: string]: Json } => ({
  found: ['a = 1'],
  how: {
    wish: {
      path,
      match: { line: 'a = 1', replaces: 'password' },
      text: 'a = 1',
      position: 'bottom',
      create: false,
      present: true,
    },
  },
})

/** What a plan of an edit of a path says of it, where the file has a line with a secret. */
function shown(path: string, entries: LedgerEntry[], more: { readonly private?: true } = {}): string {
  const ref = `edit:${path} password`
  const readings = {
    edit: new Map<string, Json>([[`${path} password`, { ...edited(path), found: [TEXT], seen: more }]]),
  }
  const ledger = {
    format: 1 as const,
    serial: 1,
    key: KEY,
    entries: Object.fromEntries(entries.map((one) => [`${one.type}:${one.name}`, one])),
  }
  const planning = planningOf([resource(ref, edited(path))], TYPES, readings, { ledger, prune: false })
  const [item] = planItems(planning)
  assert.ok(item)
  const type = TYPES[1]!
  const observed = readings.edit.get(`${path} password`)!
  const hidden = hides(planning, type, item.name, item.desired, observed)
  const remains = remainingDifference(type, item.name, item.desired, observed, planning.context, undefined, hidden)
  return JSON.stringify([item.shown.fields, remains])
}

test('a line of a file that nobody keeps a secret in is shown', () => {
  assert.match(shown('/etc/app.conf', []), 'hunter2')
  assert.match(shown('/etc/app.conf', [entry('file:/etc/other', secretFile)]), 'hunter2')
})

const HOLDERS: { readonly [what: string]: [path: string, ...entries: LedgerEntry[]] } = {
  'a file had a secret there': ['/etc/app.conf', entry('file:/etc/app.conf', secretFile)],
  'a run that was cut off had one there': [
    '/etc/app.conf',
    entry('file:/etc/app.conf', { ...secretFile, content: 'x' }, { pending: true, hides: true }),
  ],
  'it is reached through a link': [
    '/srv/current/app.conf',
    entry('file:/srv/v1/app.conf', secretFile),
    entry('symlink:/srv/current', { kind: 'link', target: '/srv/v1' }),
  ],
  'it is reached through a relative link': [
    '/srv/current/app.conf',
    entry('file:/srv/v1/app.conf', secretFile),
    entry('symlink:/srv/current', { kind: 'link', target: 'v1' }),
  ],
  'it is reached through a link that is always there': ['/run/app.conf', entry('file:/var/run/app.conf', secretFile)],
  'another edit has put one there': [
    '/etc/app.conf',
    entry('edit:/etc/app.conf block x', {
      found: [{ $secret: 's' }],
      how: {
        wish: {
          path: '/etc/app.conf',
          match: { open: 'a', close: 'b' },
          text: { $secret: 's' },
          position: 'top',
          create: false,
          present: true,
        },
      },
    }),
  ],
}

for (const [what, [path, ...entries]] of Object.entries(HOLDERS)) {
  test(`it is not shown where ${what}`, () => {
    const text = shown(path, entries)
    assert.not.match(text, 'hunter2')
    assert.match(text, '"form":"secret"')
  })
}

test('nor where the file is not for everybody to read', () => {
  assert.not.match(shown('/etc/app.conf', [], { private: true }), 'hunter2')
})

test('links in a circle are followed no further than that', () => {
  const links = ['a', 'b'].map((name, index) =>
    entry(`symlink:/srv/${name}`, { kind: 'link', target: `/srv/${['b', 'a'][index]}` }),
  )
  assert.match(shown('/srv/a/x', [...links, entry('file:/etc/app.conf', secretFile)]), 'hunter2')
})

/** What a plan shows of the content of /etc/app.env, by what it was and is to be, and what the host has. */
function contentShown(was: Json, is: Json, there: string, more: Partial<LedgerEntry> = {}): FieldChange | undefined {
  const secrets = new Map([
    ['s', 'hunter2'],
    ['other', 'swordfish'],
  ])
  const ref = 'file:/etc/app.env'
  const state = (content: Json): Json => ({ kind: 'file', owner: 'root', group: 'root', mode: '0600', content })
  const sha256 = createHash('sha256').update(there).digest('hex')
  const readings = {
    file: new Map<string, Json>([
      ['/etc/app.env', { kind: 'file', owner: 'root', group: 'root', mode: '0600', sha256 }],
    ]),
  }
  const ledger = { format: 1 as const, serial: 1, key: KEY, entries: { [ref]: entry(ref, state(was), more) } }
  const context = { reveal: revealFrom(secrets) }
  const planning = planningOf([resource(ref, state(is))], TYPES, readings, { ledger, secrets, context })
  const fields = planItems(planning)[0]?.shown.fields ?? []
  assert.not.match(JSON.stringify(fields), /hunter2|swordfish/)
  return fields.find(({ field }) => field === 'content')
}

const withSecret = (...parts: Json[]): Json => ({ $text: parts })
const S = { $secret: 's' }

test('a text with a secret is shown but for the secret, where the host has what was last applied', () => {
  const was = withSecret('a=1\nkey=', S, '\nb=1\n')
  const shownAs = (after: string): unknown => ({
    field: 'content',
    form: 'text',
    before: 'a=1\nkey=(secret s)\nb=1\n',
    after,
  })
  const there = 'a=1\nkey=hunter2\nb=1\n'
  assert.equal(contentShown(was, withSecret('a=2\nkey=', S, '\nb=1\n'), there), shownAs('a=2\nkey=(secret s)\nb=1\n'))
  // A secret more, and one whose value stands there in clear.
  assert.equal(
    contentShown(was, withSecret('key=', S, '\nmore=', { $secret: 'other' }), there),
    shownAs('key=(secret s)\nmore=(secret other)'),
  )
  const clear = withSecret('old=swordfish\nkey=', S)
  assert.is(
    contentShown(clear, withSecret('old=', { $secret: 'other' }, '\nkey=', S, '\n'), 'old=swordfish\nkey=hunter2')
      ?.before,
    'old=(secret other)\nkey=(secret s)',
  )
})

test('a text with a secret stays hidden where another hand, a cut run or nothing but the secret is behind it', () => {
  const was = withSecret('a=1\nkey=', S)
  const is = withSecret('a=2\nkey=', S)
  const secretly = { field: 'content', form: 'secret' }
  assert.equal(contentShown(was, is, 'a=1\nkey=older'), secretly)
  assert.equal(contentShown(was, was, 'a=1\nkey=older'), secretly)
  assert.equal(contentShown(was, is, 'a=1\nkey=hunter2', { pending: true }), secretly)
  assert.equal(contentShown(was, is, 'a=1\nkey=hunter2', { pending: true, hides: true }), secretly)
  assert.equal(contentShown('a=1\n', is, 'a=1\n'), secretly)
  assert.equal(contentShown(S, is, 'hunter2'), secretly)
  assert.equal(contentShown(withSecret('a=1\nkey=', { $secret: 'gone' }), is, 'a=1\nkey=x'), secretly)
})

test.run()
