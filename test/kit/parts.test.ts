import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import * as door from '../../lib/index.ts'
import { byField, differences } from '../../lib/kit/byField.ts'
import * as form from '../../lib/kit/form.ts'
import { flatProblem, joined, parted } from '../../lib/kit/parts.ts'
import { comparingBy, revealFrom } from '../../lib/kit/value.ts'
import { file } from '../../lib/resources/files/file.ts'
import { symlink } from '../../lib/resources/files/symlink.ts'

const test = suite('parts of a state')
const comparing = comparingBy(revealFrom(new Map([['key', 'hunter2']])))
/** SHA-256 of `hunter2`. */
const DIGEST = 'f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7'

test('how a thing is done and what was seen are no difference', () => {
  assert.equal(byField({ x: 1, how: { force: true } }, { x: 1, seen: { size: 3 } }), [])
  const desired = symlink.desired({ path: '/a', target: '/b', force: true })!
  assert.equal(differences(symlink, desired, { kind: 'link', target: '/b' }, comparing), [])
})

test('a new resource shows what is compared of it, and no more', () => {
  const desired = { x: 1, listed: [], how: { force: true } }
  const members = { listed: form.missingAs([], form.list(form.line())) }
  assert.equal(
    byField(desired, {}, { members }).map(({ field }) => field),
    ['x'],
  )
})

test('a secret is held against what was observed of it, and never shown', () => {
  const secret = { $secret: 'key' }
  const shown = { members: { x: form.shownAs('text', form.stateText) } }
  const fields = (x: unknown): unknown[] => byField({ x: secret }, { x }, shown, comparing)
  assert.equal([fields(DIGEST), fields(`sha256:${DIGEST}`)], [[], []])
  for (const other of ['00', 'hunter2', secret, undefined])
    assert.equal(fields(other), [{ field: 'x', form: 'secret' }])
})

test('a text is shown as a text', () => {
  const shown = { members: { x: form.shownAs('text', form.text()) } }
  assert.equal(byField({ x: 'b' }, { x: 'a' }, shown), [{ field: 'x', form: 'text', before: 'a', after: 'b' }])
})

test('a flat state comes apart by the forms of its type, and together again', () => {
  const flat = {
    kind: 'file',
    owner: 'root',
    group: 'root',
    mode: '0644',
    sha256: DIGEST,
    source: 'a',
    validate: 'true',
  }
  const { source, validate, ...compared } = flat
  assert.equal(parted(types.get('file')!, flat), { ...compared, how: { source, validate } })
  assert.equal(joined(parted(types.get('file')!, flat)), flat)
})

test('what was only seen is not kept', () => {
  const compared = { kind: 'file', owner: 'root', group: 'root', mode: '0644', sha256: DIGEST }
  assert.equal(joined({ ...compared, seen: { acl: true } }), compared)
  assert.equal(parted(types.get('file')!, { ...compared, acl: true }), compared)
})

test('what calls itself a part in a flat state is not taken for one', () => {
  const flat = { kind: 'link', target: '/b', how: { force: { toString: 1 } }, seen: 'all' }
  assert.equal(parted(types.get('symlink')!, flat), { kind: 'link', target: '/b' })
})

test('each part is held against its own form', () => {
  const link = { kind: 'link', target: '/b' }
  const problem = (flat: typeof link & { force?: unknown; more?: number }, more: 'more' | 'no more'): unknown =>
    flatProblem(types.get('symlink')!, JSON.parse(JSON.stringify(flat)), more)
  assert.is(problem({ ...link, force: true }, 'no more'), undefined)
  assert.is(problem({ ...link, force: 'yes' }, 'more'), 'force is neither true nor false')
  assert.is(problem({ ...link, more: 1 }, 'more'), undefined)
  assert.is(problem({ ...link, more: 1 }, 'no more'), 'has "more"')
  assert.is(flatProblem(types.get('edit')!, { found: [] }, 'more'), 'has no wish')
})

test('no field of any type stands in two parts', () => {
  assert.ok(Object.keys(door).length > types.size)
  for (const { type, state, how, seen } of types.values()) {
    const names = [state, how, seen].flatMap((part) => Object.keys(part?.members ?? {}))
    assert.is(new Set(names).size, names.length, `${type}: ${names.join(' ')}`)
    assert.not(names.includes('how') || names.includes('seen'), type)
  }
})

test('what is absent is asked of no type but those that go in a way of their own', () => {
  for (const { type, absent } of types.values())
    assert.is(absent?.desired !== undefined, ['directory', 'edit', 'package'].includes(type), type)
})

test('a file with a secret is compared without its text', () => {
  const desired = file.desired({ path: '/a', content: 'x', mode: '0600' })!
  const wanted = { ...desired, content: { $secret: 'key' } }
  const there = { kind: 'file', owner: 'root', group: 'root', mode: '0600' } as const
  assert.equal(differences(file, wanted, { ...there, sha256: DIGEST }, comparing), [])
  assert.equal(differences(file, wanted, { ...there, sha256: '00' }, comparing), [{ field: 'content', form: 'secret' }])
})

test.run()
