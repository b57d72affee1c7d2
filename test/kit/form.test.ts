import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { types } from '../../lib/dsl/declare.ts'
import { localField } from '../../lib/engine/host/undoRecord.ts'
import * as form from '../../lib/kit/form.ts'
import * as door from '../../lib/index.ts'

const test = suite('form')

const note = form.fields<{ text: string; ports?: number[] }>({
  text: form.line(10),
  ports: form.optional(form.list(form.whole(1, 65_535), 2)),
})

test('a value that fits has no problem', () => {
  for (const value of [{ text: 'a' }, { text: 'a\tb', ports: [] }, { text: '', ports: [1, 2], later: true }])
    assert.is(note.problem(value, 'more'), undefined)
})

test('one that does not is told by field', () => {
  const told: [value: unknown, said: string][] = [
    [null, 'is no object'],
    [[], 'is no object'],
    ['text', 'is no object'],
    [{}, 'has no text'],
    [Object.create({ text: 'inherited' }), 'has no text'],
    [{ text: 1 }, 'text is no text'],
    [{ text: 'a\nb' }, 'text holds control characters'],
    [{ text: '\u009b2J' }, 'text holds control characters'],
    [{ text: 'more than ten' }, 'text is longer than 10 characters'],
    [{ text: 'a', ports: {} }, 'ports is no list'],
    [{ text: 'a', ports: [1, 2, 3] }, 'ports has more than 2 members'],
    [{ text: 'a', ports: ['22'] }, 'ports [0] is no whole number from 1 to 65535'],
    [{ text: 'a', ports: [Number.NaN] }, 'ports [0] is no whole number from 1 to 65535'],
    [{ text: 'a', ports: [1.5] }, 'ports [0] is no whole number from 1 to 65535'],
  ]
  for (const [value, said] of told) assert.is(note.problem(value, 'more'), said)
})

test('what is to be brought about has no field but those of its form', () => {
  assert.is(note.problem({ text: 'a', later: true }, 'no more'), 'has "later"')
  assert.is(note.problem(JSON.parse('{"text":"a","__proto__":{}}'), 'no more'), 'has "__proto__"')
})

test('no type takes what has no form at all', () => {
  assert.ok(types.size > 20 && Object.keys(door).length > types.size)
  for (const { type, state } of types.values())
    for (const value of [null, [], 'x', 3, true]) assert.type(state.problem(value, 'more'), 'string', type)
})

test('no type lets a secret have a name that is none', () => {
  const names = [{ $secret: '../x' }, { $secret: 'A b' }, { $secret: {} }, { $text: [{ $secret: 'x/y' }] }]
  for (const name of names) assert.type(form.stateText.problem(name, 'no more'), 'string')
})

test('what names a file of this machine is known at its place, and nothing else is', () => {
  const file = types.get('file')!
  assert.is(localField(file, { kind: 'file', source: 'x' }), 'source')
  assert.is(localField(file, { kind: 'file', content: 'source' }), undefined)
  const all = [...types.values()].flatMap(({ type, state, how, seen }) =>
    [state, how, seen].flatMap((part) => (part?.local ?? []).map((name) => `${type} ${name}`)),
  )
  assert.equal(all, ['file source'])
})

test('whatever JSON is asked of a form, it answers', () => {
  const forms = [...types.values()].flatMap(({ state, how, seen }) =>
    [state, how, seen].filter((each) => each !== undefined),
  )
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      forms.every(({ problem }) => ['string', 'undefined'].includes(typeof problem(value, 'no more'))),
    ),
  )
})

test('JSON is read as JSON.parse reads it, but for what is too deep or too much', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      assert.equal(form.parseJson(JSON.stringify(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
  const quoted = `"${'[{,'.repeat(1000)}\\"["`
  assert.is(form.parseJson(quoted), JSON.parse(quoted))
  for (const text of [`${'['.repeat(65)}${']'.repeat(65)}`, `[${'0,'.repeat(500_001)}0]`, '{"a":', '', 'nul'])
    assert.throws(
      () => form.parseJson(text),
      (error: unknown) => error instanceof SyntaxError,
      text.slice(0, 20),
    )
})

test.run()
